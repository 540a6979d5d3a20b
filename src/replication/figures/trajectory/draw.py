"""The drawing of Figs. 1 and 7: a path among the task optima, and its distance to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from innerlr.intervals import Interval, mean_interval
from replication.drawing import COLOURS, DIAMOND, PAGE, STAR, band, letter, summary
from replication.figures.trajectory import quantities as q
from replication.measuring import measure, select

END = 1.25  # last learning rate drawn, in units of alpha_lim: beyond, both only grow
PURPLE = (0.42, 0.24, 0.60)  # a path's colour; the palette's own is too light for a thin line
CROSS = {**STAR, "marker": "X", "markersize": 7, "color": COLOURS[2]}

# what lies in the plane, from the back to the front
LOOKS: dict[str, dict[str, Any]] = {
    "task optima": {"marker": "o", "markersize": 2.4, "color": COLOURS[1]},
    "new tasks": {"marker": "^", "markersize": 3.2, "color": COLOURS[3]},
    r"$w_m(\alpha)$ up to the nearest": {"color": PURPLE, "linewidth": 2.4},
    r"$w_m(\alpha)$ beyond": {"color": COLOURS[4], "linewidth": 1.0},
    r"$w_r$ ($\alpha = 0$)": CROSS,
    "nearest to all optima": DIAMOND,
    r"$w_m(\alpha_{\lim})$": STAR,
}
READINGS = {  # key: heading, and how a value is written
    "feature_scale": ("features of new tasks, times", "{:g}".format),
    "count": ("number of new tasks", "{}".format),
    "centre": ("their centre", lambda at: "({:g}, {:g})".format(*at)),
    "shots": ("shots $K$", "{}".format),
}
NEW_TASKS_ALONE = "new tasks alone"


def paths(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any], *, lettered: bool
) -> tuple[Figure, pd.DataFrame]:
    """A row of two panels for each law of the inputs, and the readings below them.

    Args:
        sweep: as for :func:`trajectory`.
        estimates: as the experiment makes them.
        section: of the configuration; keys rows, tasks, new_tasks, shots, variations.
        lettered: whether the panels have letters.

    Returns:
        The figure, and all that it shows: the columns of :func:`trajectory` and of
        :func:`readings`.
    """
    rows = section["rows"]
    layout: list[Any] = [[f"{name} path", f"{name} distance"] for name in rows] + [["readings"] * 2]
    figure, axes = plt.subplot_mosaic(
        layout, figsize=(PAGE, 2.5 * len(layout)), height_ratios=[3] * len(rows) + [2]
    )
    shown = [
        trajectory(axes[f"{name} path"], axes[f"{name} distance"], sweep, estimates, name)
        for name in rows
    ]
    shown.append(readings(axes["readings"], estimates, section))
    titles = {f"{name} path": row["title"] for name, row in rows.items()}
    for i, (name, panel) in enumerate(axes.items()):
        if lettered:
            letter(panel, ascii_lowercase[i], titles.get(name, ""))
        else:
            panel.set_title(titles.get(name, ""), loc="left")
    handles = [
        h for name in dict.fromkeys([*layout[-2], *layout[-1]]) for h in _handles(axes[name])
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure, pd.concat(shown)


def _handles(axes: Axes) -> list[Any]:
    return axes.get_legend_handles_labels()[0]


def trajectory(
    plane: Axes, distance: Axes, sweep: pd.DataFrame, estimates: pd.DataFrame, panel: str
) -> pd.DataFrame:
    """The path of w_m(alpha) among the optima of the first seed, and its mean distance to them.

    Args:
        plane: where the path goes.
        distance: where its mean distance to all optima goes, over all seeds.
        sweep: columns panel, seed, kind, alpha_over_lim, w1, w2, mean_distance.
        estimates: as the experiment makes them.
        panel: which one; drawn up to END.

    Returns:
        All that is drawn: columns panel, axes, series, alpha_over_lim, w1, w2, mean, low, high, n
        (mean: of the distance, or the radius of the circle).
    """
    of_panel = sweep[(sweep.panel == panel) & ~(sweep.alpha_over_lim > END)]
    shown = [
        _path(plane, of_panel[of_panel.seed == 0]).assign(axes="plane"),
        _distances(distance, of_panel, estimates, panel).assign(axes="distance"),
    ]
    columns = ["panel", "axes", "series", "alpha_over_lim", "w1", "w2", "mean", "low", "high", "n"]
    return pd.concat(shown).assign(panel=panel)[columns]


# ------------------------------------------------------------------ the plane


class Circle(NamedTuple):
    """Around the new tasks."""

    w1: float
    w2: float
    radius: float


def _path(axes: Axes, of_seed: pd.DataFrame) -> pd.DataFrame:
    """The plane of one draw; columns series, alpha_over_lim, w1, w2, mean (the radius)."""
    drawn = _places(of_seed)
    circle = _around(drawn["new tasks"])
    _frame_optima(axes, pd.concat([drawn["task optima"], drawn["new tasks"]]), circle)
    outline = plt.Circle(
        (circle.w1, circle.w2), circle.radius, fill=False, color=COLOURS[3], linewidth=1.2
    )
    axes.add_patch(outline)
    inset = _inset(axes, of_seed[of_seed.kind == "path"])
    for where in (axes, inset):
        _draw_places(where, drawn)
    axes.indicate_inset_zoom(inset, edgecolor="0.4", alpha=1, linewidth=0.6, zorder=4)

    around = {"series": "circle", "w1": circle.w1, "w2": circle.w2, "mean": circle.radius}
    kept = ["series", "alpha_over_lim", "w1", "w2"]
    places = [rows.assign(series=name)[kept] for name, rows in drawn.items()]
    return pd.concat([*places, pd.DataFrame([around])])


def _places(of_seed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of `of_seed` that each of LOOKS shows."""
    path, old, new = (of_seed[of_seed.kind == kind] for kind in ("path", "optimum", "new_task"))
    at_limit = int((path.alpha_over_lim - 1).abs().to_numpy().argmin())
    nearest = int(path.mean_distance.to_numpy().argmin())
    parts = (path[: nearest + 1], path[nearest:])
    points = (path.iloc[[i]] for i in (0, nearest, at_limit))
    return dict(zip(LOOKS, (old, new, *parts, *points), strict=True))


