"""What is measured of each statement, by the panel that shows it; `grams` is one of KINDS."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array
from innerlr.intervals import share_interval, slope_interval
from replication.quantity import Estimated, quantity, recorded, with_interval

# relative to rounding: what exceeds a bound by less does not violate it
SLACK = 1 + 1e-12
# methods of intervals
OF_SLOPE = "Student-t of a least-squares slope"
OF_SHARE = "Clopper and Pearson's of a share"

# ------------------------------------------------------------------ (a) Theorem 1, Corollary 2


@quantity(unit="1", place="Theorem 1; Corollary 2", kind="slope", by=("grams",))
def error_slope(tasks: Array, errors: Array) -> Estimated:
    """The slope of the logarithm of |alpha*(N) / alpha_lim - 1|, mean over groups, on log N."""
    return _power(tasks, errors)


@quantity(
    unit="1",
    place="Theorem 1; Corollary 2",
    kind="mean over seeds",
    by=("grams",),
    positive=True,
)
def relative_error_at_last(tasks: Array, errors: Array) -> float:
    """|alpha*(N) / alpha_lim - 1| at the largest N."""
    return float(errors[tasks.argmax()])


@quantity(unit="1", place="Theorem 1; Section 3.1", kind="worst case", by=("grams",))
def most_minima(minima: Array) -> float:
    """The largest number of local minima that the average risk has, over the numbers of tasks."""
    return float(minima.max())


# ------------------------------------------------------------------ (b) the proof of Theorem 1


@quantity(unit="1", place="Appendix B, (B.13)", kind="exact")
def excluded_from(first: float, limit: float) -> float:
    """The first end of the interval of rates that (B.13) excludes, over alpha_lim."""
    return first / limit


@quantity(unit="1", place="Appendix B, (B.13)", kind="exact")
def excluded_to(last: float, limit: float) -> float:
    """The last end of the interval of rates that (B.13) excludes, over alpha_lim."""
    return last / limit


@quantity(unit="1", place="Appendix B, steps 4 and 6", kind="exact")
def outside_excluded(first: float, last: float, limit: float) -> float:
    """1 if alpha_lim lies outside the interval that (B.13) excludes, 0 if in it."""
    return float(not first <= limit <= last)


@quantity(unit="1", place="Appendix B, (B.17)", kind="mean over seeds")
def compact_error_order(tasks: tuple[int, int], worst: tuple[float, float]) -> float:
    """The power of N with which the largest error of the average risk up to 3 alpha_lim goes, from
    the least to the most tasks; `worst` is N times that error."""
    return float(np.log(worst[1] / worst[0]) / np.log(tasks[1] / tasks[0]) - 1)


@quantity(unit="1", place="Appendix B, (B.18)", kind="mean over seeds")
def far_error_order(near: float, far: float, factor: float) -> float:
    """The power of alpha with which the error of the average risk grows far beyond alpha_lim: from
    a rate to `factor` times that rate."""
    return float(np.log(far / near) / np.log(factor))


# ------------------------------------------------------------------ (c) Proposition 1


@quantity(unit="1", place="Proposition 1", kind="slope", by=("alpha_over_lim",))
def deviation_slope(tasks: Array, deviations: Array) -> Estimated:
    """The slope on log N of the logarithm of the difference that Proposition 1 bounds: its 95%
    quantile, mean over groups."""
    return _power(tasks, deviations)


@quantity(unit="1", place="Proposition 1; Section 3.1", kind="mean over seeds", positive=True)
def large_to_lim_deviation(at_large: float, at_lim: float) -> float:
    """The difference that Proposition 1 bounds at the largest rate, over the one at alpha_lim."""
    return at_large / at_lim


epsilon_at_0 = recorded(
    "epsilon_at_0",
    "epsilon(0, K) of Proposition 1.",
    unit="1",
    place="Proposition 1, (C.1)",
    kind="exact",
)


@quantity(unit="1", place="Proposition 1; Section 3.1", kind="exact")
def epsilon_order(near: float, far: float) -> float:
    """The power of alpha with which epsilon goes far beyond alpha_lim; the rates are a factor of
    ten apart."""
    return float(np.log10(far / near))


@quantity(unit="1", place="Proposition 1, (C.1)", kind="exact")
def lim_over_first_end(limit: float, first: float) -> float:
    """alpha_lim over the first end of the interval that (C.1) excludes."""
    return limit / first


# ------------------------------------------------------------------ (d) Corollary 1


@quantity(unit="1", place="Corollary 1, (3.5)", kind="share")
def printed_lower_violated(limits: Array, lower: Array) -> Estimated:
    """The share of random sets of tasks whose alpha_lim is below the printed lower bound."""
    return _share(limits * SLACK < lower)


@quantity(unit="1", place="Corollary 1, (3.5)", kind="share", by=("dim", "spread"))
def printed_lower_violated_by_dim(limits: Array, lower: Array) -> Estimated:
    """The share of random sets of tasks, of one d and one spread of the tasks' scales, whose
    alpha_lim is below the printed lower bound."""
    return _share(limits < lower)


@quantity(unit="1", place="Corollary 1, (3.5)", kind="share")
def printed_upper_violated(limits: Array, upper: Array) -> Estimated:
    """The share of random sets of tasks whose alpha_lim is above the printed upper bound."""
    return _share(limits > upper * SLACK)


@quantity(unit="1", place="Corollary 1", kind="share")
def corrected_violated(limits: Array, lower: Array, upper: Array) -> Estimated:
    """The share of random sets of tasks whose alpha_lim is beyond a bound in its right form."""
    return _share((limits * SLACK < lower) | (limits > upper * SLACK))


# ------------------------------------------------------------------ (e) Theorem 2: the gap

largest_constant = recorded(
    "largest_constant",
    "The largest constant that Theorem 2 admits.",
    unit="1",
    place="Theorem 2, (G.42)",
    kind="exact",
)
interval_end = recorded(
    "interval_end",
    "The right end of the interval of rates that (G.42) admits.",
    unit="alpha",
    place="Theorem 2, (G.42)",
    kind="exact",
)


@quantity(unit="1", place="Theorem 2, (G.42)", kind="exact")
def interval_over_lim(end: float, limit: float) -> float:
    """The right end of the interval that (G.42) admits, over alpha_lim."""
    return end / limit


@quantity(unit="1", place="Theorem 2, (G.42)", kind="exact")
def interval_scaling(end: float, longer: float) -> float:
    """Four times the right end that (G.42) admits for features twice as long, over the right end
    for the features themselves; 1 if it scales as alpha_lim does."""
    return longer / end * 4


@quantity(unit="1", place="Theorem 2", kind="mean over seeds", by=("grams",))
def gap_in_interval(of_erm: Array, of_maml: Array) -> float:
    """By how much closer to fresh optima MAML starts than ERM at the right end of the interval of
    (G.42): E|w_r|^2 - E|w_m|^2 over E|w_r|^2, the expectations over sets of tasks."""
    return float((of_erm - of_maml).mean() / of_erm.mean())


@quantity(unit="1", place="Theorem 2; Section 3.2", kind="mean over seeds", by=("grams",))
def gap_at_lim(alphas_over_lim: Array, gaps: Array) -> float:
    """The same gap at alpha_lim, linear between the rates of the curve."""
    return float(np.interp(1.0, alphas_over_lim, gaps))


@quantity(unit="1", place="Theorem 2; Section 3.2", kind="mean over seeds", by=("grams",))
def negative_from(alphas_over_lim: Array, gaps: Array) -> float:
    """The first positive alpha / alpha_lim of the curve at which the gap is negative; infinite if
    it never is."""
    return float(alphas_over_lim[(gaps < 0) & (alphas_over_lim > 0)].min(initial=np.inf))


# ------------------------------------------------------------------ (f) Theorem 2: the bound


@quantity(unit="1", place="Theorem 2, (3.8)", kind="mean over seeds", by=("grams", "power"))
def lowest_gap_over_bound(ratios: Array) -> float:
    """The least ratio over d of the gap and its bound (3.8), with this power of d in the bound."""
    return float(ratios.min())


# ------------------------------------------------------------------ (g) Theorem 2: isotropic tasks


@quantity(unit="1", place="Theorem 2", kind="mean over seeds")
def shortest_slope_at_most_stretched(stretches: Array, slopes: Array) -> float:
    """The slope of the gap at alpha = 0 where tasks differ along the feature of least variance,
    over the isotropic slope, at the largest ratio of variances."""
    return float(slopes[stretches.argmax()])


@quantity(unit="1", place="Theorem 2", kind="mean over seeds")
def longest_slope_at_most_stretched(stretches: Array, slopes: Array) -> float:
    """The slope of the gap at alpha = 0 where tasks differ along the feature of largest variance,
    over the isotropic slope, at the largest ratio of variances."""
    return float(slopes[stretches.argmax()])


@quantity(unit="1", place="Theorem 2", kind="mean over seeds")
def isotropic_slope_lowest(slopes: Array) -> float:
    """The least slope of the gap at alpha = 0 with isotropic task optima, over the ratios of
    variances."""
    return float(slopes.min())


# ------------------------------------------------------------------ (h) Example 1


@quantity(unit="1", place="Example 1", kind="exact", by=("dim",))
def decreasing_in_variance_share(variances: Array, limits: Array) -> float:
    """The share of the steps of the inputs' variance at which alpha_lim falls."""
    return float(np.mean(_slopes(variances, limits) < 0))


