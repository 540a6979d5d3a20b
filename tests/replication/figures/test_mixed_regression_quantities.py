"""What Fig. 11 measures, on risks of a few rates worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.figures.mixed_regression import quantities as q

RATES = np.array([-0.1, 0.0, 0.1, 0.2])
RISKS = np.array([3.0, 2.0, 2.5, 4.0])


def test_alpha_lim_is_twice_ours_in_bernacchias_convention() -> None:
    assert q.alpha_lim(0.07) == 0.07
    assert q.alpha_lim_b(0.07) == pytest.approx(0.14)


def test_the_best_rate_is_where_the_risk_is_lowest() -> None:
    assert q.best_rate_b(RATES, RISKS) == q.best_rate_b_theory(RATES, RISKS) == 0.0
    # neither the first nor the last, nor the highest
    assert q.best_rate_b(RATES, RISKS[::-1]) == q.best_rate_b_theory(RATES, RISKS[::-1]) == 0.1
    assert q.lowest_risk(RISKS) == 2.0


def test_the_regret_is_interpolated_and_relative_to_the_lowest() -> None:
    # at 0.16, 2.5 + 0.6 (4 - 2.5) = 3.4
    assert q.regret_at_lim(RATES, RISKS, 0.16) == pytest.approx(3.4 / 2 - 1)
    assert q.regret_at_lim(RATES, RISKS, 0.0) == 0.0


@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4), st.floats(-0.1, 0.2))
def test_no_regret_is_negative(risks: list[float], limit: float) -> None:
    # 1e-12: rounding of the interpolation
    assert q.regret_at_lim(RATES, np.array(risks), limit) >= -1e-12


def test_a_fixed_rate_is_held_against_the_shared_one() -> None:
    # worse than the shared one: above zero
    assert q.fixed_over_shared(1.2, 1.0) == pytest.approx(0.2)
    assert q.fixed_over_shared(0.9, 1.2) == pytest.approx(-0.25)
    assert q.fixed_over_shared_at_rate(1.2, 1.0) == pytest.approx(0.2)
    assert q.fixed_over_shared_at_rate(0.9, 1.2) == pytest.approx(-0.25)


def test_the_spread_is_of_the_worst_over_the_best() -> None:
    assert q.spread_over_test_rates(np.array([1.2, 1.0, 1.5, 1.1])) == pytest.approx(0.5)
    assert q.spread_over_test_rates(np.array([1.3])) == 0.0


def test_the_best_rate_of_the_mean_has_the_ends_of_its_resamples_and_a_step() -> None:
    rates = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    # sets whose own best rates are 0.1 and 0.3; the mean of both has its lowest at 0.2
    risks = np.array([[3.0, 1.0, 1.2, 3.0, 9.0], [9.0, 3.0, 1.2, 1.0, 3.0]])
    both, first, second = [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]
    found = q.best_rate_b_of_mean(rates, risks, np.array([both] * 92 + [first] * 4 + [second] * 4))
    # of 100 resamples 4 are at each side, more than the 2.5 beyond an end of 95%
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0, 0.4))
    assert found.interval.startswith("percentiles of resampled sets")
    # two at each side are fewer
    found = q.best_rate_b_of_mean(rates, risks, np.array([both] * 96 + [first] * 2 + [second] * 2))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.1, 0.3))
