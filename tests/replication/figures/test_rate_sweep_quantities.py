"""What Figs. 10 and 12 measure, worked by hand on one curve of six rates."""

from __future__ import annotations

import numpy as np
import pytest

from replication.figures.rate_sweep import quantities as q
from replication.quantity import registered

ALPHAS = np.array([-0.01, 0.0, 0.01, 0.1, 1.0, 10.0])
LOSSES = np.array([5.0, 4.0, 2.0, 1.0, 4.0, np.inf])  # lowest at 0.1; at 0 it is 4
RANGE = (0.01, 1.0)


def curve(best: int) -> np.ndarray:
    losses = np.full(len(ALPHAS), 2.0)
    losses[best] = 1.0
    return losses


def test_the_best_rate_lies_between_its_neighbours() -> None:
    found = q.alpha_star(ALPHAS, LOSSES)
    assert (found.value, found.low, found.high) == (0.1, 0.01, 1.0)
    first, last = q.alpha_star(ALPHAS, curve(0)), q.alpha_star(ALPHAS, curve(5))
    # at an end of the grid nothing is known beyond it
    assert (first.value, first.low, first.high) == (-0.01, -np.inf, 0.0)
    assert (last.value, last.low, last.high) == (10.0, 1.0, np.inf)


def test_losses_at_the_best_rate_and_without_an_inner_step() -> None:
    assert q.loss_at_star(LOSSES) == 1
    assert q.loss_at_0(ALPHAS, LOSSES) == 4
    assert q.loss_at_0(ALPHAS[2:], LOSSES[2:]) == np.inf
    assert q.gain_over_0(ALPHAS, LOSSES) == pytest.approx(0.75)  # 1 - 1/4
    assert q.gain_over_0(ALPHAS[2:], LOSSES[2:]) == 1
    assert q.diverged(LOSSES) == 1
    assert q.diverged(np.array([np.inf, np.nan, 1.0])) == 2


def test_decades_of_a_range() -> None:
    for decades in (q.range_decades, q.range_all_decades):
        assert decades(0.01, 1.0) == pytest.approx(2)
        assert decades(1.0, 10**0.5) == pytest.approx(0.5)


def test_a_place_in_a_range() -> None:
    assert q.position(0.01, *RANGE) == 0
    assert q.position(0.1, *RANGE) == pytest.approx(0.5)
    assert q.position(1.0, *RANGE) == 1
    assert q.position(10.0, *RANGE) == pytest.approx(1.5)
    assert q.position(0.0, *RANGE) == q.position(-0.01, *RANGE) == -np.inf


POSITIONS = [q.star_position_in_range, q.star_position_in_range_all]
EXCESSES = [q.excess_loss_in_range, q.excess_loss_in_range_all]
SECONDS = [q.second_excess_loss_in_range, q.second_excess_loss_in_range_all]
SHARES = [q.useless_share_of_range, q.useless_share_of_range_all]


@pytest.mark.parametrize("of", POSITIONS)
def test_the_place_of_the_best_rate(of) -> None:
    found = of(ALPHAS, LOSSES, RANGE)
    assert (found.value, found.low, found.high) == (pytest.approx(0.5), 0, 1)
    at_0 = of(ALPHAS, curve(1), RANGE)
    assert (at_0.value, at_0.low, at_0.high) == (-np.inf, -np.inf, 0)
    at_last = of(ALPHAS, curve(5), RANGE)
    assert (at_last.value, at_last.low, at_last.high) == (pytest.approx(1.5), 1, np.inf)


@pytest.mark.parametrize("of", EXCESSES)
def test_the_best_rate_of_a_range_against_the_best_of_all(of) -> None:
    assert of(ALPHAS, LOSSES, RANGE) == 0
    # 2 / 1 - 1, also where all losses are twice as high
    assert of(ALPHAS, LOSSES, (0.001, 0.05)) == of(ALPHAS, 2 * LOSSES, (0.001, 0.05)) == 1
    assert of(ALPHAS, LOSSES, (0.2, 1.0)) == 3  # the ends count
    assert of(ALPHAS, LOSSES, (0.02, 0.03)) == np.inf


@pytest.mark.parametrize("of", SECONDS)
def test_the_second_best_rate_of_a_range(of) -> None:
    # 1 and 2 are the lowest, or 2 and 4
    assert of(ALPHAS, LOSSES, RANGE) == of(ALPHAS, 2 * LOSSES, RANGE) == 1
    assert of(ALPHAS, LOSSES, (0.1, 1.0)) == 3
    # one grid point, and none
    assert of(ALPHAS, LOSSES, (0.05, 0.5)) == np.inf
    assert of(ALPHAS, LOSSES, (0.02, 0.03)) == np.inf


