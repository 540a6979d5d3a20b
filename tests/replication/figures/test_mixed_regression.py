"""Bernacchia's mixed regression, Fig. 11, against simulation and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import minimize_scalar
from small import experiment

from innerlr.errors import InnerlrError
from replication.figures.mixed_regression.problem import MixedRegression, _wishart_traces
from replication.measuring import select
from replication.registry import registry

PROBLEM = MixedRegression(
    tasks=40,
    dim=6,
    shots=4,
    query_shots=9,
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


def test_the_minimiser_of_the_mean_risk_has_its_interval_over_sets() -> None:
    made = experiment("fig11", seeds=20, grid_points=41)
    features = made.features()
    sweep = made.sweep(features)
    estimates = made.estimates(features, sweep)
    step = made.grid[1] - made.grid[0]
    for strategy, curves in sweep.groupby("strategy"):
        mean = curves.groupby("rate_b").test_risk.mean()
        (found,) = select(estimates, "best_rate_b_of_mean", str(strategy)).itertuples()
        assert found.value == mean.idxmin()
        # another way to resample: sets one by one
        risks = curves.pivot(index="trial", columns="rate_b", values="test_risk")
        of_sets = estimates[(estimates.panel == strategy) & estimates.seed.notna()]
        of_sets = of_sets.pivot(index="seed", columns="quantity", values="value")
        np.testing.assert_array_equal(of_sets.best_rate_b, risks.idxmin(axis=1))
        np.testing.assert_array_equal(of_sets.lowest_risk, risks.min(axis=1))
        at_limit = interp1d(risks.columns, risks)(2 * made.problem.alpha_lim())
        regret = (at_limit - risks.min(axis=1)) / risks.min(axis=1)
        np.testing.assert_allclose(of_sets.regret_at_lim, regret, rtol=1e-9)
        rng = np.random.default_rng(1)
        again = [risks.iloc[rng.integers(20, size=20)].mean().idxmin() for _ in range(1000)]
        low, high = np.quantile(again, [0.025, 0.975])
        # other resamples: the quantiles of a grid differ by a step or two
        assert found.low == pytest.approx(low - step, abs=1.5 * step)
        assert found.high == pytest.approx(high + step, abs=1.5 * step)


def test_the_suggested_rates_of_figure_11() -> None:
    made = experiment("fig11")
    estimates = made.all_stages()
    (limit,) = select(estimates, "alpha_lim", "both").value
    (limit_b,) = select(estimates, "alpha_lim_b", "both").value
    # k1 / (2 (k1 + p + 1)) with k1 = 5, p = 30
    assert (limit, limit_b) == pytest.approx((5 / 72, 5 / 36))
    for strategy in ("shared", "fixed"):
        fixed = made.cfg.fixed_test_alpha if strategy == "fixed" else None

        def risk(rate: float, fixed: float | None = fixed) -> float:
            return float(made.problem.expected_risk(rate, rate if fixed is None else fixed))

        best = minimize_scalar(risk, bounds=(-0.5, 0.5), method="bounded")
        (found,) = select(estimates, "best_rate_b_theory", strategy).value
        # a step of the fine grid; the risk is flat within the root of a rounding error
        assert found == pytest.approx(best.x, abs=2e-5)


def test_the_spread_over_fixed_rates_is_that_of_the_lowest_risks() -> None:
    made = experiment("fig11", other_test_alphas=[0.1, 0.5])
    features = made.features()
    estimates = made.estimates(features, made.sweep(features))
    found = estimates[(estimates.panel == "both") & (estimates.seed == 3)]
    at_rate = found.dropna(subset="fixed_test_alpha").set_index("fixed_test_alpha").value
    of_set = found[found.fixed_test_alpha.isna()].set_index("quantity").value
    # with another rate fixed the experiment is that strategy
    lowest = []
    for rate in (0.1, 0.2, 0.5):
        curves = experiment("fig11", fixed_test_alpha=rate).sweep(features)
        risks = curves[curves.trial == 3].groupby("strategy").test_risk.min()
        lowest.append(risks["fixed"])
        assert at_rate[rate] == pytest.approx(risks["fixed"] / risks["shared"] - 1, rel=1e-9)
    assert of_set.fixed_over_shared == at_rate[0.2]
    spread = max(lowest) / min(lowest) - 1
    assert of_set.spread_over_test_rates == pytest.approx(spread, rel=1e-9)
    assert set(estimates.quantity) == set(registry("fig11"))


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

    support = rng.normal(size=(40_000, PROBLEM.shots, PROBLEM.dim))
    query = rng.normal(size=(40_000, PROBLEM.query_shots, PROBLEM.dim))
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
