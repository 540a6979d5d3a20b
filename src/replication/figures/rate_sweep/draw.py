"""The drawing of Figs. 10 and 12: losses of trained networks against their rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from innerlr.intervals import geometric_interval
from replication.drawing import COLOURS, STAR, band, mark, summary
from replication.judging.claims import measure

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
