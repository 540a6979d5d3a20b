"""The theorems in closed form against definitions, plain solutions and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr import Adaptation, GramMoments, InnerlrError, alpha_lim
from innerlr.theory import (
    AdaptedSums,
    Spectrum,
    first_order_gap,
    first_order_gap_matrix,
    largest_constant,
    schur_complement,
)
from oracles import blocks
from tolerances import SAME, SEARCH

RNG = np.random.default_rng(4)
PHI = RNG.normal(size=(6, 5, 3))
QUERY = RNG.normal(size=(6, 4, 3))
ALPHAS = np.array([0.0, 0.1, 0.7])


@pytest.mark.parametrize("query", [None, QUERY], ids=["shared", "split"])
def test_adapted_sums_are_those_of_the_adapted_features(query: np.ndarray | None) -> None:
    sums = AdaptedSums.of(PHI, query)
    for i, alpha in enumerate(ALPHAS):
        b = blocks(PHI, PHI if query is None else query, alpha)
        np.testing.assert_allclose(sums.gram(ALPHAS)[i], b.sum(0), rtol=1e-10)
        weights = np.linalg.solve(b.sum(0), b)  # Lambda_j of Appendix B
        spread = np.einsum("nij,nkj->ik", weights, weights)
        np.testing.assert_allclose(sums.covariance(ALPHAS)[i], spread, rtol=1e-10, atol=1e-12)
        # (B.5), the population being these tasks themselves
        mean = b.mean(0)
        k2 = 5 if query is None else 4
        risk = (np.trace(mean) + np.einsum("nji,jk,nki->", weights, mean, weights)) / k2
        one = AdaptedSums(sums.first / 6, sums.second, 5, k2)
        assert sums.average_risk(alpha, one)[0] == pytest.approx(risk, rel=1e-10)


def exact_gap(features: np.ndarray, fresh: np.ndarray, alpha: float, steps: int) -> float:
    """E_a of F_t(w_r) - F_t(w_m) for unit variance, without any formula of innerlr.theory.

    Both are quadratic in the optima, so the expectation is the sum over optima that are zero but
    for one entry of one task; those of the fresh tasks drop out.
    """
    n, _, d = features.shape
    adaptation = Adaptation(fresh, np.zeros((len(fresh), d)), 0.02)
    total = 0.0
    for optima in np.eye(n * d).reshape(-1, n, d):
        sums = GramMoments()
        sums.update_optima(features, optima)
        w_r, w_m = sums.w_maml([0.0, alpha])
        total -= float(adaptation.distance_gap(w_m, w_r, [steps])[0])
    return total


@pytest.mark.parametrize("steps", [0, 30])
def test_first_order_gap_is_the_slope_of_the_gap(steps: int) -> None:
    """Neither the Grams nor P commute with anything here."""
    fresh = np.random.default_rng(5).normal(size=(4, 5, 3)) * [0.5, 1.0, 2.0]
    q = np.eye(3) - 2 * 0.02 / 5 * fresh.swapaxes(1, 2) @ fresh
    decay = np.linalg.matrix_power(q, 2 * steps).mean(0)
    h = 1e-4 * alpha_lim(PHI)
    slope = (exact_gap(PHI, fresh, h, steps) - exact_gap(PHI, fresh, -h, steps)) / (2 * h)
    assert slope > 0
    assert first_order_gap(PHI, (decay + decay.T) / 2) == pytest.approx(slope, rel=SEARCH)


def test_first_order_gap_of_any_task_covariance() -> None:
    matrix = first_order_gap_matrix(PHI)
    assert np.trace(matrix) == pytest.approx(first_order_gap(PHI, np.eye(3)), rel=SAME * 100)
    root = np.array([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, -1.0, 0.1]])
    h = 1e-4 * alpha_lim(PHI)

    def size(alpha: float) -> float:
        b = blocks(PHI, PHI, alpha)
        return float(
            (np.linalg.solve(b.sum(0), b) @ root).ravel()
            @ (np.linalg.solve(b.sum(0), b) @ root).ravel()
        )

    slope = (size(-h) - size(h)) / (2 * h)
    assert np.vdot(root @ root.T, matrix) == pytest.approx(slope, rel=SEARCH)


ENTRY = st.integers(-8, 8).map(lambda i: i / 4)


@given(st.lists(ENTRY, min_size=24, max_size=24))
def test_the_bracket_of_theorem_2_is_a_schur_complement(entries: list[float]) -> None:
    """Positive semidefinite for every set of tasks: no Gram need commute with another."""
    features = np.array(entries).reshape(4, 3, 2) + np.eye(3, 2)
    try:
        bracket = schur_complement(features)
    except InnerlrError:
        return  # w_r is not unique
    values = np.linalg.eigvalsh(bracket)
    scale = np.abs(np.linalg.matrix_power(features.swapaxes(1, 2) @ features, 3)).sum()
    assert values[0] > -1e-9 * scale


def test_the_bracket_vanishes_for_equal_grams() -> None:
    same = np.repeat(PHI[:1], 4, axis=0)
    assert np.abs(schur_complement(same)).max() < 1e-10 * np.abs(PHI).max() ** 6
    assert np.linalg.eigvalsh(schur_complement(PHI))[0] > 1e-3


@given(st.floats(0.1, 10), st.floats(1.0, 20), st.integers(1, 9), st.integers(0, 2**31))
def test_alpha_lim_always_lies_where_b13_excludes_it(
    low: float, ratio: float, shots: int, seed: int
) -> None:
    values = np.random.default_rng(seed).uniform(low, low * ratio, 12)
    limit = shots * (values**2).sum() / (2 * (values**3).sum())
    first, last = Spectrum(values.min(), values.max(), shots).excluded()
    slack = 1 + 1e-6  # all eigenvalues equal: an interval of length zero, up to sqrt(eps)
    assert first <= limit * slack
    assert limit <= last * slack


def test_the_ends_of_the_excluded_interval_are_roots() -> None:
    spectrum = Spectrum(1.0, 3.0, 4)
    for alpha in spectrum.excluded():
        # the lower bound of (B.12) on an eigenvalue
        terms = np.array([1.0, -4 * alpha * 3.0**2 / 4, 4 * alpha**2 * 1.0**3 / 4**2])
        assert abs(terms.sum()) < 1e-12 * np.abs(terms).max()


def test_bounds_by_hand() -> None:
    spectrum = Spectrum(1.0, 2.0, 4)
    assert spectrum.epsilon(0.0) == 2.0  # lambda_S / lambda_I^2
    # alpha = 2, x = 1: (2 - 2 + 8) / (1 - 8 + 1)^2
    assert spectrum.epsilon(2.0) == pytest.approx(8 / 36, rel=SAME)
    # (G.42): 4 (sqrt(4 * 256 + 1.5 * 8 * 255 / 8) - 32) / 255
    assert spectrum.interval(8.0) == pytest.approx(
        4 * (np.sqrt(1024 + 1.5 * 255) - 32) / 255, rel=SAME
    )
    # (3.8): 4 alpha d^2 c / (N K 8)
    found = spectrum.bound(0.5, tasks=10, dim=3, constant=2.0, power=2, decay=0.5)
    assert found == pytest.approx(0.5 * 4 * 0.5 * 9 * 2 / (10 * 4 * 8), rel=SAME)
    # eigenvalues 1 or 3: E l = 2, E l^2 = 5, E l^3 = 14; twice that length, 2^4 times
    assert largest_constant([2, 4], [5, 20], [14, 112]) == pytest.approx((3 + 48) / 2, rel=SAME)


@pytest.mark.parametrize("make", [first_order_gap_matrix, schur_complement])
def test_singular_pooled_features_are_named(make) -> None:
    with pytest.raises(InnerlrError, match="singular"):
        make(np.ones((2, 3, 2)))
    with pytest.raises(InnerlrError, match="not unique"):
        AdaptedSums.of(np.eye(2)[None]).covariance(1.0)  # K = 2, alpha = K / 2: C = 0
