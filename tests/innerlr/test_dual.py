"""Dual solutions against explicit pseudo-inverses in the primal, at small sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from innerlr import InnerlrError, RowMoments, alpha_est, alpha_lim, alpha_lim_split
from innerlr.dual import (
    FLOAT32_PINV,
    Minimum,
    PseudoInverse,
    StackedTasks,
    alpha_lim_gram,
    alpha_lim_kernel,
    alpha_lim_modes,
    alpha_lim_split_gram,
    alpha_pooled,
    eigenvalue_cut,
    entry_statistics,
    float32_pinv_rcond,
    loss_coefficients,
    minimum_norm,
)
from innerlr.ntk import TwoLayerNTK
from tolerances import LOSS, SAME, SEARCH

N, K, D = 6, 5, 60


def problem(rows: int = K, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, rows, D)), rng.normal(size=(N, rows))


def stacked(psi: np.ndarray, y: np.ndarray, support: int) -> StackedTasks:
    flat = psi.reshape(-1, D)
    return StackedTasks(flat @ flat.T, y.ravel(), tasks=N, support=support, dim=D)


def primal_maml(psi, y, support, alpha, rcond=1e-12):
    """pinv of the adapted features, task by task, on singular values cut at sqrt(rcond)."""
    rows, right = [], []
    shared = support == psi.shape[1]
    for phi, t in zip(psi, y, strict=True):
        s, q = phi[:support], phi if shared else phi[support:]
        rate = 2 * alpha / support
        rows.append(q - rate * q @ s.T @ s)
        right.append((t if shared else t[support:]) - rate * q @ s.T @ t[:support])
    return np.linalg.pinv(np.concatenate(rows), rcond=np.sqrt(rcond)) @ np.concatenate(right)


@pytest.mark.parametrize("alpha", [-0.01, 0.0, 0.003, 0.02])
@pytest.mark.parametrize("support", [2, K])
def test_maml_is_the_primal_pseudo_inverse(support: int, alpha: float) -> None:
    psi, y = problem()
    tasks = stacked(psi, y, support)
    w = psi.reshape(-1, D).T @ tasks.maml(alpha, rcond=1e-12)
    np.testing.assert_allclose(w, primal_maml(psi, y, support, alpha), rtol=0, atol=LOSS)


@pytest.mark.parametrize("alpha", [-0.01, 0.003, 0.02])
def test_shared_samples_give_one_solution_for_all_alpha(alpha: float) -> None:
    psi, y = problem()
    tasks = stacked(psi, y, K)
    erm = minimum_norm(tasks.gram, tasks.targets, rcond=1e-12, dim=D)
    np.testing.assert_allclose(tasks.maml(alpha, rcond=1e-12), erm, rtol=0, atol=LOSS)
    primal = primal_maml(psi, y, K, alpha)
    np.testing.assert_allclose(psi.reshape(-1, D).T @ erm, primal, rtol=0, atol=LOSS)


def test_the_pooled_step_divides_by_all_samples() -> None:
    psi, y = problem()
    tasks = stacked(psi, y, 2)
    np.testing.assert_allclose(
        tasks.maml(0.01, rcond=1e-12, shots=2 * N), tasks.maml(0.01 / N, rcond=1e-12), atol=LOSS
    )


def test_the_float32_cut_is_that_of_torchs_pinv() -> None:
    """Singular values kept by a float32 pinv of the features, of which most are tiny."""
    torch = pytest.importorskip("torch")
    model = TwoLayerNTK(4000, 1, seed=0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    y = (1 + x) ** 2
    psi = model.features(x)
    dual = PseudoInverse(model.gram(x), rcond=FLOAT32_PINV, dim=model.dim)
    singular = np.linalg.svd(psi, compute_uv=False)
    eps = np.finfo(np.float32).eps
    assert dual.rank == int((singular > model.dim * eps * singular[0]).sum()) < 40
    ours = model.gram(np.linspace(-2, 2, 9), x) @ dual.solve(y)
    inverse = torch.linalg.pinv(torch.from_numpy(psi.astype(np.float32)))
    theirs = model.features(np.linspace(-2, 2, 9)).astype(np.float32) @ (
        inverse.numpy() @ y.astype(np.float32)
    )
    # float32 singular values carry eps32 s_1 against a cut of d eps32 s_1: about 1 in d, times
    # the norm of the fit
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-2 * np.abs(ours).max())


def test_mean_optimum_is_the_mean_of_pseudo_inverses() -> None:
    psi, y = problem()
    expected = np.mean([np.linalg.pinv(p) @ t for p, t in zip(psi, y, strict=True)], axis=0)
    c = stacked(psi, y, K).mean_optimum(rcond=1e-12)
    np.testing.assert_allclose(psi.reshape(-1, D).T @ c, expected, rtol=0, atol=LOSS)


@pytest.mark.parametrize("alpha", [-0.02, 0.0, 0.004])
@pytest.mark.parametrize("shots", [None, 40.0])
def test_the_loss_is_quadratic_in_alpha(alpha: float, shots: float | None) -> None:
    psi, y = problem(rows=8)
    s, q, y_s, y_q = psi[:, :3], psi[:, 3:], y[:, :3], y[:, 3:]
    w = np.random.default_rng(1).normal(size=D)
    coefficients = loss_coefficients(s @ w - y_s, q @ w - y_q, q @ s.swapaxes(1, 2), shots=shots)
    step = 2 * alpha / (shots or 3)
    adapted = w - step * np.einsum("nkd,nk->nd", s, s @ w - y_s)
    expected = ((np.einsum("nkd,nd->nk", q, adapted) - y_q) ** 2).mean(1)
    value = coefficients @ [1, alpha, alpha**2]
    np.testing.assert_allclose(value, expected, rtol=100 * SAME)


# ------------------------------------------------------------------ minima


def test_a_vertex_outside_the_range_is_said_to_be_so() -> None:
    assert Minimum.of_quadratic([3.0, -4.0, 2.0], end=2.0) == (1.0, 1.0, True)
    assert Minimum.of_quadratic([3.0, -4.0, 2.0], end=0.5) == (1.0, 1.0, False)
    assert Minimum.of_quadratic([3.0, 4.0, 2.0], end=2.0) == (-1.0, 1.0, False)
    flat = Minimum.of_quadratic([3.0, 0.0, 0.0], end=2.0)
    assert np.isnan(flat.alpha)
    assert not flat.in_range


def test_a_minimum_of_samples_is_inside_or_none() -> None:
    x = np.linspace(-1, 2, 13)
    found = Minimum.of_samples(x, 2 + 3 * (x - 0.6) ** 2)
    assert found.in_range
    assert found.alpha == pytest.approx(0.6, rel=100 * SAME)
    assert found.loss == pytest.approx(2, rel=100 * SAME)
    for slope in (-1.0, 1.0):  # down to the last point, and down to 0
        nothing = Minimum.of_samples(x, slope * x)
        assert np.isnan(nothing.alpha)
        assert not nothing.in_range


# ------------------------------------------------------------------ estimators


def test_estimators_from_grams_are_those_from_features() -> None:
    psi, _ = problem(rows=7)
    s, q = psi[:, :3], psi[:, 3:]
    assert alpha_lim_gram(psi @ psi.swapaxes(1, 2)) == pytest.approx(alpha_lim(psi), rel=SAME)
    split = alpha_lim_split_gram(s @ s.swapaxes(1, 2), q @ s.swapaxes(1, 2))
    assert split == pytest.approx(alpha_lim_split(s, q), rel=SAME)
    flat = psi.reshape(1, -1, D)
    eigenvalues = np.linalg.eigvalsh(flat[0] @ flat[0].T)
    assert alpha_pooled(eigenvalues) == pytest.approx(alpha_lim(flat), rel=SAME)


SIZES_OF_MODES = arrays(float, 6, elements=st.floats(1e-3, 1e3))


@given(SIZES_OF_MODES, SIZES_OF_MODES, st.integers(1, 10))
def test_the_risk_rises_on_both_sides_of_the_rate_for_several_steps(
    modes: np.ndarray, weights: np.ndarray, steps: int
) -> None:
    alpha = alpha_lim_modes(4, modes, weights, steps=steps)
    slope = weights * modes
    # minus the derivative in alpha; it falls, so its sign tells the side
    left, right = (
        float(slope @ (1 - 2 * rate * modes / 4) ** (2 * steps - 1))
        for rate in (alpha * (1 - 1e-9), alpha * (1 + 1e-9))
    )
    assert left > 0 > right
    assert 4 / (2 * modes.max()) * (1 - SAME) <= alpha <= 4 / (2 * modes.min()) * (1 + SAME)


@given(SIZES_OF_MODES, SIZES_OF_MODES)
def test_one_step_is_the_closed_form(modes: np.ndarray, weights: np.ndarray) -> None:
    expected = 4 * (weights @ modes) / (2 * weights @ modes**2)
    assert alpha_lim_modes(4, modes, weights) == pytest.approx(expected, rel=SAME)


def test_two_modes_by_hand() -> None:
    """l = 1 and 3 with q l equal: (1 - x) + (1 - 3 x) = 0 after any number of steps."""
    for steps in (1, 2, 9):
        alpha = alpha_lim_modes(2, [1.0, 3.0, 0.0, -1e-20], [3.0, 1.0, 5.0, 1.0], steps=steps)
        assert alpha == pytest.approx(0.5, rel=SAME)


@pytest.mark.parametrize("steps", [50, 500, 100_000])
def test_two_modes_by_hand_after_many_steps(steps: int) -> None:
    """l = 1 and 0.6: (x - 1)^p = 0.6 (1 - 0.6 x)^p with p = 2 J - 1; both sides underflow."""
    root = 0.6 ** (1 / (2 * steps - 1))
    x = (1 + root) / (1 + 0.6 * root)
    alpha = alpha_lim_modes(1, [1.0, 0.6], [1.0, 1.0], steps=steps)
    assert alpha == pytest.approx(x / 2, rel=SAME)


@pytest.mark.parametrize("steps", [2, 5])
def test_several_steps_from_grams_are_those_of_the_matrix_powers(steps: int) -> None:
    """d = 3 below K: the Grams have zero eigenvalues, which must not matter."""
    rng = np.random.default_rng(3)
    s, q = rng.normal(size=(6, 5, 3)), rng.normal(size=(6, 4, 3))
    covariance = np.diag([1.0, 2.0, 5.0])

    def best(outer: np.ndarray, spread: np.ndarray) -> float:
        def risk(alpha: float) -> float:
            after = np.eye(3) - 2 * alpha / 5 * s.swapaxes(1, 2) @ s
            after = outer @ np.linalg.matrix_power(after, steps)
            return float(np.vdot(after @ spread, after))

        return float(minimize_scalar(risk, bounds=(0, 2), options={"xatol": 1e-9}).x)

    grams, cross = s @ s.swapaxes(1, 2), q @ s.swapaxes(1, 2)
    same, split = best(s, np.eye(3)), best(q, np.eye(3))
    assert alpha_lim_gram(grams, steps=steps) == pytest.approx(same, rel=SEARCH)
    assert alpha_lim(s, steps=steps) == pytest.approx(same, rel=SEARCH)
    assert alpha_lim(iter([s[:2], s[2:]]), steps=steps) == alpha_lim(s, steps=steps)
    assert alpha_lim_split_gram(grams, cross, steps=steps) == pytest.approx(split, rel=SEARCH)
    assert alpha_lim_split(s, q, steps=steps) == pytest.approx(split, rel=SEARCH)
    spread = alpha_lim(s, steps=steps, task_covariance=covariance)
    assert spread == pytest.approx(best(s, covariance), rel=SEARCH)
    with pytest.raises(InnerlrError, match="task_covariance"):
        alpha_lim_split(s, q, steps=steps, task_covariance=covariance)


def test_entry_statistics_are_those_of_the_matrices() -> None:
    psi = 0.3 + problem()[0].reshape(-1, D)
    found = entry_statistics(psi.sum(1), psi @ psi.T, D)
    for statistics, matrix in zip(found, (psi, psi.T @ psi, psi @ psi.T), strict=True):
        expected = (matrix.var(), matrix.std(), (matrix**2).mean())
        assert statistics == pytest.approx(expected, rel=100 * SAME)
    h15 = 1 / (2 * len(psi) * found[0].variance)
    assert h15 == pytest.approx(alpha_est(psi.reshape(N, K, D)), rel=100 * SAME)


# ------------------------------------------------------------------ bad input


def test_the_cut_is_never_below_rounding() -> None:
    assert eigenvalue_cut(1e-30, 100, 5) == 100 * np.finfo(float).eps
    assert eigenvalue_cut(FLOAT32_PINV, 10, 50) == float32_pinv_rcond(10, 50)
    assert float32_pinv_rcond(10, 50) == float32_pinv_rcond(50, 10)


GOOD = np.eye(4)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: minimum_norm(np.zeros((3, 3)), np.ones(3), rcond=1e-9, dim=5), "numerically zero"),
        (lambda: minimum_norm(1e-300 * GOOD, np.ones(4), rcond=1e-9, dim=5), "numerically zero"),
        (lambda: minimum_norm(GOOD, np.ones(3), rcond=1e-9, dim=5), "'n' differs"),
        (lambda: minimum_norm(GOOD, [1, 2, np.nan, 4], rcond=1e-9, dim=5), "finite"),
        (
            lambda: minimum_norm(np.triu(GOOD + 1), np.ones(4), rcond=1e-9, dim=5),
            "symmetric",
        ),
        (lambda: minimum_norm(np.ones((2, 3)), np.ones(2), rcond=1e-9, dim=5), "square"),
        (lambda: minimum_norm(GOOD, np.ones(4), rcond=0.0, dim=5), "rcond"),
        (lambda: minimum_norm(GOOD, np.ones(4), rcond=2.0, dim=5), "keep no eigenvalue"),
        (lambda: minimum_norm(GOOD, np.ones(4), rcond="float64", dim=5), "float32_pinv"),
        (lambda: StackedTasks(GOOD, np.ones(4), tasks=3, support=1, dim=5), "3 tasks"),
        (lambda: StackedTasks(GOOD, np.ones(4), tasks=2, support=3, dim=5), "at least 3"),
        (lambda: StackedTasks(GOOD, np.ones(4), tasks=0, support=1, dim=5), "tasks"),
        (
            lambda: StackedTasks(GOOD, np.ones(4), tasks=2, support=2, dim=5).maml(
                np.nan, rcond=1e-9
            ),
            "alpha",
        ),
        (
            lambda: loss_coefficients(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 3, 4))),
            r"\(2, 4, 3\)",
        ),
        (lambda: alpha_lim_gram(np.zeros((2, 3, 3))), "third moment"),
        (lambda: alpha_lim_gram(np.zeros((2, 3, 3)), steps=2), "features are zero"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 3)), steps=0), "steps"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 3)), steps=1.5), "steps"),
        (lambda: alpha_lim_modes(2, [1.0, 2.0], [1.0]), "eigenvalues and weights"),
        (lambda: alpha_lim_split_gram(np.ones((2, 3, 3)), np.ones((2, 4, 2))), "k1"),
        (lambda: alpha_lim_split_gram(np.ones((2, 4, 3)), np.ones((2, 5, 3))), "support.*square"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 4))), "grams.*square"),
        (lambda: alpha_lim_kernel(3, np.ones((2, 3)), [0.5, 0.5]), "gram.*square"),
        (lambda: StackedTasks(np.ones((4, 3)), np.ones(4), tasks=2, support=1, dim=5), "square"),
        (
            lambda: loss_coefficients(
                np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2, 2)), shots=0
            ),
            "shots",
        ),
    ],
)
def test_bad_input_is_named(call, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call()


@pytest.mark.parametrize("shots", [1, 2, 3, 6])
def test_the_kernel_form_is_that_of_the_rows(shots: int) -> None:
    rng = np.random.default_rng(0)
    nodes, weights = rng.normal(size=(8, 3)), rng.dirichlet(np.ones(8))
    expected = RowMoments.from_quadrature(nodes, weights).alpha_lim(shots)
    assert alpha_lim_kernel(shots, nodes @ nodes.T, weights) == pytest.approx(expected, rel=SAME)


def test_weights_of_the_kernel_form_are_checked() -> None:
    with pytest.raises(InnerlrError, match="sum to 1"):
        alpha_lim_kernel(3, np.eye(2), [0.5, 0.6])