@quantity(unit="1", place="Example 1", kind="exact", by=("dim",))
def slope_at_large_variance(variances: Array, limits: Array) -> float:
    """The power of the inputs' variance that alpha_lim goes with at the largest one."""
    return float(_slopes(variances, limits)[-1])


@quantity(unit="1", place="Example 1", kind="exact", by=("dim",))
def slope_at_small_variance(variances: Array, limits: Array) -> float:
    """The power of the inputs' variance that alpha_lim goes with at the smallest one."""
    return float(_slopes(variances, limits)[0])


@quantity(unit="alpha", place="Example 1", kind="exact", by=("dim",))
def limit_at_small_variance(variances: Array, limits: Array) -> float:
    """alpha_lim at the smallest variance of the inputs."""
    return float(limits[variances.argmin()])


@quantity(unit="1", place="Example 1", kind="exact")
def decreasing_in_dim_share(limits: Array) -> float:
    """The share of the steps of d, over all variances, at which alpha_lim falls; a row for each
    variance, a column for each d in rising order."""
    return float(np.mean(np.diff(limits, axis=1) < 0))


# ------------------------------------------------------------------ (i) Example 2


@quantity(unit="1", place="Example 2", kind="exact", by=("formula", "law"))
def printed_over_lim_growth(dims: Array, ratios: Array) -> float:
    """The power of d with which the printed alpha_lim over the right one goes, at the last two
    d."""
    return float(np.log(ratios[-1] / ratios[-2]) / np.log(dims[-1] / dims[-2]))