@pytest.mark.parametrize("of", SHARES)
def test_the_share_of_a_range_that_is_no_better_than_no_inner_step(of) -> None:
    # losses 2, 1 and 4 against 4: one of three, known to one of them
    found = of(ALPHAS, LOSSES, RANGE)
    assert (found.value, found.low, found.high) == pytest.approx((1 / 3, 0, 2 / 3))
    # 4 and infinite: both; no share is above 1
    found = of(ALPHAS, LOSSES, (0.5, 10.0))
    assert (found.value, found.low, found.high) == (1, 0.5, 1)
    found = of(ALPHAS, LOSSES, (0.005, 0.2))
    assert (found.value, found.low, found.high) == (0, 0, 0.5)
    # without a grid point nothing is known
    found = of(ALPHAS, LOSSES, (0.02, 0.03))
    assert (found.value, found.low, found.high) == (1, 0, 1)


def test_h18_with_a_measured_variance() -> None:
    # 1 / (2 min(N K, d) variance)
    assert q.alpha_h18(10, 40, 0.25) == pytest.approx(0.2)
    assert q.alpha_h18(40, 10, 0.5) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "of",
    [
        q.ratio_alpha_lim_tangent_initial_to_star,
        q.ratio_alpha_lim_tangent_split_initial_to_star,
        q.ratio_alpha_h18_initial_to_star,
        q.ratio_alpha_lim_tangent_trained_to_star,
        q.ratio_alpha_lim_tangent_split_trained_to_star,
        q.ratio_alpha_h18_trained_to_star,
    ],
    ids=lambda of: of.name,
)
def test_estimates_over_the_best_rate(of) -> None:
    assert of(0.3, 0.2) == pytest.approx(1.5)
    assert of(0.3, 0.0) == of(0.3, -0.01) == np.inf


@pytest.mark.parametrize(
    "of",
    [
        q.excess_loss_at_alpha_lim_tangent_initial,
        q.excess_loss_at_alpha_lim_tangent_split_initial,
        q.excess_loss_at_alpha_h18_initial,
        q.excess_loss_at_alpha_lim_tangent_trained,
        q.excess_loss_at_alpha_lim_tangent_split_trained,
        q.excess_loss_at_alpha_h18_trained,
    ],
    ids=lambda of: of.name,
)
def test_the_excess_at_an_estimate(of) -> None:
    # between 0.1 and 1 the loss rises from 1 to 4: 2.5 half way
    assert of(ALPHAS, LOSSES, 0.55) == pytest.approx(1.5)
    # twice as high everywhere, the same excess
    assert of(ALPHAS, 2 * LOSSES, 0.55) == pytest.approx(1.5)
    # next to a rate that diverged, and beyond the grid
    assert of(ALPHAS, LOSSES, 2.0) == of(ALPHAS, LOSSES, 11.0) == np.inf
    assert of(ALPHAS, LOSSES, -0.02) == np.inf
    # within the first and the last step of the grid, and at its ends
    finite = np.array([5.0, 4.0, 2.0, 1.0, 4.0, 13.0])
    assert of(ALPHAS, finite, -0.005) == pytest.approx(3.5)
    assert of(ALPHAS, finite, 5.5) == pytest.approx(7.5)
    assert (of(ALPHAS, finite, -0.01), of(ALPHAS, finite, 10.0)) == (4, 12)


def test_what_is_computed_elsewhere_is_kept_as_it_is() -> None:
    for of in (
        *(q.range_low, q.range_high, q.range_all_low, q.range_all_high),
        *(q.alpha_lim_tangent_initial, q.alpha_lim_tangent_trained),
        *(q.alpha_lim_tangent_split_initial, q.alpha_lim_tangent_split_trained),
        *(q.alpha_h18_initial, q.alpha_h18_trained),
        *(q.entry_variance_initial, q.entry_variance_trained),
        *(q.share_in_unit_initial, q.share_in_unit_trained),
    ):
        assert of(0.3) == 0.3


def test_the_best_rate_may_be_negative_and_what_spreads_by_factors_may_not() -> None:
    may_be_negative = {of.name for of in registered(q).values() if not of.positive}
    assert may_be_negative == {
        *("alpha_star", "gain_over_0", "diverged"),
        *("star_position_in_range", "star_position_in_range_all"),
        *("useless_share_of_range", "useless_share_of_range_all"),
        *("share_in_unit_initial", "share_in_unit_trained"),
        *("range_low", "range_high", "range_decades"),
        *("range_all_low", "range_all_high", "range_all_decades"),
    }
