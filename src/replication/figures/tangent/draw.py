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
from replication.judging.claims import measure

PAPER_TOP = {"a": 35, "b": 60}  # last tick labels of the paper's axes
NARROW = {"columnspacing": 0.8, "handletextpad": 0.4, "handlelength": 1.6}  # of a legend

# estimate that has a mark below the curves: marker, size, label
MARKS = {
    "alpha_star": ("o", 5, "minimiser"),
    "alpha_lim_sampled": ("*", 10, "(3.3)"),
    "alpha_lim_split": ("D", 5, "(H.6)"),
}
# ratio to the minimiser: marker, size, colour, label
OVER_STAR = {
    "ratio_est_to_star": ("s", 4.5, COLOURS[3], "(H.15)"),
    "ratio_est_to_star_pooled_step": ("v", 4.0, "0.55", r"(H.15), step $2\alpha/(NK)$"),
    "ratio_dim_to_star": ("^", 4.5, COLOURS[1], r"$1/(2d\tilde\sigma^2)$"),
    "ratio_split_to_star": ("D", 5.0, COLOURS[2], "(H.6)"),
    "ratio_lim_to_star": ("o", 3.0, COLOURS[0], "(3.3)"),
}
# what is varied, as panels of the estimates name it: the section's key of its values
VARIED = {"tasks": "tasks", "width": "widths"}


