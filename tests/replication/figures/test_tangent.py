"""Tangent features, Fig. 2, against explicit features and pseudo-inverses, at a small scale."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import experiment, section, stages

from innerlr.minimum_norm import float32_pinv_rcond
from replication.families import make
from replication.figures.tangent import quantities as q
from replication.figures.tangent import scaling as scaling
from replication.figures.tangent.experiment import Regression, quadratic
from replication.figures.tangent.settings import TangentCurve, TangentSetting
from replication.judging.estimators import estimators_table
from replication.measuring import select
from replication.quantity import Estimates, Quantity
from replication.registry import registry

SETTING = TangentSetting(width=80, rcond=1e-10)
CURVE = TangentCurve(shots=4, tasks=6)


def values(estimates: pd.DataFrame, quantity: Quantity[Any]) -> pd.Series:
    """All values of a quantity."""
    return estimates[estimates.quantity == quantity.name].value


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
        tables[name] = made.all_stages()
    primary, sd = tables["primary"], tables["sd"]
    for quantity in (q.alpha_star, q.alpha_lim_sampled, q.alpha_est_of_sigma2, q.loss_at_star):
        assert values(primary, quantity).equals(values(sd, quantity))
    star = values(sd, q.alpha_est)
    of_sd = primary[primary.sigma2 == "psi_sd"]
    np.testing.assert_array_equal(star, values(of_sd, q.alpha_est_of_sigma2))
    assert not star.equals(values(primary, q.alpha_est))
    # features of order 1: the minimiser is far beyond the paper's axis
    assert (values(tables["scaled"], q.minimum_in_range) == 0).all()
    stored = stages(make("fig02", section.for_stage("estimates") | without, 5))[3]
    pd.testing.assert_frame_equal(primary, stored)


def test_a_split_reading_without_a_minimum_is_infinite_not_an_edge() -> None:
    made = experiment("fig02", training_samples="split", alphas={"first": -1e-6, "last": 1e-6})
    estimates = stages(made)[3]
    assert values(estimates, q.minimum_in_range).tolist() == [0, 0]
    assert np.isinf(values(estimates, q.alpha_star)).all()
    assert np.isinf(estimators_table("fig02", estimates, registry("fig02")).alpha).any()


def of_point(estimates: pd.DataFrame, **at: int) -> pd.DataFrame:
    """Quantities of a point of panel (c), by seed; of a ratio the estimate's name too."""
    mine = estimates
    for key, value in at.items():
        mine = mine[(mine[key] == value).fillna(False)]
    names = (mine.quantity + " " + mine.estimate.fillna("")).str.strip()
    return mine.assign(name=names).pivot(index="seed", columns="name", values="value")


RATIOS = [f"ratio_to_star_varied {name}" for name in scaling.DRAWN]
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
    at = {"shots": 3, "tasks": 5, "width": 60} | change
    expected = of_point(stages(experiment("fig02", rcond=1e-9, **alone))[3], **at)
    found = of_point(varied, **at)
    assert len(found) == 2
    for quantity in (*RATIOS, "samples_over_dim", "effective_rank"):
        np.testing.assert_allclose(found[quantity], expected[quantity], rtol=1e-12)


