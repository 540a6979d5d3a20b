"""Families of regression tasks: their laws, and that each task is one function."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr.errors import InnerlrError
from replication.tasks import QuadraticTasks, SineTasks
from tolerances import Z

N = 200_000


def test_sines_have_their_amplitude_phase_and_inputs() -> None:
    law = SineTasks((0.1, 5.0), (0.0, np.pi), (-5.0, 5.0))
    x, y = law.draw(np.random.default_rng(0), 500, 400)
    assert x.shape == (500, 400, 1)
    assert y.shape == (500, 400)
    assert x.min() >= -5
    assert x.max() < 5
    # each task is A sin(x + b): a least-squares fit on sin x, cos x has no remainder
    for task in range(5):
        basis = np.stack([np.sin(x[task, :, 0]), np.cos(x[task, :, 0])], 1)
        weights, remainder, *_ = np.linalg.lstsq(basis, y[task], rcond=None)
        assert remainder[0] < 1e-20
        amplitude, phase = np.hypot(*weights), np.arctan2(weights[1], weights[0])
        assert 0.1 <= amplitude < 5
        assert 0 <= phase < np.pi


def test_sines_have_their_second_moment() -> None:
    """E y^2 = E A^2 (1 - E cos(2x) E cos(2b) + E sin(2x) E sin(2b)) / 2; b over 2 pi leaves 1/2."""
    law = SineTasks((0.0, np.pi), (0.0, 2 * np.pi))
    _, y = law.draw(np.random.default_rng(1), N, 1)
    square = y**2
    assert abs(square.mean() - np.pi**2 / 6) < Z * square.std() / np.sqrt(N)


def test_quadratic_targets_have_their_mean() -> None:
    """E y = E (x'w + b)^2 = |w_0|^2 / p + nu^2 + s^2, for x, w and b independent."""
    law = QuadraticTasks(3, slope_mean=1.5, slope_spread=0.7, noise=0.4)
    x, y = law.draw(np.random.default_rng(2), N, 1)
    assert x.shape == (N, 1, 3)
    expected = 1.5**2 + 0.7**2 + 0.4**2
    assert abs(y.mean() - expected) < Z * y.std() / np.sqrt(N)


def test_without_noise_a_quadratic_task_is_one_parabola() -> None:
    x, y = QuadraticTasks(1, noise=0.0).draw(np.random.default_rng(3), 4, 9)
    ratios = y / x[:, :, 0] ** 2
    np.testing.assert_allclose(ratios, ratios[:, :1].repeat(9, 1), rtol=1e-12)


def test_ends_that_are_no_interval_are_refused() -> None:
    for amplitude in (3.0, (0.0, 1.0, 2.0)):
        with pytest.raises(InnerlrError, match="amplitude: expected the two ends"):
            SineTasks(amplitude, (0.0, 1.0))
