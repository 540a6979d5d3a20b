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

from innerlr.intervals import Interval, mean_interval
from replication.judging.claims import measure
from replication.pipeline.files import atomic, write_table

COLUMN = 3.4  # inches: one column of a two-column page
PAGE = 7.0  # inches: both
COLOURS = sns.color_palette("colorblind")
STAR = {"marker": "*", "markersize": 11, "color": COLOURS[3], "markeredgecolor": "white"}
DIAMOND = {**STAR, "marker": "D", "markersize": 5.5, "color": COLOURS[0]}


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
