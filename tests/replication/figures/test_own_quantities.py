"""What an experiment of the user's own measures, by hand and by other code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from small import check_quantities

from innerlr.bounds import alpha_bounds
from innerlr.estimators import alpha_est, alpha_lim
from replication.families import make
from replication.figures.own import quantities as q
from replication.measuring import select

# 40 resamples, the fewest with an interval
SEEDS = 41


def test_the_ratio_has_the_minimiser_above() -> None:
    assert q.ratio_star_to_lim(3.0, 2.0) == 1.5


@pytest.fixture(scope="module")
def tasks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"features": rng.normal(size=(30, 6, 2)), "optima": rng.normal(1, 1, size=(30, 2))}


@pytest.fixture(scope="module")
def found(tasks, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    file = tmp_path_factory.mktemp("own") / "mine.npz"
    np.savez(file, **tasks)
    return estimates(file=str(file), seeds=SEEDS)


def estimates(**section: object) -> pd.DataFrame:
    made = make("mine", section, 1)
    features = made.features()
    return made.estimates(features, made.sweep(features))


def loss(tasks: dict[str, np.ndarray], alpha: float) -> float:
    """The training loss of its minimiser, by least squares on all adapted tasks."""
    rows, targets = [], []
    for phi, a in zip(tasks["features"], tasks["optima"], strict=True):
        adapted = phi @ (np.eye(2) - 2 * alpha / len(phi) * phi.T @ phi)
        rows.append(adapted)
        targets.append(adapted @ a)
    x, y = np.concatenate(rows), np.concatenate(targets)
    w = np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.mean((x @ w - y) ** 2))


def test_everything_is_measured(found) -> None:
    check_quantities({"mine": found})


def test_a_files_values_against_plain_least_squares(found, tasks) -> None:
    limit = alpha_lim(tasks["features"])
    bounds = alpha_bounds(tasks["features"])
    best = minimize_scalar(
        lambda alpha: loss(tasks, alpha), bounds=(0, 5 * limit), method="bounded"
    )
    expected = {
        q.alpha_lim_sampled: limit,
        q.alpha_est: alpha_est(tasks["features"]),
        q.corollary1_lower: bounds.lower,
        q.corollary1_upper: bounds.upper,
        q.alpha_star: best.x,
        q.alpha_star_capped: 0,
        q.ratio_star_to_lim: best.x / limit,
        q.excess_loss_at_lim: loss(tasks, limit) / best.fun - 1,
    }
    assert expected[q.excess_loss_at_lim] > 1e-3
    for of, value in expected.items():
        row = select(found, of.name, "a").iloc[0]
        # the tolerance of the bounded search is 1e-5
        assert row.value == pytest.approx(value, rel=1e-3), of.name
        assert row.low <= row.value <= row.high
        assert row.interval == q.BOOTSTRAP


def test_a_files_interval_has_the_percentiles_over_resamples_of_its_tasks(found, tasks) -> None:
    made = make("mine", {"function": "user:f"}, 1)
    limits = [
        alpha_lim(tasks["features"][made.rng(seed).integers(0, 30, 30)]) for seed in range(1, SEEDS)
    ]
    row = select(found, q.alpha_lim_sampled.name, "a").iloc[0]
    assert (row.low, row.high) == pytest.approx(tuple(np.percentile(limits, [2.5, 97.5])))


def test_calls_of_a_function_have_a_row_each(
    tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user_calls.py").write_text("def f(rng):\n    return rng.normal(size=(30, 6, 2))\n")
    monkeypatch.syspath_prepend(tmp_path)
    made = estimates(function="user_calls:f", seeds=3)
    assert not {"alpha_star", "excess_loss_at_lim"} & set(made.quantity)
    rng = make("mine", {"function": "user_calls:f"}, 1).rng
    rows = select(made, q.alpha_lim_sampled.name, "a")
    assert rows.seed.tolist() == [0, 1, 2]
    assert rows.value.tolist() == pytest.approx(
        [alpha_lim(rng(seed).normal(size=(30, 6, 2))) for seed in range(3)]
    )
    assert rows.low.isna().all()
