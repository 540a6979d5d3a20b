"""The drawing of Figs. 1 and 7: a path among the task optima, and its distance to them."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from innerlr.intervals import mean_interval
from replication.drawing import COLOURS, DIAMOND, STAR, band, summary

PURPLE = (0.42, 0.24, 0.60)  # of a path; the palette's own is too light for a thin line


CROSS = {**STAR, "marker": "X", "markersize": 7, "color": COLOURS[2]}


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