@quantity(unit="1", place="Example 2", kind="exact", by=("formula", "law"))
def printed_over_lim_at_first(ratios: Array) -> float:
    """The printed alpha_lim over the right one at the smallest d."""
    return float(ratios[0])


@quantity(unit="1", place="Example 2", kind="exact", by=("formula", "law"))
def printed_over_lim_at_last(ratios: Array) -> float:
    """The printed alpha_lim over the right one at the largest d."""
    return float(ratios[-1])


@quantity(unit="1", place="Example 2", kind="exact")
def power_of_moment_ratio(ratios: Array, limits: Array) -> float:
    """The power of m_4 / m_6 that alpha_lim goes with, over laws of one variance."""
    return float(np.polyfit(np.log(ratios), np.log(limits), 1)[0])


# ------------------------------------------------------------------ (j) H.4.1: near alpha = 0


@quantity(unit="1", place="H.4.1", kind="share", by=("law", "scale"))
def decreasing_share(slopes: Array) -> Estimated:
    """The share of draws in which the mean distance to all optima falls at alpha = 0, by the law
    of the features and the scale of the new tasks' features."""
    return _share(slopes < 0)


@quantity(unit="1", place="H.4.1", kind="share", by=("law", "scale"))
def convex_share(curvatures: Array) -> Estimated:
    """The share of draws in which the mean distance to all optima is convex at alpha = 0, by the
    law of the features and the scale of the new tasks' features."""
    return _share(curvatures > 0)


