"""Drawing of Fig. 5: gaps between MAML and ERM under further adaptation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from replication import drawing
from replication.figures.gaps import quantities as q
from replication.measuring import measure
from replication.prose import between
from replication.quantity import Quantity

# law of the inputs: how it is written
TITLES = {
    "uniform": "U({low:g}, {high:g})",
    "normal": "N({mean:g}, {spread:g})",
    "exponential": "Exp({scale:g})",
}
# tasks of a gap: line, label
TASKS: dict[str, tuple[Any, str]] = {
    "training": ("-", "training tasks"),
    "fresh": ("--", "fresh tasks"),
    "expected": ("-.", "expected on fresh tasks"),
}


def draw(sweep: pd.DataFrame, section: Mapping[str, Any]) -> tuple[Figure, pd.DataFrame]:
    """Fig. 5: gaps of the loss, of its first steps on the training tasks, and of F_t.

    Args:
        sweep: columns panel, seed, tasks, steps, loss_gap, distance_gap.
        section: of the configuration; keys laws, alpha, eta, max_steps.

    Returns:
        The figure, and all that it shows: columns panel, series, tasks, steps, mean, low, high, n.
    """
    laws, crossing = section["laws"], crossing_step(section)
    first = sweep[(sweep.tasks == "training") & (sweep.steps <= 2.4 * crossing)]
    rows = (
        ("loss_gap", "summed loss gap", sweep),
        ("loss_gap", "first steps of (a)", first),
        ("distance_gap", "gap in $F_t$", sweep),
    )
    figure, grid = drawing.panels(len(rows), len(laws), height=1.7)
    shown = []
    for row, (quantity, label, table) in zip(grid, rows, strict=True):
        for axes, law, colour in zip(row, laws, drawing.COLOURS[: len(laws)], strict=True):
            drawn = _gaps(axes, table[table.panel == law], quantity, colour)
            shown.append(drawn.assign(panel=law))
            if table is first:
                _format_first_steps(axes, crossing)
            else:
                _format_all_steps(axes, section["max_steps"])
        row[0].set_ylabel(label)
    for axes, law in zip(grid[0], laws, strict=True):
        axes.set_title("x ~ " + written(laws, law), loc="center")
    drawing.letter(grid[0, 0], "a")
    drawing.letter(grid[2, 0], "b")
    figure.align_ylabels()
    _legend(figure)
    columns = ["panel", "series", "tasks", "steps", "mean", "low", "high", "n"]
    # the first steps are a part of all
    return figure, pd.concat(shown).drop_duplicates()[columns]


def crossing_step(section: Mapping[str, Any]) -> float:
    """t = alpha / (2 eta), at which the training loss gap of small rates changes its sign."""
    return float(section["alpha"] / (2 * section["eta"]))


def written(laws: Mapping[str, Any], law: str) -> str:
    """A law of the inputs with its parameters, such as U(-5, 5)."""
    return TITLES[law].format(**laws[law])


def _gaps(axes: Axes, curves: pd.DataFrame, quantity: str, colour: Any) -> pd.DataFrame:
    """The mean gap with its interval over draws, on each kind of tasks that there is.

    Returns:
        Columns series, tasks, steps, mean, low, high, n.
    """
    shown = []
    for tasks, (style, _) in TASKS.items():
        mine = curves[curves.tasks == tasks]
        if len(mine):
            curve = drawing.summary(mine, ["steps"], quantity)
            own = "0.15" if tasks == "expected" else colour
            drawing.band(axes, curve.steps, curve, label=tasks, colour=own, linestyle=style)
            shown.append(curve.assign(series=quantity, tasks=tasks))
    axes.axhline(0, color="0.3", linewidth=0.6, zorder=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.set_xlabel("adaptation steps $t$")
    return pd.concat(shown)


def _format_first_steps(axes: Axes, crossing: float) -> None:
    """Steps on a linear axis, with the one at which the gap changes its sign."""
    axes.axvline(crossing, color="0.3", linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _format_all_steps(axes: Axes, last: int) -> None:
    """Steps on an axis that is linear up to 1 and logarithmic beyond."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.6)
    axes.set_xlim(0, last)


def _legend(figure: Figure) -> None:
    """Below the figure: the lines, whatever their colour."""
    lines = [*TASKS.values(), (":", r"$\alpha / 2 \eta$")]
    handles = [Line2D([], [], color="0.3", linestyle=style, label=label) for style, label in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


class Findings(NamedTuple):
    """What the words below Fig. 5 report; a text is of every law, in their order.

    Attributes:
        draws: of all tasks.
        training_loss_gap, fresh_loss_gap, expected_loss_gap: MAML less ERM at t = 0.
        crossing: the step at which the training loss gap of small rates changes its sign.
        first_negative: the first step of the grid with a negative training loss gap.
        fresh_distance_gap, expected_distance_gap: gap in F_0.
        always_negative: share of draws whose distance gap on fresh tasks is negative at every t.
        highest_expected: the largest expected distance gap over all t, in units of that at t = 0.
        covariance_change: the largest eigenvalue of the covariance of w_m less that of w_r, over
            the mean one.
        left: what is left of the distance gap on fresh tasks after the last step, as a share; its
            geometric mean.
        last: that step.
        spread, spread_is: of the normal inputs.
    """

    draws: int
    training_loss_gap: str
    fresh_loss_gap: str
    expected_loss_gap: str
    crossing: float
    first_negative: str
    fresh_distance_gap: str
    expected_distance_gap: str
    always_negative: str
    highest_expected: str
    covariance_change: str
    left: str
    last: int
    spread: float
    spread_is: str


def findings(estimates: pd.DataFrame, section: Mapping[str, Any]) -> Findings:
    """What the words below Fig. 5 report.

    Args:
        estimates: as the experiment makes them; a panel is a law.
        section: of the configuration; keys laws, alpha, eta, max_steps, seeds.
    """
    laws = section["laws"]

    def each(of: Quantity[Any]) -> str:
        return _each(estimates, laws, of)

    return Findings(
        draws=section["seeds"],
        training_loss_gap=each(q.training_loss_gap_at_0),
        fresh_loss_gap=each(q.fresh_loss_gap_at_0),
        expected_loss_gap=each(q.expected_loss_gap_at_0),
        crossing=crossing_step(section),
        first_negative=each(q.training_steps_to_negative_loss_gap),
        fresh_distance_gap=each(q.fresh_distance_gap_at_0),
        expected_distance_gap=each(q.expected_distance_gap_at_0),
        always_negative=each(q.fresh_distance_gap_negative_share),
        highest_expected=each(q.expected_distance_gap_highest),
        covariance_change=each(q.covariance_change_highest),
        left=each(q.fresh_distance_gap_last_to_first),
        last=section["max_steps"],
        spread=laws["normal"]["spread"],
        spread_is=laws["normal"]["spread_is"],
    )


def _each(estimates: pd.DataFrame, laws: Mapping[str, Any], of: Quantity[Any]) -> str:
    """The quantity of every law, with its interval where that has a width."""
    texts = []
    for law in laws:
        value = measure(estimates, of, law)
        number = between(value) if value.low < value.high else f"{value.mean:.3g}"
        texts.append(f"{number} for {written(laws, law)}")
    return "; ".join(texts)
