"""The drawing of Fig. 2: test losses on tangent features, and estimates over their minimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.checks import Array
from innerlr.intervals import Interval, geometric_interval
from replication.drawing import COLOURS, letter, panels, summary
from replication.figures.tangent import quantities as q
from replication.measuring import measure, places, select
from replication.quantity import Quantity

PAPER_TOP = {"a": 35, "b": 60}  # last tick labels of the paper's axes
NARROW = {"columnspacing": 0.8, "handletextpad": 0.4, "handlelength": 1.6}  # how a legend is spaced

# estimate that has a mark below the curves: marker, size, label
MARKS = {
    q.alpha_star: ("o", 5, "minimiser"),
    q.alpha_lim_sampled: ("*", 10, "(3.3)"),
    q.alpha_lim_split: ("D", 5, "(H.6)"),
}
# series of ratios to the minimiser: quantity, estimate (if the quantity varies by it)
RATIOS: dict[str, tuple[Quantity[Any], str | None]] = {
    "ratio_est_to_star": (q.ratio_to_star_varied, "alpha_est"),
    "ratio_est_to_star_pooled_step": (q.ratio_est_to_star_pooled_step, None),
    "ratio_dim_to_star": (q.ratio_to_star_varied, "alpha_dim"),
    "ratio_split_to_star": (q.ratio_to_star_varied, "alpha_lim_split"),
    "ratio_lim_to_star": (q.ratio_to_star_varied, "alpha_lim_sampled"),
}
# and how it is drawn: marker, size, colour, label
OVER_STAR = {
    "ratio_est_to_star": ("s", 4.5, COLOURS[3], "(H.15)"),
    "ratio_est_to_star_pooled_step": ("v", 4.0, "0.55", r"(H.15), step $2\alpha/(NK)$"),
    "ratio_dim_to_star": ("^", 4.5, COLOURS[1], r"$1/(2d\tilde\sigma^2)$"),
    "ratio_split_to_star": ("D", 5.0, COLOURS[2], "(H.6)"),
    "ratio_lim_to_star": ("o", 3.0, COLOURS[0], "(3.3)"),
}
# what is varied in (c): the section's key of its values
VARIED = {"tasks": "tasks", "width": "widths"}


class Curve(NamedTuple):
    """A curve of (a) or (b), by which its estimates are found."""

    panel: str
    name: str  # in the panel
    shots: int  # K
    tasks: int  # N

    @property
    def series(self) -> str:
        """What tables of curves call it."""
        return f"{self.panel}/{self.name}"

    @property
    def label(self) -> str:
        """Its words in a legend."""
        return f"K={self.shots}, N={self.tasks}"

    @property
    def at(self) -> dict[str, int]:
        """Where it stands in a table of estimates."""
        return {"shots": self.shots, "tasks": self.tasks}

    def measure(self, estimates: pd.DataFrame, of: Quantity[Any], **at: Any) -> Interval:
        """One of its quantities; `at` has values of further keys."""
        return measure(estimates, of, self.panel, self.at | at)


def curves_of(section: Mapping[str, Any]) -> list[Curve]:
    """The curves of the figure, by panel.

    Args:
        section: of the configuration; key panels.
    """
    return [
        Curve(panel, name, curve["shots"], curve["tasks"])
        for panel, spec in section["panels"].items()
        for name, curve in spec["curves"].items()
    ]


def _varied_curves(section: Mapping[str, Any]) -> list[Curve]:
    """The curves whose N and d are varied in (c)."""
    known = {curve.series: curve for curve in curves_of(section)}
    return [known[name] for name in section["scaling"]["curves"]]


def losses_and_estimates(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Test losses by panel, and below them the estimates of each curve whose N and d are varied.

    Args:
        sweep: as for :func:`adapted_losses`.
        estimates: as for :func:`adapted_losses` and :func:`estimates_over_dim`.
        section: of the configuration; keys panels, scaling and width.

    Returns:
        The figure, and all that it shows: the columns of :func:`adapted_losses` and of
        :func:`estimates_over_dim`.
    """
    above, below = section["panels"], _varied_curves(section)
    figure, grid = panels(2, max(len(above), len(below)), height=3.1)
    for axes in (*grid[0, len(above) :], *grid[1, len(below) :]):
        axes.set_visible(False)
    shown = []
    for axes, (panel, spec) in zip(grid[0], above.items(), strict=False):
        curves = [curve for curve in curves_of(section) if curve.panel == panel]
        shown.append(adapted_losses(axes, sweep, estimates, curves, PAPER_TOP[panel]))
        letter(axes, panel, spec["title"])
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, **NARROW)
    for i, (axes, curve) in enumerate(zip(grid[1], below, strict=False)):
        shown.append(estimates_over_dim(axes, estimates, curve, section))
        title = above[curve.panel]["title"]
        letter(axes, f"c{i + 1}", f"{title}, K={curve.shots}: N or d varied")
    handles, labels = grid[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, **NARROW)
    return figure, pd.concat(shown)


