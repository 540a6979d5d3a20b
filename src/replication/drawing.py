"""The look of every figure, and files that are equal byte for byte when the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from innerlr.intervals import Interval, geometric_interval, mean_interval
from replication.judging.claims import measure
from replication.pipeline.files import atomic, write_table

COLUMN = 3.4  # inches: one column of a two-column page
PAGE = 7.0  # inches: both
COLOURS = sns.color_palette("colorblind")
STAR = {"marker": "*", "markersize": 11, "color": COLOURS[3], "markeredgecolor": "white"}
CROSS = {**STAR, "marker": "X", "markersize": 7, "color": COLOURS[2]}
DIAMOND = {**STAR, "marker": "D", "markersize": 5.5, "color": COLOURS[0]}
PURPLE = (0.42, 0.24, 0.60)  # of a path; the palette's own is too light for a thin line


def setup() -> None:
    """Fonts, sizes and colours of the house; call once at the top of a notebook."""
    sns.set_theme(context="paper", style="ticks", palette="colorblind")
    mpl.rcParams.update(
        {
            "figure.dpi": 120,
            "savefig.dpi": 300,
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "legend.fontsize": 7,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "lines.linewidth": 1.2,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
            "axes.formatter.useoffset": False,
            "svg.hashsalt": "innerlr",
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
        }
    )


def panels(rows: int, columns: int, height: float = 2.4, **kwargs: Any) -> tuple[Any, Any]:
    """A grid of axes as wide as a page (a column, when there is one column)."""
    width = COLUMN if columns == 1 else PAGE
    return plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False, **kwargs)


def letter(axes: Any, text: str, title: str = "") -> None:
    """The panel's letter as in the paper, and a short title."""
    axes.set_title(f"({text})  {title}".rstrip(), loc="left")


def summary(
    frame: pd.DataFrame,
    by: Sequence[str],
    value: str,
    interval: Callable[[Any], Interval] = mean_interval,
) -> pd.DataFrame:
    """Mean and 95% interval of `value` over repetitions: columns by, mean, low, high, n."""
    rows = []
    for key, group in frame.groupby(list(by), sort=True):
        labels = key if isinstance(key, tuple) else (key,)
        rows.append((*labels, *interval(group[value].to_numpy()), len(group)))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n"])


def band(axes: Any, x: Any, curve: pd.DataFrame, *, label: str, colour: Any, **line: Any) -> None:
    """A mean with its interval as a shade."""
    axes.plot(x, curve["mean"], color=colour, label=label, **line)
    axes.fill_between(x, curve["low"], curve["high"], color=colour, alpha=0.25, linewidth=0)


LOSSES = (
    ("training_loss", "training loss", COLOURS[0], "-"),
    ("population_risk", "population risk", COLOURS[1], "--"),
)