def _around(new: pd.DataFrame) -> Circle:
    """A circle about the mean of the new tasks that holds all of them."""
    w1, w2 = new.w1.mean(), new.w2.mean()
    return Circle(w1, w2, 1.1 * np.hypot(new.w1 - w1, new.w2 - w2).max())


def _frame_optima(axes: Axes, optima: pd.DataFrame, circle: Circle) -> None:
    """Limits with room on the right for the inset: the optima lie on the left."""
    bottom, top = optima.w2.min() - 0.5, max(optima.w2.max(), circle.w2 + circle.radius) + 0.3
    left = optima.w1.min() - 0.5
    axes.set(xlabel="$w_1$", ylabel="$w_2$")
    axes.set(xlim=(left, left + 1.35 * (top - bottom)), ylim=(bottom, top))
    axes.set_aspect("equal", anchor="W")


def _inset(axes: Axes, path: pd.DataFrame) -> Axes:
    """A square that holds the path alone, larger."""
    inset = axes.inset_axes((0.67, 0.0, 0.33, 0.44), xticks=[], yticks=[])
    low, high = path[["w1", "w2"]].min(), path[["w1", "w2"]].max()
    middle, half = (low + high) / 2, 0.6 * (high - low).max()
    inset.set(xlim=middle.w1 + half * np.array([-1, 1]), ylim=middle.w2 + half * np.array([-1, 1]))
    inset.spines[:].set(visible=True, color="0.4", linewidth=0.8)
    return inset


def _draw_places(axes: Axes, drawn: Mapping[str, pd.DataFrame]) -> None:
    for order, (label, rows) in enumerate(drawn.items()):
        look = dict(LOOKS[label])
        if len(rows) > 1:
            look["markeredgewidth"] = 0
        if "marker" in look:
            look["linestyle"] = "none"
        axes.plot(rows.w1, rows.w2, **look, label=label, zorder=3 + order / 10)


# --------------------------------------------------------------- the distance


class Distances(NamedTuple):
    """Of one panel, means over its draws; rates in units of alpha_lim."""

    draws: int
    erm: Interval
    at_limit: Interval
    lowest: Interval
    nearest: Interval  # the rate at which it is lowest
    slope: Interval  # at zero


