"""Drawing of Fig. 8: the error of the estimate against the number of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from innerlr.intervals import Interval
from replication import drawing
from replication.figures.convergence import quantities as q
from replication.measuring import measure
from replication.prose import between

# reading of alpha*(N) in the sweep: label, colour, power of N
READINGS = {
    "error": ("argmin of training loss", drawing.COLOURS[0], q.slope_error),
    "error_risk": ("of population risk", drawing.COLOURS[1], q.slope_error_risk),
}
PAPER_TOP = {"a": 0.025, "b": 0.25, "c": 0.7}  # highest tick labels of the paper's three axes


def draw(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 8: the mean error on a linear axis, and below it every trial on logarithmic axes.

    Args:
        sweep: columns panel, tasks, trial, capped, error, error_risk.
        estimates: as the experiment makes them; without slopes if there were too few N.
        section: of the configuration; keys panels, log2_tasks, search_cap.

    Returns:
        The figure, and all that it shows: columns panel, reading, series (mean, median, trial or
        fit), tasks, trial, value, low, high (a standard deviation either way), capped.
    """
    panels = section["panels"]
    figure, grid = drawing.panels(2, len(panels), height=2.2, sharex=True)
    shown = []
    for (linear, logarithmic), (name, panel) in zip(grid.T, panels.items(), strict=True):
        of_panel = sweep[sweep.panel == name]
        for row, reading in enumerate(READINGS):
            slope = _slope(estimates, name, reading)
            height = 0.99 - 0.09 * row
            drawn = _reading(linear, logarithmic, of_panel, reading, slope, height)
            shown.append(drawn.assign(panel=name, reading=reading))
        _note_capped(linear, of_panel, section["search_cap"])
        drawing.letter(linear, name, panel["title"])
    _format_axes(grid, section["log2_tasks"])
    _legend(figure, grid[0, -1])
    columns = ["panel", "reading", "series", "tasks", "trial", "value", "low", "high", "capped"]
    return figure, pd.concat(shown)[columns]


def _slope(estimates: pd.DataFrame, panel: str, reading: str) -> Interval | None:
    """The fitted power of N with its interval; None where there were too few N to fit it."""
    *_, power = READINGS[reading]
    fitted = (estimates.quantity == power.name).any()
    return measure(estimates, power, panel) if fitted else None


def _reading(
    linear: Axes,
    logarithmic: Axes,
    of_panel: pd.DataFrame,
    reading: str,
    slope: Interval | None,
    height: float,
) -> pd.DataFrame:
    """One reading of the error on both axes, its slope written at a height of the second one."""
    label, colour, _ = READINGS[reading]
    mean, median = _over_trials(of_panel, reading)
    for axes in (linear, logarithmic):
        axes.plot(mean.tasks, mean.value, "o-", color=colour, markersize=2.5, label=label)
        axes.plot(median.tasks, median.value, "--", color=colour, linewidth=0.9)
    low = np.maximum(mean.low, 0)
    linear.fill_between(mean.tasks, low, mean.high, color=colour, alpha=0.2, linewidth=0)
    trials = of_panel[["tasks", "trial", "capped"]].assign(value=of_panel[reading])
    logarithmic.plot(
        trials.tasks,
        trials.value,
        "o",
        zorder=1,
        color=colour,
        markersize=2,
        alpha=0.35,
        markeredgewidth=0,
    )
    drawn = {"mean": mean, "median": median, "trial": trials}
    if slope is not None:
        drawn["fit"] = fit = _fitted(mean, slope.mean)
        logarithmic.plot(fit.tasks, fit.value, color="0.15", linewidth=0.8, zorder=4)
        text = f"slope {between(slope, '.2f')}"
        logarithmic.text(
            0.99,
            height,
            text.replace("-", "\N{MINUS SIGN}"),
            transform=logarithmic.transAxes,
            color=colour,
            fontsize=7,
            ha="right",
            va="top",
        )
    return pd.concat([frame.assign(series=series) for series, frame in drawn.items()])


