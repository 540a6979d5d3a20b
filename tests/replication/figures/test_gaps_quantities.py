"""What Fig. 5 measures, by hand and by other code."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small import TWO, check_quantities, experiment

from replication.figures.gaps import quantities as q
from replication.measuring import measure

TASKS = ["training", "fresh", "expected"]
each_kind = pytest.mark.parametrize("of", q.OF_TASKS.values(), ids=TASKS)
GAP = np.array([4.0, -1.0, 2.0, -3.0, -0.5])
STEPS = np.array([0, 1, 3, 10, 30])


@each_kind
def test_gaps_of_one_draw(of: q.OfTasks) -> None:
    assert of.loss_gap_at_0(GAP) == 4
    assert of.loss_gap_lowest(GAP) == -3
    assert of.steps_to_negative_loss_gap(STEPS, GAP) == 1
    assert of.distance_gap_at_0(GAP) == 4
    assert of.distance_gap_last_to_first(GAP) == 0.125


@each_kind
def test_a_gap_of_zero_is_not_negative(of: q.OfTasks) -> None:
    assert of.steps_to_negative_loss_gap(STEPS, np.array([1.0, 0.0, 0.0, 0.0, -1.0])) == 30
    assert of.steps_to_negative_loss_gap(STEPS, np.zeros(5)) == np.inf
    assert of.steps_to_negative_loss_gap(STEPS, -GAP) == 0
    assert of.distance_gap_negative_share(np.array([[-1.0, 0.0], [-1.0, -2.0]])).value == 0.5


@each_kind
def test_the_highest_gap_is_that_of_the_mean_curve(of: q.OfTasks) -> None:
    # means -4, -1, -2; the highest gap of a draw is at another step
    gaps = np.array([[-5.0, -3.0, 0.0], [-3.0, 1.0, -4.0]])
    found = of.distance_gap_highest(gaps)
    # at the second step -3/4 and 1/4: half their distance is 1/2
    expected = (-0.25, -0.25 - TWO / 2, -0.25 + TWO / 2)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


@each_kind
def test_the_share_of_draws_has_the_exact_binomial_interval(of: q.OfTasks) -> None:
    # two of three draws are below zero at every step
    gaps = np.array([[-1.0, -2.0], [-3.0, -1e-9], [-4.0, 1e-9]])
    found = of.distance_gap_negative_share(gaps)
    assert found.value == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx(
        (stats.beta.ppf(0.025, 2, 2), stats.beta.ppf(0.975, 3, 1))
    )


def test_the_largest_eigenvalue_is_over_the_size_of_the_mean_one() -> None:
    # eigenvalues 2 -+ sqrt(5), in either sign
    change = np.array([[1.0, 2.0], [2.0, 3.0]])
    assert q.covariance_change_highest(change) == pytest.approx((2 + sqrt(5)) / 2)
    assert q.covariance_change_highest(-change) == pytest.approx((sqrt(5) - 2) / 2)


@pytest.fixture(scope="module")
def run() -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """Features, sweep and estimates."""
    made = experiment("fig05")
    features = made.features()
    sweep = made.sweep(features)
    return features, sweep, made.estimates(features, sweep)


def test_everything_is_measured_and_every_claim_finds_its_quantity(run) -> None:
    check_quantities({"fig05": run[2]})


@pytest.mark.parametrize("tasks", TASKS)
def test_each_kind_of_tasks_has_its_own_quantities(run, tasks: str) -> None:
    _, sweep, estimates = run
    of = q.OF_TASKS[tasks]
    assert all(quantity.name == f"{tasks}_{field}" for field, quantity in of._asdict().items())
    mine = sweep[(sweep.panel == "normal") & (sweep.tasks == tasks)]
    (first, second) = (curve.sort_values("steps") for _, curve in mine.groupby("seed"))
    expected = {
        of.loss_gap_at_0: [curve.loss_gap.iloc[0] for curve in (first, second)],
        of.loss_gap_lowest: [min(curve.loss_gap) for curve in (first, second)],
        of.steps_to_negative_loss_gap: [
            min(t for t, gap in zip(curve.steps, curve.loss_gap, strict=True) if gap < 0)
            for curve in (first, second)
        ],
        of.distance_gap_at_0: [curve.distance_gap.iloc[0] for curve in (first, second)],
        of.distance_gap_last_to_first: [
            abs(curve.distance_gap.iloc[-1] / curve.distance_gap.iloc[0])
            for curve in (first, second)
        ],
    }
    for quantity, values in expected.items():
        found = estimates[(estimates.panel == "normal") & (estimates.quantity == quantity.name)]
        assert found.value.tolist() == pytest.approx(values)
    mean = (first.distance_gap.to_numpy() + second.distance_gap.to_numpy()) / 2
    highest = measure(estimates, of.distance_gap_highest, "normal").mean
    assert highest == pytest.approx(mean.max() / abs(mean[0]))
    share = measure(estimates, of.distance_gap_negative_share, "normal").mean
    assert share == np.mean([max(curve.distance_gap) < 0 for curve in (first, second)])


def test_the_change_of_the_covariance_is_that_of_the_draw(run) -> None:
    features, _, estimates = run
    found = estimates[
        (estimates.panel == "uniform") & (estimates.quantity == "covariance_change_highest")
    ]
    for seed, value in enumerate(found.value):
        change = features[f"uniform/{seed}/change"]
        values = np.linalg.eigvals(change).real
        assert value == pytest.approx(max(values) / abs(np.trace(change) / len(change)))
