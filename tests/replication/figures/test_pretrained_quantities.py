"""What Table 2 measures, worked by hand on one network and four rates."""

from __future__ import annotations

import numpy as np
import pytest

from replication.figures.pretrained import quantities as q
from replication.quantity import registered

ALPHAS = np.array([0.1, 0.2, 0.4, 0.8])
PRE = np.array([4.0, 5.0, 4.0, 7.0])  # mean 5
POST = np.array([3.0, 2.5, 3.5, 10.5])  # lowest at 0.2


def test_the_best_rate_is_where_the_error_after_the_step_is_lowest() -> None:
    assert q.alpha_star(ALPHAS, POST) == 0.2


@pytest.mark.parametrize("nearest", [q.best_is_nearest, q.best_is_nearest_weighted])
def test_the_best_rate_is_the_nearest_to_an_estimate_within_the_rates(nearest) -> None:
    # 0.3 is between 0.2 and 0.4
    assert nearest(ALPHAS, POST, 0.29) == 1
    assert nearest(ALPHAS, POST, 0.31) == 0
    assert nearest(ALPHAS, POST, 0.1) == 0
    # estimates beyond the rates are near none, even if the end is the best of them
    for best, beyond in ((0, 0.09), (-1, 0.81)):
        errors = np.ones(4)
        errors[best] = 0.5
        assert nearest(ALPHAS, errors, ALPHAS[best]) == 1
        assert nearest(ALPHAS, errors, beyond) == 0


def test_estimates_over_minimisers() -> None:
    assert q.ratio_lim_to_star(0.3, 0.2) == pytest.approx(1.5)
    for ratio in (
        q.ratio_lim_to_empirical,
        q.ratio_weighted_to_empirical,
        q.ratio_lim_to_isotropic,
    ):
        assert ratio(0.3, 0.2) == pytest.approx(1.5)
        # a network none of whose units fires: both are infinite
        assert ratio(np.inf, np.inf) == np.inf


def test_errors_before_the_step() -> None:
    assert q.pre_level(PRE) == 5
    assert q.pre_spread(PRE) == pytest.approx(3 / 5)  # (7 - 4) / 5


def test_gains_are_over_the_error_before_the_step() -> None:
    assert q.gain_at_best(PRE, POST) == pytest.approx(0.5)  # 1 - 2.5 / 5
    # post / pre: 0.75, 0.5, 0.875, 1.5; at 0.25 a quarter of the way from 0.5 to 0.875
    assert q.gain_at_lim(ALPHAS, PRE, POST, 0.25) == pytest.approx(1 - 0.59375)
    # an estimate beyond the rates has the gain of the last one
    assert q.gain_at_lim(ALPHAS, PRE, POST, 3.0) == pytest.approx(-0.5)


def test_the_last_rate_is_too_large() -> None:
    assert q.post_over_pre_at_last(PRE, POST) == pytest.approx(1.5)  # 10.5 / 7


def test_the_excess_at_the_estimate_is_over_the_lowest() -> None:
    # at 0.25 the error is 2.5 + (3.5 - 2.5) / 4 = 2.75
    assert q.excess_loss_at_lim(ALPHAS, POST, 0.25) == pytest.approx(0.1)
    assert q.excess_loss_at_lim(ALPHAS, POST, 0.2) == 0


def test_what_is_computed_elsewhere_is_kept_as_it_is() -> None:
    for of in (
        q.alpha_lim_split,
        q.alpha_lim_weighted,
        q.alpha_empirical,
        q.alpha_empirical_isotropic,
        q.pretraining_loss,
        q.rank,
    ):
        assert of(0.3) == 0.3


def test_rates_ratios_and_excesses_are_averaged_on_their_logarithm() -> None:
    positive = {of.name for of in registered(q).values() if of.positive}
    assert positive == {
        *("alpha_lim_split", "alpha_lim_weighted"),
        *("alpha_empirical", "alpha_empirical_isotropic"),
        *("ratio_lim_to_star", "ratio_lim_to_empirical"),
        *("ratio_weighted_to_empirical", "ratio_lim_to_isotropic"),
        *("pre_spread", "post_over_pre_at_last", "excess_loss_at_lim", "pretraining_loss"),
    }