def landscape(
    axes: Any,
    sweep: pd.DataFrame,
    estimates: pd.DataFrame,
    panel: str,
    interval: Callable[[Any], Interval] = mean_interval,
    limit_name: str = "alpha_lim",
) -> pd.DataFrame:
    """Losses against the learning rate, a star at alpha_lim and a band at alpha*(N).

    The y axis follows the curves: of an interval wider than they are it shows a part.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha and one a loss (those of LOSSES that it has).
        estimates: holds alpha_star of the panel, and alpha_lim.
        panel: which one.
        interval: from a loss over repetitions, its mean and interval.
        limit_name: what alpha_lim is called in `estimates`.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    of_panel, shown = sweep[sweep.panel == panel], []
    for column, label, colour, style in LOSSES:
        if column in of_panel:
            curve = summary(of_panel, ["alpha"], column, interval)
            band(axes, curve.alpha, curve, label=label, colour=colour, linestyle=style)
            shown.append(curve.assign(panel=panel, series=column))
    means, high = (pd.concat(shown)[column] for column in ("mean", "high"))
    span = means.max() - means.min()
    top = min(max(high.max(), means.max() + 0.04 * span), means.max() + 0.25 * span)
    axes.set_ylim(means.min() - 0.08 * span, top)
    axes.set_xlim(of_panel.alpha.min(), of_panel.alpha.max())
    limit, star = (measure(estimates, panel, name) for name in (limit_name, "alpha_star"))
    floor = axes.get_ylim()[0]
    if np.isfinite([star.low, star.high]).all():
        axes.axvspan(star.low, star.high, color="0.5", alpha=0.35, linewidth=0, zorder=0)
    if np.isfinite([limit.low, limit.high]).all():
        ends = {"color": STAR["color"], "linewidth": 3, "solid_capstyle": "butt"}
        axes.plot([limit.low, limit.high], [floor, floor], **ends, clip_on=False, zorder=4)
    axes.axvline(star.mean, color="0.3", linestyle=":", label=r"$\alpha^*(N)$", zorder=1)
    axes.plot(
        *(limit.mean, floor),
        **STAR,
        clip_on=False,
        zorder=5,
        linestyle="none",
        label=r"$\alpha_{\lim}$",
    )
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("mean squared error")
    repetitions = of_panel.seed.nunique()
    for series, value in (("alpha_lim", limit), ("alpha_star", star)):
        row = {"panel": panel, "series": series, "alpha": value.mean, "n": repetitions}
        shown.append(pd.DataFrame([row | value._asdict()]))
    return pd.concat(shown)[["panel", "series", "alpha", "mean", "low", "high", "n"]]


def trajectory(
    plane: Any, distance: Any, sweep: pd.DataFrame, estimates: pd.DataFrame, panel: str, end: float
) -> pd.DataFrame:
    """The path of w_m(alpha) among the optima of the first seed, and its mean distance to them.

    Args:
        plane: where the path goes.
        distance: where its mean distance to all optima goes, over all seeds.
        sweep: columns panel, seed, kind, alpha_over_lim, w1, w2, mean_distance.
        estimates: holds alpha_lim, distance_*, relative_tangent_at_0, ratio_nearest_to_lim.
        panel: which one.
        end: the last alpha drawn, in units of alpha_lim.

    Returns:
        All that is drawn: columns panel, axes, series, alpha_over_lim, w1, w2, mean, low, high, n
        (mean: of the distance, or the radius of the circle).
    """
    of_panel = sweep[(sweep.panel == panel) & ~(sweep.alpha_over_lim > end)]
    shown = [
        _path(plane, of_panel[of_panel.seed == 0]).assign(axes="plane"),
        _distances(distance, of_panel, estimates, panel).assign(axes="distance"),
    ]
    columns = ["panel", "axes", "series", "alpha_over_lim", "w1", "w2", "mean", "low", "high", "n"]
    return pd.concat(shown).assign(panel=panel)[columns]


def _path(axes: Any, of_seed: pd.DataFrame) -> pd.DataFrame:
    path, old, new = (of_seed[of_seed.kind == kind] for kind in ("path", "optimum", "new_task"))
    star = int((path.alpha_over_lim - 1).abs().to_numpy().argmin())
    turn = int(path.mean_distance.to_numpy().argmin())
    x, y = new.w1.mean(), new.w2.mean()
    radius = 1.1 * np.hypot(new.w1 - x, new.w2 - y).max()
    drawn = {
        "task optima": (old, {"marker": "o", "markersize": 2.4, "color": COLOURS[1]}),
        "new tasks": (new, {"marker": "^", "markersize": 3.2, "color": COLOURS[3]}),
        r"$w_m(\alpha)$ up to the nearest": (path[: turn + 1], {"color": PURPLE, "linewidth": 2.4}),
        r"$w_m(\alpha)$ beyond": (path[turn:], {"color": COLOURS[4], "linewidth": 1.0}),
        r"$w_r$ ($\alpha = 0$)": (path.iloc[[0]], CROSS),
        "nearest to all optima": (path.iloc[[turn]], DIAMOND),
        r"$w_m(\alpha_{\lim})$": (path.iloc[[star]], STAR),
    }

    # room on the right for the inset: the optima lie on the left
    everything = pd.concat([old, new])
    bottom, top = everything.w2.min() - 0.5, max(everything.w2.max(), y + radius) + 0.3
    left = everything.w1.min() - 0.5
    axes.set(xlabel="$w_1$", ylabel="$w_2$")
    axes.set(xlim=(left, left + 1.35 * (top - bottom)), ylim=(bottom, top))
    axes.set_aspect("equal", anchor="W")
    axes.add_patch(plt.Circle((x, y), radius, fill=False, color=COLOURS[3], linewidth=1.2))
    inset = axes.inset_axes((0.67, 0.0, 0.33, 0.44), xticks=[], yticks=[])
    low, high = path[["w1", "w2"]].min(), path[["w1", "w2"]].max()
    middle, half = (low + high) / 2, 0.6 * (high - low).max()
    inset.set(xlim=middle.w1 + half * np.array([-1, 1]), ylim=middle.w2 + half * np.array([-1, 1]))
    inset.spines[:].set(visible=True, color="0.4", linewidth=0.8)
    for where in (axes, inset):
        for order, (label, (rows, look)) in enumerate(drawn.items()):
            line: dict[str, Any] = {"markeredgewidth": 0} if len(rows) > 1 else {}
            if "marker" in look:
                line["linestyle"] = "none"
            where.plot(rows.w1, rows.w2, **look, **line, label=label, zorder=3 + order / 10)
    axes.indicate_inset_zoom(inset, edgecolor="0.4", alpha=1, linewidth=0.6, zorder=4)

    circle = pd.DataFrame([{"series": "circle", "w1": x, "w2": y, "mean": radius}])
    kept = ["series", "alpha_over_lim", "w1", "w2"]
    return pd.concat(
        [*(rows.assign(series=name)[kept] for name, (rows, _) in drawn.items()), circle]
    )


def _distances(
    axes: Any, of_panel: pd.DataFrame, estimates: pd.DataFrame, panel: str
) -> pd.DataFrame:
    paths = of_panel[of_panel.kind == "path"]
    first = paths[paths.seed == 0]
    curve = summary(paths, ["alpha_over_lim"], "mean_distance")
    scalars = estimates[estimates.panel == panel].pivot(
        index="seed", columns="quantity", values="value"
    )
    erm, star = mean_interval(scalars.distance_erm), mean_interval(scalars.distance_at_lim)
    nearest, lowest = (
        mean_interval(scalars[q]) for q in ("ratio_nearest_to_lim", "distance_lowest")
    )
    slope = mean_interval(scalars.tangent_at_0 * scalars.alpha_lim)  # per alpha_lim
    tip = (0.3, erm.mean + 0.3 * slope.mean)

    band(
        *(axes, curve.alpha_over_lim, curve),
        label=f"distance, {len(scalars)} draws",
        colour=PURPLE,
    )
    axes.plot(
        *(first.alpha_over_lim, first.mean_distance),
        **{"color": PURPLE, "linewidth": 0.8, "linestyle": "--", "label": "distance, path shown"},
    )
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", tip, (0, erm.mean), arrowprops=arrow, zorder=4)
    axes.axvspan(nearest.low, nearest.high, color="0.5", alpha=0.3, linewidth=0, zorder=0)
    axes.plot(nearest.mean, lowest.mean, **DIAMOND, linestyle="none", zorder=5)
    axes.plot(0, erm.mean, **CROSS, linestyle="none", zorder=5)
    axes.plot(1, star.mean, **STAR, linestyle="none", zorder=5)
    axes.set(xlabel=r"$\alpha / \alpha_{\lim}$", ylabel="mean distance to all optima")
    # of an interval far wider than the curves, a part is shown
    lines = pd.concat([curve["mean"], first.mean_distance])
    room, (bottom, top) = np.ptp(lines), axes.get_ylim()
    axes.set_ylim(max(bottom, lines.min() - room), min(top, lines.max() + room))
    axes.set_xlim(-0.06, curve.alpha_over_lim.max() + 0.06)

    points = {
        "distance at 0": (0, erm),
        "distance at lim": (1, star),
        "lowest distance": (nearest.mean, lowest),
        "alpha_over_lim of the lowest": (np.nan, nearest),
        "tangent at 0": (0, slope),
    }
    values = [
        {"series": name, "alpha_over_lim": at, "n": len(scalars)} | value._asdict()
        for name, (at, value) in points.items()
    ]
    one = first.rename(columns={"mean_distance": "mean"})[["alpha_over_lim", "mean"]]
    return pd.concat(
        [
            curve.assign(series="mean distance"),
            one.assign(series="mean distance of the path shown"),
            pd.DataFrame(values),
        ]
    )


READINGS = {  # key: heading, and how a value is written
    "feature_scale": ("features of new tasks, times", "{:g}".format),
    "count": ("number of new tasks", "{}".format),
    "centre": ("their centre", lambda at: "({:g}, {:g})".format(*at)),
    "shots": ("shots $K$", "{}".format),
}


def trajectory_readings(axes: Any, estimates: pd.DataFrame, section: Any) -> pd.DataFrame:
    """Where the mean distance is smallest, under each reading of what the paper leaves open.

    Args:
        axes: where.
        estimates: holds ratio_nearest_to_lim of the panels "row" and "row|key=value".
        section: of the configuration; keys rows, tasks, new_tasks, shots, variations.

    Returns:
        All that is drawn: columns panel, axes, series, reading, seed, mean, low, high, n.
    """
    chosen = {**section["new_tasks"], "shots": section["shots"]}
    ratios = estimates[estimates.quantity == "ratio_nearest_to_lim"]
    shifts = np.linspace(-0.3, 0.3, 2 * len(section["rows"]) + 1)[1::2]
    x = 0.0
    ticks: dict[float, str] = {}
    points: dict[str, Any] = {}
    shown: list[pd.DataFrame] = []
    for key, (heading, write) in READINGS.items():
        values = sorted([chosen[key], *section["variations"][key]])
        middle = x + (len(values) - 1) / 2
        axes.text(middle, 1.02, heading, ha="center", transform=axes.get_xaxis_transform())
        for value in values:
            used = value == chosen[key]
            reading = {"axes": "readings", "series": key, "reading": write(value)}
            s, n = {**chosen, key: value}["feature_scale"], {**chosen, key: value}["count"]
            # tr E (s^2 G)^p = s^2p tr E G^p: alpha_lim of the new tasks alone, over that of all
            alone = (section["tasks"] + n * s**6) / (section["tasks"] + n * s**4) / s**2
            line = {"color": "black", "linewidth": 1.2, "zorder": 1}
            label = None if ticks else r"$\alpha_{\lim}$ of new tasks"
            axes.hlines(alone, x - 0.4, x + 0.4, **line, label=label)
            shown.append(pd.DataFrame([{**reading, "panel": "new tasks alone", "mean": alone}]))
            for name, colour, shift in zip(section["rows"], COLOURS, shifts, strict=False):
                of_panel = ratios[ratios.panel == (name if used else f"{name}|{key}={value}")]
                mean = mean_interval(of_panel.value)
                at, face = x + shift, colour if used else "white"
                axes.plot([at] * len(of_panel), of_panel.value, ".", color=colour, ms=3, alpha=0.4)
                axes.vlines(at, mean.low, mean.high, color=colour)
                (points[name],) = axes.plot(at, mean.mean, "o", color=colour, mfc=face, ms=4.5)
                drawn = pd.DataFrame([{**mean._asdict(), "n": len(of_panel)}])
                seeds = of_panel[["seed"]].assign(mean=of_panel.value)
                shown += [frame.assign(panel=name, **reading) for frame in (drawn, seeds)]
            ticks[x] = write(value)
            x += 1
        x += 0.6
    axes.axhline(1, color=STAR["color"], linewidth=0.8, linestyle="--", zorder=0)
    axes.set_xticks(list(ticks), list(ticks.values()))
    if len(points) > 1:
        axes.legend(points.values(), [f"row {n}" for n in points], loc="upper right", ncols=2)
    axes.set_ylabel(r"nearest point / $\alpha_{\lim}$")
    columns = ["panel", "axes", "series", "reading", "seed", "mean", "low", "high", "n"]
    drawn = pd.concat(shown)[columns]
    axes.set_ylim(-0.1, drawn["mean"].max() + 0.1)  # an interval may be far wider
    return drawn


def legend_below(figure: Any, axes: Any, columns: int) -> None:
    """One legend for all panels, that of `axes`, outside below them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def save(figure: Any, stem: str, shown: pd.DataFrame) -> None:
    """stem.pdf, .svg, .png and the tidy stem.csv of all that the figure shows."""
    dates = {"pdf": "CreationDate", "svg": "Date", "png": "Software"}
    for kind, key in dates.items():
        with atomic(f"{stem}.{kind}") as temporary:
            figure.savefig(temporary, format=kind, metadata={key: None})
    write_table(shown, f"{stem}.csv")


