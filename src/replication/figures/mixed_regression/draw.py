"""Drawing of Fig. 11: shared and fixed adaptation rates in mixed linear regression.

Rates are in Bernacchia's convention, twice ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.checks import Array
from innerlr.intervals import Interval, mean_interval
from replication import drawing
from replication.judging.claims import measure

# strategy: colour, line
STRATEGIES = {"shared": (drawing.COLOURS[0], "-"), "fixed": (drawing.COLOURS[1], "--")}
# suggested rate, the strategy it is for, label, colour, size: the first two nearly coincide
SUGGESTED = {
    "theory_shared": ("shared", "theory, shared", drawing.COLOURS[6], 8),
    "alpha_lim": ("shared", r"$\alpha_{\lim}$ (ours)", drawing.COLOURS[3], 4),
    "theory_fixed": ("fixed", r"theory, fixed $\alpha_r$", drawing.COLOURS[2], 6),
}


def draw(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 11: the risk of each strategy, and below it both with the rates that are suggested.

    Args:
        sweep: columns strategy, trial, rate_b, test_risk.
        estimates: columns panel, seed, quantity, value; holds alpha_lim_b and best_rate_b_theory.
        section: of the configuration; key fixed_test_alpha.

    Returns:
        The figure, and all that it shows: columns panel, series (a strategy or a suggested rate),
        rate_b, mean, low, high, n; of the paired panel, means are differences in percent.
    """
    risks, rates = risks_by_strategy(sweep), suggested_rates(estimates)
    paired = paired_differences(risks, rates["alpha_lim"])
    labels = {
        "shared": r"shared, $\alpha_r = \alpha_t$",
        "fixed": rf"fixed $\alpha_r = {section['fixed_test_alpha']:g}$",
    }
    figure, grid = drawing.panels(2, 2, height=2.7)
    both, difference = grid[1]
    shown = []
    for axes, strategy in zip(grid[0], STRATEGIES, strict=True):
        drawn = _curve(axes, risks[strategy], strategy, labels[strategy])
        shown.append(drawn.assign(panel=f"first row, {strategy}"))
        axes.set_title(labels[strategy], loc="left")
    second_row = ((both, risks, "second row, risk"), (difference, paired, "second row, paired"))
    for strategy in STRATEGIES:
        for axes, tables, panel in second_row:
            drawn = _curve(axes, tables[strategy], strategy, labels[strategy])
            shown.append(drawn.assign(panel=panel))
    for axes, tables, panel in second_row:
        shown.append(_suggestions(axes, tables, rates).assign(panel=panel))
    _format_both(both, risks)
    _format_difference(difference, paired, rates)
    for axes in grid.flat:
        _format_rates(axes)
        axes.set_ylabel("test risk")
    difference.set_ylabel("difference in test risk (%)")
    drawing.legend_below(figure, both, columns=5)
    columns = ["panel", "series", "rate_b", "mean", "low", "high", "n"]
    return figure, pd.concat(shown)[columns]


