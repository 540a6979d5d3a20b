"""The paths of Figs. 1 and 7 against independent computations, at a small scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import experiment, section, stages

from replication.distances import mean_distance
from replication.families import make
from replication.figures.trajectory import quantities as q
from replication.measuring import places, select


def test_mean_distance_is_the_mean_of_distances() -> None:
    rng = np.random.default_rng(0)
    w, a = rng.normal(size=(3, 2)), rng.normal(size=(7, 2))
    slow = [np.mean([np.hypot(*(u - v)) for v in a]) for u in w]
    assert mean_distance(w, a) == pytest.approx(slow, rel=1e-14)


def test_the_tangent_at_zero_is_that_of_the_curve() -> None:
    made = experiment("fig01", grid_factor=1e-3)
    _, _, sweep, estimates = stages(made)
    curve = sweep[(sweep.kind == "path") & (sweep.seed == 0)]
    rise = curve.mean_distance.iloc[1] - curve.mean_distance.iloc[0]
    slope = rise / (curve.alpha.iloc[1] - curve.alpha.iloc[0])
    tangent = estimates[(estimates.seed == 0) & (estimates.quantity == "tangent_at_0")]
    assert tangent.value.iloc[0] == pytest.approx(slope, rel=1e-3)


def test_without_new_scale_the_new_tasks_are_like_the_others() -> None:
    """The path comes from their features' scale: at scale 1 the solution barely moves."""
    moved = {}
    for scale in (1.0, 2.0):
        new = {**section("fig01")["new_tasks"], "feature_scale": scale}
        sweep = stages(experiment("fig01", new_tasks=new))[2]
        path = sweep[(sweep.kind == "path") & (sweep.seed == 0)]
        moved[scale] = abs(path.w1.iloc[10] - path.w1.iloc[0])
    assert moved[1.0] < moved[2.0]


def test_new_tasks_of_larger_features_draw_the_erm_solution_more() -> None:
    """The ratio by least squares, and its dependence on what the paper calls penalties."""
    ratios = {}
    for scale in (0.5, 1.0, 2.0):
        new = {**section("fig01")["new_tasks"], "feature_scale": scale}
        made = experiment("fig01", new_tasks=new)
        phi, a = made._sample(0, 0, made.cfg)
        y, n = np.einsum("nki,ni->nk", phi, a), made.cfg.tasks
        fits = [
            np.linalg.lstsq(phi[:m].reshape(-1, 2), y[:m].ravel(), rcond=None)[0]
            for m in (len(phi), n)
        ]
        far = [np.linalg.norm(w - a[n:].mean(0)) for w in fits]
        found = stages(made)[3].query("seed == 0 and quantity == 'erm_distance_ratio'").value
        ratios[scale] = found.iloc[0]
        assert ratios[scale] == pytest.approx(far[0] / far[1], rel=1e-9)
    assert ratios[2.0] < ratios[1.0] < ratios[0.5] < 1


def test_the_nearest_point_lies_between_its_neighbours_on_the_grid() -> None:
    made = experiment("fig01")
    _, _, sweep, estimates = stages(made)
    found = select(estimates, q.ratio_nearest_to_lim.name, "1").set_index("seed").loc[1]
    path = sweep[(sweep.kind == "path") & (sweep.seed == 1)].reset_index(drop=True)
    at = int(path.mean_distance.argmin())
    assert 0 < at < len(path) - 1
    rates = path.alpha_over_lim[[at - 1, at, at + 1]].to_list()
    assert [found.low, found.value, found.high] == rates


@pytest.mark.parametrize("name", ["fig01", "fig07"])
def test_variations_of_a_trajectory_are_readings(name: str) -> None:
    """Panel (c) and the specification curve are the same numbers."""
    section = experiment(name).cfg
    in_panel = experiment(name).all_stages()
    at = q.varied_at(2.0, 150, (4.0, 4.0), 10)
    of_count = select(in_panel, q.ratio_nearest_to_lim_varied.name, "1", at)
    reading = make(name, section.specification("count_150").for_stage("estimates"), 5).all_stages()
    assert places(reading, q.ratio_nearest_to_lim) == [(row, {}) for row in section.rows]
    assert q.ratio_nearest_to_lim_varied.name not in set(reading.quantity)
    chosen = select(reading, q.ratio_nearest_to_lim.name, "1")
    assert chosen.value.to_list() == of_count.value.to_list()
    assert section.choices()["centre_2.0_2.0"] == {"new_tasks.centre": [2.0, 2.0]}


def test_a_variation_that_changes_nothing_is_not_measured_twice() -> None:
    new = {**section("fig01")["new_tasks"], "count": 15, "centre": [8.0, 8.0]}
    found = experiment("fig01", new_tasks=new, shots=3).all_stages()
    rows = found[found.quantity == q.ratio_nearest_to_lim_varied.name]
    own = {"feature_scale": 2.0, "count": 15, "centre": "8.0 8.0", "shots": 3}
    changed = (rows[list(own)] != pd.Series(own)).sum(axis=1)
    assert set(changed) == {1}
    assert len(rows) == 2 * (4 + 3 + 1 + 1)
