"""What Fig. 3 measures, worked by hand on two runs of four evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from replication.figures.omniglot import quantities as q
from replication.quantity import registered

ITERATIONS = np.array([20.0, 40.0, 60.0, 80.0])
FAST = np.array([0.3, 0.6, 0.9, 0.7])
SLOW = np.array([0.1, 0.2, 0.5, 0.8])
TO = {50: q.iterations_to_50, 80: q.iterations_to_80, 90: q.iterations_to_90}


def test_the_first_evaluation_with_an_accuracy() -> None:
    # an accuracy that is just reached counts
    assert [of(ITERATIONS, FAST) for of in TO.values()] == [40, 60, 60]
    assert [of(ITERATIONS, SLOW) for of in TO.values()] == [60, 80, np.inf]


def test_areas_are_means_over_the_iterations_drawn() -> None:
    assert q.accuracy_area(ITERATIONS, FAST, 60) == pytest.approx(0.6)
    assert q.accuracy_area(ITERATIONS, FAST, 59) == pytest.approx(0.45)
    assert q.accuracy_area(ITERATIONS, FAST, 1000) == pytest.approx(0.625)
    assert q.loss_area(ITERATIONS, 1 - FAST, 60) == pytest.approx(0.4)


def test_the_highest_accuracy_need_not_be_the_last() -> None:
    assert q.peak_accuracy(FAST) == 0.9
    assert q.peak_accuracy(SLOW) == 0.8


def test_the_gap_is_training_less_test_accuracy_over_the_last_tenth() -> None:
    iterations = 20.0 * np.arange(1, 21)  # the last tenth is after 360
    test = np.array([0.5] * 18 + [0.6, 0.8])
    assert q.gap(iterations, np.full(20, 0.9), test) == pytest.approx(0.2)
    assert q.gap(iterations, test, np.full(20, 0.9)) == pytest.approx(-0.2)


def test_gains_are_positive_where_the_scheme_is_better() -> None:
    assert q.accuracy_gain(0.6, 0.2) == pytest.approx(0.4)
    # a lower loss is a gain
    assert q.loss_gain(0.3, 0.5) == pytest.approx(0.2)
    assert q.final_gain(0.95, 0.9) == pytest.approx(0.05)
    assert q.final_gain(0.9, 0.95) == pytest.approx(-0.05)


@pytest.mark.parametrize("of", [q.speedup_50, q.speedup_80, q.speedup_90], ids=lambda of: of.name)
def test_a_speedup_is_how_many_times_as_long_the_other_needs(of) -> None:
    assert of(40.0, 100.0) == 2.5
    assert of(100.0, 40.0) == 0.4
    # one of them gets there, or neither
    assert of(40.0, np.inf) == np.inf
    assert of(np.inf, 40.0) == 0
    assert of(np.inf, np.inf) == 1


def test_what_is_computed_elsewhere_is_kept_as_it_is() -> None:
    for of in (q.alpha, q.norm, q.final_loss, q.final_accuracy, q.ideal_loss):
        assert of(0.3) == 0.3


def test_gains_and_accuracies_are_averaged_as_they_are() -> None:
    assert {of.name for of in registered(q).values() if not of.positive} == {
        *("accuracy_area", "peak_accuracy", "final_accuracy", "gap", "norm", "ideal_loss"),
        *("accuracy_gain", "loss_gain", "final_gain"),
    }
