"""What Fig. 4 measures of a curve of alpha_lim against the variance of the inputs.

The curves of the Gaussian basis are exact; those of tangent features are of one network each.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from innerlr.checks import Array
from replication.quantity import quantity


@quantity(unit="1", place="Fig. 4; Section 5.2", kind="mean over seeds", by=("law",))
def decreasing_share(limits: Array) -> float:
    """The share of the steps of the grid of variances at which alpha_lim falls."""
    return float(np.mean(np.diff(limits) < 0))


@quantity(unit="1", place="Fig. 4; Section 3.1", kind="mean over seeds", by=("law",))
def last_to_first(limits: Array) -> float:
    """alpha_lim at the largest variance over alpha_lim at the smallest."""
    return float(limits[-1] / limits[0])


def _inverse(variances: Array, limits: Array) -> float:
    """c that minimises sum (limits - c / variances)^2."""
    return float((limits / variances).sum() / (1 / variances**2).sum())


@quantity(unit="alpha", place="Fig. 4; Section 5.2", kind="mean over seeds", by=("law",))
def inverse_fit_c(variances: Array, limits: Array) -> float:
    """c of the least-squares fit c / sigma^2 to alpha_lim."""
    return _inverse(variances, limits)


@quantity(unit="1", place="Fig. 4; Section 5.2", kind="mean over seeds", by=("law",))
def inverse_fit_r2(variances: Array, limits: Array) -> float:
    """R^2 of the least-squares fit c / sigma^2: 1 less the sum of its squared residuals over the
    sum of squares around the mean. It is below 0 where a constant fits better."""
    residuals = limits - _inverse(variances, limits) / variances
    return float(1 - (residuals**2).sum() / ((limits - limits.mean()) ** 2).sum())


@quantity(unit="alpha", place="Fig. 4; ours", kind="mean over seeds", by=("law",))
def affine_fit_a(variances: Array, limits: Array) -> float:
    """a of the least-squares fit a + b / sigma^2 to alpha_lim."""
    return float(stats.linregress(1 / variances, limits).intercept)


@quantity(unit="alpha", place="Fig. 4; ours", kind="mean over seeds", by=("law",))
def affine_fit_b(variances: Array, limits: Array) -> float:
    """b of the least-squares fit a + b / sigma^2 to alpha_lim."""
    return float(stats.linregress(1 / variances, limits).slope)


@quantity(unit="1", place="Fig. 4; ours", kind="mean over seeds", by=("law",))
def affine_fit_r2(variances: Array, limits: Array) -> float:
    """R^2 of the least-squares fit a + b / sigma^2 to alpha_lim."""
    return float(stats.linregress(1 / variances, limits).rvalue ** 2)


@quantity(unit="1", place="Fig. 4 (b); ours", kind="mean over seeds", by=("law",), positive=True)
def closed_form_gap(limits: Array, closed: Array) -> float:
    """The largest relative distance of alpha_lim without biases from its closed form, of all
    variances."""
    return float(np.abs(limits / closed - 1).max())


@quantity(unit="alpha", place="Fig. 4", kind="mean over seeds", by=("law",))
def lowest_alpha_lim_of_law(limits: Array) -> float:
    """The lowest alpha_lim of the curve of one law."""
    return float(limits.min())


@quantity(unit="alpha", place="Fig. 4", kind="mean over seeds", by=("law",))
def highest_alpha_lim_of_law(limits: Array) -> float:
    """The highest alpha_lim of the curve of one law."""
    return float(limits.max())


@quantity(unit="alpha", place="Fig. 4, the axis", kind="mean over seeds")
def lowest_alpha_lim(limits: Array) -> float:
    """The lowest alpha_lim of the curves of all laws."""
    return float(limits.min())


@quantity(unit="alpha", place="Fig. 4, the axis", kind="mean over seeds")
def highest_alpha_lim(limits: Array) -> float:
    """The highest alpha_lim of the curves of all laws."""
    return float(limits.max())