# ------------------------------------------------------------- the test losses


def adapted_losses(
    axes: Axes,
    sweep: pd.DataFrame,
    estimates: pd.DataFrame,
    curves: Sequence[Curve],
    paper_top: float,
) -> pd.DataFrame:
    """Test loss against the learning rate: one draw with intervals over test tasks, all as a range.

    Each curve has a column of marks: the minimiser, (3.3) and (H.6), with their intervals over
    draws. (H.15) is written out, since it may lie beyond the axis.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha, mean, low, high (over test tasks).
        estimates: as the experiment makes them.
        curves: of one panel.
        paper_top: where the paper's axis ends.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    shown = []
    for colour, curve in zip(COLOURS, curves, strict=False):
        shown += _loss_curve(axes, sweep[sweep.panel == curve.series], curve.label, colour)
    top = 1.45 * max(paper_top, *(frame["mean"].max() for frame in shown))
    axes.set(xlim=(sweep.alpha.min(), sweep.alpha.max()), ylim=(0, top))
    for i, curve in enumerate(curves):
        _draw_marks(axes, estimates, curve, COLOURS[i], highest=0.52 - 0.2 * i)
        shown.append(_rates_of(estimates, curve).assign(n=sweep.seed.nunique()))
    for marker, size, label in MARKS.values():
        axes.plot([], [], marker=marker, ms=size, color="0.3", ls="none", label=label)
    axes.axhline(paper_top, color="0.5", lw=0.8, ls=(0, (1, 3)), label="end of the paper's axis")
    notes = (_notes(estimates, curve, axes.get_xlim()[1]) for curve in curves)
    axes.text(
        0.99,
        0.99,
        "\n".join(chain(*notes)),
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=6.5,
    )
    axes.ticklabel_format(axis="x", scilimits=(-4, -4), useMathText=True)
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("test loss")
    return pd.concat(shown)[["panel", "series", "alpha", "mean", "low", "high", "n"]]


def _loss_curve(axes: Axes, mine: pd.DataFrame, label: str, colour: Any) -> list[pd.DataFrame]:
    """The first draw with its intervals, and the range of the means of all draws."""
    first = mine[mine.seed == mine.seed.min()]
    axes.errorbar(
        first.alpha,
        first["mean"],
        (first["mean"] - first.low, first.high - first["mean"]),
        fmt="-.^",
        color=colour,
        ms=3.5,
        lw=0.9,
        elinewidth=0.8,
        label=label,
    )
    every = mine.groupby("alpha")["mean"].agg(["mean", "min", "max", "size"]).reset_index()
    every.columns = ["alpha", "mean", "low", "high", "n"]
    axes.fill_between(every.alpha, every.low, every.high, color=colour, alpha=0.18, lw=0)
    panel = mine.panel.iloc[0]
    return [
        first.assign(series="first draw, interval over test tasks", n=1),
        every.assign(panel=panel, series="all draws, range of their means"),
    ]


def _rates_of(estimates: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    """Columns panel, series, alpha, mean, low, high of the marks and of (H.15)."""
    rows = []
    for of in (*MARKS, q.alpha_est):
        value = curve.measure(estimates, of)
        row = {"panel": curve.series, "series": of.name, "alpha": value.mean}
        rows.append(row | value._asdict())
    return pd.DataFrame(rows)


def _draw_marks(
    axes: Axes, estimates: pd.DataFrame, curve: Curve, colour: Any, highest: float
) -> None:
    """The estimates of a curve in a column, those that lie on the axis.

    Args:
        axes: where; its limits are set.
        estimates: as the experiment makes them.
        curve: whose estimates.
        colour: of the curve.
        highest: height of the first mark, as a share of the axis.
    """
    (first, end), top = axes.get_xlim(), axes.get_ylim()[1]
    for j, (of, (marker, size, _)) in enumerate(MARKS.items()):
        value, height = curve.measure(estimates, of), (highest - 0.06 * j) * top
        if not 0 < value.mean < end:
            continue
        reach = (max(value.low, first), min(value.high, end))
        axes.plot(reach, (height, height), color=colour, lw=0.9, zorder=3)
        axes.plot(
            value.mean,
            height,
            marker=marker,
            ms=size,
            color=colour,
            ls="none",
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=5,
        )


def _notes(estimates: pd.DataFrame, curve: Curve, end: float) -> Iterator[str]:
    """What (H.15) is, with an arrow where it lies beyond the axis."""
    est = curve.measure(estimates, q.alpha_est).mean
    times = curve.measure(estimates, q.ratio_to_star, estimate="alpha_est").mean
    arrow = " \N{RIGHTWARDS ARROW}" if est > end else ""
    yield f"(H.15), {curve.label}: {est:.1e}, {times:.0f} times the minimiser{arrow}"
    if not 0 < curve.measure(estimates, q.alpha_star).mean < end:
        yield f"{curve.label}: no minimum at a positive rate on the axis"


# ---------------------------------------------- estimates over the minimiser


def estimates_over_dim(
    axes: Axes, estimates: pd.DataFrame, curve: Curve, section: Mapping[str, Any]
) -> pd.DataFrame:
    """Estimates over the minimiser of the test loss, against N K / d.

    Full marks: N is varied; hollow ones: d. Geometric means over draws with 95% intervals; lines
    are (H.15) over (3.3) where a task's rows are alike, d / (N K), and independent, d / (N K^2).
    The figure's own N and d are at the vertical line.

    Args:
        axes: where.
        estimates: as the experiment makes them.
        curve: whose N and d are varied.
        section: of the configuration; keys scaling and width.

    Returns:
        All that is drawn: columns panel, series, samples_over_dim, mean, low, high, n.
    """
    shown, at = [], pd.Series(dtype=float)
    for key in VARIED:
        values = _points(estimates, curve, key, section)
        at = pd.concat([at, values.groupby("panel").samples_over_dim.first()])
        drawn = _with_minimum(values)
        shown += [_draw_ratios(axes, drawn, series, key) for series in OVER_STAR]
    x = np.array([0.8 * at.min(), 1.25 * max(at.max(), 1.0)])
    shown += [frame.assign(panel=curve.series) for frame in _draw_laws(axes, x, curve.shots)]
    for what, face, line in (("N varied", "0.3", "-"), ("d varied", "white", "--")):
        axes.plot([], [], "o", color="0.3", mfc=face, ms=4, lw=0.8, ls=line, label=what)
    axes.axhline(1, lw=0.6, color="0.6", zorder=0)
    own = at[curve.series].iloc[0]
    axes.axvline(own, lw=0.8, ls=(0, (1, 3)), color="0.6", zorder=0, label="as in (a), (b)")
    axes.set(xscale="log", yscale="log", xlim=x)
    axes.set_xlabel("training samples / features, $NK/d$")
    axes.set_ylabel("estimate / minimiser of the test loss")
    return pd.concat(shown)[["panel", "series", "samples_over_dim", "mean", "low", "high", "n"]]


def _points(
    estimates: pd.DataFrame, curve: Curve, key: str, section: Mapping[str, Any]
) -> pd.DataFrame:
    """Where `key` is varied, by point and seed: columns panel, samples_over_dim and OVER_STAR.

    The figure's own point is the first, and is called as its curve.
    """
    own = curve.at | {"width": section["width"]}
    named = {curve.series: own} | {
        f"{curve.series}|{key}={value}": own | {key: value}
        for value in section["scaling"][VARIED[key]]
        if value != own[key]
    }
    frames = []
    for name, at in named.items():
        samples = select(estimates, q.samples_over_dim.name, curve.panel, at)
        ratios = {
            series: select(
                estimates,
                quantity.name,
                curve.panel,
                at if estimate is None else at | {"estimate": estimate},
            ).value.to_numpy()
            for series, (quantity, estimate) in RATIOS.items()
        }
        columns = {"samples_over_dim": samples.value.to_numpy()} | ratios
        frames.append(pd.DataFrame(columns).assign(panel=name))
    return pd.concat(frames)


def _with_minimum(values: pd.DataFrame) -> pd.DataFrame:
    """The rows of those points whose test loss has a minimum at a positive rate in every draw.

    Args:
        values: of :func:`_points`.
    """
    return values.groupby("panel").filter(lambda of: (of.ratio_est_to_star > 0).all())


def _draw_ratios(axes: Axes, drawn: pd.DataFrame, series: str, key: str) -> pd.DataFrame:
    """One of OVER_STAR against N K / d, where `key` is varied."""
    marker, size, colour, label = OVER_STAR[series]
    points = summary(drawn, ["panel"], series, geometric_interval)
    points["samples_over_dim"] = points.panel.map(drawn.groupby("panel").samples_over_dim.first())
    points = points.sort_values("samples_over_dim")
    full = key == "tasks"
    axes.errorbar(
        points.samples_over_dim,
        points["mean"],
        (points["mean"] - points.low, points.high - points["mean"]),
        color=colour,
        marker=marker,
        ms=size,
        ls="-" if full else "--",
        lw=0.8,
        mfc=colour if full else "white",
        label=label if full else None,
    )
    return points.assign(series=f"{series}, {key}")


def _draw_laws(axes: Axes, x: Array, shots: int) -> Iterator[pd.DataFrame]:
    """(H.15) over (3.3) between the ends x of N K / d: rows alike, and independent."""
    for law, rank, line in (("$d/(NK)$", 1, "--"), ("$d/(NK^2)$", shots, ":")):
        y = 1 / (rank * x)
        axes.plot(x, y, color="black", lw=0.9, ls=line, label=law, zorder=1)
        yield pd.DataFrame({"series": law, "samples_over_dim": x, "mean": y})


# ------------------------------------------------- tables and closing paragraphs

# every estimate on the axis of alpha
ESTIMATES = {
    q.alpha_star: "minimiser of the test loss",
    q.alpha_est: "(H.15), 1 / (2 N K var)",
    q.alpha_lim_sampled: "(3.3)",
    q.alpha_lim_split: "(H.6)",
    q.alpha_pooled: "(H.14)",
    q.alpha_dim: "1 / (2 d var)",
    q.alpha_rms: "1 / (2 rms of Psi Psi')",
}


def estimates_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """ESTIMATES of every curve and their ratios to its minimiser, written; a row an estimate.

    Args:
        estimates: as the experiment makes them.
        section: of the configuration; key panels.
    """
    return _over_minimisers(
        estimates, section, {label: (of, {}) for of, label in ESTIMATES.items()}
    )


def h15_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """As :func:`estimates_table`, of the estimates that H.2's words admit."""
    of = q.alpha_est_of_sigma2
    statistics = dict.fromkeys(at["sigma2"] for _, at in places(estimates, of))
    rows = {statistic: (of, {"sigma2": statistic}) for statistic in statistics}
    return _over_minimisers(estimates, section, rows)


