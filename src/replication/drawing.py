"""The look of every figure, and files that are equal byte for byte when the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.font_manager import fontManager

from innerlr.intervals import Interval, mean_interval
from replication.pipeline.files import atomic, write_table

COLUMN = 3.4  # inches: one column of a two-column page
PAGE = 7.0  # inches: both
COLOURS = sns.color_palette("colorblind")
STAR = {"marker": "*", "markersize": 11, "color": COLOURS[3], "markeredgecolor": "white"}
DIAMOND = {**STAR, "marker": "D", "markersize": 5.5, "color": COLOURS[0]}


def setup() -> None:
    """Fonts, sizes and colours of the house; call once at the top of a notebook.

    Nothing of the user's is obeyed: no matplotlibrc, and no font but those that matplotlib brings.
    """
    mpl.rcdefaults()
    brought = mpl.get_data_path()
    for fonts in (fontManager.ttflist, fontManager.afmlist):
        fonts[:] = [font for font in fonts if font.fname.startswith(brought)]
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