@quantity(unit="1", place="H.4.1", kind="share", by=("law", "count"))
def decreasing_share_of_count(slopes: Array) -> Estimated:
    """The share of draws in which the mean distance falls at alpha = 0, by the number of new
    tasks, at the last scale of their features."""
    return _share(slopes < 0)


@quantity(unit="1", place="H.4.1", kind="share", by=("law", "count"))
def convex_share_of_count(curvatures: Array) -> Estimated:
    """The share of draws in which the mean distance is convex at alpha = 0, by the number of new
    tasks, at the last scale of their features."""
    return _share(curvatures > 0)


# ------------------------------------------------------------------ (k) H.4.3: N K < d


@quantity(unit="1", place="H.4.3", kind="exact")
def samples_over_dim(tasks: int, shots: int, dim: float) -> float:
    """N K / d."""
    return tasks * shots / dim


@quantity(unit="1", place="H.4.3; (3.3)", kind="mean over seeds", positive=True)
def ratio_lim_to_star(limit: float, star: float) -> float:
    """alpha_lim (3.3) over the minimiser of the test loss."""
    return limit / star


@quantity(unit="1", place="H.4.3; (H.15)", kind="mean over seeds", positive=True)
def ratio_est_to_star(estimate: float, star: float) -> float:
    """alpha_est (H.15) over the minimiser of the test loss."""
    return estimate / star


@quantity(unit="1", place="H.4.3; (3.3)", kind="mean over seeds", positive=True)
def excess_loss_at_lim(at_limit: float, lowest: float) -> float:
    """The test loss at alpha_lim (3.3) over the lowest one, less 1."""
    return at_limit / lowest - 1


@quantity(unit="1", place="H.4.3; (H.15)", kind="mean over seeds", positive=True)
def excess_loss_at_est(at_estimate: float, lowest: float) -> float:
    """The test loss at alpha_est (H.15) over the lowest one, less 1."""
    return at_estimate / lowest - 1


# ------------------------------------------------------------------ (l) lemmas, propositions


@quantity(
    unit="1",
    place="Lemmas 1, 2, 4; Propositions 2, 3, 6; (D.4); (G.22)",
    kind="share",
    by=("statement", "form"),
)
def violated_share(hits: ArrayLike) -> Estimated:
    """The share of random cases that violate a statement, as stated or with a premise changed."""
    return _share(hits)


@quantity(unit="1", place="Lemma 3", kind="exact", by=("components",))
def tail_constant_power(sizes: Array, constants: Array) -> float:
    """The power of the number of components with which the largest constant of Lemma 3 goes, at
    the last two numbers."""
    return float(np.log(constants[-1] / constants[-2]) / np.log(sizes[-1] / sizes[-2]))


@quantity(unit="1", place="Lemma 3", kind="exact", by=("components",))
def tail_constant_at_last(constants: Array) -> float:
    """The largest constant of Lemma 3 at the largest number of components."""
    return float(constants[-1])


prop_5_order = recorded(
    "prop_5_order",
    "The order in alpha of what the derivative (F.6) of w_m at 0 leaves of it, of a random case; 2 "
    "if the derivative is right.",
    unit="1",
    place="Proposition 5",
    kind="mean over seeds",
)

# ------------------------------------------------------------------ what several of them share


def _power(tasks: Array, values: Array) -> Estimated:
    return with_interval(slope_interval(np.log(tasks), np.log(values)), OF_SLOPE)


def _share(hits: ArrayLike) -> Estimated:
    return with_interval(share_interval(hits), OF_SHARE)


def _slopes(variances: Array, limits: Array) -> Array:
    return np.asarray(np.diff(np.log(limits)) / np.diff(np.log(variances)))