def _distances(
    axes: Axes, of_panel: pd.DataFrame, estimates: pd.DataFrame, panel: str
) -> pd.DataFrame:
    """The distance along the path; columns series, alpha_over_lim, mean, low, high, n."""
    along = of_panel[of_panel.kind == "path"]
    first = along[along.seed == 0]
    curve = summary(along, ["alpha_over_lim"], "mean_distance")
    found = _measured_distances(estimates, panel)
    band(
        axes,
        curve.alpha_over_lim,
        curve,
        label=f"distance, {found.draws} draws",
        colour=PURPLE,
    )
    axes.plot(
        first.alpha_over_lim,
        first.mean_distance,
        color=PURPLE,
        linewidth=0.8,
        linestyle="--",
        label="distance, path shown",
    )
    _mark_distances(axes, found)
    axes.set(xlabel=r"$\alpha / \alpha_{\lim}$", ylabel="mean distance to all optima")
    _frame_distances(axes, curve, first)
    one = first.rename(columns={"mean_distance": "mean"})[["alpha_over_lim", "mean"]]
    return pd.concat(
        [
            curve.assign(series="mean distance"),
            one.assign(series="mean distance of the path shown"),
            _table_of(found),
        ]
    )


def _frame_distances(axes: Axes, curve: pd.DataFrame, first: pd.DataFrame) -> None:
    """Limits that follow the curves: of an interval far wider than they are, a part is shown."""
    lines = pd.concat([curve["mean"], first.mean_distance])
    room, (bottom, top) = np.ptp(lines), axes.get_ylim()
    axes.set_ylim(max(bottom, lines.min() - room), min(top, lines.max() + room))
    axes.set_xlim(-0.06, curve.alpha_over_lim.max() + 0.06)


def _measured_distances(estimates: pd.DataFrame, panel: str) -> Distances:
    nearest, tangent, limit = (
        select(estimates, of.name, panel).value.to_numpy()
        for of in (q.ratio_nearest_to_lim, q.tangent_at_0, q.alpha_lim_sampled)
    )
    return Distances(
        draws=len(nearest),
        erm=measure(estimates, q.distance_erm, panel),
        at_limit=measure(estimates, q.distance_at_lim, panel),
        lowest=measure(estimates, q.distance_lowest, panel),
        nearest=mean_interval(nearest),
        slope=mean_interval(tangent * limit),
    )


def _mark_distances(axes: Axes, found: Distances) -> None:
    """The tangent at zero as an arrow, ERM, the nearest point with its interval, and alpha_lim."""
    tip = (0.3, found.erm.mean + 0.3 * found.slope.mean)
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", tip, (0, found.erm.mean), arrowprops=arrow, zorder=4)
    low, high = found.nearest.low, found.nearest.high
    axes.axvspan(low, high, color="0.5", alpha=0.3, linewidth=0, zorder=0)
    points = (
        (found.nearest.mean, found.lowest.mean, DIAMOND),
        (0, found.erm.mean, CROSS),
        (1, found.at_limit.mean, STAR),
    )
    for x, y, look in points:
        axes.plot(x, y, **look, linestyle="none", zorder=5)


def _table_of(found: Distances) -> pd.DataFrame:
    """Columns series, alpha_over_lim, n, mean, low, high."""
    points: dict[str, tuple[float, Interval]] = {
        "distance at 0": (0, found.erm),
        "distance at lim": (1, found.at_limit),
        "lowest distance": (found.nearest.mean, found.lowest),
        "alpha_over_lim of the lowest": (np.nan, found.nearest),
        "tangent at 0": (0, found.slope),
    }
    return pd.DataFrame(
        [
            {"series": name, "alpha_over_lim": at, "n": found.draws} | value._asdict()
            for name, (at, value) in points.items()
        ]
    )


# --------------------------------------------------------------- the readings


class Reading(NamedTuple):
    """One value of one key, the others as the section has them."""

    at: float  # on the x axis
    key: str
    value: Any
    used: bool  # the section's own value
    keys: Mapping[str, Any]  # every key that varies, as the estimates have it
    alone: float  # alpha_lim of the new tasks alone, in units of that of all tasks

    @property
    def written(self) -> str:
        """The value as the axis shows it."""
        return READINGS[self.key][1](self.value)

    def draws(self, estimates: pd.DataFrame, row: str) -> pd.DataFrame:
        """Where the distance is smallest in each draw of a row under this reading."""
        if self.used:
            return select(estimates, q.ratio_nearest_to_lim.name, row)
        return select(estimates, q.ratio_nearest_to_lim_varied.name, row, self.keys)


