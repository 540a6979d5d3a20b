"""The experiments: their numbers against slow or independent computations, at small scale."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest

from innerlr.bounds import alpha_bounds
from innerlr.errors import InnerlrError
from innerlr.minimum_norm import float32_pinv_rcond
from replication.distances import mean_distance
from replication.experiment import Experiment
from replication.families import experiments, make
from replication.figures.coefficients.experiment import counts
from replication.figures.mixed_regression.problem import MixedRegression, _wishart_traces
from replication.figures.tangent import scaling as scaling
from replication.figures.tangent.experiment import Regression, quadratic
from replication.figures.tangent.settings import TangentCurve, TangentSetting
from replication.figures.theory.statements import bounds
from replication.figures.variance.basis import law_of_variance
from replication.judging.claims import under_readings
from replication.judging.entries import entries
from replication.judging.estimators import declared, estimators_table
from replication.settings.config import Config

CLAIMS = entries()
SMALL: dict[str, dict] = {
    "fig01": {"seeds": 2, "grid_points": 21, "tasks": 60},
    "fig02": {
        "width": 60,
        "seeds": 2,
        "test_tasks": 6,
        "grid_points": 12,
        "panels": {"a": {"init": "normal", "curves": {"K3N5": {"shots": 3, "tasks": 5}}}},
        "scaling": {"curves": ["a/K3N5"], "tasks": [2, 9], "widths": [20, 200]},
    },
    "fig04a": {"grid_points": 12},
    "fig04b": {"width": 60, "seeds": 2, "grid_points": 12, "quadrature_panels": 2},
    "fig05": {"tasks": 60, "fresh_tasks": 60, "seeds": 2, "grid_points": 12},
    "fig06": {"dim": 7},
    "fig07": {"seeds": 2, "grid_points": 21, "tasks": 60},
    "fig08": {"log2_tasks": [2, 4, 5, 6], "trials": 2},
    "fig09": {"seeds": 2, "grid_points": 12},
    "fig11": {"trials": 5, "grid_points": 13},
    "h3": {"seeds": 2, "grid_points": 12},
    "theory": {
        "seeds": 2,
        "draws": 2,
        "cases": 20,
        "grid_points": 12,
        "log2_tasks": [2, 4, 5],
        "gap_dims": [1, 3],
        "path": {"tasks": 40, "draws": 3},
        "network": {"test_tasks": 4},
    },
}


def section(name: str) -> dict:
    values = getattr(Config(), name).model_dump() | SMALL[name]
    for panel in values.get("panels", {}).values():
        if "tasks" in panel:
            panel["tasks"] = 80
    return values


def experiment(name: str, **change: object) -> Experiment:
    return make(name, section(name) | change, seed=5)


def stages(made: Experiment) -> tuple[pd.DataFrame, dict, pd.DataFrame, pd.DataFrame]:
    features = made.features()
    sweep = made.sweep(features)
    return made.data(), features, sweep, made.estimates(features, sweep)


# these need a training stage, and have test files of their own
TRAINED = {"fig03", "fig10a", "fig10b", "fig12", "table2"}


def test_no_experiment_is_left_out() -> None:
    assert set(SMALL) | TRAINED == set(experiments())


@pytest.mark.parametrize("name", SMALL)
def test_every_stage_is_finite_tidy_and_repeatable(name: str) -> None:
    data, features, sweep, estimates = stages(experiment(name))
    again = stages(experiment(name))
    for first, second in zip((data, sweep, estimates), (again[0], *again[2:]), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
        assert len(first)
    assert all(np.isfinite(array).all() for array in features.values())
    curves = sweep[sweep.kind == "path"] if "kind" in sweep else sweep
    assert np.isfinite(curves.select_dtypes("number").to_numpy(dtype=float)).all()
    assert list(estimates.columns) == ["panel", "seed", "quantity", "value"]
    assert not estimates.duplicated(["panel", "seed", "quantity"]).any()
    assert not estimates.value.isna().any()


@pytest.mark.parametrize("name", ["fig02", "fig05", "fig08", "fig09", "h3", "theory"])
def test_drawn_data_have_the_moments_they_should(name: str) -> None:
    z = experiment(name).data().z
    # a 5 sigma event in fewer than a thousand cells
    assert z.abs().max() < 5


@pytest.mark.parametrize(
    "name", ["fig01", "fig02", "fig04b", "fig05", "fig08", "fig11", "h3", "theory"]
)
def test_another_seed_gives_other_draws(name: str) -> None:
    first, second = (make(name, section(name), seed).features() for seed in (5, 6))
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_repetitions_are_different_draws() -> None:
    estimates = stages(experiment("h3"))[3]
    stars = estimates[estimates.quantity == "alpha_star"].value
    assert stars.nunique() == 2


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(InnerlrError, match="'fig08'"):
        make("fig8", {}, seed=0)


# ------------------------------------------------------------------ landscape and convergence


def test_the_landscapes_minimum_is_alpha_star() -> None:
    made = experiment("h3", grid_points=601)
    _, _, sweep, estimates = stages(made)
    for seed, curve in sweep.groupby("seed"):
        at = curve.alpha.iloc[curve.training_loss.argmin()]
        mine = estimates[(estimates.seed == seed) & (estimates.quantity == "alpha_star")]
        step = curve.alpha.iloc[1] - curve.alpha.iloc[0]
        assert abs(at - mine.value.iloc[0]) <= step


def test_h15_of_the_landscape_has_the_panels_number_of_tasks() -> None:
    made = experiment("h3", panels={"a": section("h3")["panels"]["a"] | {"tasks": 600}})
    found = stages(made)[3]
    spec = made.cfg.panels["a"]
    variance = 100 / 12  # U(-5, 5), identity features
    expected = 1 / (2 * 600 * spec.shots * variance)
    # the relative error of a variance over 600 x 50 x 20 entries
    assert found[found.quantity == "alpha_est"].value.to_numpy() == pytest.approx(
        expected, rel=0.01
    )


def test_shifted_optima_change_nothing_in_panel_c() -> None:
    """Panels (a) and (c) of Fig. 9 differ by a shift and a scale of the optima only."""
    estimates = stages(experiment("fig09"))[3]
    limits = estimates[estimates.quantity == "alpha_lim"].groupby("panel").value.first()
    assert limits["a"] == pytest.approx(limits["c"], rel=1e-13)


def test_the_shrinking_of_the_spread_has_an_interval_over_trials() -> None:
    _, _, sweep, estimates = stages(experiment("fig08", trials=10))
    for panel, curves in sweep.groupby("panel"):
        spread = curves.groupby("tasks").error.std()
        found = pooled(estimates, str(panel))
        low, high = found.spread_last_to_first_low, found.spread_last_to_first_high
        assert found.spread_last_to_first == pytest.approx(spread.iloc[-1] / spread.iloc[0])
        assert low < found.spread_last_to_first < high


def test_a_capped_search_is_counted() -> None:
    made = experiment("fig08", search_cap=0.5)
    _, _, sweep, estimates = stages(made)
    # the minimum is near the limit, so half of it is always too low a cap
    of_a = sweep[sweep.panel == "a"]
    assert of_a.capped.all()
    counted = estimates[(estimates.panel == "a") & (estimates.quantity == "capped_trials")]
    assert counted.value.iloc[0] == len(of_a)


# ------------------------------------------------------------------ trajectory


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


# ------------------------------------------------------------------ Fig. 4, Fig. 5, Fig. 6


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential"])
def test_the_laws_of_figure_4_have_the_variance_on_the_axis(name: str) -> None:
    law = law_of_variance(name, 7.0)
    assert law.moment(2) - law.moment(1) ** 2 == pytest.approx(7.0, rel=1e-13)


@pytest.mark.parametrize(("name", "panel"), [("fig04a", "a"), ("fig04b", "b")])
def test_the_ends_of_the_axis_of_figure_4_are_those_of_all_laws(name: str, panel: str) -> None:
    _, _, sweep, estimates = stages(experiment(name))
    mine = sweep[sweep.primary & (sweep.seed == 0)] if "seed" in sweep else sweep[sweep.primary]
    found = estimates[(estimates.panel == panel) & (estimates.seed == estimates.seed.min())]
    found = found.set_index("quantity").value
    assert mine.law.nunique() == 3
    assert found.alpha_lim_high == mine.alpha_lim.max()
    assert found.alpha_lim_low == mine.alpha_lim.min()


def test_corollary_1_is_checked_where_assumption_2_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def recorded(features: np.ndarray) -> object:
        shapes.append(features.shape[1:])
        return alpha_bounds(features)

    monkeypatch.setattr(bounds, "alpha_bounds", recorded)
    bounds.features(experiment("theory").setting)  # type: ignore[attr-defined]
    assert {d for _, d in shapes} == {1, 2, 3, 5, 10}
    assert all(d <= k <= 2 * d for k, d in shapes)


def test_figure_4_agrees_with_sampling() -> None:
    made = experiment("fig04a")
    sweep = made.sweep(made.features())
    cfg = Config().fig04a
    rng = np.random.default_rng(0)
    for variance in (sweep.variance.iloc[0], sweep.variance.iloc[-1]):
        row = sweep[(sweep.variance == variance) & (sweep.law == "normal") & sweep.primary]
        centres = np.linspace(cfg.centres.first, cfg.centres.last, cfg.dim)
        x = rng.normal(0, np.sqrt(variance), (40_000, cfg.shots, cfg.dim))
        phi = np.exp(-((x - centres) ** 2) / (2 * cfg.width**2))
        gram = phi.swapaxes(1, 2) @ phi
        second = np.einsum("nij,nij->n", gram, gram)
        third = np.einsum("nij,nij->n", gram, gram @ gram)
        sampled = cfg.shots * second.mean() / (2 * third.mean())
        error = (
            sampled
            * np.hypot(second.std() / second.mean(), third.std() / third.mean())
            / np.sqrt(len(x))
        )
        assert abs(row.alpha_lim.iloc[0] - sampled) < 5 * error


def test_the_expected_gaps_of_figure_5_are_the_mean_over_drawn_optima() -> None:
    """Training optima drawn anew for the same features, and then all that is left of F_0."""
    made = experiment("fig05", seeds=1, alpha=2e-3)
    features = made.features()
    law, n = made._law("exponential"), made.cfg.tasks  # type: ignore[attr-defined]
    ((phi, _),) = law.chunks(made.rng(2, 0, 0), n)
    gram = phi.swapaxes(1, 2) @ phi
    step = np.eye(made.cfg.dim) - 2 * made.cfg.alpha / made.cfg.shots * gram
    a = np.random.default_rng(0).normal(0, np.sqrt(3), (4000, n, made.cfg.dim))
    squares = []
    for b in (gram, step @ gram @ step):
        pulled = np.einsum("nij,rnj->ri", b, a)
        squares.append((np.linalg.solve(b.sum(0), pulled.T) ** 2).sum(0))
    difference = squares[1] - squares[0]
    expected = np.trace(features["exponential/0/change"])
    error = difference.std() / np.sqrt(len(difference))
    assert abs(expected) > 8 * error
    assert abs(difference.mean() - expected) < 4 * error
    sweep = made.sweep(features)
    curve = sweep[(sweep.panel == "exponential") & (sweep.tasks == "expected")]
    assert curve.distance_gap.iloc[0] == pytest.approx(expected, rel=1e-10)


def test_a_drawn_gap_counts_as_always_negative_only_below_zero_at_every_step() -> None:
    made = experiment("fig05", seeds=3)
    features = made.features()
    sweep = made.sweep(features)
    mine = (sweep.panel == "uniform") & (sweep.tasks == "fresh")
    sweep.loc[mine, "distance_gap"] = -1.0
    # one of three draws rises above zero at its last step
    sweep.loc[sweep[mine & (sweep.seed == 1)].index[-1], "distance_gap"] = 1e-9
    found = made.estimates(features, sweep).query("panel == 'uniform'").set_index("quantity").value
    assert found["fresh_distance_gap_negative_share"] == pytest.approx(2 / 3)
    assert found["fresh_distance_gap_negative_share_low"] < 0.5


def test_the_gaps_of_figure_5_are_those_of_plain_descent() -> None:
    made = experiment("fig05", max_steps=20, seeds=1)
    features = made.features()
    sweep = made.sweep(features)
    law = made._law("normal")  # type: ignore[attr-defined]
    phi, a = law.sample(made.rng(1, 0, 1), 60)
    from replication.experiment import unprefixed

    w_erm, w_maml = unprefixed("normal/0", features).w_maml([0.0, made.cfg.alpha])
    adapted = []
    for start in (w_erm, w_maml):
        w = np.repeat(start[None], len(phi), axis=0)
        for _ in range(20):
            residual = np.einsum("nkd,nd->nk", phi, w - a)
            w = w - 2 * made.cfg.rate / phi.shape[1] * np.einsum("nkd,nk->nd", phi, residual)
        adapted.append(w)
    loss = [float((np.einsum("nkd,nd->nk", phi, w - a) ** 2).sum()) for w in adapted]
    distance = [float(((w - a) ** 2).sum(1).mean()) for w in adapted]
    row = sweep[(sweep.panel == "normal") & (sweep.tasks == "fresh") & (sweep.steps == 20)]
    # the plain differences keep about 1e-16 / 1e-6 of the gap
    assert row.loss_gap.iloc[0] == pytest.approx(loss[1] - loss[0], rel=1e-5)
    assert row.distance_gap.iloc[0] == pytest.approx(distance[1] - distance[0], rel=1e-5)


@pytest.mark.parametrize("steps", [(1, 1), (3, 1, 2), (2, 2, 2), (1, 1, 1)])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_counts_are_counts(dim: int, steps: tuple[int, ...]) -> None:
    tally = Counter(
        sum(s * i for s, i in zip(steps, index, strict=True))
        for index in product(range(dim), repeat=len(steps))
    )
    expected = [tally[i] for i in range(sum(steps) * (dim - 1) + 1)]
    assert counts(dim, steps).tolist() == expected


# ------------------------------------------------------------------ Fig. 11


PROBLEM = MixedRegression(
    tasks=40,
    dim=6,
    train_shots=4,
    validation_shots=9,
    test_shots=5,
    noise=0.3,
    task_spread=0.5,
)


def test_wishart_traces() -> None:
    rng = np.random.default_rng(0)
    n, p = 4, 3
    x = rng.normal(size=(200_000, n, p))
    gram = x.swapaxes(1, 2) @ x
    powers = [gram]
    for _ in range(3):
        powers.append(powers[-1] @ gram)
    t1, t2, t3, t4 = (np.trace(power, axis1=1, axis2=2) for power in powers)
    sampled = {"1": t1, "2": t2, "3": t3, "4": t4, "1,1": t1**2, "1,2": t1 * t2, "2,2": t2**2}
    exact = _wishart_traces(n, p)
    assert set(sampled) == set(exact)
    for key, values in sampled.items():
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - exact[key]) < 5 * error, key


def test_wishart_traces_in_one_dimension() -> None:
    """p = 1: G is chi-square with n degrees of freedom, E G^k = n (n+2) ... (n+2k-2)."""
    exact = _wishart_traces(5, 1)
    assert [exact["1"], exact["2"], exact["3"], exact["4"]] == [5, 35, 315, 3465]
    assert (exact["1,1"], exact["1,2"], exact["2,2"]) == (35, 315, 3465)


@pytest.mark.parametrize("rate", [-0.4, 0.0, 0.3])
def test_the_exact_test_risk_is_that_of_simulated_tasks(rate: float) -> None:
    rng = np.random.default_rng(1)
    n, p, k = 200_000, PROBLEM.dim, PROBLEM.test_shots
    w = np.linspace(-0.3, 0.4, p)
    task = rng.normal(0, PROBLEM.task_spread / np.sqrt(p), (n, p))
    x = rng.normal(size=(n, k, p))
    y = np.einsum("nkp,np->nk", x, task) + rng.normal(0, PROBLEM.noise, (n, k))
    residual = np.einsum("nkp,p->nk", x, w) - y
    # Bernacchia's loss has 1/2, so its gradient has no factor 2
    adapted = w - rate / k * np.einsum("nkp,nk->np", x, residual)
    fresh = rng.normal(size=(n, p))
    error = np.einsum("np,np->n", fresh, adapted - task) + rng.normal(0, PROBLEM.noise, n)
    squared = error**2
    exact = float(PROBLEM.test_risk(w, np.array(rate)))
    assert abs(squared.mean() - exact) < 5 * squared.std() / np.sqrt(n)


def pooled(estimates: pd.DataFrame, panel: str) -> pd.Series:
    """What is said of all repetitions of a panel together."""
    mine = estimates[(estimates.panel == panel) & (estimates.seed == -1)]
    return mine.set_index("quantity").value


def test_the_minimiser_of_the_mean_risk_has_its_interval_over_sets() -> None:
    made = experiment("fig11", trials=20, grid_points=41)
    features = made.features()
    sweep = made.sweep(features)
    estimates = made.estimates(features, sweep)
    step = made.grid[1] - made.grid[0]
    for strategy, curves in sweep.groupby("strategy"):
        mean = curves.groupby("rate_b").test_risk.mean()
        found = pooled(estimates, str(strategy))
        assert found.best_rate_b_of_mean == mean.idxmin()
        # another way to resample: sets one by one
        risks = curves.pivot(index="trial", columns="rate_b", values="test_risk")
        rng = np.random.default_rng(1)
        again = [risks.iloc[rng.integers(20, size=20)].mean().idxmin() for _ in range(500)]
        half = found.best_rate_b_of_mean_high - mean.idxmin()
        assert half == pytest.approx(mean.idxmin() - found.best_rate_b_of_mean_low)
        # the spread of a spread on a coarse grid
        assert half - step == pytest.approx(1.96 * np.std(again), rel=0.15, abs=0.2 * step)


def test_the_spread_over_fixed_rates_is_that_of_the_lowest_risks() -> None:
    made = experiment("fig11", other_test_rates=[0.1, 0.5])
    features = made.features()
    estimates = made.estimates(features, made.sweep(features))
    found = estimates[(estimates.panel == "both") & (estimates.seed == 3)]
    found = found.set_index("quantity").value
    # with another rate fixed the experiment is that strategy
    lowest = []
    for rate in (0.1, 0.2, 0.5):
        curves = experiment("fig11", fixed_test_rate=rate).sweep(features)
        of_set = curves[curves.trial == 3].groupby("strategy").test_risk.min()
        lowest.append(of_set["fixed"])
        expected = of_set["fixed"] / of_set["shared"] - 1
        assert found[f"fixed_over_shared_at_{rate:g}"] == pytest.approx(expected, rel=1e-9)
    assert found.fixed_over_shared == found["fixed_over_shared_at_0.2"]
    spread = max(lowest) / min(lowest) - 1
    assert found.spread_over_test_rates == pytest.approx(spread, rel=1e-9)


@pytest.mark.parametrize("rate", [-0.3, 0.0, 0.2])
def test_the_leading_order_is_reached_with_many_tasks(rate: float) -> None:
    many = MixedRegression(**{**PROBLEM.__dict__, "tasks": 2000})
    rng = np.random.default_rng(2)
    distances = np.array(
        [float((many.training_set(rng).w_maml(rate / 2) ** 2).sum()) for _ in range(400)]
    )
    expected = float(many.expected_distance(np.array(rate)))
    error = distances.std() / np.sqrt(len(distances))
    # next order in 1/m: about p / (m n_v), far below the Monte-Carlo error
    assert abs(distances.mean() - expected) < 5 * error + 0.01 * expected


def test_alpha_lim_of_normal_inputs_is_the_split_form() -> None:
    rng = np.random.default_rng(3)
    from innerlr import alpha_lim_split

    support = rng.normal(size=(40_000, PROBLEM.train_shots, PROBLEM.dim))
    query = rng.normal(size=(40_000, PROBLEM.validation_shots, PROBLEM.dim))
    # relative Monte-Carlo error about 1 / sqrt(40000)
    assert alpha_lim_split(support, query) == pytest.approx(PROBLEM.alpha_lim(), rel=0.02)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"noise": -0.1}, "noise"),
        ({"task_spread": 0.0}, "task_spread"),
        ({"dim": 0}, "dim"),
        ({"dim": 400}, "overparameterised"),
    ],
)
def test_impossible_problems_are_refused(change: dict, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        MixedRegression(**{**PROBLEM.__dict__, **change})


# ------------------------------------------------------------------ Fig. 2, Fig. 4 (b)


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
    readings = {"change": without, "alternatives": alternatives}
    section = experiment("fig02", readings=readings).cfg
    tables = {}
    for name in section.choices():
        made = make("fig02", section.reading(name).for_stage("estimates"), 5)
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


@pytest.mark.parametrize("name", ["fig01", "fig07"])
def test_variations_of_a_trajectory_are_readings(name: str) -> None:
    """Panel (c) and the specification curve are the same numbers."""
    section = experiment(name).cfg
    in_panel = experiment(name).all_stages()
    in_panel = in_panel[in_panel.quantity == "ratio_nearest_to_lim"]
    of_count = in_panel[in_panel.panel == "1|count=150"].value.to_list()
    reading = make(name, section.reading("count_150").for_stage("estimates"), 5).all_stages()
    assert not reading.panel.str.contains("|", regex=False).any()
    chosen = reading[(reading.panel == "1") & (reading.quantity == "ratio_nearest_to_lim")]
    assert chosen.value.to_list() == of_count
    assert section.choices()["centre_2.0_2.0"] == {"new_tasks.centre": [2.0, 2.0]}


# bases wide against the inputs are nearly collinear; the pipeline's log says so
@pytest.mark.filterwarnings("ignore::innerlr.errors.IllConditionedWarning")
@pytest.mark.parametrize("name", ["fig01", "fig04a", "fig04b", "fig05", "fig07", "fig09", "fig11"])
def test_every_claim_is_measured_under_every_reading(name: str) -> None:
    opened = experiment(name).cfg
    claims = [claim for claim in CLAIMS if claim.get("experiment") == name]
    small = {"seeds": 2} if "seeds" in SMALL[name] else {}
    tables = {}
    for reading in opened.choices():
        chosen = opened.reading(reading).for_stage("estimates") | small
        tables[reading] = make(name, chosen, 5).all_stages()
    judged = under_readings(claims, tables, name)
    assert len(judged) == len(claims) * len(tables)
    assert "not evaluated" not in set(judged.verdict)


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


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential"])
def test_without_biases_figure_4b_is_the_closed_form(name: str) -> None:
    made = experiment("fig04b", hidden_bias=False, output_bias=False)
    sweep = made.sweep(made.features())
    of_law = sweep[sweep.law == name]
    curve, closed = (
        of_law[of_law.reading == reading].alpha_lim.to_numpy()
        for reading in ("no biases", "closed form")
    )
    np.testing.assert_allclose(curve, closed, rtol=1e-11)  # 2 panels: the normal's tails
    grid = of_law[of_law.reading == "closed form"].variance.to_numpy()
    product = closed * grid
    np.testing.assert_allclose(product[grid == grid[0]][0], product.reshape(2, -1)[0], rtol=1e-12)


def test_figure_4b_does_not_depend_on_the_quadrature() -> None:
    limits = []
    for panels in (8, 16):
        made = experiment("fig04b", width=10_240, seeds=1, quadrature_panels=panels)
        sweep = made.sweep(made.features())
        limits.append(sweep[sweep.reading == "all biases"].alpha_lim.to_numpy())
    # the kernel has 10,240 kinks of relative size 1e-4 v^2
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-5)


def test_figure_4b_agrees_with_sampling() -> None:
    made = experiment("fig04b", seeds=1, shots=5)
    sweep = made.sweep(made.features())
    row = sweep[(sweep.reading == "all biases") & (sweep.law == "normal")].iloc[3]
    model = made._model(0, (True, True))  # type: ignore[attr-defined]
    x = np.random.default_rng(0).normal(0, np.sqrt(row.variance), (20_000, 5))
    grams = np.stack([model.gram(task) for task in x])
    second = np.einsum("nij,nij->n", grams, grams)
    third = np.einsum("nij,nij->n", grams, grams @ grams)
    sampled = 5 * second.mean() / (2 * third.mean())
    error = (second / second.mean() - third / third.mean()).std() / np.sqrt(len(x))
    assert abs(row.alpha_lim / sampled - 1) < 5 * error
