"""The drawing of Figs. 10 and 12: losses of trained networks against their rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.checks import Array
from innerlr.intervals import Interval, geometric_interval, mean_interval
from replication.drawing import COLOURS, STAR, band, legend_below, letter, mark, panels, summary
from replication.figures.rate_sweep import quantities as q
from replication.measuring import measure
from replication.quantity import Quantity

# estimate drawn beside a sweep of rates: marker, size, label
RATE_MARKS = {
    q.alpha_lim_tangent_initial: ("D", 5.0, "(3.3), tangent features before training"),
    q.alpha_lim_tangent_trained: ("s", 4.5, "(3.3), tangent features of the best network"),
    q.alpha_h18_initial: ("v", 5.5, "(H.18), measured variance, before training"),
    q.alpha_h18_trained: ("^", 5.5, "(H.18), measured variance, best network"),
}
AT_END = {"progress": 1.0}  # where the training is done
SHARED, FIXED = "shared", "fixed"  # the rate at test: of training, or given
# Fig. 10, experiment: its panel's letter and title
REGRESSIONS = {
    "fig10a": ("a", "quadratic regression, 2 layers"),
    "fig10b": ("b", "sine regression, 3 layers"),
}
STRATEGIES = (FIXED, SHARED)  # the panels of Fig. 12, from the left


# ------------------------------------------------------------------ the figures


def shared_rates(
    sweeps: Mapping[str, pd.DataFrame],
    estimates: Mapping[str, pd.DataFrame],
    sections: Mapping[str, Mapping[str, Any]],
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 10: a panel for each of REGRESSIONS, trained and tested with the same rate.

    Args:
        sweeps: as for :func:`rate_curves`, by experiment.
        estimates: as for :func:`rate_curves`, by experiment.
        sections: of the configuration, by experiment; key iterations.

    Returns:
        The figure, and all that it shows: the columns of :func:`rate_curves`, whose panel is the
        letter.
    """
    figure, grid = panels(1, len(REGRESSIONS), height=3.1)
    shown = []
    for axes, (name, (panel, title)) in zip(grid[0], REGRESSIONS.items(), strict=True):
        drawn = rate_curves(axes, sweeps[name], estimates[name], SHARED)
        shown.append(drawn.assign(panel=panel))
        letter(axes, panel, f"{title}, {sections[name]['iterations']:,} iterations")
    legend_below(figure, grid[0, -1], columns=3)
    return figure, pd.concat(shown)


