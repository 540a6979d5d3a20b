"""The loss after a step as a function of the learning rate, and its minimum."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr import InnerlrError
from innerlr.loss_curve import Minimum, loss_coefficients
from tolerances import SAME

N, D = 6, 60


@pytest.mark.parametrize("alpha", [-0.02, 0.0, 0.004])
@pytest.mark.parametrize("shots", [None, 40.0])
def test_the_loss_is_quadratic_in_alpha(alpha: float, shots: float | None) -> None:
    rng = np.random.default_rng(0)
    psi, y = rng.normal(size=(N, 8, D)), rng.normal(size=(N, 8))
    s, q, y_s, y_q = psi[:, :3], psi[:, 3:], y[:, :3], y[:, 3:]
    w = np.random.default_rng(1).normal(size=D)
    coefficients = loss_coefficients(s @ w - y_s, q @ w - y_q, q @ s.swapaxes(1, 2), shots=shots)
    step = 2 * alpha / (shots or 3)
    adapted = w - step * np.einsum("nkd,nk->nd", s, s @ w - y_s)
    expected = ((np.einsum("nkd,nd->nk", q, adapted) - y_q) ** 2).mean(1)
    value = coefficients @ [1, alpha, alpha**2]
    np.testing.assert_allclose(value, expected, rtol=100 * SAME)


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


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (
            lambda: loss_coefficients(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 3, 4))),
            r"\(2, 4, 3\)",
        ),
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
