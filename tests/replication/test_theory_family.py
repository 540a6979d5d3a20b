"""The experiment on the theorems: its laws of tasks, and what its statements say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from innerlr import alpha_lim, alpha_lim_split
from innerlr.distributions import Uniform
from innerlr.empirical_ntk import empirical_gram
from innerlr.theory import AdaptedSums, first_order_gap_matrix
from oracles import blocks
from replication.config import Theory as TheorySection
from replication.figures.theory.experiment import (
    Theory,
    hanson_wright,
    network_features,
    rotations,
    spectral_features,
)


def test_anisotropic_tasks_can_start_farther_away() -> None:
    """Theorem 2 needs isotropic optima: a slope below zero, and the gap itself below zero."""
    law = Uniform(1.0, 4.0)
    features = spectral_features(np.random.default_rng(1), "rotated", law, 20, 5, 64.0)
    slope = first_order_gap_matrix(features)[0, 0]
    assert slope < 0
    alpha = 1e-4 * alpha_lim(features)
    size = []
    for rate in (0.0, alpha):
        b = blocks(features, features, rate)
        size.append(float((np.linalg.solve(b.sum(0), b)[..., 0] ** 2).sum()))
    assert size[1] > size[0]
    assert size[0] - size[1] == pytest.approx(slope * alpha, rel=0.02)  # second order in alpha


def test_rotations_are_orthogonal_and_unbiased() -> None:
    q = rotations(np.random.default_rng(0), 4000, 3)
    assert np.abs(q @ q.swapaxes(1, 2) - np.eye(3)).max() < 1e-12
    assert np.abs(q.mean(0)).max() < 5 / np.sqrt(3 * 4000)  # each entry has variance 1/3


@pytest.mark.parametrize("kind", ["commuting", "rotated", "split"])
def test_the_exact_population_is_that_of_the_tasks(kind: str) -> None:
    made = Theory("theory", TheorySection(), 0)
    rng = np.random.default_rng(3)
    u, t = (spectral_features(rng, kind, made.law, 20_000, 5) for _ in range(2))
    gram = u.swapaxes(1, 2) @ u
    values = np.linalg.eigvalsh(gram)
    assert values.min() >= 1 - 1e-9
    assert values.max() <= 4 + 1e-9
    off = gram - np.einsum("nii->ni", gram)[..., None] * np.eye(5)
    assert (np.abs(off).max() > 0.1) == (kind != "commuting")
    sampled = AdaptedSums.of(u, t if kind == "split" else None).first / len(u)
    assert np.abs(sampled - made.population(kind).first).max() < 0.02 * np.abs(sampled).max()
    estimate = alpha_lim_split(u, t) if kind == "split" else alpha_lim(u)
    assert made.limit(kind) == pytest.approx(estimate, rel=0.005)  # 100,000 eigenvalues


def test_network_features_are_the_tangents_of_that_network() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(1, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    ).double()
    w1, b1, w2, b2, v, c = (p.detach().numpy() for p in model.parameters())
    x = np.linspace(-3, 3, 7)
    predicted, psi = network_features([w1, b1, w2, b2, v[0], c], x)
    np.testing.assert_allclose(predicted, model(torch.from_numpy(x[:, None])).detach()[:, 0])
    np.testing.assert_allclose(psi @ psi.T, empirical_gram(model, x[:, None]), rtol=1e-10)


def test_statements_hold_as_stated_and_fail_when_changed() -> None:
    """Panel (l). Lemma 2 and (D.4) fail as stated; a weaker premise breaks four."""
    config = TheorySection(cases=300)
    made = Theory("theory", config, 0)._statements()
    stated = {name: made[name][0] for name in Theory.CHANGED}
    changed = {name: made[name][1] for name in Theory.CHANGED}
    fail = {"lemma_2", "d_4"}
    assert all((share > 0.2) == (name in fail) for name, share in stated.items())
    assert all(share == 0 for name, share in stated.items() if name not in fail)
    fail = {"lemma_1", "a_1", "prop_3", "prop_6"}
    assert all((share > 0.2) == (name in fail) for name, share in changed.items())


def test_the_constant_of_lemma_3_is_the_largest_that_holds() -> None:
    """By the exact tails: it holds at every t, and 1% more fails somewhere."""
    norm = np.sqrt(2 / np.pi)
    for size, law, scale in ((16, stats.chi2(16), 1.0), (16, stats.chi2(1), 16.0)):
        c = hanson_wright(size)[0 if scale == 1 else 1]
        t = np.geomspace(0.1, 20, 200) * size
        tail = law.sf((size + t) / scale) + law.cdf((size - t) / scale)
        exponent = np.minimum(t**2 / (norm**4 * size), t / norm**2)
        assert np.all(tail <= 2 * np.exp(-c * exponent) * (1 + 1e-9))
        assert np.any(tail > 2 * np.exp(-1.01 * c * exponent))
