"""Tangent features, Fig. 2, against explicit features and pseudo-inverses, at a small scale."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from small import experiment, section, stages

from innerlr.minimum_norm import float32_pinv_rcond
from replication.families import make
from replication.figures.tangent import scaling as scaling
from replication.figures.tangent.experiment import Regression, quadratic
from replication.figures.tangent.settings import TangentCurve, TangentSetting
from replication.judging.estimators import declared, estimators_table

SETTING = TangentSetting(width=80, rcond=1e-10)
CURVE = TangentCurve(shots=4, tasks=6)


def regression(test_tasks: int = 7, **change: object) -> Regression:
    rngs = tuple(np.random.default_rng((3, part)) for part in range(3))
    setting = TangentSetting.model_validate(SETTING.model_dump() | change)
    return Regression(setting, "normal", CURVE, test_tasks, rngs)


def plain_losses(change: dict, alphas: np.ndarray) -> np.ndarray:
    """The same experiment with explicit features, pseudo-inverses and gradient steps."""
    made = regression(**change)
    s, (k, n) = made.setting, (CURVE.shots, CURVE.tasks)
    rngs = [np.random.default_rng((3, part)) for part in range(3)]
    x, y = quadratic(s).draw(rngs[1], n, 2 * k)
    x_t, y_t = quadratic(s).draw(rngs[2], 7, 2 * k)
    psi, psi_t = ([made.model.features(task) for task in inputs] for inputs in (x, x_t))
    shots = n * k if s.step == "pooled" else k
    split = s.training_samples == "split"
    cut = np.sqrt(s.rcond)
    losses = []
    for alpha in alphas:
        rate = 2 * alpha / shots
        rows, right = [], []
        for phi, t in zip(psi, y, strict=True):
            u, q = phi[:k], phi[k:] if split else phi[:k]
            rows.append(q - rate * q @ u.T @ u)
            right.append((t[k:] if split else t[:k]) - rate * q @ u.T @ t[:k])
        w = np.linalg.pinv(np.concatenate(rows), rcond=cut) @ np.concatenate(right)
        if not split and s.rcond_of == "features":
            w = np.linalg.pinv(np.concatenate([p[:k] for p in psi]), rcond=cut) @ y[:, :k].ravel()
        if s.targets == "mean_optimum":
            solved = [np.linalg.pinv(p[:k], rcond=cut) @ t[:k] for p, t in zip(psi, y, strict=True)]
            w = np.mean(solved, axis=0)
        of_tasks = []
        for phi, t in zip(psi_t, y_t, strict=True):
            adapted = w - rate * phi[:k].T @ (phi[:k] @ w - t[:k])
            part = slice(0, k) if s.test_samples == "same" else slice(k, 2 * k)
            of_tasks.append(((phi[part] @ adapted - t[part]) ** 2).mean())
        losses.append(of_tasks)
    return np.array(losses)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"test_samples": "same"},
        {"step": "pooled"},
        {"training_samples": "split"},
        {"training_samples": "split", "step": "pooled"},
        {"rcond_of": "adapted"},
        {"targets": "mean_optimum"},
        {"input_dim": 2, "hidden_bias": False},
        {"output_bias": False, "scaled": True},
    ],
    ids=lambda change: " ".join(map(str, change.values())) or "primary",
)
def test_the_losses_of_figure_2_are_those_of_explicit_features(change: dict) -> None:
    made = regression(**change)
    scale = made.estimates()["alpha_lim_sampled"]
    alphas = scale * np.array([-1.0, 0.0, 0.4, 1.0])
    expected = plain_losses(change, alphas)
    # the solution carries eps / sqrt(cut) = 1e-11 of its norm, the cut's own place a little more
    np.testing.assert_allclose(made.losses(alphas), expected, rtol=1e-5, atol=1e-6)


def test_the_minimum_of_a_shared_reading_is_that_of_its_curve() -> None:
    made = regression()
    scale = made.estimates()["alpha_lim_sampled"]
    alphas = scale * np.linspace(-2, 6, 2001)
    losses = made.losses(alphas)
    found = made.minimum(alphas, losses)
    assert found.in_range
    assert abs(alphas[losses.mean(1).argmin()] - found.alpha) <= alphas[1] - alphas[0]
    assert found.loss == pytest.approx(losses.mean(1).min(), rel=1e-5)  # half a grid step away


def test_the_ratio_of_h15_to_the_minimum_has_no_scale() -> None:
    """All features multiplied by one number: a network without biases and outputs scaled alike."""
    ratios = []
    for scaled in (False, True):
        made = regression(scaled=scaled, hidden_bias=False, output_bias=False)
        coefficients = made.coefficients(0.0).mean(0)
        ratios.append(-made.estimates()["alpha_est"] * 2 * coefficients[2] / coefficients[1])
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)


def test_readings_of_figure_2_share_their_draws() -> None:
    """Another sigma~ of (H.15) moves the star and nothing else."""
    alternatives = {"sd": {"sigma2": "psi_sd"}, "scaled": {"scaled": True}}
    without = {"scaling": {"curves": []}}  # as in the default configuration
    specifications = {"scale": without, "named": alternatives}
    section = experiment("fig02", specifications=specifications).cfg
    tables = {}
    for name in section.choices():
        made = make("fig02", section.specification(name).for_stage("estimates"), 5)
        tables[name] = made.all_stages().set_index(["panel", "seed", "quantity"]).value
    primary, sd = tables["primary"], tables["sd"]
    for quantity in ("alpha_star", "alpha_lim_sampled", "h15_psi_sd", "loss_at_star"):
        assert primary.xs(quantity, level=2).equals(sd.xs(quantity, level=2))
    star = sd.xs("alpha_est", level=2)
    assert star.equals(primary.xs("h15_psi_sd", level=2))
    assert not star.equals(primary.xs("alpha_est", level=2))
    # features of order 1: the minimiser is far beyond the paper's axis
    assert (tables["scaled"].xs("minimum_in_range", level=2) == 0).all()
    stored = stages(make("fig02", section.for_stage("estimates") | without, 5))[3]
    again = stored.set_index(["panel", "seed", "quantity"]).value
    pd.testing.assert_series_equal(primary, again)


def test_a_split_reading_without_a_minimum_is_infinite_not_an_edge() -> None:
    made = experiment("fig02", training_samples="split", alphas={"first": -1e-6, "last": 1e-6})
    estimates = stages(made)[3]
    of_cell = estimates[estimates.panel == "a/K3N5"]
    assert (of_cell[of_cell.quantity == "minimum_in_range"].value == 0).all()
    assert np.isinf(of_cell[of_cell.quantity == "alpha_star"].value).all()
    assert np.isinf(estimators_table("fig02", estimates, declared("fig02")).alpha).any()


def of_panel(estimates: pd.DataFrame, panel: str) -> pd.DataFrame:
    """Quantities of a panel, (seeds, quantities)."""
    mine = estimates[estimates.panel == panel]
    return mine.pivot(index="seed", columns="quantity", values="value")


RATIOS = [f"ratio_{short}_to_star" for short in scaling.DRAWN]
RATIOS += ["ratio_est_to_star_pooled_step"]


@pytest.mark.parametrize("change", [{"tasks": 9}, {"width": 200}], ids=["N", "d"])
def test_a_point_of_panel_c_is_the_experiment_with_that_value(change: dict) -> None:
    # a cut of its own would follow d
    varied = stages(experiment("fig02", rcond=1e-9))[3]
    curve = {"shots": 3, "tasks": change.get("tasks", 5)}
    alone = {
        "width": change.get("width", 60),
        "panels": {"a": {"init": "normal", "curves": {"X": curve}}},
        "scaling": {"curves": ["a/X"], "tasks": [2], "widths": [60, 200]},
    }
    expected = of_panel(stages(experiment("fig02", rcond=1e-9, **alone))[3], "a/X")
    ((key, value),) = change.items()
    found = of_panel(varied, f"a/K3N5|{key}={value}")
    for quantity in (*RATIOS, "samples_over_dim", "effective_rank"):
        np.testing.assert_allclose(found[quantity], expected[quantity], rtol=1e-12)


def test_the_eigenvalue_cut_does_not_follow_the_width() -> None:
    """The float32 cut of the figure's own d, as a number, gives the same points."""
    rcond = regression(rcond="float32_pinv").inverse.rcond
    assert rcond == float32_pinv_rcond(CURVE.shots * CURVE.tasks, 3 * SETTING.width + 1)
    size = {"panels": {"a": {"init": "normal", "curves": {"X": {"shots": 4, "tasks": 6}}}}}
    size |= {"width": 80, "scaling": {"curves": ["a/X"], "tasks": [2], "widths": [2000]}}
    of_name, of_number = (
        of_panel(stages(experiment("fig02", **size, rcond=cut))[3], "a/X|width=2000")
        for cut in ("float32_pinv", rcond)
    )
    pd.testing.assert_frame_equal(of_name, of_number)


