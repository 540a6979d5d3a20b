"""The drawing of Table 2: errors before and after the inner step against the rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.intervals import Interval
from replication.drawing import COLOURS, band, legend_below, letter, mark, panels, summary
from replication.figures.pretrained import quantities as q
from replication.figures.pretrained.table import PAPER_ALPHA_LIM, paper_table2
from replication.measuring import measure, select

# error: label, colour, line
LINES = {
    "pre": ("before the inner step", COLOURS[0], "--"),
    "post": ("after it", COLOURS[1], "-"),
}
# estimate that has a mark below the curves: marker, size, colour, label
MARKS = {
    q.alpha_lim_split: ("*", 11, COLOURS[3], r"$\alpha_{\lim}$ (H.6)"),
    q.alpha_lim_weighted: ("D", 5.5, COLOURS[2], "(H.6), weighted by the task covariance"),
    q.alpha_empirical: ("X", 7, "0.2", "argmin of the training loss"),
}


def errors_by_rate(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """A panel for each reading of the experiment.

    Args:
        sweep: as for :func:`error_curves`.
        estimates: as for :func:`error_curves`.
        section: of the configuration; key panels, each with title and loss.

    Returns:
        The figure, and all that it shows: the columns of :func:`error_curves`.
    """
    figure, grid = panels(1, 2, height=3.0)
    shown = []
    for axes, (panel, spec) in zip(grid[0], section["panels"].items(), strict=False):
        shown.append(error_curves(axes, sweep, estimates, panel))
        axes.set_ylabel("test error (MSE)" if spec["loss"] == "full" else "test error (MSE / 2)")
        letter(axes, panel, spec["title"].split(": ")[-1])
    legend_below(figure, grid[0, 0], columns=3)
    return figure, pd.concat(shown)


def error_curves(
    axes: Axes, sweep: pd.DataFrame, estimates: pd.DataFrame, panel: str
) -> pd.DataFrame:
    """Errors before and after the inner step, ours and the paper's, and the estimates of the rate.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha, pre, post.
        estimates: holds MARKS of the panel.
        panel: which one.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    mine, paper = sweep[sweep.panel == panel], paper_table2()
    shown = _draw_errors(axes, mine) + _draw_the_papers(axes, paper)
    axes.set_xscale("log")
    _frame(axes, mine, paper)
    _cross_beyond(axes, summary(mine, ["alpha"], "post"))
    shown.append(_mark_estimates(axes, estimates, panel))
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    columns = ["panel", "series", "alpha", "mean", "low", "high", "n"]
    return pd.concat(shown).assign(panel=panel).reindex(columns=columns)


def _draw_errors(axes: Axes, mine: pd.DataFrame) -> list[pd.DataFrame]:
    """Means over networks with intervals."""
    shown = []
    for column, (label, colour, style) in LINES.items():
        curve = summary(mine, ["alpha"], column)
        band(axes, curve.alpha, curve, label=label, colour=colour, linestyle=style, marker=".")
        shown.append(curve.assign(series=column))
    return shown


def _draw_the_papers(axes: Axes, paper: pd.DataFrame) -> list[pd.DataFrame]:
    shown = []
    for column, (label, _, style) in LINES.items():
        axes.plot(
            paper.alpha,
            paper[column],
            color="0.45",
            lw=0.9,
            ls=style,
            marker="o",
            ms=2,
            label=f"the paper's Table 2, {label}",
        )
        errors = paper.rename(columns={column: "mean"})[["alpha", "mean"]]
        shown.append(errors.assign(series=f"paper, {column}"))
    return shown


def _frame(axes: Axes, mine: pd.DataFrame, paper: pd.DataFrame) -> None:
    """Limits that hold the paper's errors, and ours before the step."""
    bottom = 0.88 * min(mine.post.min(), paper.post.min())
    axes.set_ylim(bottom, 1.35 * max(mine.pre.mean(), paper.pre.max()))
    axes.set_xlim(0.8 * paper.alpha.min(), 1.25 * paper.alpha.max())


def _cross_beyond(axes: Axes, after: pd.DataFrame) -> None:
    """Crosses at the rates whose error after the step lies beyond the axis."""
    beyond = after.alpha[after["mean"] > axes.get_ylim()[1]]
    if not len(beyond):
        return
    axes.plot(
        beyond,
        np.full(len(beyond), 0.97),
        marker="x",
        ms=4,
        ls="none",
        color=LINES["post"][1],
        transform=axes.get_xaxis_transform(),
        label="after it, beyond the axis",
    )