def _over_minimisers(
    estimates: pd.DataFrame,
    section: Mapping[str, Any],
    rows: Mapping[str, tuple[Quantity[Any], Mapping[str, str]]],
) -> pd.DataFrame:
    """Means over draws, and how many times the mean minimiser; a row a label.

    Args:
        estimates, section: as for :func:`estimates_table`.
        rows: by label the quantity, and the keys that it varies by beside those of a curve.
    """
    table: dict[str, dict[str, str]] = {}
    for label, (of, at) in rows.items():
        cells = table[label] = {}
        for curve in curves_of(section):
            value = curve.measure(estimates, of, **at).mean
            star = curve.measure(estimates, q.alpha_star).mean
            cells[curve.series] = f"{value:.3g}"
            cells[f"{curve.series}, ratio"] = f"{value / star:.3g}"
    return pd.DataFrame(table).T


class CurveValues(NamedTuple):
    """By curve, what its estimates are in units of its minimiser; and the rank of the Grams."""

    est: dict[str, Interval]  # (H.15)
    limit: dict[str, Interval]  # (3.3)
    est_of_pooled_step: dict[str, float]  # (H.15), where the test step is the pooled one of (H.8)
    ranks: tuple[float, float]  # least and largest mean number of eigenvalues kept


def curve_values(estimates: pd.DataFrame, section: Mapping[str, Any]) -> CurveValues:
    """The numbers of the closing paragraph on (a) and (b), means over draws.

    Args:
        estimates: as the experiment makes them.
        section: of the configuration; key panels.
    """
    curves = curves_of(section)

    def ratios(estimate: str) -> dict[str, Interval]:
        return {
            curve.series: curve.measure(estimates, q.ratio_to_star, estimate=estimate)
            for curve in curves
        }

    est = ratios("alpha_est")
    ranks = [curve.measure(estimates, q.rank).mean for curve in curves]
    return CurveValues(
        est=est,
        limit=ratios("alpha_lim_sampled"),
        # a step of 2 alpha / (N K) has a minimiser N times as large
        est_of_pooled_step={curve.series: est[curve.series].mean / curve.tasks for curve in curves},
        ranks=(min(ranks), max(ranks)),
    )


