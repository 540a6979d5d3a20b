"""Drawing of Fig. 4: the estimate against the variance of the inputs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replication.drawing import COLOURS, band, summary

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
