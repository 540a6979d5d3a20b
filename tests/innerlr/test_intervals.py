"""Confidence intervals: worked by hand, by scipy's own intervals, and by how often they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from innerlr.errors import InnerlrError
from innerlr.intervals import (
    bootstrap_interval,
    geometric_interval,
    mean_interval,
    share_interval,
    slope_interval,
)
from tolerances import SAME, Z

# 97.5% quantiles of Student's t with 1 and with 3 degrees of freedom, from printed tables
T_1, T_3 = 12.7062047, 3.1824463
RNG = np.random.default_rng(7)


def test_mean_interval_by_hand() -> None:
    """Four values with mean 3 and variance 20/3: the half-width is t_3 sqrt(20/3 / 4)."""
    found = mean_interval([0.0, 2.0, 4.0, 6.0])
    half = T_3 * np.sqrt(20 / 3 / 4)
    assert found == pytest.approx((3.0, 3 - half, 3 + half), rel=1e-7)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_mean_interval_is_scipys(level: float) -> None:
    x = RNG.normal(size=11)
    found = stats.ttest_1samp(x, 0).confidence_interval(level)
    assert mean_interval(x, level)[1:] == pytest.approx((found.low, found.high), rel=SAME)


def test_a_single_repetition_says_nothing() -> None:
    assert mean_interval([2.0]) == (2.0, -np.inf, np.inf)


def test_geometric_interval_is_that_of_the_logarithms() -> None:
    found = geometric_interval([1.0, 4.0])
    half = T_1 * np.log(2)  # logarithms 0 and log 4: half their distance
    assert found == pytest.approx((2.0, 2 * np.exp(-half), 2 * np.exp(half)), rel=1e-6)
    with pytest.raises(InnerlrError, match="positive values"):
        geometric_interval([1.0, 0.0])


def test_slope_interval_by_hand() -> None:
    """y = 0, 1, 3 at 0, 1, 2: residuals 1/6, -1/3, 1/6 with one degree of freedom, Sxx = 2."""
    found = slope_interval([0.0, 1.0, 2.0], [0.0, 1.0, 3.0])
    half = T_1 * np.sqrt((1 / 6) / 1 / 2)
    assert found == pytest.approx((1.5, 1.5 - half, 1.5 + half), rel=1e-7)


def test_slope_interval_is_that_of_the_t_test_on_the_slope() -> None:
    """The end of the interval at level 1 - p is zero, p the p-value of linregress."""
    x = np.arange(9.0)
    y = 0.3 * x + RNG.normal(size=9)
    p = stats.linregress(x, y).pvalue
    assert min(map(abs, slope_interval(x, y, 1 - p)[1:])) < 1e-9
    with pytest.raises(InnerlrError, match="three points"):
        slope_interval([0.0, 1.0], [1.0, 2.0])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_bootstrap_interval_is_scipys_percentile_interval(level: float) -> None:
    x = RNG.exponential(size=30)
    settings = {"method": "percentile", "confidence_level": level, "n_resamples": 999}
    found = stats.bootstrap((x,), np.mean, rng=np.random.default_rng(1), **settings)
    ours = bootstrap_interval([x.mean(), *found.bootstrap_distribution], level)
    assert ours.mean == x.mean()
    assert ours[1:] == pytest.approx(tuple(found.confidence_interval), rel=SAME)


def test_bootstrap_interval_by_hand() -> None:
    """Resamples 0, 1, ..., 40: their 2.5% and 97.5% quantiles are 1 and 39."""
    assert bootstrap_interval([20.0, *np.arange(41.0)]) == pytest.approx((20.0, 1.0, 39.0))
    # the estimate itself lies in the interval, whatever the resamples
    assert bootstrap_interval([50.0, *np.arange(41.0)]) == pytest.approx((50.0, 1.0, 50.0))


def test_too_few_resamples_have_no_tails() -> None:
    assert bootstrap_interval([1.0, *np.ones(39)])[1:] == (-np.inf, np.inf)
    assert bootstrap_interval([1.0, *np.ones(40)])[1:] == (1.0, 1.0)
    assert bootstrap_interval([1.0, *np.ones(4)], 0.5)[1:] == (1.0, 1.0)
    assert bootstrap_interval([1.0, *np.ones(3)], 0.5)[1:] == (-np.inf, np.inf)


@given(st.lists(st.floats(1e-300, 1e300), min_size=41, max_size=60))
def test_a_positive_estimate_has_no_negative_end(values: list[float]) -> None:
    assert bootstrap_interval(values).low > 0


def test_share_interval_by_hand() -> None:
    """No hit in n: the upper end solves (1 - p)^n = 0.025."""
    found = share_interval(np.zeros(40, dtype=bool))
    assert found.mean == found.low == 0
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 40), rel=1e-9)
    assert share_interval([True, False, True, True]).mean == 0.75


@pytest.mark.parametrize(("hits", "cases"), [(3, 10), (9, 10), (20, 400)])
def test_share_interval_is_made_of_tails_of_the_binomial(hits: int, cases: int) -> None:
    """At each end the chance of as many hits, or as few, is 2.5%."""
    _, low, high = share_interval(np.arange(cases) < hits)
    assert stats.binom.sf(hits - 1, cases, low) == pytest.approx(0.025, rel=1e-6)
    assert stats.binom.cdf(hits, cases, high) == pytest.approx(0.025, rel=1e-6)


def test_intervals_cover_as_often_as_they_say() -> None:
    """Of 4,000 intervals of normal means and slopes, 95% hold the truth."""
    rng, n = np.random.default_rng(11), 4000
    x = np.arange(5.0)
    means = [mean_interval(sample) for sample in rng.normal(size=(n, 5))]
    slopes = [slope_interval(x, sample) for sample in rng.normal(size=(n, 5))]
    error = np.sqrt(0.95 * 0.05 / n)
    for found in (means, slopes):
        covered = np.mean([low <= 0 <= high for _, low, high in found])
        assert abs(covered - 0.95) < Z * error


def test_bad_input_is_named() -> None:
    with pytest.raises(InnerlrError, match="x and y"):
        slope_interval([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(InnerlrError, match="finite"):
        bootstrap_interval([1.0, np.nan, 2.0, 3.0])


@pytest.mark.parametrize("level", [95, 0.0, 1.0, -0.1, 2.0])
def test_a_level_is_between_0_and_1(level: float) -> None:
    with pytest.raises(InnerlrError, match="level: expected a coverage between 0 and 1"):
        mean_interval([1.0, 2.0], level)
    with pytest.raises(InnerlrError, match="level: expected a coverage between 0 and 1"):
        bootstrap_interval([1.0, 2.0], level)