class ScalingValues(NamedTuple):
    """What (c) shows; ratios are to the minimiser of the test loss."""

    effective_rank: dict[str, Interval]  # by curve: tr EG tr EG^2 / tr EG^3
    est_right_at: dict[str, Interval]  # by curve: N K / d where (H.15) is the minimiser
    samples_over_dim: tuple[float, float]  # least and largest N K / d
    est_power_of_tasks: Interval  # the power of N K / d in the ratio of (H.15), where N is varied
    est_power_of_dim: Interval  # the same, where d is varied
    limit_farthest: Interval  # factor between (3.3) and the minimiser where it is largest
    est_power_of_pooled_step: Interval  # the power of N where the test step is pooled, (H.8)


def scaling_values(estimates: pd.DataFrame, section: Mapping[str, Any]) -> ScalingValues | None:
    """The numbers of the closing paragraph on (c); None where neither N nor d is varied.

    Args:
        estimates: as the experiment makes them.
        section: of the configuration; keys panels, scaling and width.
    """
    curves = _varied_curves(section)
    if not curves:
        return None
    spans = estimates[estimates.quantity == q.samples_over_dim.name].value
    tasks, dim = ({"estimate": "alpha_est", "varied": varied} for varied in ("tasks", "dim"))
    limit = {"estimate": "alpha_lim_sampled"}
    return ScalingValues(
        effective_rank={
            curve.series: curve.measure(estimates, q.effective_rank, width=section["width"])
            for curve in curves
        },
        est_right_at={curve.series: curve.measure(estimates, q.est_right_at) for curve in curves},
        samples_over_dim=(spans.min(), spans.max()),
        est_power_of_tasks=measure(estimates, q.slope, "c", tasks),
        est_power_of_dim=measure(estimates, q.slope, "c", dim),
        limit_farthest=measure(estimates, q.farthest, "c", limit),
        est_power_of_pooled_step=measure(estimates, q.slope_pooled_step, "c", {"varied": "tasks"}),
    )


def highest_losses(estimates: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, float]:
    """The highest mean loss on the axis, by panel of the paper; NaN where it is not drawn."""
    return {
        panel: measure(estimates, q.highest_loss, panel).mean
        if panel in section["panels"]
        else float("nan")
        for panel in PAPER_TOP
    }
