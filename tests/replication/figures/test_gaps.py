"""The gaps of Fig. 5 against plain descent and drawn optima, at a small scale."""

from __future__ import annotations

import numpy as np
import pytest
from small import experiment

from replication.figures.gaps import quantities as q
from replication.measuring import measure


def test_the_expected_gaps_of_figure_5_are_the_mean_over_drawn_optima() -> None:
    """Training optima drawn anew for the same features, and then all that is left of F_0."""
    made = experiment("fig05", seeds=1, alpha=2e-3)
    features = made.features()
    law, n = made._law("exponential"), made.cfg.tasks  # type: ignore[attr-defined]
    ((phi, _),) = law.blocks(made.rng(2, 0, 0), n)
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
    estimates = made.estimates(features, sweep)
    found = measure(estimates, q.fresh_distance_gap_negative_share, "uniform")
    assert found.mean == pytest.approx(2 / 3)
    assert found.low < 0.5


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
            w = w - 2 * made.cfg.eta / phi.shape[1] * np.einsum("nkd,nk->nd", phi, residual)
        adapted.append(w)
    loss = [float((np.einsum("nkd,nd->nk", phi, w - a) ** 2).sum()) for w in adapted]
    distance = [float(((w - a) ** 2).sum(1).mean()) for w in adapted]
    row = sweep[(sweep.panel == "normal") & (sweep.tasks == "fresh") & (sweep.steps == 20)]
    # the plain differences keep about 1e-16 / 1e-6 of the gap
    assert row.loss_gap.iloc[0] == pytest.approx(loss[1] - loss[0], rel=1e-5)
    assert row.distance_gap.iloc[0] == pytest.approx(distance[1] - distance[0], rel=1e-5)
