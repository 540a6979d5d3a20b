"""Drawing of Fig. 6: the coefficients of Example 1."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from replication import drawing
from replication.figures.coefficients import quantities as q
from replication.measuring import measure
from replication.quantity import Quantity

# series of the sweep: label, colour, line
SERIES = {
    "g1": ("$g_1$", drawing.COLOURS[0], "-"),
    "g2": ("$g_2$ as printed", drawing.COLOURS[1], "-"),
    "g2_right": ("$g_2$ as it should be", drawing.COLOURS[2], "."),
    "g3": ("$g_3$", drawing.COLOURS[3], "-"),
}
# panel of the sweep: title, and the steps of both axes' ticks, as in the paper
PANELS = {"a": ("$K = 1$", 50, 200), "b": (r"$K \to \infty$", 20, 250)}


def draw(sweep: pd.DataFrame, dim: int) -> tuple[Figure, pd.DataFrame]:
    """Fig. 6: how often each moment of x occurs, for one sample a task and for many.

    Args:
        sweep: columns panel, series, index, count.
        dim: d.

    Returns:
        The figure, and all that it shows: `sweep`, whose counts of 0 are left out of the drawing.
    """
    figure, grid = drawing.panels(1, 2, height=2.4)
    for axes, panel in zip(grid[0], PANELS, strict=True):
        _counts(axes, sweep[(sweep.panel == panel) & (sweep["count"] > 0)])
        title, x, y = PANELS[panel]
        axes.xaxis.set_major_locator(MultipleLocator(x))
        axes.yaxis.set_major_locator(MultipleLocator(y))
        axes.set(xlabel=f"index i, (d={dim})", ylabel="number of terms")
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
        axes.set_title(title, loc="left")
    return figure, sweep


def _counts(axes: Axes, of_panel: pd.DataFrame) -> None:
    """Each series that the panel has, with its name above its highest count."""
    for series, (label, colour, style) in SERIES.items():
        curve = of_panel[of_panel.series == series]
        if len(curve):
            axes.plot(curve["index"], curve["count"], style, color=colour, markersize=2.5)
            peak = curve.loc[curve["count"].idxmax()]
            axes.annotate(
                label,
                (peak["index"], peak["count"]),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                color=colour,
                fontsize=7,
            )


class Findings(NamedTuple):
    """What the words below Fig. 6 report; g2_right is the g2 that the trace of G^3 does have.

    Attributes:
        g1_peak, g2_peak, g3_peak, g2_right_peak: the highest counts.
        g2_right_total: of all its terms.
        odd_share: of the printed g2's terms, those at odd moments.
        right_share: of the indices, those at which the printed g2 is right.
        numerator_moment, denominator_moment: the highest ones, for K = 1.
        order: the power of sigma with which the ratio falls, for large sigma.
    """

    g1_peak: float
    g2_peak: float
    g3_peak: float
    g2_right_peak: float
    g2_right_total: float
    odd_share: float
    right_share: float
    numerator_moment: int
    denominator_moment: int
    order: int


def findings(sweep: pd.DataFrame, estimates: pd.DataFrame) -> Findings:
    """What the words below Fig. 6 report.

    Args:
        sweep: columns panel, series, index, count.
        estimates: as the experiment makes them.
    """
    printed = sweep[sweep.series == "g2"]
    odd = printed[printed["index"] % 2 == 1]

    def value(of: Quantity[Any], panel: str, series: str) -> float:
        return measure(estimates, of, panel, {"series": series}).mean

    # g1 counts the moment 2i, g2 the moment i
    top = 2 * int(value(q.last_index, "a", "g1"))
    bottom = int(value(q.last_index, "a", "g2_right"))
    return Findings(
        g1_peak=value(q.peak, "a", "g1"),
        g2_peak=value(q.peak, "a", "g2"),
        g3_peak=value(q.peak, "b", "g3"),
        g2_right_peak=value(q.peak, "a", "g2_right"),
        g2_right_total=value(q.total, "a", "g2_right"),
        odd_share=odd["count"].sum() / printed["count"].sum(),
        right_share=1 - value(q.wrong_share, "a", "g2"),
        numerator_moment=top,
        denominator_moment=bottom,
        order=top - bottom,
    )
