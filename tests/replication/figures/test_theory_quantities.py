"""What is measured of the paper's statements, worked by hand or by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replication.figures.theory import quantities as q
from replication.quantity import Estimated, registered


def ends(found: Estimated) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def clopper_pearson(hits: int, cases: int) -> tuple[float, float, float]:
    """By quantiles of the beta distribution."""
    low = 0.0 if hits == 0 else stats.beta.ppf(0.025, hits, cases - hits + 1)
    high = 1.0 if hits == cases else stats.beta.ppf(0.975, hits + 1, cases - hits)
    return hits / cases, low, high


# ------------------------------------------------------------------ (a) to (c)


@pytest.mark.parametrize("of", [q.error_slope, q.deviation_slope])
def test_slopes_have_scipy_s_interval(of) -> None:
    tasks, errors = np.array([4.0, 8.0, 16.0, 32.0]), np.array([0.5, 0.2, 0.14, 0.05])
    fit = stats.linregress(np.log(tasks), np.log(errors))
    half = stats.t.ppf(0.975, 2) * fit.stderr  # four points less two
    expected = (fit.slope, fit.slope - half, fit.slope + half)
    assert ends(of(tasks, errors)) == pytest.approx(expected)
    # a power law has its power
    assert ends(of(tasks, 3 / tasks)) == pytest.approx((-1, -1, -1))


def test_the_error_at_the_most_tasks_and_the_most_minima() -> None:
    assert q.relative_error_at_last(np.array([4.0, 32.0, 8.0]), np.array([0.5, 0.1, 0.3])) == 0.1
    assert q.most_minima(np.array([1, 3, 2])) == 3


def test_the_excluded_interval_over_the_limit() -> None:
    assert q.excluded_from(0.1, 0.2) == 0.5
    assert q.excluded_to(3.0, 0.2) == pytest.approx(15)
    assert q.outside_excluded(0.1, 3.0, 0.2) == 0
    assert q.outside_excluded(0.1, 3.0, 0.05) == q.outside_excluded(0.1, 3.0, 3.1) == 1


def test_orders_of_the_error_of_the_risk() -> None:
    # N times the error grows by 2 from 4 to 16 tasks: the power 1/2, less the one of N
    assert q.compact_error_order((4, 16), (3.0, 6.0)) == pytest.approx(-0.5)
    # from a rate to three times that, nine times the error
    assert q.far_error_order(2.0, 18.0, 3.0) == pytest.approx(2)


def test_deviations_at_large_rates() -> None:
    assert q.large_to_lim_deviation(6.0, 2.0) == 3
    # ten times the rate, a hundredth of epsilon
    assert q.epsilon_order(1e-4, 1e-6) == pytest.approx(-2)
    assert q.lim_over_first_end(0.2, 0.5) == pytest.approx(0.4)


# ------------------------------------------------------------------ (d)

LIMITS = np.array([1.0, 0.4, 2.5, 2.0])


def test_shares_that_violate_a_bound() -> None:
    lower, upper = np.full(4, 0.5), np.full(4, 2.0)
    for of in (q.printed_lower_violated, q.printed_lower_violated_by_dim):
        assert ends(of(LIMITS, lower)) == pytest.approx(clopper_pearson(1, 4))
    assert ends(q.printed_upper_violated(LIMITS, upper)) == pytest.approx(clopper_pearson(1, 4))
    assert ends(q.corrected_violated(LIMITS, lower, upper)) == pytest.approx(clopper_pearson(2, 4))


def test_rounding_violates_no_bound() -> None:
    just_below, just_above = LIMITS * (1 - 1e-15), LIMITS * (1 + 1e-15)
    expected = pytest.approx(clopper_pearson(0, 4))
    assert ends(q.printed_lower_violated(LIMITS, just_above)) == expected
    assert ends(q.printed_upper_violated(LIMITS, just_below)) == expected
    assert ends(q.corrected_violated(LIMITS, just_above, just_below)) == expected


def test_a_bound_that_is_just_reached_is_not_violated() -> None:
    none = pytest.approx(clopper_pearson(0, 4))
    assert ends(q.printed_lower_violated_by_dim(LIMITS, LIMITS)) == none
    # rounding counts as reaching it
    assert ends(q.printed_lower_violated(LIMITS, LIMITS * q.SLACK)) == none
    assert ends(q.printed_upper_violated(LIMITS * q.SLACK, LIMITS)) == none
    far = np.full(4, 9.0)
    assert ends(q.corrected_violated(LIMITS, LIMITS * q.SLACK, far)) == none
    assert ends(q.corrected_violated(LIMITS * q.SLACK, -far, LIMITS)) == none


# ------------------------------------------------------------------ (e) to (g)


def test_the_interval_of_theorem_2() -> None:
    assert q.interval_over_lim(0.1, 0.2) == 0.5
    # for features twice as long a quarter of the interval is right
    assert q.interval_scaling(0.8, 0.2) == pytest.approx(1)
    assert q.interval_scaling(0.8, 0.05) == pytest.approx(0.25)


def test_the_gap_is_positive_where_maml_starts_closer() -> None:
    # means 4 and 3: a quarter closer
    assert q.gap_in_interval(np.array([3.0, 5.0]), np.array([2.0, 4.0])) == pytest.approx(0.25)
    assert q.gap_in_interval(np.array([2.0, 4.0]), np.array([3.0, 5.0])) == pytest.approx(-1 / 3)


def test_the_gap_at_the_limit_and_where_it_closes() -> None:
    x, gaps = np.array([0.0, 0.5, 1.5, 2.0]), np.array([-1e-9, 0.2, -0.4, -0.3])
    assert q.gap_at_lim(x, gaps) == pytest.approx(-0.1)  # half way from 0.2 to -0.4
    assert q.negative_from(x, gaps) == 1.5  # not at 0, where rounding decides
    assert q.negative_from(x, -gaps) == 0.5
    assert q.negative_from(x[:2], gaps[:2]) == np.inf
    # a gap of zero is not negative
    assert q.negative_from(x, np.zeros(4)) == np.inf


def test_the_lowest_ratio_of_gap_and_bound() -> None:
    assert q.lowest_gap_over_bound(np.array([3.0, 0.5, 2.0])) == 0.5


def test_slopes_at_the_largest_ratio_of_variances() -> None:
    stretches, slopes = np.array([1.0, 64.0, 16.0]), np.array([1.0, -0.5, 0.2])
    assert q.shortest_slope_at_most_stretched(stretches, slopes) == -0.5
    assert q.longest_slope_at_most_stretched(stretches, slopes) == -0.5
    assert q.isotropic_slope_lowest(slopes) == -0.5
    assert q.isotropic_slope_lowest(-slopes) == -1


# ------------------------------------------------------------------ (h), (i)

VARIANCES = np.array([0.01, 0.1, 1.0, 100.0])
# powers 0.5, -1 and -2
OF_VARIANCE = np.array([1.0, 10**0.5, 0.1 * 10**0.5, 1e-5 * 10**0.5])


def test_powers_of_the_variance_at_both_ends() -> None:
    assert q.slope_at_small_variance(VARIANCES, OF_VARIANCE) == pytest.approx(0.5)
    assert q.slope_at_large_variance(VARIANCES, OF_VARIANCE) == pytest.approx(-2)
    assert q.decreasing_in_variance_share(VARIANCES, OF_VARIANCE) == pytest.approx(2 / 3)
    assert q.limit_at_small_variance(VARIANCES, OF_VARIANCE) == 1
    # it stays: no fall
    assert q.decreasing_in_variance_share(VARIANCES, np.ones(4)) == 0


def test_the_share_of_steps_of_d_at_which_the_limit_falls() -> None:
    # rows are variances: falls twice, once, never
    limits = np.array([[3.0, 2.0, 1.0], [2.0, 3.0, 1.0], [1.0, 1.0, 2.0]])
    assert q.decreasing_in_dim_share(limits) == pytest.approx(3 / 6)


def test_printed_values_over_the_right_ones() -> None:
    dims = np.array([1.0, 10.0, 30.0, 50.0, 100.0])
    ratios = np.array([1.0, 7.0, 11.0, 20.0, 80.0])
    # a factor 4 where d doubles
    assert q.printed_over_lim_growth(dims, ratios) == pytest.approx(2)
    assert q.printed_over_lim_at_first(ratios) == 1
    assert q.printed_over_lim_at_last(ratios) == 80


def test_the_power_of_the_ratio_of_moments() -> None:
    ratios = np.array([0.1, 0.2, 0.5, 1.0])
    assert q.power_of_moment_ratio(ratios, 7 * ratios**1.5) == pytest.approx(1.5)
    fit = stats.linregress(np.log(ratios), np.log(OF_VARIANCE))
    assert q.power_of_moment_ratio(ratios, OF_VARIANCE) == pytest.approx(fit.slope)


# ------------------------------------------------------------------ (j) to (l)


@pytest.mark.parametrize("of", [q.decreasing_share, q.decreasing_share_of_count])
def test_the_share_of_draws_that_decrease(of) -> None:
    assert ends(of(np.array([-1.0, -2.0, 0.0, 1.0, -3.0]))) == pytest.approx(clopper_pearson(3, 5))


@pytest.mark.parametrize("of", [q.convex_share, q.convex_share_of_count])
def test_the_share_of_draws_that_are_convex(of) -> None:
    assert ends(of(np.array([-1.0, 0.0, 1.0, 3.0, 5.0]))) == pytest.approx(clopper_pearson(3, 5))


def test_estimates_where_there_are_fewer_samples_than_features() -> None:
    assert q.samples_over_dim(20, 10, 400.0) == 0.5
    assert q.ratio_lim_to_star(3.0, 2.0) == q.ratio_est_to_star(3.0, 2.0) == 1.5
    for of in (q.excess_loss_at_lim, q.excess_loss_at_est):
        assert of(2.5, 2.0) == pytest.approx(0.25)


def test_the_share_that_violates_a_lemma() -> None:
    found = q.violated_share([True, False, True, True])
    assert ends(found) == pytest.approx(clopper_pearson(3, 4))
    assert ends(q.violated_share([False] * 3)) == pytest.approx(clopper_pearson(0, 3))


def test_the_constant_of_lemma_3() -> None:
    sizes, constants = np.array([16.0, 256.0, 4096.0]), np.array([5.0, 4.0, 2.0])
    assert q.tail_constant_power(sizes, constants) == pytest.approx(-0.25)  # 1/2 over 16
    assert q.tail_constant_at_last(constants) == 2


def test_what_is_computed_elsewhere_is_kept_as_it_is() -> None:
    for of in (q.epsilon_at_0, q.largest_constant, q.interval_end, q.prop_5_order):
        assert of(0.3) == 0.3


def test_errors_ratios_and_excesses_are_averaged_on_their_logarithm() -> None:
    assert {of.name for of in registered(q).values() if of.positive} == {
        *("relative_error_at_last", "large_to_lim_deviation"),
        *("ratio_lim_to_star", "ratio_est_to_star"),
        *("excess_loss_at_lim", "excess_loss_at_est"),
    }
