"""The paths of Figs. 1 and 7 against independent computations, at a small scale."""

from __future__ import annotations

import numpy as np
import pytest
from small import experiment, section, stages

from replication.families import make
from replication.figures.trajectory.experiment import mean_distance


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
    found = estimates[(estimates.panel == "1") & (estimates.seed == 1)]
    found = found.set_index("quantity").value
    path = sweep[(sweep.kind == "path") & (sweep.seed == 1)].reset_index(drop=True)
    at = int(path.mean_distance.argmin())
    assert 0 < at < len(path) - 1
    places = path.alpha_over_lim[[at - 1, at, at + 1]].to_list()
    names = ["ratio_nearest_to_lim" + end for end in ("_below", "", "_above")]
    assert [found[name] for name in names] == places


def test_falling_to_the_nearest_point_is_counted_step_by_step() -> None:
    made = experiment("fig01")
    _, features, sweep, _ = stages(made)
    path = (sweep.kind == "path") & (sweep.seed == 0)
    n = path.sum()
    # down, up, down: two of three steps to the lowest point fall; then the lowest is the first
    for distance, expected in (([3.0, 2.0, 2.5, 1.0], 2 / 3), ([1.0, 2.0], 0.0)):
        sweep.loc[path, "mean_distance"] = distance + [9.0] * (n - len(distance))
        found = made.estimates(features, sweep).query(
            "panel == '1' and seed == 0 and quantity == 'falling_share_to_nearest'"
        )
        assert found.value.iloc[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["fig01", "fig07"])
def test_variations_of_a_trajectory_are_readings(name: str) -> None:
    """Panel (c) and the specification curve are the same numbers."""
    section = experiment(name).cfg
    in_panel = experiment(name).all_stages()
    in_panel = in_panel[in_panel.quantity == "ratio_nearest_to_lim"]
    of_count = in_panel[in_panel.panel == "1|count=150"].value.to_list()
    reading = make(name, section.specification("count_150").for_stage("estimates"), 5).all_stages()
    assert not reading.panel.str.contains("|", regex=False).any()
    chosen = reading[(reading.panel == "1") & (reading.quantity == "ratio_nearest_to_lim")]
    assert chosen.value.to_list() == of_count
    assert section.choices()["centre_2.0_2.0"] == {"new_tasks.centre": [2.0, 2.0]}
