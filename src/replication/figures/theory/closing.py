"""The numbers of the notebook's closing paragraphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from innerlr.intervals import Interval
from replication.figures.theory import quantities as q
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.statements.deviations import FACTORS
from replication.measuring import measure
from replication.quantity import Quantity


class Closing(NamedTuple):
    """What differs from the paper, in numbers.

    Attributes:
        excluded_from, excluded_to: ends of the interval (B.13), over alpha_lim.
        far_order: power of alpha with which the error of the risk grows.
        growth: of Proposition 1's deviation from alpha_lim to largest_factor alpha_lim.
        largest_factor: the largest rate there, over alpha_lim.
        lower_violated, upper_violated: shares of random features beyond Corollary 1's bounds.
        negative_from: alpha / alpha_lim at which the gap of Theorem 2 closes.
        farther_at_lim: E|w_m|^2 at alpha_lim over that of ERM, less 1.
        bound_over_gap: largest ratio over d, with d^2 in the bound.
        gap_over_bound: least ratio over d, with d in the bound.
        shortest_slope: of the gap where tasks differ along the feature of least variance, over the
            isotropic one.
        power_of_variance: of sigma^2 in Example 1's alpha_lim, at the largest d and variance.
        power_of_moments: of m_4 / m_6 in Example 2's alpha_lim.
        scaled_falls, equal_falls: shares of draws in which the mean distance falls at alpha = 0
            (H.4.1), with features of new tasks twice as long and with equal ones.
        convex: share of draws in which it is convex there, of central data, at the last scale.
        convex_with: the same with other numbers of new tasks, by number.
        new_tasks, tasks: how many there are in H.4.1, new and others.
        limit_over_minimiser, estimate_over_minimiser: (3.3) and (H.15) in H.4.3.
        excess_loss: test loss at (3.3) over the lowest, less 1.
    """

    excluded_from: float
    excluded_to: float
    far_order: float
    growth: float
    largest_factor: int
    lower_violated: float
    upper_violated: float
    negative_from: float
    farther_at_lim: Interval
    bound_over_gap: float
    gap_over_bound: float
    shortest_slope: Interval
    power_of_variance: float
    power_of_moments: float
    scaled_falls: float
    equal_falls: float
    convex: float
    convex_with: dict[int, float]
    new_tasks: int
    tasks: int
    limit_over_minimiser: Interval
    estimate_over_minimiser: Interval
    excess_loss: float

    @property
    def convex_listed(self) -> str:
        """`convex_with` in words."""
        return ", ".join(f"{share:.0%} with {new}" for new, share in self.convex_with.items())


def closing(estimates: pd.DataFrame, section: Mapping[str, Any]) -> Closing:
    """The numbers of the closing paragraphs.

    Args:
        estimates: as the experiment makes them.
        section: of the configuration, as plain values.

    Raises:
        InnerlrError: a quantity that was not measured.
    """
    cfg = TheorySection.model_validate(section)
    path = cfg.path
    scale = path.feature_scales[-1]

    def value(panel: str, of: Quantity[Any], **at: float | str) -> Interval:
        return measure(estimates, of, panel, at)

    gap = value("e", q.gap_at_lim, grams="commuting")
    bound = {
        power: value("f", q.lowest_gap_over_bound, grams="commuting", power=power).mean
        for power in (1, 2)
    }
    return Closing(
        excluded_from=value("b", q.excluded_from).mean,
        excluded_to=value("b", q.excluded_to).mean,
        far_order=value("b", q.far_error_order).mean,
        growth=value("c", q.large_to_lim_deviation).mean,
        largest_factor=FACTORS[-1],
        lower_violated=value("d", q.printed_lower_violated).mean,
        upper_violated=value("d", q.printed_upper_violated).mean,
        negative_from=value("e", q.negative_from, grams="commuting").mean,
        farther_at_lim=Interval(-gap.mean, -gap.high, -gap.low),
        bound_over_gap=1 / bound[2],
        gap_over_bound=bound[1],
        shortest_slope=value("g", q.shortest_slope_at_most_stretched),
        power_of_variance=value("h", q.slope_at_large_variance, dim=max(cfg.example_dims)).mean,
        power_of_moments=value("i", q.power_of_moment_ratio).mean,
        scaled_falls=value("j", q.decreasing_share, law="uncentral", scale=2).mean,
        equal_falls=value("j", q.decreasing_share, law="uncentral", scale=1).mean,
        convex=value("j", q.convex_share, law="central", scale=scale).mean,
        convex_with={
            count: value("j", q.convex_share_of_count, law="central", count=count).mean
            for count in path.new_counts
        },
        new_tasks=path.new_tasks.count,
        tasks=path.tasks,
        limit_over_minimiser=value("k", q.ratio_lim_to_star),
        estimate_over_minimiser=value("k", q.ratio_est_to_star),
        excess_loss=value("k", q.excess_loss_at_lim).mean,
    )