def verdicts(paths: Sequence[str]) -> pd.DataFrame:
    """The claims judged on this figure's experiments, for display."""
    tables = [pd.read_csv(path) for path in paths if Path(path).is_file()]
    if not tables:
        return pd.DataFrame()
    columns = ["id", "place", "expected", "measured", "low", "high", "verdict"]
    return pd.concat(tables)[columns].reset_index(drop=True)


def adapted_losses(
    axes: Any,
    sweep: pd.DataFrame,
    estimates: pd.DataFrame,
    curves: dict[str, str],
    paper_top: float,
) -> pd.DataFrame:
    """Test loss against the learning rate: one draw with intervals over test tasks, all as a range.

    Each curve has a column of marks above its minimum: the minimiser, (3.3) and (H.6), with their
    intervals over draws. (H.15) is written out, since it may lie beyond the axis.

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
    marks = {
        "alpha_star": ("o", 5, "minimiser"),
        "alpha_lim_sampled": ("*", 10, "(3.3)"),
        "alpha_lim_split": ("D", 5, "(H.6)"),
    }
    end, shown, notes = sweep.alpha.max(), [], []
    for i, panel in enumerate(curves):
        mine, colour = sweep[sweep.panel == panel], COLOURS[i]
        first = mine[mine.seed == mine.seed.min()]
        axes.errorbar(
            *(first.alpha, first["mean"], (first["mean"] - first.low, first.high - first["mean"])),
            **{"fmt": "-.^", "color": colour, "ms": 3.5, "lw": 0.9, "elinewidth": 0.8},
            label=curves[panel],
        )
        every = mine.groupby("alpha")["mean"].agg(["mean", "min", "max", "size"]).reset_index()
        every.columns = ["alpha", "mean", "low", "high", "n"]
        axes.fill_between(every.alpha, every.low, every.high, color=colour, alpha=0.18, lw=0)
        shown.append(first.assign(series="first draw, interval over test tasks", n=1))
        shown.append(every.assign(panel=panel, series="all draws, range of their means"))
    top = 1.45 * max(paper_top, *(frame["mean"].max() for frame in shown))
    for i, (panel, label) in enumerate(curves.items()):
        for j, quantity in enumerate((*marks, "alpha_est")):
            height = (0.52 - 0.2 * i - 0.06 * j) * top
            value = measure(estimates, panel, quantity)
            row = {"panel": panel, "series": quantity, "alpha": value.mean} | value._asdict()
            shown.append(pd.DataFrame([row | {"n": sweep.seed.nunique()}]))
            if quantity in marks and 0 < value.mean < end:
                marker, size, _ = marks[quantity]
                ends = (max(value.low, sweep.alpha.min()), min(value.high, end))
                axes.plot(ends, (height, height), color=COLOURS[i], lw=0.9, zorder=3)
                axes.plot(
                    *(value.mean, height),
                    **{"marker": marker, "ms": size, "color": COLOURS[i], "ls": "none"},
                    **{"markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 5},
                )
        est = measure(estimates, panel, "alpha_est").mean
        times = measure(estimates, panel, "ratio_est_to_star").mean
        arrow = " \N{RIGHTWARDS ARROW}" if est > end else ""
        notes.append(f"(H.15), {label}: {est:.1e}, {times:.0f} times the minimiser{arrow}")
        if not 0 < measure(estimates, panel, "alpha_star").mean < end:
            notes.append(f"{label}: no minimum at a positive rate on the axis")
    for marker, size, label in marks.values():
        axes.plot([], [], marker=marker, ms=size, color="0.3", ls="none", label=label)
    axes.axhline(paper_top, color="0.5", lw=0.8, ls=(0, (1, 3)), label="end of the paper's axis")
    axes.set(xlim=(sweep.alpha.min(), end), ylim=(0, top))
    axes.text(
        *(0.99, 0.99, "\n".join(notes)),
        **{"transform": axes.transAxes, "ha": "right", "va": "top", "fontsize": 6.5},
    )
    axes.ticklabel_format(axis="x", scilimits=(-4, -4), useMathText=True)
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("test loss")
    return pd.concat(shown)[["panel", "series", "alpha", "mean", "low", "high", "n"]]


# ratio to the minimiser: marker, size, colour, label
OVER_STAR = {
    "ratio_est_to_star": ("s", 4.5, COLOURS[3], "(H.15)"),
    "ratio_est_to_star_pooled_step": ("v", 4.0, "0.55", r"(H.15), step $2\alpha/(NK)$"),
    "ratio_dim_to_star": ("^", 4.5, COLOURS[1], r"$1/(2d\tilde\sigma^2)$"),
    "ratio_split_to_star": ("D", 5.0, COLOURS[2], "(H.6)"),
    "ratio_lim_to_star": ("o", 3.0, COLOURS[0], "(3.3)"),
}


def estimates_over_dim(
    axes: Any, estimates: pd.DataFrame, panel: str, curve: Any, scaling: Any
) -> pd.DataFrame:
    """Estimates over the minimiser of the test loss, against N K / d.

    Full marks: N is varied; hollow ones: d. Geometric means over draws with 95% intervals; lines
    are (H.15) over (3.3) where a task's rows are alike, d / (N K), and independent, d / (N K^2).
    The figure's own N and d are at the vertical line.

    Args:
        axes: where.
        estimates: holds samples_over_dim and OVER_STAR of the panel and of "panel|key=value".
        panel: of the curve.
        curve: its shots and tasks.
        scaling: keys tasks and widths, lists.

    Returns:
        All that is drawn: columns panel, series, samples_over_dim, mean, low, high, n.
    """
    values = estimates.pivot(index=["panel", "seed"], columns="quantity", values="value")
    at = values.samples_over_dim.groupby("panel").first()
    found = (values.ratio_est_to_star > 0).groupby("panel").all()  # a minimum, in every draw
    shown = []
    for key, varied, line in (("tasks", "tasks", "-"), ("width", "widths", "--")):
        # the curve's own value may be in the list, and is the panel itself
        names = {panel, *(f"{panel}|{key}={value}" for value in scaling[varied])}
        drawn = values.loc[[name for name in names & set(at.index) if found[name]]].reset_index()
        for series, (marker, size, colour, label) in OVER_STAR.items():
            points = summary(drawn, ["panel"], series, geometric_interval)
            points["samples_over_dim"] = points.panel.map(at)
            points = points.sort_values("samples_over_dim")
            axes.errorbar(
                *(points.samples_over_dim, points["mean"]),
                (points["mean"] - points.low, points.high - points["mean"]),
                **{"color": colour, "marker": marker, "ms": size, "ls": line, "lw": 0.8},
                mfc=colour if key == "tasks" else "white",
                label=label if key == "tasks" else None,
            )
            shown.append(points.assign(series=f"{series}, {key}"))
    of_curve = at[at.index.str.split("|").str[0] == panel]
    x = np.array([0.8 * of_curve.min(), 1.25 * max(of_curve.max(), 1.0)])
    laws = (("$d/(NK)$", 1, "--"), ("$d/(NK^2)$", curve["shots"], ":"))
    for law, rank, line in laws:
        y = 1 / (rank * x)
        axes.plot(x, y, color="black", lw=0.9, ls=line, label=law, zorder=1)
        ends = {"panel": panel, "series": law, "samples_over_dim": x, "mean": y}
        shown.append(pd.DataFrame(ends))
    for what, face, line in (("N varied", "0.3", "-"), ("d varied", "white", "--")):
        axes.plot([], [], "o", color="0.3", mfc=face, ms=4, lw=0.8, ls=line, label=what)
    grey = {"color": "0.6", "zorder": 0}
    axes.axhline(1, lw=0.6, **grey)
    axes.axvline(at[panel], lw=0.8, ls=(0, (1, 3)), **grey, label="as in (a), (b)")
    axes.set(xscale="log", yscale="log", xlim=x)
    axes.set_xlabel("training samples / features, $NK/d$")
    axes.set_ylabel("estimate / minimiser of the test loss")
    return pd.concat(shown)[["panel", "series", "samples_over_dim", "mean", "low", "high", "n"]]


LAWS = {
    "normal": (r"$N(0, \sigma)$", COLOURS[0], "-"),
    "uniform": (r"$U(-\sqrt{12}\sigma/2, \sqrt{12}\sigma/2)$", COLOURS[1], "--"),
    "exponential": (r"$Exp(1/\sigma)$", COLOURS[2], "-."),
}


def variance_panel(
    axes: Any,
    sweep: pd.DataFrame,
    reading: str,
    paper_axis: tuple[float, float] | None = None,
    *,
    log: bool = False,
) -> pd.DataFrame:
    """alpha_lim of tangent features against the variance of the inputs, by law, over networks.

    The closed form c / sigma^2 of a network without biases is dotted where it is the one drawn.

    Args:
        axes: where.
        sweep: columns reading, law, seed, variance, alpha_lim.
        reading: which biases, as named in the table.
        paper_axis: range of the paper's axis, shaded.
        log: logarithmic axes, on which c / sigma^2 is a straight line.

    Returns:
        All that is drawn: columns panel, law, series, variance, value, low, high, n.
    """
    shown = []
    if paper_axis is not None:
        axes.axhspan(*paper_axis, color="0.5", alpha=0.15, lw=0, label="range of the paper's axis")
    for law, (label, colour, style) in LAWS.items():
        of_law = sweep[sweep.law == law]
        mine = of_law[of_law.reading == reading]
        if mine.empty:
            continue
        curve = summary(mine, ["variance"], "alpha_lim")
        band(axes, curve.variance, curve, label=label, colour=colour, linestyle=style)
        shown.append(curve.assign(law=law, series="alpha_lim"))
        if reading == "no biases":
            closed = summary(of_law[of_law.reading == "closed form"], ["variance"], "alpha_lim")
            axes.plot(
                *(closed.variance, closed["mean"]),
                **{"color": "0.1", "ls": "none", "marker": ".", "ms": 2.5, "zorder": 4},
                label=r"closed form $c/\sigma^2$" if law == "normal" else None,
            )
            shown.append(closed.assign(law=law, series="closed form"))
    if log:
        axes.set(xscale="log", yscale="log")
    else:
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", scilimits=(-4, -4), useMathText=True)
    axes.set_xlabel(r"variance of the inputs $\sigma^2$")
    axes.set_ylabel(r"$\alpha_{\lim}$")
    frame = pd.concat(shown).rename(columns={"mean": "value"}).assign(panel=f"b, {reading}")
    return frame[["panel", "law", "series", "variance", "value", "low", "high", "n"]]


def mark(axes: Any, value: Interval, height: float, label: str, **look: Any) -> None:
    """A rate with its interval at a height of the axes (0 to 1).

    Where it lies beyond the axis, it stands at that end with its value and an arrow.

    Args:
        axes: where; its limits are set.
        value: the rate.
        height: in units of the axes' height.
        label: for the legend.
        look: marker, markersize, color.
    """
    where = {"transform": axes.get_xaxis_transform(), "color": look["color"]}
    low, high = axes.get_xlim()
    axes.plot((value.low, value.high), (height, height), linewidth=0.9, **where)
    axes.plot([], [], **look, linestyle="none", label=label)
    drawn = {**look, "linestyle": "none", "markeredgecolor": "white", "zorder": 5}
    if low <= value.mean <= high:
        axes.plot(value.mean, height, **drawn, transform=where["transform"])
        return
    above = value.mean > high
    at, side = (0.98, "right") if above else (0.02, "left")
    axes.plot(at, height, **drawn, transform=axes.transAxes)
    number = f"{value.mean:.2g}"
    text = f"{number} \N{RIGHTWARDS ARROW}" if above else f"\N{LEFTWARDS ARROW} {number}"
    axes.text(
        *(at + (-0.03 if above else 0.03), height, text),
        **{"transform": axes.transAxes, "ha": side, "va": "center", "fontsize": 6.5},
    )


FIXED = {"color": "0.3", "marker": "o", "ms": 3.5}
OTHER_RATES = {"alpha_lim": "(H.6), cross-entropy", "learned": "learned"}


def rates_and_accuracy(rates: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    """Mean test accuracy of every scheme of Fig. 3's readings against the rate it ends with.

    A panel a forward normalisation: fixed rates as a line, the readings of sigma^2, (H.6) for the
    cross-entropy and the learned rate as marks. The last panel has the figure's schemes in other
    settings.

    Args:
        rates: columns scheme, setting, forward_norm, rate, sigma2, alpha, accuracy_area, data;
            those with a setting are the last panel's.

    Returns:
        The figure, and all that it shows: panel, series, scheme, alpha, accuracy_area, data.
    """
    plain = rates.setting.fillna("") == ""
    norms = list(dict.fromkeys(rates.forward_norm[plain]))
    figure, grid = panels(2, -(-(len(norms) + 1) // 2), height=2.3)
    shown, looks = [], {}
    for i, (axes, norm) in enumerate(zip(grid.flat, norms, strict=False)):
        rows = rates[plain & (rates.forward_norm == norm)]
        chosen = rows.rate.astype(str).isin(["online", "alpha_lim", "learned"])
        fixed = rows[~chosen].sort_values("alpha")
        axes.plot(fixed.alpha, fixed.accuracy_area, **FIXED, label="fixed rate")
        shown.append(fixed.assign(panel=norm, series="fixed rate"))
        for j, row in enumerate(rows[chosen].itertuples()):
            series = row.sigma2 if row.rate == "online" else OTHER_RATES[row.rate]
            # hollow, and smaller the later, so that none hides another of the same rate
            look = {"marker": "X^Dsv*P"[j % 7], "ms": 8 - 0.5 * j, "mfc": "none", "mew": 1.3}
            looks[series] = {**look, "color": COLOURS[j], "ls": "none", "zorder": 5}
            axes.plot(row.alpha, row.accuracy_area, **looks[series], label=series)
            shown.append(rows[rows.scheme == row.scheme].assign(panel=norm, series=series))
        axes.set(xscale="log", xlabel=r"$\alpha$ at the end", ylim=(0, 1))
        letter(axes, "abcdefgh"[i], f"features {norm}")
    others = rates[~plain]
    if len(others):
        axes = grid.flat[-1]
        settings = list(dict.fromkeys(others.setting))
        for row in others.itertuples():
            look = looks.get(row.sigma2, {}) if row.rate == "online" else FIXED
            axes.plot(row.accuracy_area, settings.index(row.setting), **look)
        axes.set_yticks(range(len(settings)), [name.replace("_", " ") for name in settings])
        for text in axes.get_yticklabels():  # over the free panel to the left, if there is one
            text.set(fontsize=6.5, in_layout=grid.size == len(norms) + 1)
        axes.set(xlabel="mean test accuracy", xlim=(0, 1), ylim=(len(settings) - 0.5, -0.5))
        axes.grid(axis="y", color="0.9")
        shown.append(others.assign(panel="other settings", series=others.rate.astype(str)))
        letter(axes, "abcdefgh"[len(norms)], "other settings")
    for axes in grid.flat[len(norms) : grid.size - bool(len(others))]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("mean test accuracy")
    legend_below(figure, grid[0, 0], columns=4)
    return figure, pd.concat(shown)[["panel", "series", "scheme", "alpha", "accuracy_area", "data"]]


# estimate drawn beside a sweep of rates: marker, size, label
RATE_MARKS = {
    "alpha_lim_tangent_initial": ("D", 5.0, "(3.3), tangent features before training"),
    "alpha_lim_tangent_trained": ("s", 4.5, "(3.3), tangent features of the best network"),
    "alpha_h18_initial": ("v", 5.5, "(H.18), measured variance, before training"),
    "alpha_h18_trained": ("^", 5.5, "(H.18), measured variance, best network"),
}


def rate_curves(
    axes: Any, sweep: pd.DataFrame, estimates: pd.DataFrame, strategy: str
) -> pd.DataFrame:
    """Test loss of trained networks against their rate, with the paper's range and the estimates.

    Geometric means over seeds, with intervals. Curves run through the rates at which no network
    diverged, with gaps at the others, and end at the top of the axes, twice the loss of training
    without an inner step; rates beyond it at the last iteration are crossed there.

    Args:
        axes: where; gets a rate axis that is linear around zero and logarithmic beyond.
        sweep: columns strategy, iteration, seed, alpha, test_loss.
        estimates: holds, of the panel `strategy`, loss_at_0 and RATE_MARKS, and the panel ranges.
        strategy: shared or fixed.

    Returns:
        All that is drawn: columns panel, series, iteration, alpha, mean, low, high, n, lost.
    """
    mine = sweep[sweep.strategy == strategy]
    seeds, iterations = mine.seed.nunique(), sorted(mine.iteration.unique())
    top = 2.0 * measure(estimates, strategy, "loss_at_0").mean
    shown, last = _rate_losses(axes, mine, iterations)
    lost = mine[mine.iteration == iterations[-1]].groupby("alpha").test_loss
    beyond = pd.DataFrame({"n": lost.size(), "lost": lost.agg(lambda v: (~np.isfinite(v)).sum())})
    beyond = beyond.reset_index().merge(last[["alpha", "mean"]], how="left")
    beyond = beyond[~(beyond["mean"] <= top)]
    axes.plot(
        *(beyond.alpha, np.full(len(beyond), 0.97)),
        **{"marker": "x", "ms": 4, "ls": "none", "color": "0.25"},
        **{"transform": axes.get_xaxis_transform(), "label": "beyond the axis, or diverged"},
    )
    shown.append(beyond.assign(series="beyond the axis", iteration=iterations[-1]))

    low, high = (measure(estimates, "ranges", f"range_{end}").mean for end in ("low", "high"))
    axes.axvspan(low, high, color=COLOURS[3], alpha=0.16, lw=0, zorder=0)
    for end in (low, high):
        axes.axvline(end, color=COLOURS[3], lw=0.8, zorder=0)
    axes.plot([], [], color=COLOURS[3], alpha=0.4, lw=5, label="(H.18), (H.19): the paper's range")
    shown.append(pd.DataFrame([{"series": "range", "low": low, "high": high}]))

    best = last.loc[last["mean"].idxmin()]
    # the marks stand in the lowest quarter, below the curves
    bottom = best["mean"] * (best["mean"] / top) ** (0.27 / (1 - 0.27))
    _rate_axes(axes, np.array(sorted(mine.alpha.unique())), bottom, top)
    for j, (name, (marker, size, label)) in enumerate(RATE_MARKS.items()):
        values = estimates[(estimates.panel == strategy) & (estimates.quantity == name)].value
        value = geometric_interval(values)
        look = {"marker": marker, "markersize": size, "color": "0.2"}
        mark(axes, value, 0.05 + 0.06 * j, label, **look)
        row = {"series": name, "alpha": value.mean, "n": seeds} | value._asdict()
        shown.append(pd.DataFrame([row]))
    axes.plot(best.alpha, best["mean"], **STAR, ls="none", zorder=6, label="best rate of the grid")
    row = {"series": "best rate", "alpha": best.alpha, "mean": best["mean"]}
    shown.append(pd.DataFrame([row]))
    columns = ["panel", "series", "iteration", "alpha", "mean", "low", "high", "n", "lost"]
    frame = pd.concat(shown).assign(panel=strategy).reset_index(drop=True)
    return frame.reindex(columns=columns)


def _rate_losses(
    axes: Any, mine: pd.DataFrame, iterations: Sequence[int]
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """A curve for each iteration, the last one strongest; what is drawn, and the last curve."""
    shown, styles = [], [(":", 0.5), ("--", 0.7), ("-", 1.0)]
    curve = pd.DataFrame()
    for i, iteration in enumerate(iterations):
        losses = mine[mine.iteration == iteration]
        style, strength = styles[max(0, len(styles) - len(iterations) + i)]
        finite = losses.groupby("alpha").test_loss.transform(lambda v: np.isfinite(v).all())
        curve = summary(losses[finite], ["alpha"], "test_loss", geometric_interval)
        colour = tuple(1 - strength * (1 - part) for part in COLOURS[0])
        label = f"after {iteration / iterations[-1]:.0%} of the training"
        # a rate at which one diverged breaks the line
        drawn = curve.set_index("alpha").reindex(sorted(losses.alpha.unique()))
        band(axes, drawn.index, drawn, label=label, colour=colour, linestyle=style, marker=".")
        shown.append(curve.assign(series="test loss", iteration=iteration))
    return shown, curve


def _rate_axes(axes: Any, alphas: Any, bottom: float, top: float) -> None:
    """Rates linear around zero and logarithmic beyond, losses logarithmic, plain numbers."""
    smallest = np.abs(alphas[alphas != 0]).min()
    first, last = 1.6 * alphas[0] - 0.3 * smallest, 1.6 * alphas[-1]
    axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    axes.set_xlim(first, last)
    decades = 10.0 ** np.arange(np.ceil(np.log10(smallest)), np.log10(alphas[-1]) + 0.5)
    # next to zero there is no room for labels on both sides
    ticks = np.array([0.0, *decades, *(-decades[decades > 1.5 * smallest])])
    axes.set_xticks(ticks[(ticks >= first) & (ticks <= last)])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("test loss (MSE)")