def _mark_estimates(axes: Axes, estimates: pd.DataFrame, panel: str) -> pd.DataFrame:
    """MARKS, geometric means over networks; columns series, alpha, mean, low, high, n."""
    rows = []
    for j, (of, (marker, size, colour, label)) in enumerate(MARKS.items()):
        value, height = measure(estimates, of, panel), 0.05 + 0.065 * j
        mark(axes, value, height, label, marker=marker, markersize=size, color=colour)
        networks = len(select(estimates, of.name, panel))
        rows.append({"series": of.name, "alpha": value.mean, "n": networks} | value._asdict())
    return pd.DataFrame(rows)


# --------------------------------------------------------- the closing paragraph


class PaperValues(NamedTuple):
    """What the paper prints."""

    pre: tuple[float, float]  # least and largest error before the inner step
    pre_turns: int  # how often it changes between rising and falling along the rates
    pre_width: float  # largest over least, less 1
    lowest_post: float
    best_rate: float  # where the error after the step is lowest
    limit: float  # its alpha_lim


def paper_values() -> PaperValues:
    """The numbers of the closing paragraph on the paper's Table 2."""
    paper = paper_table2()
    return PaperValues(
        pre=(paper.pre.min(), paper.pre.max()),
        pre_turns=turns(paper.pre),
        pre_width=width(paper.pre),
        lowest_post=paper.post.min(),
        best_rate=paper.alpha[paper.post.idxmin()],
        limit=PAPER_ALPHA_LIM,
    )


class PanelValues(NamedTuple):
    """What a panel shows, over networks; the weighted estimate is alpha_lim_weighted."""

    panel: str
    title: str
    pre_level: Interval  # error before the inner step
    pre_turns: int  # how often its mean changes between rising and falling along the rates
    pre_width: float  # its mean, largest over least, less 1
    lowest_post: float  # the least mean error after the step
    best_rate: float  # where that is lowest
    limit: Interval  # alpha_lim (H.6)
    empirical: Interval  # argmin of the training loss
    nearest_to_limit: float  # share of networks whose best rate is the nearest to alpha_lim
    nearest_to_weighted: float
    limit_over_empirical: Interval
    weighted_over_empirical: Interval
    limit_over_isotropic: Interval  # over the argmin with isotropic task optima
    rank: float  # directions that the features span


def panel_values(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> list[PanelValues]:
    """The numbers of the closing paragraph on every panel.

    Args:
        sweep: columns panel, seed, alpha, pre, post.
        estimates: holds, of every panel, pre_level, alpha_lim_split, alpha_empirical,
            best_is_nearest, best_is_nearest_weighted, ratio_lim_to_empirical,
            ratio_weighted_to_empirical, ratio_lim_to_isotropic and rank.
        section: of the configuration; key panels, each with title.
    """
    return [
        _values_of(panel, spec["title"], sweep[sweep.panel == panel], estimates)
        for panel, spec in section["panels"].items()
    ]


def _values_of(panel: str, title: str, mine: pd.DataFrame, estimates: pd.DataFrame) -> PanelValues:
    mean = mine.groupby("alpha")[["pre", "post"]].mean()
    return PanelValues(
        panel=panel,
        title=title,
        pre_level=measure(estimates, q.pre_level, panel),
        pre_turns=turns(mean.pre),
        pre_width=width(mean.pre),
        lowest_post=mean.post.min(),
        best_rate=mean.post.idxmin(),
        limit=measure(estimates, q.alpha_lim_split, panel),
        empirical=measure(estimates, q.alpha_empirical, panel),
        nearest_to_limit=measure(estimates, q.best_is_nearest, panel).mean,
        nearest_to_weighted=measure(estimates, q.best_is_nearest_weighted, panel).mean,
        limit_over_empirical=measure(estimates, q.ratio_lim_to_empirical, panel),
        weighted_over_empirical=measure(estimates, q.ratio_weighted_to_empirical, panel),
        limit_over_isotropic=measure(estimates, q.ratio_lim_to_isotropic, panel),
        rank=measure(estimates, q.rank, panel).mean,
    )


def turns(errors: pd.Series) -> int:
    """How often a curve changes between rising and falling.

    Args:
        errors: (rates,).

    Example:
        >>> turns(pd.Series([1.0, 2.0, 2.0, 3.0, 1.0, 4.0]))
        2
    """
    steps = np.sign(np.diff(errors))
    steps = steps[steps != 0]
    return int((steps[1:] != steps[:-1]).sum())


def width(errors: pd.Series) -> float:
    """The largest error over the least, less 1.

    Example:
        >>> width(pd.Series([4.0, 5.0, 4.5]))
        0.25
    """
    return float(errors.max() / errors.min() - 1)
