"""Table 2: its stages against plain computations on a small section."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_trained import CPU, assert_claims_and_quantities_are_measured, stages

from innerlr.estimators import alpha_lim
from replication.families import make
from replication.figures.pretrained.experiment import _basis
from replication.figures.pretrained.table import table2
from replication.training.maml import TrainedStack


@pytest.fixture(scope="module")
def table2_stages() -> Any:
    small = {
        "seeds": 2,
        "pretraining_iterations": 60,
        "tasks": 60,
        "test_tasks": 40,
        "query_shots": 64,
    }
    return stages("table2", **small)


def test_table2_errors_are_those_of_the_adapted_last_layer(table2_stages: Any) -> None:
    experiment, trained, _, sweep, _ = table2_stages
    cfg, half = experiment.cfg, {"a": 1.0, "b": 0.5}
    for panel in ("a", "b"):
        network = [p[1:2].double() for p in TrainedStack.from_arrays(trained[panel]).snapshot(-1)]
        rng = experiment.rng(2, 1)
        x, y = experiment.tasks(panel).draw(rng, cfg.tasks, cfg.shots + cfg.query_shots)
        phi = experiment._hidden(network, x)
        k, alpha = cfg.shots, 0.05
        rate = half[panel] * alpha
        # plain: least squares on the adapted features of all training tasks
        operators = [np.eye(phi.shape[2]) - 2 * rate / k * task[:k].T @ task[:k] for task in phi]
        shifts = [2 * rate / k * t[:k].T @ y_t[:k] for t, y_t in zip(phi, y, strict=True)]
        a = np.concatenate([t[k:] @ o for t, o in zip(phi, operators, strict=True)])
        b = np.concatenate([y_t[k:] - t[k:] @ s for t, y_t, s in zip(phi, y, shifts, strict=True)])
        w = np.linalg.lstsq(a, b, rcond=1e-13)[0]
        pre = post = count = 0.0
        for x_t, y_t in experiment._test_tasks(panel, 1):
            features = experiment._hidden(network, x_t)
            for f, target in zip(features, y_t, strict=True):
                adapted = w - 2 * rate / k * f[:k].T @ (f[:k] @ w - target[:k])
                pre += half[panel] * float(((f[k:] @ w - target[k:]) ** 2).mean())
                post += half[panel] * float(((f[k:] @ adapted - target[k:]) ** 2).mean())
                count += 1
        assert count == cfg.test_tasks
        row = sweep[(sweep.panel == panel) & (sweep.seed == 1) & (sweep.alpha == alpha)]
        # directions below the rank cut are dropped on one side only
        assert row.pre.item() == pytest.approx(pre / count, rel=1e-6)
        assert row.post.item() == pytest.approx(post / count, rel=1e-6)


def test_half_the_loss_is_twice_the_rate() -> None:
    """With the same labels the two conventions differ by units alone."""
    panels = {
        name: {"phase": [0.0, 3.0], "loss": loss} for name, loss in (("a", "full"), ("b", "half"))
    }
    alphas = [0.01 * i for i in range(1, 13)]
    small = {
        "seeds": 1,
        "pretraining_iterations": 30,
        "tasks": 40,
        "test_tasks": 20,
        "query_shots": 32,
    }
    *_, sweep, estimates = stages("table2", panels=panels, alphas=alphas, **small)
    full = sweep[sweep.panel == "a"].set_index("alpha")
    halved = sweep[sweep.panel == "b"].set_index("alpha")
    np.testing.assert_allclose(halved.post[0.02], full.post[0.01] / 2, rtol=1e-9)
    limit = estimates[estimates.quantity == "alpha_lim_split"].set_index("panel").value
    assert limit["b"] == pytest.approx(2 * limit["a"], rel=1e-12)


def test_a_bias_is_one_more_feature() -> None:
    small = {
        "seeds": 1,
        "pretraining_iterations": 5,
        "tasks": 30,
        "test_tasks": 25,
        "query_shots": 16,
    }
    experiment, trained, *_ = stages("table2", bias=True, **small)
    parameters = [p[:1].double() for p in TrainedStack.from_arrays(trained["a"]).snapshot(-1)]
    features = experiment._hidden(parameters, np.zeros((2, 3, 1)))
    assert features.shape == (2, 3, 41)
    assert (features[..., -1] == 1).all()


def test_a_turned_basis_drops_only_what_carries_nothing() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5, 8, 4)) @ rng.normal(size=(4, 6))  # rank 4 of 6
    basis = _basis(features)
    assert basis.shape == (6, 4)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
    assert alpha_lim(features @ basis) == pytest.approx(alpha_lim(features), rel=1e-10)
    assert not _basis(np.zeros((2, 3, 4))).any()


def test_a_network_without_a_unit_that_fires_is_counted_and_predicts_zero() -> None:
    small = {
        "seeds": 2,
        "pretraining_iterations": 20,
        "tasks": 30,
        "test_tasks": 50,
        "query_shots": 16,
    }
    experiment, trained, *_ = stages("table2", **small)
    for arrays in trained.values():
        arrays["parameter3"][:, 0] = -1e6  # the biases of one network's last hidden layer
    features = experiment.features(trained, device=CPU)
    sweep = experiment.sweep(features)
    dead = sweep[(sweep.panel == "a") & (sweep.seed == 0)]
    targets = [y[:, 10:] for _, y in experiment._test_tasks("a", 0)]
    square = float((np.concatenate(targets) ** 2).mean())
    np.testing.assert_allclose(dead.pre, square, rtol=1e-12)
    np.testing.assert_allclose(dead.post, square, rtol=1e-12)
    scalars = experiment.estimates(features, sweep)
    of_dead = scalars[(scalars.panel == "a") & (scalars.seed == 0)].set_index("quantity").value
    assert of_dead["rank"] == 0
    assert of_dead["alpha_lim_split"] == np.inf
    assert of_dead["best_is_nearest"] == 0
    alive = scalars[(scalars.panel == "a") & (scalars.seed == 1)].set_index("quantity").value
    assert np.isfinite(alive["alpha_lim_split"])


def test_claims_and_quantities_are_measured(table2_stages: Any) -> None:
    assert_claims_and_quantities_are_measured("table2", table2_stages[-1])


def test_table2_has_paired_intervals_and_notes(table2_stages: Any) -> None:
    experiment, *_, sweep, estimates = table2_stages
    titles = {name: panel.title for name, panel in experiment.cfg.panels.items()}
    made = table2(sweep, estimates, titles)
    assert len(made) == 2 * len(experiment.cfg.alphas)
    row = made[(made.reading == titles["a"]) & (made.alpha == 0.1)].iloc[0]
    mine = sweep[(sweep.panel == "a") & (sweep.alpha == 0.1)]
    gaps = (mine.post - mine.pre).to_numpy()
    assert row["post - pre"] == pytest.approx(gaps.mean())
    # Student's t of two networks
    half = 12.706204736432095 * abs(gaps[0] - gaps[1]) / 2
    assert row["post - pre, high"] - row["post - pre"] == pytest.approx(half, rel=1e-6)
    assert made.note.str.contains("lowest error").sum() == 2
    limits = estimates[(estimates.panel == "b") & (estimates.quantity == "alpha_lim_split")].value
    mean = np.exp(np.log(limits).mean())
    assert limits.nunique() > 1
    assert made[made.reading == titles["b"]].note.str.contains(f"{mean:.4g}").any()


def test_the_order_of_the_rates_of_table2_does_not_count(table2_stages: Any) -> None:
    experiment, _, features, *_, expected = table2_stages
    section = experiment.cfg.model_dump()
    other = make("table2", section | {"alphas": section["alphas"][::-1]}, 7)
    found = other.estimates(features, other.sweep(features))
    pd.testing.assert_frame_equal(found, expected)
