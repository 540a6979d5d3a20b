"""What Fig. 11 measures; rates with the suffix _b are Bernacchia's, twice ours.

The panels are the strategies, shared and fixed, and both where one is held against the other.
"""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from innerlr.intervals import bootstrap_interval
from replication.quantity import Estimated, quantity, recorded

alpha_lim = recorded(
    "alpha_lim",
    "The limit of the optimal rate for normal inputs, support and query apart, from the law.",
    unit="alpha",
    place="(H.1)",
    kind="exact",
    estimator="alpha_lim of normal inputs, support and query apart, exact (H.1)",
)


@quantity(unit="alpha of Bernacchia", place="(H.1); Fig. 11", kind="exact")
def alpha_lim_b(limit: float) -> float:
    """alpha_lim in Bernacchia's convention, whose loss has the factor 1/2: twice ours."""
    return 2 * limit


@quantity(unit="alpha of Bernacchia", place="Fig. 11, second row", kind="exact")
def best_rate_b_theory(rates: Array, risks: Array) -> float:
    """The training rate with the lowest risk by an expansion to leading order in 1/m, which takes
    the place of Bernacchia's closed form."""
    return float(rates[risks.argmin()])


@quantity(unit="alpha of Bernacchia", place="Fig. 11, first row", kind="mean over seeds")
def best_rate_b(rates: Array, risks: Array) -> float:
    """The training rate of the grid with the lowest test risk of one meta-training set."""
    return float(rates[risks.argmin()])


@quantity(unit="alpha of Bernacchia", place="Fig. 11, first row", kind="grid minimiser")
def best_rate_b_of_mean(rates: Array, risks: Array, resamples: Array) -> Estimated:
    """The training rate of the grid with the lowest mean test risk of all meta-training sets.
    Its interval holds 95% of resampled sets and is a step of the grid wider on each side, since the
    minimum lies between the neighbours of the grid's lowest point."""
    # risks: (sets, rates); resamples: (resamples, sets), the weight of each set in each
    curves = np.vstack([risks.mean(0), resamples @ risks])
    found = bootstrap_interval(rates[curves.argmin(1)])
    step = rates[1] - rates[0]
    method = "percentiles of resampled sets, and a step of the grid on each side"
    return Estimated(found.mean, found.low - step, found.high + step, method)


@quantity(unit="squared error", place="Fig. 11, first row", kind="mean over seeds", positive=True)
def lowest_risk(risks: Array) -> float:
    """The lowest test risk of one meta-training set, of all training rates of the grid."""
    return float(risks.min())


@quantity(unit="1", place="Fig. 11, second row", kind="mean over seeds", positive=True)
def regret_at_lim(rates: Array, risks: Array, limit: float) -> float:
    """The test risk of one meta-training set at alpha_lim, interpolated between the rates of the
    grid, over its lowest, less 1."""
    return float(np.interp(limit, rates, risks) / risks.min() - 1)


@quantity(unit="1", place="Fig. 11, first row; H.5", kind="mean over seeds")
def fixed_over_shared(fixed: float, shared: float) -> float:
    """The lowest test risk of one meta-training set with the fixed test rate of the figure over
    its lowest with a shared rate, less 1."""
    return fixed / shared - 1


@quantity(unit="1", place="H.5; ours", kind="mean over seeds", by=("fixed_test_alpha",))
def fixed_over_shared_at_rate(fixed: float, shared: float) -> float:
    """As fixed_over_shared, with each rate that is fixed at test time, in Bernacchia's
    convention; the figure's own is among them."""
    return fixed / shared - 1


@quantity(unit="1", place="H.5; Fig. 11, first row", kind="mean over seeds", positive=True)
def spread_over_test_rates(lowest: Array) -> float:
    """The lowest test risk of one meta-training set with the worst of the rates that are fixed
    over its lowest with the best of them, less 1; each has its own best training rate."""
    return float(lowest.max() / lowest.min() - 1)
