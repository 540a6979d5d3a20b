"""The limit (3.3) from Grams and their eigenvalues, for one and for several inner steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from innerlr import InnerlrError, alpha_lim, alpha_lim_split
from innerlr.modes import alpha_lim_gram, alpha_lim_modes, alpha_lim_split_gram, alpha_pooled
from tolerances import SAME, SEARCH


def test_estimators_from_grams_are_those_from_features() -> None:
    psi = np.random.default_rng(0).normal(size=(6, 7, 60))
    s, q = psi[:, :3], psi[:, 3:]
    assert alpha_lim_gram(psi @ psi.swapaxes(1, 2)) == pytest.approx(alpha_lim(psi), rel=SAME)
    split = alpha_lim_split_gram(s @ s.swapaxes(1, 2), q @ s.swapaxes(1, 2))
    assert split == pytest.approx(alpha_lim_split(s, q), rel=SAME)
    flat = psi.reshape(1, -1, 60)
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


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: alpha_lim_gram(np.zeros((2, 3, 3))), "third moment"),
        (lambda: alpha_lim_gram(np.zeros((2, 3, 3)), steps=2), "features are zero"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 3)), steps=0), "steps"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 3)), steps=1.5), "steps"),
        (lambda: alpha_lim_modes(2, [1.0, 2.0], [1.0]), "eigenvalues and weights"),
        (lambda: alpha_lim_split_gram(np.ones((2, 3, 3)), np.ones((2, 4, 2))), "k1"),
        (lambda: alpha_lim_split_gram(np.ones((2, 4, 3)), np.ones((2, 5, 3))), "support.*square"),
        (lambda: alpha_lim_gram(np.ones((2, 3, 4))), "grams.*square"),
    ],
)
def test_bad_input_is_named(call, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call()