def risks_by_strategy(sweep: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of each strategy the test risks, (trials, rates)."""
    return {
        str(strategy): curves.pivot(index="trial", columns="rate_b", values="test_risk")
        for strategy, curves in sweep.groupby("strategy")
    }


def suggested_rates(estimates: pd.DataFrame) -> dict[str, float]:
    """The rates of SUGGESTED."""
    theory = {
        f"theory_{strategy}": measure(estimates, strategy, "best_rate_b_theory").mean
        for strategy in STRATEGIES
    }
    return theory | {"alpha_lim": measure(estimates, "both", "alpha_lim_b").mean}


def risks_at(risks: pd.DataFrame, rate: float) -> Array:
    """Each trial's risk at one rate, between the points of the grid: (trials,)."""
    grid = risks.columns.to_numpy()
    return np.array([np.interp(rate, grid, row) for row in risks.to_numpy()])


def paired_differences(risks: Mapping[str, pd.DataFrame], limit: float) -> dict[str, pd.DataFrame]:
    """Risks in percent above the shared one of the same training set at alpha_lim.

    The set's luck drops out.
    """
    reference = risks_at(risks["shared"], limit)
    return {name: 100 * table.div(reference, axis=0) - 100 for name, table in risks.items()}


def _curve(axes: Axes, table: pd.DataFrame, strategy: str, label: str) -> pd.DataFrame:
    """A strategy's mean over trials with its interval; columns series, rate_b, mean, ..., n."""
    colour, style = STRATEGIES[strategy]
    means = pd.DataFrame([mean_interval(table[rate]) for rate in table.columns])
    curve = means.assign(rate_b=table.columns, n=len(table), series=strategy)
    drawing.band(axes, curve.rate_b, curve, label=label, colour=colour, linestyle=style)
    return curve


def _suggestions(
    axes: Axes, tables: Mapping[str, pd.DataFrame], rates: Mapping[str, float]
) -> pd.DataFrame:
    """The suggested rates, each on the curve of its strategy; columns as of :func:`_curve`."""
    shown = []
    for series, (strategy, label, colour, size) in SUGGESTED.items():
        value = mean_interval(risks_at(tables[strategy], rates[series]))
        axes.errorbar(
            rates[series],
            value.mean,
            [[value.mean - value.low], [value.high - value.mean]],
            fmt="D",
            color=colour,
            markersize=size,
            markeredgecolor="0.15",
            markeredgewidth=0.5,
            ecolor="0.15",
            label=label,
            zorder=5,
        )
        row = {"series": series, "rate_b": rates[series], "n": len(tables[strategy])}
        shown.append(row | value._asdict())
    return pd.DataFrame(shown)


def _format_both(axes: Axes, risks: Mapping[str, pd.DataFrame]) -> None:
    """As high as the fixed strategy's curve: the shared one leaves, and is whole above."""
    axes.set_title("Both strategies", loc="left")
    lowest, highest = risks["shared"].mean().min(), risks["fixed"].mean().max()
    room = 0.06 * (highest - lowest)
    axes.set_ylim(lowest - room, highest + room)


def _format_difference(
    axes: Axes, paired: Mapping[str, pd.DataFrame], rates: Mapping[str, float]
) -> None:
    """Around the suggested rates, as high as the fixed strategy's curve there."""
    axes.set_title(r"Paired with the shared risk at $\alpha_{\lim}$", loc="left")
    low, high = min(rates.values()) - 0.17, max(rates.values()) + 0.17
    mean = paired["fixed"].mean()
    highest = mean[(mean.index > low) & (mean.index < high)].max()
    axes.set_xlim(low, high)
    axes.set_ylim(-0.2 * highest, 1.2 * highest)
    axes.axhline(0, color="0.5", linewidth=0.6, zorder=0)


def _format_rates(axes: Axes) -> None:
    """Rates in Bernacchia's convention below, in ours above."""
    axes.set_xlabel(r"training rate $\alpha_t$ (Bernacchia)")
    convert = (lambda theirs: np.asarray(theirs) / 2, lambda ours: 2 * np.asarray(ours))
    ours = axes.secondary_xaxis("top", functions=convert)
    ours.set_xlabel("in our convention")


class Findings(NamedTuple):
    """What the words below Fig. 11 report; rates are Bernacchia's, intervals over sets.

    Attributes:
        sets: meta-training sets.
        limit, limit_ours: alpha_lim, and in our convention.
        regret: of training and testing at alpha_lim, over the best shared rate of each set.
        shared_best: that rate.
        theory_fixed: the rate suggested for the fixed strategy.
        gap: risk of the fixed strategy there above the shared one at alpha_lim, in percent.
        fixed_over_shared: lowest risk of the fixed strategy over the lowest shared one, less 1.
        fixed_is_better: share of the sets on which that is below zero.
        test_rate: the one that is fixed.
        other_rates: fixed_over_shared with each rate that is fixed, this one among them.
        spread: lowest risk with the worst of these rates above that with the best, as a share.
        fixed_best_of_mean: the minimiser of the fixed strategy's mean curve.
        fixed_best, fixed_best_median: mean and median of its minimisers set by set.
        fixed_best_positive: share of these that are positive.
    """

    sets: int
    limit: float
    limit_ours: float
    regret: Interval
    shared_best: Interval
    theory_fixed: float
    gap: Interval
    fixed_over_shared: Interval
    fixed_is_better: float
    test_rate: float
    other_rates: str
    spread: Interval
    fixed_best_of_mean: Interval
    fixed_best: Interval
    fixed_best_median: float
    fixed_best_positive: float


def findings(sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]) -> Findings:
    """What the words below Fig. 11 report.

    Args:
        sweep, estimates: as for :func:`draw`.
        section: keys fixed_test_alpha, other_test_alphas.
    """
    risks, rates = risks_by_strategy(sweep), suggested_rates(estimates)
    paired = paired_differences(risks, rates["alpha_lim"])
    test_rate = section["fixed_test_alpha"]
    others = {
        rate: measure(estimates, "both", f"fixed_over_shared_at_{rate:g}").mean
        for rate in sorted({test_rate, *section["other_test_alphas"]})
    }
    over_shared = _of_sets(estimates, "both", "fixed_over_shared")
    minimisers = _of_sets(estimates, "fixed", "best_rate_b")
    return Findings(
        sets=len(risks["shared"]),
        limit=rates["alpha_lim"],
        limit_ours=rates["alpha_lim"] / 2,
        regret=measure(estimates, "shared", "regret_at_lim"),
        shared_best=measure(estimates, "shared", "best_rate_b"),
        theory_fixed=rates["theory_fixed"],
        gap=mean_interval(risks_at(paired["fixed"], rates["theory_fixed"])),
        fixed_over_shared=measure(estimates, "both", "fixed_over_shared"),
        fixed_is_better=(over_shared < 0).mean(),
        test_rate=test_rate,
        other_rates="; ".join(f"{rate:g}: {excess:+.2%}" for rate, excess in others.items()),
        spread=measure(estimates, "both", "spread_over_test_rates"),
        fixed_best_of_mean=measure(estimates, "fixed", "best_rate_b_of_mean"),
        fixed_best=mean_interval(minimisers),
        fixed_best_median=minimisers.median(),
        fixed_best_positive=(minimisers > 0).mean(),
    )


def _of_sets(estimates: pd.DataFrame, panel: str, quantity: str) -> pd.Series:
    """A quantity of each meta-training set."""
    return estimates[(estimates.panel == panel) & (estimates.quantity == quantity)].value