def test_panel_c_agrees_with_explicit_features() -> None:
    """Traces of explicit d x d Grams, and the identity that the panel is about."""
    made = regression()
    n, k, d = CURVE.tasks, CURVE.shots, made.model.dim
    psi = made.model.features(made.x)
    grams = [task.T @ task for task in psi.reshape(n, k, d)]
    t1, t2, t3 = (sum(np.trace(np.linalg.matrix_power(g, p)) for g in grams) / n for p in (1, 2, 3))
    second, variance = (psi**2).mean(), psi.var()
    point = scaling.Point("a/X", "", 0, SETTING, CURVE)
    found = scaling.measured(point, made.estimates(), star=1.0)
    assert found["samples_over_dim"] == pytest.approx(n * k / d)
    assert found["second_over_variance"] == pytest.approx(second / variance)
    assert found["effective_rank"] == pytest.approx(t1 * t2 / t3)
    assert found["ratio_lim_to_star"] == pytest.approx(k * t2 / (2 * t3))
    assert found["ratio_est_to_star"] == pytest.approx(1 / (2 * n * k * variance))
    assert found["ratio_dim_to_star"] == pytest.approx(1 / (2 * d * variance))
    law = d / (n * k) * second / variance / (t1 * t2 / t3)
    assert found["ratio_est_to_star"] / found["ratio_lim_to_star"] == pytest.approx(law)


