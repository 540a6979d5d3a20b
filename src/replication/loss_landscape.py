"""The panel that the landscapes of the paper and of one's own tasks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from innerlr.intervals import Interval, mean_interval
from replication.drawing import COLOURS, STAR, band, summary

# column of the sweep: label, colour, line
LOSSES = {
    "training_loss": ("training loss", COLOURS[0], "-"),
    "population_risk": ("population risk", COLOURS[1], "--"),
}


def landscape_panel(
    axes: Axes,
    sweep: pd.DataFrame,
    panel: str,
    limit: Interval,
    star: Interval,
    interval: Callable[[Any], Interval] = mean_interval,
) -> pd.DataFrame:
    """Losses against the learning rate, a star at alpha_lim and a band at alpha*(N).

    The y axis follows the curves: of an interval wider than they are it shows a part.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha and one for each loss (the LOSSES that it has).
        panel: which one.
        limit: alpha_lim there.
        star: the minimiser of the training loss there.
        interval: from a loss over repetitions, its mean and interval.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    of_panel = sweep[sweep.panel == panel]
    losses = _losses(axes, of_panel, interval)
    axes.set_ylim(*_heights(losses))
    axes.set_xlim(of_panel.alpha.min(), of_panel.alpha.max())
    _rates(axes, limit, star)
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("mean squared error")
    rates = pd.DataFrame(
        {"series": series, "alpha": value.mean, "n": of_panel.seed.nunique(), **value._asdict()}
        for series, value in (("alpha_lim", limit), ("alpha_star", star))
    )
    columns = ["panel", "series", "alpha", "mean", "low", "high", "n"]
    return pd.concat([losses, rates]).assign(panel=panel)[columns]


def _losses(
    axes: Axes, of_panel: pd.DataFrame, interval: Callable[[Any], Interval]
) -> pd.DataFrame:
    """A curve a loss; columns series, alpha, mean, low, high, n."""
    shown = []
    for column, (label, colour, style) in LOSSES.items():
        if column in of_panel:
            curve = summary(of_panel, ["alpha"], column, interval)
            band(axes, curve.alpha, curve, label=label, colour=colour, linestyle=style)
            shown.append(curve.assign(series=column))
    return pd.concat(shown)


def _heights(losses: pd.DataFrame) -> tuple[float, float]:
    """The ends of the y axis: all of the means, and of their intervals what is near."""
    lowest, highest = losses["mean"].min(), losses["mean"].max()
    span = highest - lowest
    top = min(max(losses.high.max(), highest + 0.04 * span), highest + 0.25 * span)
    return lowest - 0.08 * span, top


def _rates(axes: Axes, limit: Interval, star: Interval) -> None:
    """alpha_lim as a star on the x axis, alpha*(N) as a line, both with their intervals."""
    floor = axes.get_ylim()[0]
    if np.isfinite([star.low, star.high]).all():
        axes.axvspan(star.low, star.high, color="0.5", alpha=0.35, linewidth=0, zorder=0)
    if np.isfinite([limit.low, limit.high]).all():
        axes.plot(
            [limit.low, limit.high],
            [floor, floor],
            color=STAR["color"],
            linewidth=3,
            solid_capstyle="butt",
            clip_on=False,
            zorder=4,
        )
    axes.axvline(star.mean, color="0.3", linestyle=":", label=r"$\alpha^*(N)$", zorder=1)
    label = r"$\alpha_{\lim}$"
    axes.plot(limit.mean, floor, **STAR, clip_on=False, zorder=5, linestyle="none", label=label)
