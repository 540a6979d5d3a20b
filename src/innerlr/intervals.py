"""Intervals for means over independent repetitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import as_array, same_length
from innerlr.errors import InnerlrError


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    mean: float
    low: float
    high: float


def _t(level: float, freedom: int) -> float:
    """Quantile of Student's t for a two-sided interval."""
    tail = _tail(level)
    from scipy import stats

    return float(stats.t.ppf(1 - tail, freedom))


def _tail(level: float) -> float:
    """Chance beyond each end of a two-sided interval."""
    if not 0 < level < 1:
        raise InnerlrError(f"level: expected a coverage between 0 and 1, got {level!r}.")
    return (1 - level) / 2


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean and Student-t interval over independent repetitions (seeds, trials).

    Args:
        values: (repetitions,).
        level: coverage.

    Returns:
        The interval; of a single repetition it is infinitely wide, since nothing is known.
    """
    x = as_array(values, "values", ("repetitions",))
    mean = float(x.mean())
    if len(x) == 1:
        return Interval(mean, -np.inf, np.inf)
    half = _t(level, len(x) - 1) * float(x.std(ddof=1)) / np.sqrt(len(x))
    return Interval(mean, mean - half, mean + half)


def geometric_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Geometric mean of positive values, with the Student-t interval of their logarithms.

    For losses of trained networks and for rates, whose spread is a matter of factors.

    Args:
        values: (repetitions,), positive.
        level: coverage.

    Raises:
        InnerlrError: a value at or below zero.
    """
    x = as_array(values, "values", ("repetitions",))
    if x.min() <= 0:
        raise InnerlrError(
            f"values: expected positive values for a geometric mean, got {x.min():g}. "
            "Use mean_interval."
        )
    with np.errstate(over="ignore"):
        return Interval(*(float(np.exp(end)) for end in mean_interval(np.log(x), level)))


def bootstrap_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """An estimate with the percentile interval of its bootstrap resamples.

    The ends are quantiles of the resamples, so that they lie where the estimate can lie: a
    positive estimate has no negative end. The interval is widened to hold the estimate itself.

    Args:
        values: (1 + resamples,); the first is the estimate on the data as they are.
        level: coverage.

    Returns:
        The interval. Below 2 / (1 - level) resamples (40 for 95%) the quantiles are beyond the
        outermost resamples, and the interval is infinitely wide.
    """
    x = as_array(values, "values", ("1 + resamples",))
    estimate, resampled = float(x[0]), x[1:]
    tail = _tail(level)
    if len(resampled) * tail < 1:
        return Interval(estimate, -np.inf, np.inf)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate))


def slope_interval(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Interval:
    """Least-squares slope of y on x with its Student-t interval.

    Args:
        x, y: (points,), at least three.
    """
    at, values = as_array(x, "x", ("points",)), as_array(y, "y", ("points",))
    same_length(at, values, ("x", "y"), 0, "points")
    if len(at) < 3:
        raise InnerlrError(f"x: expected three points at least for a slope, got {len(at)}.")
    from scipy import stats

    fit = stats.linregress(at, values)
    half = _t(level, len(at) - 2) * float(fit.stderr)
    return Interval(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def share_interval(hits: ArrayLike, level: float = 0.95) -> Interval:
    """The share of independent cases that are hits, with its exact (Clopper-Pearson) interval.

    Args:
        hits: (cases,), true or false.
        level: coverage.
    """
    h = as_array(hits, "hits", ("cases",)) > 0
    count = int(h.sum())
    from scipy import stats

    found = stats.binomtest(count, len(h)).proportion_ci(level)
    return Interval(count / len(h), float(found.low), float(found.high))