def _over_trials(of_panel: pd.DataFrame, reading: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean with one standard deviation either way, and median, over trials at every N."""
    by_tasks = of_panel.groupby("tasks")[reading]
    mean, sd = by_tasks.mean(), by_tasks.std()
    curve = pd.DataFrame({"value": mean, "low": mean - sd, "high": mean + sd})
    return curve.reset_index(), by_tasks.median().rename("value").reset_index()


def _fitted(mean: pd.DataFrame, slope: float) -> pd.DataFrame:
    """The power of N with this slope through the mean error, where it was fitted."""
    points = mean[mean.tasks >= q.SLOPE_FROM]
    x, y = np.log(points.tasks), np.log(points.value)
    return points[["tasks"]].assign(value=np.exp(y.mean() + slope * (x - x.mean())))


def _note_capped(axes: Axes, of_panel: pd.DataFrame, cap: float) -> None:
    """How many trials have their minimum beyond the search cap."""
    text = rf"capped at {cap:g} $\alpha_{{\lim}}$:"
    axes.text(
        0.98,
        0.97,
        f"{text}\n{int(of_panel.capped.sum())} of {len(of_panel)} trials",
        transform=axes.transAxes,
        fontsize=7,
        ha="right",
        va="top",
    )


def _format_axes(grid: Any, exponents: Sequence[int]) -> None:
    """Powers of two below, errors from 0 in the first row and logarithmic in the second."""
    for linear, logarithmic in grid.T:
        linear.set_ylim(bottom=0)
        logarithmic.set_yscale("log")
        logarithmic.set_ylim(top=5 * logarithmic.get_ylim()[1])
        logarithmic.set_xlabel("number of tasks N")
    grid[0, 0].set_xscale("log", base=2)
    ticks = [2**exponent for exponent in exponents[:: 1 + len(exponents) // 8]]
    for axes in grid.flat:
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
    for axes in grid[:, 0]:
        axes.set_ylabel(r"$|\alpha^*(N) - \alpha_{\lim}|$")


def _legend(figure: Figure, axes: Axes) -> None:
    """Below the figure: the readings' colours, from `axes`, and what each line is."""
    axes.plot([], [], "-", color="0.5", label="mean (shade: sd)")
    axes.plot([], [], "--", color="0.5", linewidth=0.9, label="median")
    axes.plot([], [], "o", color="0.5", markersize=2, label="trial")
    axes.plot([], [], "-", color="0.15", linewidth=0.8, label="fitted power")
    drawing.legend_below(figure, axes, columns=6)


class Findings(NamedTuple):
    """What the words below Fig. 8 report.

    Attributes:
        last: the most tasks, N.
        at_first: mean error at the fewest tasks beside the end of the paper's axis, by panel.
        at_last: error at the most tasks over alpha_lim, by panel: its geometric mean over trials
            with its interval.
        gain: mean error over that of the reading by the population risk at the most tasks,
            by panel.
        trials: at every N.
        searches: for alpha*(N), in all.
        cap: where they end, in units of alpha_lim.
        capped: searches whose minimum is beyond it.
        largest_capped: the most tasks of these; None where there are none.
        slope_from: the fewest tasks of the fit.
    """

    last: int
    at_first: str
    at_last: str
    gain: str
    trials: int
    searches: int
    cap: float
    capped: int
    largest_capped: int | None
    slope_from: int


def findings(sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]) -> Findings:
    """What the words below Fig. 8 report.

    Args:
        sweep: as for :func:`draw`.
        estimates: as for :func:`draw`.
        section: of the configuration; keys panels, seeds, search_cap.
    """
    first, last = int(sweep.tasks.min()), int(sweep.tasks.max())
    mean = sweep.groupby(["panel", "tasks"])[list(READINGS)].mean()
    at_first, at_last, gain = [], [], []
    for name in section["panels"]:
        error = mean.error[name, first]
        text = f"{error:.2g} at N = {first}, where the paper's axis goes to {PAPER_TOP[name]:g}"
        at_first.append(f"({name}) {text}")
        of_limit = measure(estimates, q.relative_error_at_last, name)
        at_last.append(f"({name}) {between(of_limit, '.2%')}")
        gain.append(f"({name}) {mean.error[name, last] / mean.error_risk[name, last]:.0f}")
    capped = sweep.tasks[sweep.capped]
    return Findings(
        last=last,
        at_first="; ".join(at_first),
        at_last=", ".join(at_last),
        gain=", ".join(gain),
        trials=section["seeds"],
        searches=len(sweep),
        cap=section["search_cap"],
        capped=len(capped),
        largest_capped=int(capped.max()) if len(capped) else None,
        slope_from=q.SLOPE_FROM,
    )
