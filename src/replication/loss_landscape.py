"""The panel that the landscapes of the paper and of one's own tasks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from innerlr.intervals import Interval, mean_interval
from replication.drawing import COLOURS, STAR, band, summary
from replication.judging.claims import measure

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