def test_the_pooled_step_of_panel_c_is_that_reading() -> None:
    task, pooled = (
        of_panel(stages(experiment("fig02", step=step))[3], "a/K3N5|tasks=9")
        for step in ("task", "pooled")
    )
    expected = task.ratio_est_to_star_pooled_step
    np.testing.assert_allclose(pooled.ratio_est_to_star, expected, rtol=1e-6)
    np.testing.assert_allclose(pooled.ratio_est_to_star_pooled_step, expected, rtol=1e-6)
    np.testing.assert_allclose(pooled.effective_rank, task.effective_rank, rtol=1e-12)


def scaled_points(power: float) -> dict[scaling.Point, list[dict[str, float]]]:
    points = {}
    for key, value, x in (("", 0, 0.1), ("tasks", 4, 0.01), ("width", 9, 0.7)):
        draw = dict.fromkeys(RATIOS, 1.0) | {"samples_over_dim": x, "ratio_lim_to_star": 0.4}
        point = scaling.Point("a/X", key, value, SETTING, CURVE)
        points[point] = [draw | {"ratio_est_to_star": (x / 0.3) ** power}] * 2
    return points


def test_summaries_of_an_exact_power_law() -> None:
    found = {
        (panel, key): value
        for panel, _, values in scaling.summaries(scaled_points(-1.0))
        for key, value in values.items()
    }
    for name in ("tasks", "dim"):
        assert found["a/X", f"slope_est_{name}"] == pytest.approx(-1)
        assert found["c", f"slope_est_{name}"] == pytest.approx(-1)
        assert found["c", f"slope_lim_{name}"] == pytest.approx(0, abs=1e-12)
    assert found["a/X", "est_right_at"] == pytest.approx(0.3)
    assert found["c", "farthest_est"] == pytest.approx(30)
    assert found["c", "farthest_lim"] == pytest.approx(1 / 0.4)
    assert found["c", "farthest_lim_low"] == pytest.approx(1 / 0.4)


def test_a_point_without_a_minimum_is_beyond_every_bound() -> None:
    points = scaled_points(-1.0)
    points[next(iter(points))][0] = dict.fromkeys(RATIOS, 0.0) | {"samples_over_dim": 0.1}
    _, _, of_curve = scaling.summaries(points)[0]
    assert np.isinf(list(of_curve.values())).all()
    assert np.isinf(scaling.summaries(points)[-1][2]["farthest_dim"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"curves": ["a/K3N6"]}, "unknown 'a/K3N6'. Did you mean 'a/K3N5'"),
        ({"tasks": [61]}, "61 tasks of 3 samples for width 60"),
        ({"widths": [4]}, "5 tasks of 3 samples for width 4"),
    ],
)
def test_panel_c_takes_known_curves_below_d(change: dict, expected: str) -> None:
    values = section("fig02")["scaling"] | change
    with pytest.raises(ValueError, match=re.escape(expected)):
        experiment("fig02", scaling=values)
