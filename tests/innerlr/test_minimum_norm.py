"""Dual solutions against explicit pseudo-inverses in the primal, at small sizes."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr import InnerlrError
from innerlr.minimum_norm import (
    FLOAT32_PINV,
    PseudoInverse,
    StackedTasks,
    eigenvalue_cut,
    float32_pinv_rcond,
    minimum_norm,
)
from innerlr.ntk import TwoLayerNTK
from tolerances import LOSS

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
        (lambda: StackedTasks(np.ones((4, 3)), np.ones(4), tasks=2, support=1, dim=5), "square"),
    ],
)
def test_bad_input_is_named(call, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call()
