"""What Fig. 2 measures, worked by hand, from losses and estimates that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small import CLAIMS, TWO, experiment, section, stages

from replication.families import make
from replication.figures.tangent import quantities as q
from replication.figures.tangent import scaling
from replication.judging.claims import judge
from replication.measuring import select
from replication.quantity import Quantity
from replication.registry import registry
from replication.settings.config import Config

CURVES = {"one": {"shots": 3, "tasks": 5}, "two": {"shots": 2, "tasks": 4}}
# in the order in which they are stored: six estimates, nine statistics
NAMED = 1e-4 * np.array([1.0, 3, 5, 8, 6, 7, 10, 20, 30, 40, 50, 60, 70, 80, 90])
FEATURES = {
    # mean losses 9, 4 and 6
    "a/one/0/losses": np.array([[8.0, 10.0], [3.0, 5.0], [5.0, 7.0]]),
    "a/one/0/minimum": np.array([2e-4, 2.0, 1.0]),
    "a/one/0/estimates": NAMED,
    # at (H.15), (3.3), (H.6), (H.14), 1 / (2 d var), 1 / (2 rms)
    "a/one/0/at_estimates": np.array([5.0, 3.0, 2.5, 4.0, 6.0, 8.0]),
    "a/one/0/rank": np.array([7]),
    # without a minimum; mean losses 5, 12 and 3
    "a/two/0/losses": np.array([[4.0, 6.0], [12.0, 12.0], [3.0, 3.0]]),
    "a/two/0/minimum": np.array([0.0, -1.0, 0.0]),
    "a/two/0/estimates": 2 * NAMED,
    "a/two/0/at_estimates": np.array([6.0, 6.0, 6.0, 6.0, 6.0, 6.0]),
    "a/two/0/rank": np.array([5]),
}


@pytest.fixture(scope="module")
def given() -> pd.DataFrame:
    """The estimates of FEATURES."""
    panels = {"a": {"init": "normal", "curves": CURVES}}
    scaling = section("fig02")["scaling"] | {"curves": []}
    made = experiment("fig02", seeds=1, panels=panels, scaling=scaling)
    return made.estimates(FEATURES, pd.DataFrame())


def value(table: pd.DataFrame, quantity: Quantity[Any], **at: Any) -> float:
    (row,) = select(table, quantity.name, "a", at).itertuples()
    assert np.isnan([row.low, row.high]).all()
    return float(row.value)


def test_what_is_measured_of_a_curve_with_a_minimum(given: pd.DataFrame) -> None:
    one = CURVES["one"]
    expected: dict[Quantity[Any], float] = {
        q.alpha_star: 2e-4,
        q.minimum_in_range: 1,
        q.loss_at_star: 2,
        q.loss_at_first: 9,
        q.loss_at_last: 6,
        q.rank: 7,
        q.alpha_lim_sampled: 1e-4,
        q.alpha_lim_split: 3e-4,
        q.alpha_pooled: 5e-4,
        q.alpha_est: 8e-4,
        q.alpha_dim: 6e-4,
        q.alpha_rms: 7e-4,
    }
    for quantity, wanted in expected.items():
        assert value(given, quantity, **one) == pytest.approx(wanted), quantity.name
    ratios = {
        "alpha_est": 4,
        "alpha_lim_sampled": 0.5,
        "alpha_lim_split": 1.5,
        "alpha_pooled": 2.5,
        "alpha_dim": 3,
        "alpha_rms": 3.5,
    }
    for name, wanted in ratios.items():
        assert value(given, q.ratio_to_star, **one, estimate=name) == pytest.approx(wanted)
    # over the lowest loss, 2, and neither over the first, 9, nor over the lowest on the axis, 4
    excess = {
        "alpha_est": 1.5,
        "alpha_lim_sampled": 0.5,
        "alpha_lim_split": 0.25,
        "alpha_pooled": 1,
        "alpha_dim": 2,
        "alpha_rms": 3,
    }
    for name, wanted in excess.items():
        assert value(given, q.excess_loss, **one, estimate=name) == pytest.approx(wanted)
    statistics = {"psi_variance": 1e-3, "psi_second": 3e-3, "psi_psi_t_second": 9e-3}
    for name, wanted in statistics.items():
        assert value(given, q.alpha_est_of_sigma2, **one, sigma2=name) == pytest.approx(wanted)


def test_what_is_measured_of_a_curve_without_a_minimum(given: pd.DataFrame) -> None:
    two = CURVES["two"]
    assert value(given, q.alpha_star, **two) == np.inf
    assert value(given, q.minimum_in_range, **two) == 0
    # the lowest mean loss on the axis
    assert value(given, q.loss_at_star, **two) == 3
    assert value(given, q.ratio_to_star, **two, estimate="alpha_est") == 0
    assert value(given, q.excess_loss, **two, estimate="alpha_est") == pytest.approx(1)


def test_the_highest_loss_is_that_of_all_curves_of_a_panel(given: pd.DataFrame) -> None:
    assert value(given, q.highest_loss) == 12


def test_ratios_and_excesses_have_their_denominator_below() -> None:
    assert q.ratio_to_star(3.0, 2.0) == q.ratio_to_star_varied(3.0, 2.0) == 1.5
    assert q.excess_loss(3.0, 2.0) == 0.5


def test_the_first_and_the_last_loss() -> None:
    losses = np.array([9.0, 4.0, 6.0])
    assert (q.loss_at_first(losses), q.loss_at_last(losses)) == (9, 6)
    assert q.highest_loss(np.array([[9.0, 4.0, 6.0], [5.0, 12.0, 3.0]])) == 12


def test_numbers_of_samples_and_of_features() -> None:
    # N K = 6, d = 24, variance 2, second moment 3, alpha_lim = r / (2 d s_2) with r = 2.5
    est, of_second, dim, limit = 1 / (2 * 6 * 2), 1 / (2 * 6 * 3), 1 / (2 * 24 * 2), 2.5 / 144
    assert q.samples_over_dim(dim, est) == pytest.approx(0.25)
    assert q.second_over_variance(est, of_second) == pytest.approx(1.5)
    assert q.effective_rank(limit, dim, est, of_second) == pytest.approx(2.5)


def test_a_pooled_step_has_a_minimiser_n_times_larger() -> None:
    # of N = 8 tasks: 6 over 8 times 3, and 6 over 24, which is that of the pooled step already
    assert q.ratio_est_to_star_pooled_step(6.0, 3.0, 1, 8) == pytest.approx(0.25)
    assert q.ratio_est_to_star_pooled_step(6.0, 24.0, 8, 8) == pytest.approx(0.25)


@pytest.mark.parametrize("slope", [q.slope_of_curve, q.slope_pooled_step_of_curve])
def test_slopes_are_of_both_logarithms(slope: Quantity[Any]) -> None:
    at = np.array([0.01, 0.1, 1.0])
    assert slope(at, 5 * at**-0.7) == pytest.approx(-0.7)
    # on no line: against -2, -1, 0 the powers of ten 1, 3, 4
    assert slope(at, np.array([1e1, 1e3, 1e4])) == pytest.approx(1.5)
    assert slope(at, np.array([1.0, 0.0, 1.0])) == np.inf
    uneven = np.array([3.0, 0.4, 7.0])
    fitted = stats.linregress(np.log(at), np.log(uneven)).slope
    assert slope(at, uneven) == pytest.approx(fitted)


@pytest.mark.parametrize("slope", [q.slope, q.slope_pooled_step])
def test_the_slope_of_all_curves_is_their_mean(slope: Quantity[Any]) -> None:
    assert slope(np.array([-1.0, -1.5, -0.8])) == pytest.approx(-1.1)


def test_where_h15_is_right() -> None:
    # on 0.2 / x at every point, and a factor of 4 above it at one of two
    at = np.array([0.1, 0.4])
    assert q.est_right_at(at, 0.2 / at) == pytest.approx(0.2)
    assert q.est_right_at(at, np.array([2.0, 2.0])) == pytest.approx(np.sqrt(0.2 * 0.8))
    assert q.est_right_at(at, np.array([2.0, 0.0])) == np.inf


def test_the_farthest_point_is_a_factor_above_one_in_either_direction() -> None:
    # geometric means 1.5, 1/4 and 3; the interval of log2 of 1/2 and 1/8 is -2 +- TWO
    found = q.farthest([[1.0, 2.25], [0.5, 0.125], [3.0, 3.0]])
    assert found.value == pytest.approx(4)
    assert found.low == pytest.approx(2 ** (2 - TWO))
    assert found.high == pytest.approx(2 ** (2 + TWO))
    assert found.interval == "Student's t of the logarithms, at the farthest point"
    above = q.farthest([[2.0, 8.0], [1.0, 1.0]])
    assert (above.value, above.low, above.high) == pytest.approx(
        (4, 2 ** (2 - TWO), 2 ** (2 + TWO))
    )
    none = q.farthest([[1.0, 2.0], [1.0, 0.0]])
    assert (none.value, none.low, none.high) == (np.inf, np.inf, np.inf)


def test_every_quantity_of_figure_2_is_measured() -> None:
    estimates = stages(experiment("fig02", seeds=1, test_tasks=2))[3]
    assert set(estimates.quantity) == set(registry("fig02"))


def test_every_claim_on_figure_2_finds_its_quantity() -> None:
    """At the figure's own K, N and d, from estimates that are given."""
    values = Config().fig02.for_stage("estimates") | {"seeds": 2}
    made = make("fig02", values, 5)
    cfg = made.cfg
    names = [f"{p}/{c}" for p, panel in cfg.panels.items() for c in panel.curves]
    points = [point.name for name in names for point in scaling.variations(cfg, name)]
    features = {}
    for seed in range(2):
        for i, name in enumerate([*names, *points]):
            features[f"{name}/{seed}/minimum"] = np.array([2e-4, 2.0, 1.0])
            # (H.15) at another N K / d at every point
            fewer = np.where(np.arange(len(NAMED)) == 3, 1 + max(i - 3, 0), 1)
            features[f"{name}/{seed}/estimates"] = NAMED * (1 + seed) / fewer
        for name in names:
            features[f"{name}/{seed}/losses"] = np.array([[9.0, 8.0], [4.0, 5.0]])
            features[f"{name}/{seed}/at_estimates"] = np.array([5.0, 3.0, 2.5, 4.0, 6.0, 8.0])
            features[f"{name}/{seed}/rank"] = np.array([7])
    claims = [claim for claim in CLAIMS if claim.get("experiment") == "fig02"]
    verdicts = judge(claims, made.estimates(features, pd.DataFrame()), "fig02", values)
    measured = verdicts.set_index("id").measured
    assert not measured.isna().any()
    # 4 and 8 times the minimiser
    assert measured["fig02a-K23N68-place"] == pytest.approx(6)
    assert measured["fig02b-K19N85-loss-lim"] == pytest.approx(0.5)
    # the geometric mean of 1/2 and 1
    assert measured["fig02-why-lim"] == pytest.approx(np.sqrt(2))
    # the minimiser is the same at every point
    assert measured["fig02-why-est-tasks"] == pytest.approx(-1)
    assert measured["fig02-why-est-dim"] == pytest.approx(-1)