def test_the_eigenvalue_cut_does_not_follow_the_width() -> None:
    """The float32 cut of the figure's own d, as a number, gives the same points."""
    rcond = regression(rcond="float32_pinv").inverse.rcond
    assert rcond == float32_pinv_rcond(CURVE.shots * CURVE.tasks, 3 * SETTING.width + 1)
    size = {"panels": {"a": {"init": "normal", "curves": {"X": {"shots": 4, "tasks": 6}}}}}
    size |= {"width": 80, "scaling": {"curves": ["a/X"], "tasks": [2], "widths": [2000]}}
    of_name, of_number = (
        of_point(stages(experiment("fig02", **size, rcond=cut))[3], width=2000)
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
    rows = Estimates()
    scaling.add_point(rows, point, 0, made.estimates(), star=1.0)
    found = of_point(rows.table(), **point.at).iloc[0]
    assert found["samples_over_dim"] == pytest.approx(n * k / d)
    assert found["second_over_variance"] == pytest.approx(second / variance)
    assert found["effective_rank"] == pytest.approx(t1 * t2 / t3)
    limit, est, dim = (
        found[f"ratio_to_star_varied {name}"]
        for name in ("alpha_lim_sampled", "alpha_est", "alpha_dim")
    )
    assert limit == pytest.approx(k * t2 / (2 * t3))
    assert est == pytest.approx(1 / (2 * n * k * variance))
    assert dim == pytest.approx(1 / (2 * d * variance))
    assert est / limit == pytest.approx(d / (n * k) * second / variance / (t1 * t2 / t3))


def test_the_pooled_step_of_panel_c_is_that_reading() -> None:
    task, pooled = (
        of_point(stages(experiment("fig02", step=step))[3], shots=3, tasks=9, width=60)
        for step in ("task", "pooled")
    )
    expected = task["ratio_est_to_star_pooled_step"]
    of_step = pooled["ratio_to_star_varied alpha_est"]
    np.testing.assert_allclose(of_step, expected, rtol=1e-6)
    np.testing.assert_allclose(pooled["ratio_est_to_star_pooled_step"], expected, rtol=1e-6)
    np.testing.assert_allclose(pooled.effective_rank, task.effective_rank, rtol=1e-12)


def power_laws(star: float = 1.0) -> tuple[Estimates, list[list[scaling.Point]]]:
    """Two draws of two curves, each with another N and another d, on power laws.

    The estimate over the minimiser is a power of N K / d over 0.3: -1 of both draws of the first
    curve, -2 and -3 of those of the second. `star` is the minimiser of the very first point.
    """
    rows, curves = Estimates(), []
    for name, shots, powers in (("X", 4, (-1, -1)), ("Y", 5, (-2, -3))):
        own = TangentCurve(shots=shots, tasks=6)
        fewer, other = own.model_copy(update={"tasks": 3}), SETTING.model_copy(update={"width": 9})
        points = [
            scaling.Point(f"a/{name}", "", 0, SETTING, own),
            scaling.Point(f"a/{name}", "tasks", 3, SETTING, fewer),
            scaling.Point(f"a/{name}", "width", 9, other, own),
        ]
        for point, x in zip(points, (0.1, 0.01, 0.7), strict=True):
            for seed, power in enumerate(powers):
                est = (x / 0.3) ** power
                named = {"alpha_est": est, "alpha_dim": x * est, "psi_second": 1.0}
                named |= {"alpha_lim_sampled": 0.4, "alpha_lim_split": 1.5}
                first = not curves and point is points[0] and seed == 0
                scaling.add_point(rows, point, seed, named, star if first else 1.0)
        curves.append(points)
    return rows, curves


def test_summaries_of_exact_power_laws() -> None:
    rows, curves = power_laws()
    scaling.add_summaries(rows, curves)
    table = rows.table()

    def found(quantity: Quantity[Any], panel: str, **at: Any) -> list[float]:
        return select(table, quantity.name, panel, at).value.tolist()

    one, two = {"shots": 4, "tasks": 6}, {"shots": 5, "tasks": 6}
    for varied in ("tasks", "dim"):
        est = {"estimate": "alpha_est", "varied": varied}
        assert found(q.slope_of_curve, "a", **one, **est) == pytest.approx([-1, -1])
        assert found(q.slope_of_curve, "a", **two, **est) == pytest.approx([-2, -3])
        assert found(q.slope, "c", **est) == pytest.approx([-1.5, -2])
        limit = {"estimate": "alpha_lim_sampled", "varied": varied}
        assert found(q.slope, "c", **limit) == pytest.approx([0, 0], abs=1e-12)
    # where the step is pooled, half of N doubles the ratio: one power of two in a tenth of N K / d
    half = -np.log10(2)
    tasks = {"varied": "tasks"}
    assert found(q.slope_pooled_step_of_curve, "a", **one, **tasks) == pytest.approx([half - 1] * 2)
    assert found(q.slope_pooled_step, "c", **tasks) == pytest.approx([half - 1.5, half - 2])
    assert found(q.slope_pooled_step, "c", varied="dim") == pytest.approx([-1.5, -2])
    assert found(q.est_right_at, "a", **one) == pytest.approx([0.3, 0.3])
    # by the power -1 through points on -2: x (x/0.3)^-2 is 0.09 / x, with x = (0.1 0.01 0.7)^(1/3)
    assert found(q.est_right_at, "a", **two)[0] == pytest.approx(0.09 / 0.0007 ** (1 / 3))
    # the point at 0.01: powers -2 and -3 of 1/30, geometric mean 30^2.5
    assert found(q.farthest, "c", estimate="alpha_est") == pytest.approx([30**2.5])
    (row,) = select(table, "farthest", "c", {"estimate": "alpha_lim_sampled"}).itertuples()
    assert (row.value, row.low, row.high) == pytest.approx((2.5, 2.5, 2.5))
    assert row.interval.startswith("Student's t of the logarithms")


def test_a_point_without_a_minimum_is_beyond_every_bound() -> None:
    rows, curves = power_laws(star=np.inf)
    scaling.add_summaries(rows, curves)
    table = rows.table()
    of_curve = table[table.shots.eq(4) & table.tasks.eq(6) & table.width.isna() & (table.seed == 0)]
    assert set(of_curve.quantity) == {
        *("slope_of_curve", "slope_pooled_step_of_curve", "est_right_at"),
    }
    assert np.isinf(of_curve.value).all()
    together = table[table.panel == "c"]
    assert np.isinf(together[together.quantity == "farthest"].value).all()
    slopes = together[(together.quantity == "slope") & (together.estimate == "alpha_est")]
    assert np.isinf(slopes.value).tolist() == [True, True, False, False]


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


def test_curves_that_cannot_be_told_apart_are_refused() -> None:
    one, two = {"shots": 3, "tasks": 5}, {"shots": 3, "tasks": 6}
    with pytest.raises(ValueError, match="curves: X and Y both have 3 shots and 5 tasks"):
        experiment("fig02", panels={"a": {"init": "normal", "curves": {"X": one, "Y": one}}})
    panels = {"a": {"init": "normal", "curves": {"X": one, "Y": two}}}
    varied = section("fig02")["scaling"] | {"curves": ["a/X", "a/Y"]}
    with pytest.raises(ValueError, match="a/X and a/Y are of one panel and both have 3 shots"):
        experiment("fig02", panels=panels, scaling=varied)
    # of two panels
    panels = {"a": {"init": "normal", "curves": {"X": one}}, "b": {"init": "uniform"}}
    panels["b"]["curves"] = {"Y": one}
    varied["curves"] = ["a/X", "b/Y"]
    assert experiment("fig02", panels=panels, scaling=varied).cfg.scaling.curves == ["a/X", "b/Y"]