def losses_and_estimates(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Test losses by panel, and below them the estimates of each curve whose N and d are varied.

    Args:
        sweep: as for :func:`adapted_losses`.
        estimates: as for :func:`adapted_losses` and :func:`estimates_over_dim`.
        section: of the configuration; keys panels and scaling.

    Returns:
        The figure, and all that it shows: the columns of :func:`adapted_losses` and of
        :func:`estimates_over_dim`.
    """
    scaling = section["scaling"]
    above, below = section["panels"], scaling["curves"]
    figure, grid = panels(2, max(len(above), len(below)), height=3.1)
    for axes in (*grid[0, len(above) :], *grid[1, len(below) :]):
        axes.set_visible(False)
    shown = []
    for axes, (panel, spec) in zip(grid[0], above.items(), strict=False):
        curves = {
            f"{panel}/{name}": f"K={curve['shots']}, N={curve['tasks']}"
            for name, curve in spec["curves"].items()
        }
        shown.append(adapted_losses(axes, sweep, estimates, curves, PAPER_TOP[panel]))
        letter(axes, panel, spec["title"])
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, **NARROW)
    for i, (axes, name) in enumerate(zip(grid[1], below, strict=False)):
        panel, _, curve = name.partition("/")
        spec = above[panel]
        of_curve = spec["curves"][curve]
        shown.append(estimates_over_dim(axes, estimates, name, of_curve["shots"], scaling))
        letter(axes, f"c{i + 1}", f"{spec['title']}, K={of_curve['shots']}: N or d varied")
    handles, labels = grid[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, **NARROW)
    return figure, pd.concat(shown)


# ------------------------------------------------------------- the test losses


def adapted_losses(
    axes: Axes,
    sweep: pd.DataFrame,
    estimates: pd.DataFrame,
    curves: Mapping[str, str],
    paper_top: float,
) -> pd.DataFrame:
    """Test loss against the learning rate: one draw with intervals over test tasks, all as a range.

    Each curve has a column of marks: the minimiser, (3.3) and (H.6), with their intervals over
    draws. (H.15) is written out, since it may lie beyond the axis.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha, mean, low, high (over test tasks).
        estimates: holds alpha_star, alpha_lim_sampled, alpha_lim_split, alpha_est and
            ratio_est_to_star of each panel.
        curves: panel to its label in the legend.
        paper_top: where the paper's axis ends.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    shown = []
    for colour, (panel, label) in zip(COLOURS, curves.items(), strict=False):
        shown += _loss_curve(axes, sweep[sweep.panel == panel], label, colour)
    top = 1.45 * max(paper_top, *(frame["mean"].max() for frame in shown))
    axes.set(xlim=(sweep.alpha.min(), sweep.alpha.max()), ylim=(0, top))
    for i, panel in enumerate(curves):
        _draw_marks(axes, estimates, panel, COLOURS[i], highest=0.52 - 0.2 * i)
        shown.append(_rates_of(estimates, panel).assign(n=sweep.seed.nunique()))
    for marker, size, label in MARKS.values():
        axes.plot([], [], marker=marker, ms=size, color="0.3", ls="none", label=label)
    axes.axhline(paper_top, color="0.5", lw=0.8, ls=(0, (1, 3)), label="end of the paper's axis")
    notes = (_notes(estimates, panel, label, axes.get_xlim()[1]) for panel, label in curves.items())
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


def _rates_of(estimates: pd.DataFrame, panel: str) -> pd.DataFrame:
    """Columns panel, series, alpha, mean, low, high of the marks and of (H.15)."""
    rows = []
    for quantity in (*MARKS, "alpha_est"):
        value = measure(estimates, panel, quantity)
        rows.append({"panel": panel, "series": quantity, "alpha": value.mean} | value._asdict())
    return pd.DataFrame(rows)


def _draw_marks(
    axes: Axes, estimates: pd.DataFrame, panel: str, colour: Any, highest: float
) -> None:
    """The estimates of a curve in a column, those that lie on the axis.

    Args:
        axes: where; its limits are set.
        estimates: holds MARKS of the panel.
        panel: of the curve.
        colour: its.
        highest: height of the first mark, as a share of the axis.
    """
    (first, end), top = axes.get_xlim(), axes.get_ylim()[1]
    for j, (quantity, (marker, size, _)) in enumerate(MARKS.items()):
        value, height = measure(estimates, panel, quantity), (highest - 0.06 * j) * top
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


def _notes(estimates: pd.DataFrame, panel: str, label: str, end: float) -> Iterator[str]:
    """What (H.15) is, with an arrow where it lies beyond the axis."""
    est = measure(estimates, panel, "alpha_est").mean
    times = measure(estimates, panel, "ratio_est_to_star").mean
    arrow = " \N{RIGHTWARDS ARROW}" if est > end else ""
    yield f"(H.15), {label}: {est:.1e}, {times:.0f} times the minimiser{arrow}"
    if not 0 < measure(estimates, panel, "alpha_star").mean < end:
        yield f"{label}: no minimum at a positive rate on the axis"


# ---------------------------------------------- estimates over the minimiser


def estimates_over_dim(
    axes: Axes, estimates: pd.DataFrame, panel: str, shots: int, scaling: Mapping[str, Any]
) -> pd.DataFrame:
    """Estimates over the minimiser of the test loss, against N K / d.

    Full marks: N is varied; hollow ones: d. Geometric means over draws with 95% intervals; lines
    are (H.15) over (3.3) where a task's rows are alike, d / (N K), and independent, d / (N K^2).
    The figure's own N and d are at the vertical line.

    Args:
        axes: where.
        estimates: holds samples_over_dim and OVER_STAR of the panel and of "panel|key=value".
        panel: of the curve.
        shots: K of the curve.
        scaling: keys tasks and widths, lists.

    Returns:
        All that is drawn: columns panel, series, samples_over_dim, mean, low, high, n.
    """
    values = estimates.pivot(index=["panel", "seed"], columns="quantity", values="value")
    at = values.samples_over_dim.groupby("panel").first()
    shown = []
    for key in VARIED:
        drawn = _with_minimum(values, _varied(panel, key, scaling))
        shown += [_draw_ratios(axes, drawn, at, series, key) for series in OVER_STAR]
    of_curve = at[at.index.str.split("|").str[0] == panel]
    x = np.array([0.8 * of_curve.min(), 1.25 * max(of_curve.max(), 1.0)])
    shown += [frame.assign(panel=panel) for frame in _draw_laws(axes, x, shots)]
    for what, face, line in (("N varied", "0.3", "-"), ("d varied", "white", "--")):
        axes.plot([], [], "o", color="0.3", mfc=face, ms=4, lw=0.8, ls=line, label=what)
    axes.axhline(1, lw=0.6, color="0.6", zorder=0)
    axes.axvline(at[panel], lw=0.8, ls=(0, (1, 3)), color="0.6", zorder=0, label="as in (a), (b)")
    axes.set(xscale="log", yscale="log", xlim=x)
    axes.set_xlabel("training samples / features, $NK/d$")
    axes.set_ylabel("estimate / minimiser of the test loss")
    return pd.concat(shown)[["panel", "series", "samples_over_dim", "mean", "low", "high", "n"]]


def _varied(panel: str, key: str, scaling: Mapping[str, Any]) -> list[str]:
    """The panels of a curve with N or d varied, its own among them."""
    return [panel, *(f"{panel}|{key}={value}" for value in scaling[VARIED[key]])]


def _with_minimum(values: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of those panels whose test loss has a minimum at a positive rate in every draw.

    Args:
        values: a column a quantity, by panel and seed.
        names: of panels; the curve's own value may be among those varied, and has no panel then.
    """
    found = (values.ratio_est_to_star > 0).groupby("panel").all()
    return values.loc[
        [name for name in dict.fromkeys(names) if found.get(name, False)]
    ].reset_index()


def _draw_ratios(
    axes: Axes, drawn: pd.DataFrame, at: pd.Series, series: str, key: str
) -> pd.DataFrame:
    """One of OVER_STAR against N K / d (`at`, by panel), where `key` is varied."""
    marker, size, colour, label = OVER_STAR[series]
    points = summary(drawn, ["panel"], series, geometric_interval)
    points["samples_over_dim"] = points.panel.map(at)
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
    "alpha_star": "minimiser of the test loss",
    "alpha_est": "(H.15), 1 / (2 N K var)",
    "alpha_lim_sampled": "(3.3)",
    "alpha_lim_split": "(H.6)",
    "alpha_pooled": "(H.14)",
    "alpha_dim": "1 / (2 d var)",
    "alpha_rms": "1 / (2 rms of Psi Psi')",
}


def curve_names(section: Mapping[str, Any]) -> list[str]:
    """The curves of the figure, "panel/name"."""
    return [
        f"{panel}/{name}" for panel, spec in section["panels"].items() for name in spec["curves"]
    ]


def estimates_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """ESTIMATES of every curve and their ratios to its minimiser, written; a row an estimate.

    Args:
        estimates: columns panel, seed, quantity, value.
        section: of the configuration; key panels.
    """
    return _over_minimisers(estimates, section, ESTIMATES)


def h15_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """As :func:`estimates_table`, of the estimates that H.2's words admit."""
    found = [name for name in estimates.quantity.unique() if name.startswith("h15_")]
    labels = {name: name.removeprefix("h15_") for name in found}
    return _over_minimisers(estimates, section, labels)


def _over_minimisers(
    estimates: pd.DataFrame, section: Mapping[str, Any], labels: Mapping[str, str]
) -> pd.DataFrame:
    """Means over draws, and how many times the mean minimiser; a row a label."""
    table: dict[str, dict[str, str]] = {}
    for quantity, label in labels.items():
        cells = table[label] = {}
        for curve in curve_names(section):
            value = measure(estimates, curve, quantity).mean
            cells[curve] = f"{value:.3g}"
            cells[f"{curve}, ratio"] = f"{value / measure(estimates, curve, 'alpha_star').mean:.3g}"
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
        estimates: holds ratio_est_to_star, ratio_lim_to_star and rank of every curve.
        section: of the configuration; key panels.
    """
    curves = curve_names(section)
    est = {curve: measure(estimates, curve, "ratio_est_to_star") for curve in curves}
    tasks = [
        curve["tasks"] for spec in section["panels"].values() for curve in spec["curves"].values()
    ]
    ranks = [measure(estimates, curve, "rank").mean for curve in curves]
    return CurveValues(
        est=est,
        limit={curve: measure(estimates, curve, "ratio_lim_to_star") for curve in curves},
        # a step of 2 alpha / (N K) has a minimiser N times as large
        est_of_pooled_step={
            curve: est[curve].mean / n for curve, n in zip(curves, tasks, strict=True)
        },
        ranks=(min(ranks), max(ranks)),
    )


class ScalingValues(NamedTuple):
    """What (c) shows; ratios are to the minimiser of the test loss."""

    effective_rank: dict[str, Interval]  # by curve: tr EG tr EG^2 / tr EG^3
    est_right_at: dict[str, Interval]  # by curve: N K / d where (H.15) is the minimiser
    samples_over_dim: tuple[float, float]  # least and largest N K / d
    est_power_of_tasks: Interval  # of N K / d in the ratio of (H.15), where N is varied
    est_power_of_dim: Interval  # the same, where d is varied
    limit_farthest: Interval  # factor between (3.3) and the minimiser where it is largest
    est_power_of_pooled_step: Interval  # of N, where the test step is the pooled one of (H.8)


def scaling_values(estimates: pd.DataFrame, section: Mapping[str, Any]) -> ScalingValues | None:
    """The numbers of the closing paragraph on (c); None where neither N nor d is varied.

    Args:
        estimates: holds effective_rank and est_right_at of the curves varied, samples_over_dim,
            and the slopes and farthest_lim of the panel "c".
        section: of the configuration; key scaling.
    """
    varied = section["scaling"]["curves"]
    if not varied:
        return None
    spans = estimates[estimates.quantity == "samples_over_dim"].value
    return ScalingValues(
        effective_rank={name: measure(estimates, name, "effective_rank") for name in varied},
        est_right_at={name: measure(estimates, name, "est_right_at") for name in varied},
        samples_over_dim=(spans.min(), spans.max()),
        est_power_of_tasks=measure(estimates, "c", "slope_est_tasks"),
        est_power_of_dim=measure(estimates, "c", "slope_est_dim"),
        limit_farthest=measure(estimates, "c", "farthest_lim"),
        est_power_of_pooled_step=measure(estimates, "c", "slope_pooled_step_tasks"),
    )


def highest_losses(estimates: pd.DataFrame, section: Mapping[str, Any]) -> dict[str, float]:
    """The highest mean loss on the axis, by panel of the paper; NaN where it is not drawn."""
    return {
        panel: measure(estimates, panel, "highest_loss").mean
        if panel in section["panels"]
        else float("nan")
        for panel in PAPER_TOP
    }
