"""What Fig. 8 measures, by hand and by other code."""

from __future__ import annotations

import math
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small import check_quantities, experiment, stages

from replication.figures.convergence import quantities as q
from replication.measuring import measure
from replication.quantity import Estimated


def test_the_error_is_over_alpha_lim_and_over_the_first_one() -> None:
    assert q.relative_error_at_last(0.02, 0.5) == pytest.approx(0.04)
    assert q.error_last_to_first(0.1, 0.4) == pytest.approx(0.25)


def test_capped_trials_are_counted() -> None:
    assert q.capped_trials(np.array([True, False, True])) == 2


def test_the_spread_at_the_most_tasks_is_over_that_at_the_fewest() -> None:
    # deviations -2, 0, 2 and -0.2, -0.1, 0.3
    errors = np.array([[1.0, 0.1], [3.0, 0.2], [5.0, 0.6]])
    found = q.spread_last_to_first(errors, np.random.default_rng(0))
    assert isinstance(found, Estimated)
    assert found.value == pytest.approx(math.sqrt(0.07) / 2)


def test_the_interval_of_the_spread_has_the_percentiles_of_a_bootstrap() -> None:
    errors = np.random.default_rng(0).exponential(size=(10, 2)) * [1.0, 0.1]
    found = q.spread_last_to_first(errors, np.random.default_rng(1))
    ratios = sorted(
        stdev(errors[drawn, 1]) / stdev(errors[drawn, 0])
        for drawn in np.random.default_rng(1).integers(10, size=(1000, 10))
    )
    # 2.5% and 97.5% of the way from the first of 1000 to the last
    low = ratios[24] + 0.975 * (ratios[25] - ratios[24])
    high = ratios[974] + 0.025 * (ratios[975] - ratios[974])
    assert (found.low, found.high) == pytest.approx((low, high))
    scipys = stats.bootstrap(
        (errors[:, 0], errors[:, 1]),
        lambda first, last, axis: last.std(axis=axis) / first.std(axis=axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        random_state=np.random.default_rng(2),
    ).confidence_interval
    # the error of a percentile of 1000 resamples
    assert (found.low, found.high) == pytest.approx(tuple(scipys), rel=0.1)


def test_without_a_spread_at_the_fewest_tasks_nothing_is_known() -> None:
    errors = np.array([[2.0, 0.1], [2.0, 0.2], [2.0, 0.6]])
    found = q.spread_last_to_first(errors, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == (np.inf, 0, np.inf)


@pytest.mark.parametrize("slope", [q.slope_error, q.slope_error_risk])
def test_a_slope_is_that_of_logarithms_with_students_interval(slope) -> None:
    tasks, errors = np.array([16, 32, 64, 256]), np.array([0.5, 0.3, 0.26, 0.11])
    fit = stats.linregress(np.log2(tasks), np.log2(errors))
    half = stats.t.ppf(0.975, 2) * fit.stderr
    found = slope(tasks, errors)
    assert (found.value, found.low, found.high) == pytest.approx(
        (fit.slope, fit.slope - half, fit.slope + half)
    )


@pytest.fixture(scope="module")
def run() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sweep and estimates."""
    return stages(experiment("fig08", seeds=4))[2:]


def test_everything_is_measured_and_every_claim_finds_its_quantity(run) -> None:
    check_quantities({"fig08": run[1]})


def test_errors_are_taken_at_the_most_and_the_fewest_tasks(run) -> None:
    sweep, estimates = run
    of_b = sweep[sweep.panel == "b"].sort_values(["tasks", "trial"])
    first, last = of_b[:4], of_b[-4:]
    assert (set(first.tasks), set(last.tasks)) == ({4}, {64})
    expected = {
        q.alpha_lim: last.alpha_lim,
        q.alpha_star: last.alpha_star,
        q.alpha_star_risk: last.alpha_star_risk,
        q.relative_error_at_last: (last.alpha_star / last.alpha_lim - 1).abs(),
        q.error_last_to_first: last.error.to_numpy() / first.error.to_numpy(),
    }
    for of, values in expected.items():
        found = estimates[(estimates.panel == "b") & (estimates.quantity == of.name)]
        assert found.seed.tolist() == [0, 1, 2, 3]
        np.testing.assert_allclose(found.value, values, rtol=1e-12)
    spread = measure(estimates, q.spread_last_to_first, "b").mean
    assert spread == pytest.approx(stdev(last.error) / stdev(first.error))


def test_slopes_are_those_of_the_mean_error_from_16_tasks_on(run) -> None:
    sweep, estimates = run
    of_c = sweep[(sweep.panel == "c") & sweep.tasks.isin([16, 32, 64])]
    for of, column in ((q.slope_error, "error"), (q.slope_error_risk, "error_risk")):
        means = [of_c[of_c.tasks == n][column].mean() for n in (16, 32, 64)]
        slope = stats.linregress([4, 5, 6], np.log2(means)).slope
        assert measure(estimates, of, "c").mean == pytest.approx(slope)


def test_a_slope_needs_three_numbers_of_tasks() -> None:
    found = stages(experiment("fig08", log2_tasks=[2, 4, 5]))[3]
    assert not {"slope_error", "slope_error_risk"} & set(found.quantity)
