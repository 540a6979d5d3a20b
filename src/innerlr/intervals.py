"""Intervals for means over independent repetitions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from innerlr.errors import InnerlrError, as_array


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Any, level: float = 0.95) -> Interval:
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
    half = float(stats.t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(mean, mean - half, mean + half)


def geometric_interval(values: Any, level: float = 0.95) -> Interval:
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


def bootstrap_interval(values: Any, level: float = 0.95) -> Interval:
    """An estimate with its bootstrap interval: Student-t with the spread of the resamples.

    Args:
        values: (1 + resamples,); the first is the estimate on the data as they are.
        level: coverage.

    Returns:
        The interval; infinitely wide below two resamples, since their spread is unknown.
    """
    estimate, resampled = float(np.asarray(values)[0]), np.asarray(values)[1:]
    if len(resampled) < 2:
        return Interval(estimate, -np.inf, np.inf)
    half = float(stats.t.ppf((1 + level) / 2, len(resampled) - 1) * resampled.std(ddof=1))
    return Interval(estimate, estimate - half, estimate + half)


def slope_interval(x: Any, y: Any, level: float = 0.95) -> Interval:
    """Least-squares slope of y on x with its Student-t interval.

    Args:
        x, y: (points,), at least three.
    """
    fit = stats.linregress(as_array(x, "x", ("points",)), as_array(y, "y", ("points",)))
    half = float(stats.t.ppf((1 + level) / 2, len(x) - 2) * fit.stderr)
    return Interval(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def share_interval(hits: Any, level: float = 0.95) -> Interval:
    """The share of independent cases that are hits, with its exact (Clopper-Pearson) interval.

    Args:
        hits: (cases,), true or false.
        level: coverage.
    """
    h = as_array(hits, "hits", ("cases",)) > 0
    count = int(h.sum())
    found = stats.binomtest(count, len(h)).proportion_ci(level)
    return Interval(count / len(h), float(found.low), float(found.high))
