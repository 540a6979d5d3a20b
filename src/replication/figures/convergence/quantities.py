"""What Fig. 8 measures."""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from innerlr.intervals import bootstrap_interval, slope_interval
from replication.common_quantities import alpha_lim, alpha_star, alpha_star_risk
from replication.quantity import Estimated, quantity, with_interval

__all__ = [
    "alpha_lim",
    "alpha_star",
    "alpha_star_risk",
    "capped_trials",
    "error_last_to_first",
    "relative_error_at_last",
    "slope_error",
    "slope_error_risk",
    "spread_last_to_first",
]

# The slope of log error against log N is fitted from here on: at fewer tasks the basis features
# are heavy-tailed and the search cap binds.
SLOPE_FROM = 16
RESAMPLES = 1000
LEAST_SQUARES = "Student's t of a least-squares slope"
PERCENTILES = "percentiles of a bootstrap over trials"


@quantity(unit="1", place="Fig. 8; H.4.2", kind="mean over seeds", positive=True)
def relative_error_at_last(error: float, limit: float) -> float:
    """The distance between alpha_lim and alpha*(N) at the most tasks, over alpha_lim."""
    return error / limit


@quantity(unit="1", place="Fig. 8; H.4.2", kind="mean over seeds", positive=True)
def error_last_to_first(last: float, first: float) -> float:
    """The distance between alpha_lim and alpha*(N) at the most tasks, over that at the fewest."""
    return last / first


@quantity(unit="1", place="Fig. 8; H.4.2", kind="of all seeds", positive=True)
def spread_last_to_first(errors: Array, rng: np.random.Generator) -> Estimated:
    """The standard deviation of the error over trials at the most tasks, over that at the fewest.

    Args:
        errors: (trials, 2), at the fewest tasks and at the most.
        rng: draws the trials of the bootstrap.
    """
    again = rng.integers(len(errors), size=(RESAMPLES, len(errors)))
    first, last = np.concatenate([errors[None], errors[again]]).std(axis=1, ddof=1).T
    # trials that all end at the search cap have no spread to shrink
    ratios = np.divide(last, first, out=np.full(len(last), np.inf), where=first > 0)
    if not np.isfinite(ratios).all():
        return Estimated(ratios[0], 0, np.inf, PERCENTILES)
    return with_interval(bootstrap_interval(ratios), PERCENTILES)


@quantity(unit="trials", place="Fig. 8", kind="exact")
def capped_trials(capped: Array) -> float:
    """The number of trials, at any N, whose minimum lies beyond the search cap."""
    return float(np.sum(capped))


@quantity(unit="1", place="Theorem 1; Fig. 8", kind="slope")
def slope_error(tasks: Array, mean_error: Array) -> Estimated:
    """The power of N in the mean error of the minimiser of the training loss, from N = 16 on."""
    return with_interval(slope_interval(np.log(tasks), np.log(mean_error)), LEAST_SQUARES)


@quantity(unit="1", place="Theorem 1; Fig. 8", kind="slope")
def slope_error_risk(tasks: Array, mean_error: Array) -> Estimated:
    """The power of N in the mean error of the minimiser of the population risk, from N = 16 on."""
    return with_interval(slope_interval(np.log(tasks), np.log(mean_error)), LEAST_SQUARES)