def readings(axes: Axes, estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """Where the mean distance is smallest, under each reading of what the paper leaves open.

    Args:
        axes: where.
        estimates: as the experiment makes them.
        section: of the configuration; keys rows, tasks, new_tasks, shots, variations.

    Returns:
        All that is drawn: columns panel, axes, series, reading, seed, mean, low, high, n. A row
        with a seed is one draw, the one without is their mean; the panel NEW_TASKS_ALONE has
        alpha_lim of the new tasks alone.
    """
    rows, drawn = list(section["rows"]), _readings_of(section)
    _head_readings(axes, drawn)
    _draw_alone(axes, drawn)
    marks, shown = [], []
    for reading in drawn:
        of_rows = {row: reading.draws(estimates, row) for row in rows}
        marks = _draw_reading(axes, reading, of_rows)
        shown += _tables_of(reading, of_rows)
    axes.axhline(1, color=STAR["color"], linewidth=0.8, linestyle="--", zorder=0)
    if len(rows) > 1:
        axes.legend(marks, [f"row {row}" for row in rows], loc="upper right", ncols=2)
    axes.set_ylabel(r"nearest point / $\alpha_{\lim}$")
    columns = ["panel", "axes", "series", "reading", "seed", "mean", "low", "high", "n"]
    frame = pd.concat(shown).assign(axes="readings")[columns]
    axes.set_ylim(-0.1, frame["mean"].max() + 0.1)  # an interval may be far wider
    return frame


def _readings_of(section: Mapping[str, Any]) -> list[Reading]:
    """Every value of every key from the left to the right, with room between the keys."""
    chosen = {**section["new_tasks"], "shots": section["shots"]}
    found, x = [], 0.0
    for key in READINGS:
        for value in sorted([chosen[key], *section["variations"][key]]):
            new = {**chosen, key: value}
            alone = alone_over_all(section["tasks"], new["count"], new["feature_scale"])
            keys = q.varied_at(**{name: new[name] for name in q.VARIED})
            found.append(Reading(x, key, value, value == chosen[key], keys, alone))
            x += 1
        x += 0.6
    return found


def alone_over_all(tasks: int, new_tasks: int, feature_scale: float) -> float:
    """alpha_lim of the new tasks alone, over that of all tasks.

    alpha_lim is tr E G^2 / (2 tr E G^3), and features scaled by s have the Gram s^2 G:
    tr E (s^2 G)^p = s^2p tr E G^p.

    Args:
        tasks: how many tasks have features of the scale 1.
        new_tasks: how many have features of the scale `feature_scale`.
        feature_scale: s.
    """
    s, n = feature_scale, new_tasks
    return (tasks + n * s**6) / (tasks + n * s**4) / s**2


def _head_readings(axes: Axes, drawn: Sequence[Reading]) -> None:
    """A heading above each key, and the values below the axis."""
    for key, (heading, _) in READINGS.items():
        places = [reading.at for reading in drawn if reading.key == key]
        middle = places[0] + (len(places) - 1) / 2
        axes.text(middle, 1.02, heading, ha="center", transform=axes.get_xaxis_transform())
    axes.set_xticks([reading.at for reading in drawn], [reading.written for reading in drawn])


def _draw_alone(axes: Axes, drawn: Sequence[Reading]) -> None:
    """A line at alpha_lim of the new tasks alone under every reading."""
    label = r"$\alpha_{\lim}$ of new tasks"
    for reading in drawn:
        axes.hlines(
            reading.alone,
            reading.at - 0.4,
            reading.at + 0.4,
            color="black",
            linewidth=1.2,
            zorder=1,
            label=label,
        )
        label = ""  # once in the legend


def _draw_reading(
    axes: Axes, reading: Reading, of_rows: Mapping[str, pd.DataFrame]
) -> list[Line2D]:
    """Draws, their mean and its interval, the rows side by side; the marks of the means."""
    shifts = np.linspace(-0.3, 0.3, 2 * len(of_rows) + 1)[1::2]
    marks = []
    for ratios, colour, shift in zip(of_rows.values(), COLOURS, shifts, strict=False):
        at, mean = reading.at + shift, mean_interval(ratios.value)
        face = colour if reading.used else "white"
        axes.plot([at] * len(ratios), ratios.value, ".", color=colour, ms=3, alpha=0.4)
        axes.vlines(at, mean.low, mean.high, color=colour)
        marks += axes.plot(at, mean.mean, "o", color=colour, mfc=face, ms=4.5)
    return marks


def _tables_of(reading: Reading, of_rows: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """What a reading shows: columns panel, series, reading, seed, mean, low, high, n."""
    frames = [pd.DataFrame([{"panel": NEW_TASKS_ALONE, "mean": reading.alone}])]
    for row, ratios in of_rows.items():
        mean = pd.DataFrame([mean_interval(ratios.value)._asdict() | {"n": len(ratios)}])
        draws = pd.DataFrame({"seed": ratios.seed.astype(int), "mean": ratios.value})
        frames += [mean.assign(panel=row), draws.assign(panel=row)]
    return [frame.assign(series=reading.key, reading=reading.written) for frame in frames]


# --------------------------------------------------------- the closing paragraph


class PathValues(NamedTuple):
    """What a row shows of the distance along the path; rates in units of alpha_lim."""

    tangent_at_0: Interval  # over the distance of ERM, for each alpha_lim
    nearest: Interval  # the rate at which the distance is smallest
    nearest_of_draws: tuple[float, float]  # its least and its largest over the draws
    reduction_at_lim: Interval  # share of the reduction that is possible
    convex_share: float  # points from zero to alpha_lim at which the mean curve is convex
    last_rate: float  # the last one swept
    distance_at_last: float
    distance_of_erm: float


def path_values(sweep: pd.DataFrame, estimates: pd.DataFrame, panel: str) -> PathValues:
    """The numbers of a row in the closing paragraph, means over draws.

    Args:
        sweep: as for :func:`trajectory`.
        estimates: as the experiment makes them.
        panel: which row.
    """
    along = sweep[(sweep.panel == panel) & (sweep.kind == "path")]
    curve = along.groupby("alpha_over_lim").mean_distance.mean()
    of_draws = select(estimates, q.ratio_nearest_to_lim.name, panel).value
    last = along[along.alpha_over_lim == along.alpha_over_lim.max()]
    return PathValues(
        tangent_at_0=measure(estimates, q.relative_tangent_at_0, panel),
        nearest=measure(estimates, q.ratio_nearest_to_lim, panel),
        nearest_of_draws=(of_draws.min(), of_draws.max()),
        reduction_at_lim=measure(estimates, q.share_of_reduction_at_lim, panel),
        convex_share=convex_share(curve[curve.index <= 1]),
        last_rate=last.alpha_over_lim.iloc[0],
        distance_at_last=last.mean_distance.mean(),
        distance_of_erm=measure(estimates, q.distance_erm, panel).mean,
    )


def convex_share(curve: pd.Series) -> float:
    """The share of a curve's inner points where its second difference is not negative.

    Args:
        curve: (points,), on an even grid.
    """
    bends_down = curve.diff().diff().dropna() < 0
    return float(1 - bends_down.mean())


class ReadingAtLimit(NamedTuple):
    """A reading under which the distance is smallest at alpha_lim."""

    row: str
    inputs: str  # their law, as the row's title has it
    key: str
    value: str
    nearest: float  # in units of alpha_lim


def readings_at_limit(
    shown: pd.DataFrame, section: Mapping[str, Any], tolerance: float = 0.1
) -> list[ReadingAtLimit]:
    """Readings with the whole interval of the nearest point within a tenth of alpha_lim.

    Args:
        shown: what :func:`paths` or :func:`readings` returned.
        section: of the configuration; key rows.
        tolerance: in units of alpha_lim.
    """
    means = _means_of_readings(shown)
    near = means[(means.low >= 1 - tolerance) & (means.high <= 1 + tolerance)]
    inputs = {name: row["title"].split(", a")[0] for name, row in section["rows"].items()}
    return [
        ReadingAtLimit(row.panel, inputs[row.panel], row.series, row.reading, row.mean)
        for row in near.itertuples()
    ]


class FromNewTasks(NamedTuple):
    """How far the nearest point is from alpha_lim of the new tasks alone, over the readings."""

    median: float  # in units of alpha_lim of all tasks
    largest: float
    farthest: str  # the reading, its key and its value


def from_new_tasks(shown: pd.DataFrame, panel: str) -> FromNewTasks:
    """The distance on the axis of rates between the nearest point and NEW_TASKS_ALONE.

    Args:
        shown: what :func:`paths` or :func:`readings` returned.
        panel: which row.
    """
    means = _means_of_readings(shown).set_index(["series", "reading"])
    of_row, alone = (means["mean"][means.panel == name] for name in (panel, NEW_TASKS_ALONE))
    apart = (of_row - alone).abs()
    return FromNewTasks(apart.median(), apart.max(), " ".join(apart.idxmax()))


def _means_of_readings(shown: pd.DataFrame) -> pd.DataFrame:
    return shown[(shown["axes"] == "readings") & shown.seed.isna()]
