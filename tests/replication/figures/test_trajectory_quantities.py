"""What Figs. 1 and 7 measure, by hand and by other code."""

from __future__ import annotations

from math import hypot

import numpy as np
import pandas as pd
import pytest
from small import check_quantities, experiment, stages

from innerlr.estimators import alpha_lim
from replication.figures.trajectory import quantities as q
from replication.measuring import select
from replication.quantity import Estimated

DISTANCE = np.array([5.0, 4.0, 4.5, 3.0, 6.0])
RATES = np.array([0.0, 0.5, 1.0, 1.5, 2.0])


def test_the_reduction_at_alpha_lim_is_a_share_of_the_largest_one() -> None:
    # from 8 to 6, where it could have been from 8 to 3
    assert q.share_of_reduction_at_lim(8.0, 6.0, 3.0) == 0.4
    assert q.share_of_reduction_at_lim(8.0, 9.0, 3.0) == -0.2
    assert q.share_of_reduction_at_lim(8.0, 9.0, 8.0) == -np.inf


def test_the_tangent_is_a_central_difference() -> None:
    assert q.tangent_at_0(3.0, 2.0, 0.25) == -2
    # for each alpha_lim 0.5, over a distance of 4
    assert q.relative_tangent_at_0(3.0, 2.0, 0.25, 0.5, 4.0) == -0.25


def test_distances_along_the_path() -> None:
    assert q.distance_erm(DISTANCE) == 5
    assert q.distance_lowest(DISTANCE) == 3
    assert q.distance_at_lim(4.5) == 4.5


@pytest.mark.parametrize(
    ("distance", "share"),
    [
        # down, up, down: two of three steps to the lowest point fall
        (DISTANCE, 2 / 3),
        ([3.0, 3.0, 2.0], 1 / 2),
        ([1.0, 0.5, 0.7, 0.6], 1.0),
        ([1.0, 2.0, 3.0], 0.0),
    ],
)
def test_falling_to_the_nearest_point_is_counted_step_by_step(distance, share: float) -> None:
    assert q.falling_share_to_nearest(np.array(distance)) == pytest.approx(share)


NEAREST = [q.alpha_nearest, q.ratio_nearest_to_lim, q.ratio_nearest_to_lim_varied]


@pytest.mark.parametrize("nearest", NEAREST, ids=[of.name for of in NEAREST])
@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (DISTANCE, (1.5, 1.0, 2.0)),
        # nothing is below the first rate, which is 0, and nothing is known beyond the last
        ([1.0, 2.0, 3.0, 4.0, 5.0], (0.0, 0.0, 0.5)),
        ([5.0, 4.0, 3.0, 2.0, 1.0], (2.0, 1.5, np.inf)),
        # the first of two
        ([2.0, 1.0, 3.0, 1.0, 2.0], (0.5, 0.0, 1.0)),
    ],
)
def test_the_nearest_rate_lies_between_its_neighbours(nearest, distance, expected) -> None:
    found = nearest(RATES, np.array(distance))
    assert isinstance(found, Estimated)
    assert (found.value, found.low, found.high) == expected


def test_distances_to_the_centre_of_the_new_tasks() -> None:
    # 5 and 13 from the centre
    centre, near, far = np.array([1.0, 1.0]), np.array([4.0, 5.0]), np.array([6.0, -11.0])
    assert q.new_tasks_distance_ratio(far, near, centre) == pytest.approx(13 / 5)
    assert q.erm_distance_ratio(near, far, centre) == pytest.approx(5 / 13)


def test_the_keys_of_a_variation() -> None:
    assert q.varied_at(1.5, 50, [4, 2.5], 3) == {
        "feature_scale": 1.5,
        "count": 50,
        "centre": "4.0 2.5",
        "shots": 3,
    }


@pytest.fixture(scope="module")
def run() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sweep and estimates of Fig. 7."""
    return stages(experiment("fig07"))[2:]


def test_everything_is_measured_and_every_claim_finds_its_quantity(run) -> None:
    check_quantities({"fig07": run[1], "fig01": stages(experiment("fig01"))[3]})


def solutions(phi: np.ndarray, a: np.ndarray, alpha: float) -> np.ndarray:
    """w_m of (3.1), a task after the other."""
    total, pulled = np.zeros((2, 2)), np.zeros(2)
    for features, optimum in zip(phi, a, strict=True):
        gram = features.T @ features
        step = np.eye(2) - 2 * alpha / len(features) * gram
        total += step @ gram @ step
        pulled += step @ gram @ step @ optimum
    return np.linalg.solve(total, pulled)


def test_a_draw_against_plain_loops(run) -> None:
    """Which values go into which quantity."""
    sweep, estimates = run
    made = experiment("fig07")
    phi, a = made._sample(1, 1, made.cfg)  # type: ignore[attr-defined]
    n = made.cfg.tasks
    limit = alpha_lim(phi)

    def far(alpha: float) -> float:
        w = solutions(phi, a, alpha)
        return float(np.mean([hypot(*(w - optimum)) for optimum in a]))

    path = sweep[(sweep.panel == "2") & (sweep.seed == 1) & (sweep.kind == "path")]
    rates = path.alpha.to_numpy()
    distances = [far(alpha) for alpha in rates]
    at = int(np.argmin(distances))
    assert 0 < at < len(rates) - 1
    erm, lowest, at_limit = distances[0], distances[at], far(limit)
    slope = (far(1e-3 * limit) - far(-1e-3 * limit)) / (2e-3 * limit)
    centre = np.mean(a[n:], axis=0)
    to_centre = {
        name: hypot(*(w - centre))
        for name, w in (
            ("limit", solutions(phi, a, limit)),
            ("erm", solutions(phi, a, 0)),
            ("without", solutions(phi[:n], a[:n], 0)),
        )
    }
    falls = [distances[i + 1] < distances[i] for i in range(at)]
    expected = {
        q.alpha_lim_sampled: limit,
        q.alpha_nearest: rates[at],
        q.ratio_nearest_to_lim: rates[at] / limit,
        q.distance_erm: erm,
        q.distance_at_lim: at_limit,
        q.distance_lowest: lowest,
        q.share_of_reduction_at_lim: (erm - at_limit) / (erm - lowest),
        q.tangent_at_0: slope,
        q.relative_tangent_at_0: slope * limit / erm,
        q.falling_share_to_nearest: sum(falls) / len(falls),
        q.new_tasks_distance_ratio: to_centre["limit"] / to_centre["erm"],
        q.erm_distance_ratio: to_centre["erm"] / to_centre["without"],
    }
    for of, value in expected.items():
        rows = select(estimates, of.name, "2").set_index("seed")
        # the difference quotients have different steps
        assert rows.value[1] == pytest.approx(value, rel=1e-4), of.name


def test_a_variation_is_of_its_own_tasks(run) -> None:
    _, estimates = run
    made = experiment("fig07")
    changed = made.cfg.model_copy(update={"shots": 3})
    phi, a = made._sample(0, 1, changed)  # type: ignore[attr-defined]
    limit = alpha_lim(phi)
    distances = [
        np.mean(np.hypot(*(solutions(phi, a, ratio * limit) - a).T))
        for ratio in np.linspace(0, made.cfg.grid_factor, made.cfg.grid_points)
    ]
    step = made.cfg.grid_factor / (made.cfg.grid_points - 1)
    at = q.varied_at(2.0, 50, (4.0, 4.0), 3)
    rows = select(estimates, q.ratio_nearest_to_lim_varied.name, "1", at).set_index("seed")
    assert rows.value[1] == pytest.approx(step * np.argmin(distances))