def two_strategies(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 12: a panel for each of STRATEGIES, of the same trained networks.

    Args:
        sweep: as for :func:`rate_curves`.
        estimates: as for :func:`rate_curves`.
        section: of the configuration; keys fixed_test_alpha and iterations.

    Returns:
        The figure, and all that it shows: the columns of :func:`rate_curves`.
    """
    titles = {
        FIXED: rf"fixed $\alpha_r = {section['fixed_test_alpha']:g}$",
        SHARED: r"shared, $\alpha_r = \alpha_t$",
    }
    figure, grid = panels(1, len(STRATEGIES), height=3.1)
    shown = []
    for axes, strategy in zip(grid[0], STRATEGIES, strict=True):
        shown.append(rate_curves(axes, sweep, estimates, strategy))
        axes.set_title(f"{titles[strategy]}, {section['iterations']:,} iterations", loc="left")
        axes.set_xlabel(r"training rate $\alpha_t$")
    legend_below(figure, grid[0, 0], columns=3)
    return figure, pd.concat(shown)


# ------------------------------------------------------------------- one panel


def rate_curves(
    axes: Axes, sweep: pd.DataFrame, estimates: pd.DataFrame, strategy: str
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
    iterations = sorted(mine.iteration.unique())
    top = 2.0 * measure(estimates, q.loss_at_0, strategy, AT_END).mean
    shown, last = _rate_losses(axes, mine, iterations)
    shown.append(_cross_beyond(axes, mine[mine.iteration == iterations[-1]], last, top))
    shown.append(_shade_range(axes, estimates))
    best = last.loc[last["mean"].idxmin()]
    # the marks stand in the lowest quarter, below the curves
    bottom = best["mean"] * (best["mean"] / top) ** (0.27 / (1 - 0.27))
    _rate_axes(axes, np.array(sorted(mine.alpha.unique())), bottom, top)
    marks = _mark_estimates(axes, estimates, strategy)
    shown.append(marks.assign(n=mine.seed.nunique()))
    axes.plot(best.alpha, best["mean"], **STAR, ls="none", zorder=6, label="best rate of the grid")
    row = {"series": "best rate", "alpha": best.alpha, "mean": best["mean"]}
    shown.append(pd.DataFrame([row]))
    columns = ["panel", "series", "iteration", "alpha", "mean", "low", "high", "n", "lost"]
    frame = pd.concat(shown).assign(panel=strategy).reset_index(drop=True)
    return frame.reindex(columns=columns)


def _cross_beyond(
    axes: Axes, losses: pd.DataFrame, curve: pd.DataFrame, top: float
) -> pd.DataFrame:
    """Crosses at the rates whose mean lies beyond the axis, or at which a network diverged.

    Args:
        axes: where.
        losses: of the last iteration; columns iteration, alpha, test_loss.
        curve: means over seeds where all are finite; columns alpha, mean.
        top: end of the axis.

    Returns:
        Columns alpha, n, lost (of n networks, those without a finite loss), mean.
    """
    of_rate = losses.groupby("alpha").test_loss
    lost = of_rate.agg(lambda values: (~np.isfinite(values)).sum())
    found = pd.DataFrame({"n": of_rate.size(), "lost": lost}).reset_index()
    found = found.merge(curve[["alpha", "mean"]], how="left")
    beyond = found[~(found["mean"] <= top)]
    axes.plot(
        beyond.alpha,
        np.full(len(beyond), 0.97),
        marker="x",
        ms=4,
        ls="none",
        color="0.25",
        transform=axes.get_xaxis_transform(),
        label="beyond the axis, or diverged",
    )
    return beyond.assign(series="beyond the axis", iteration=losses.iteration.iloc[0])


def _shade_range(axes: Axes, estimates: pd.DataFrame) -> pd.DataFrame:
    """The paper's range of rates, and its ends."""
    low, high = (measure(estimates, of, "ranges").mean for of in (q.range_low, q.range_high))
    axes.axvspan(low, high, color=COLOURS[3], alpha=0.16, lw=0, zorder=0)
    for end in (low, high):
        axes.axvline(end, color=COLOURS[3], lw=0.8, zorder=0)
    axes.plot([], [], color=COLOURS[3], alpha=0.4, lw=5, label="(H.18), (H.19): the paper's range")
    return pd.DataFrame([{"series": "range", "low": low, "high": high}])


def _mark_estimates(axes: Axes, estimates: pd.DataFrame, strategy: str) -> pd.DataFrame:
    """RATE_MARKS, geometric means over seeds; columns series, alpha, mean, low, high."""
    rows = []
    for j, (of, (marker, size, label)) in enumerate(RATE_MARKS.items()):
        value = measure(estimates, of, strategy, AT_END)
        height = 0.05 + 0.06 * j
        mark(axes, value, height, label, marker=marker, markersize=size, color="0.2")
        rows.append({"series": of.name, "alpha": value.mean} | value._asdict())
    return pd.DataFrame(rows)


def _rate_losses(
    axes: Axes, mine: pd.DataFrame, iterations: Sequence[int]
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


def _rate_axes(axes: Axes, alphas: Array, bottom: float, top: float) -> None:
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


# ------------------------------------------------- tables and closing paragraphs


def best_by_iteration(sweeps: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The best rate of the grid at every iteration evaluated, and the mean test loss there.

    Args:
        sweeps: columns iteration, seed, alpha, test_loss, by experiment.

    Returns:
        Columns experiment, iteration, alpha, test_loss, to four decimals.
    """
    found = []
    for name in REGRESSIONS:
        mean = sweeps[name].groupby(["iteration", "alpha"]).test_loss.mean().reset_index()
        best = mean.loc[mean.groupby("iteration").test_loss.idxmin()]
        found.append(best.assign(experiment=name))
    columns = ["experiment", "iteration", "alpha", "test_loss"]
    return pd.concat(found)[columns].round(4)


class RangeValues(NamedTuple):
    """What Fig. 10 shows of one experiment."""

    letter: str
    iterations: int
    meta_batch: int
    seeds: int
    best_rate: float  # the best of the grid, mean over seeds
    low: float  # the paper's range, N the tasks of a meta-batch
    high: float
    decades: float
    useless_share: float  # share of its rates that are no better than no inner step
    low_of_all: float  # the range, N all tasks of the training
    high_of_all: float
    in_unit_before: float  # share of the tangent features in [0, 1], before training
    in_unit_after: float
    limit_before: Interval  # (3.3) of the tangent features before training
    limit_after: Interval  # the same, of the best network
    h18_before: Interval  # (H.18) with the variance of those features
    h18_after: Interval
    diverged: int  # networks without a finite test loss at the end
    networks: int


def range_values(
    name: str, sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> RangeValues:
    """The numbers of the closing paragraph on one of REGRESSIONS, means over seeds.

    Args:
        name: of the experiment.
        sweep: columns iteration, test_loss.
        estimates: holds, of the panel shared, alpha_star, useless_share_of_range, share_in_unit_*
            and RATE_MARKS, and of the panel ranges, range_* and range_all_*.
        section: of the configuration; keys iterations (the last one counts), meta_batch, seeds.
    """

    def at_end(of: Quantity[Any]) -> Interval:
        return measure(estimates, of, SHARED, AT_END)

    def exact(of: Quantity[Any]) -> float:
        return measure(estimates, of, "ranges").mean

    last = sweep[sweep.iteration == section["iterations"]].test_loss
    return RangeValues(
        letter=REGRESSIONS[name][0],
        iterations=section["iterations"],
        meta_batch=section["meta_batch"],
        seeds=section["seeds"],
        best_rate=at_end(q.alpha_star).mean,
        low=exact(q.range_low),
        high=exact(q.range_high),
        decades=exact(q.range_decades),
        useless_share=at_end(q.useless_share_of_range).mean,
        low_of_all=exact(q.range_all_low),
        high_of_all=exact(q.range_all_high),
        in_unit_before=at_end(q.share_in_unit_initial).mean,
        in_unit_after=at_end(q.share_in_unit_trained).mean,
        limit_before=at_end(q.alpha_lim_tangent_initial),
        limit_after=at_end(q.alpha_lim_tangent_trained),
        h18_before=at_end(q.alpha_h18_initial),
        h18_after=at_end(q.alpha_h18_trained),
        diverged=int((~np.isfinite(last)).sum()),
        networks=len(last),
    )


class StrategyValues(NamedTuple):
    """What Fig. 12 shows of one strategy at the end of the training."""

    strategy: str
    best_rate: Interval  # the best of the grid
    lowest_loss: Interval
    fold_sd: float  # standard deviation between folds, mean over seeds at the rate nearest to best
    diverged: int  # networks without a finite test loss
    networks: int
    diverged_rates: list[float]  # at which there is one of them


def strategy_values(
    strategy: str, sweep: pd.DataFrame, estimates: pd.DataFrame, iterations: int
) -> StrategyValues:
    """The numbers of the closing paragraph on one of STRATEGIES.

    Args:
        strategy: which one.
        sweep: columns strategy, iteration, alpha, test_loss, fold_sd.
        estimates: holds alpha_star and loss_at_star of the panel `strategy`.
        iterations: of the training; the last one counts.
    """
    mine = sweep[(sweep.iteration == iterations) & (sweep.strategy == strategy)]
    star = measure(estimates, q.alpha_star, strategy, AT_END)
    folds = mine[np.isfinite(mine.fold_sd)].groupby("alpha").fold_sd.mean()
    lost = mine[~np.isfinite(mine.test_loss)]
    return StrategyValues(
        strategy=strategy,
        best_rate=star,
        lowest_loss=measure(estimates, q.loss_at_star, strategy, AT_END),
        fold_sd=folds.iloc[np.abs(folds.index - star.mean).argmin()],
        diverged=len(lost),
        networks=len(mine),
        diverged_rates=sorted(lost.alpha.unique()),
    )


class ComparedValues(NamedTuple):
    """How the strategies of Fig. 12 compare, and where the shared one diverges."""

    fixed_above_shared: Interval  # lowest loss of the fixed over that of the shared, less 1
    limit_before: float  # (3.3) of the tangent features before training
    first_diverged: float | None  # smallest positive shared rate at which a network diverged


def compared_values(
    sweep: pd.DataFrame, estimates: pd.DataFrame, iterations: int
) -> ComparedValues:
    """The numbers of the closing paragraph on both of STRATEGIES, paired by seed.

    Args:
        sweep: columns strategy, iteration, seed, alpha, test_loss.
        estimates: holds alpha_lim_tangent_initial of the panel shared.
        iterations: of the training; the last one counts.
    """
    last = sweep[sweep.iteration == iterations]
    lowest = last.groupby(["seed", "strategy"]).test_loss.min().unstack("strategy")
    shared = last[(last.strategy == SHARED) & (last.alpha > 0)]
    lost = shared.alpha[~np.isfinite(shared.test_loss)]
    return ComparedValues(
        fixed_above_shared=mean_interval((lowest[FIXED] / lowest[SHARED] - 1).to_numpy()),
        limit_before=measure(estimates, q.alpha_lim_tangent_initial, SHARED, AT_END).mean,
        first_diverged=lost.min() if len(lost) else None,
    )
