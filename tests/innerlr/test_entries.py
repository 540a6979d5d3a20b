"""Moments of all entries of a matrix, against the matrix itself."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr import alpha_est
from innerlr.entries import entry_statistics
from tolerances import SAME

N, K, D = 6, 5, 60


def test_entry_statistics_are_those_of_the_matrices() -> None:
    psi = 0.3 + np.random.default_rng(0).normal(size=(N * K, D))
    found = entry_statistics(psi.sum(1), psi @ psi.T, D)
    for statistics, matrix in zip(found, (psi, psi.T @ psi, psi @ psi.T), strict=True):
        expected = (matrix.var(), matrix.std(), (matrix**2).mean())
        assert statistics == pytest.approx(expected, rel=100 * SAME)
    h15 = 1 / (2 * len(psi) * found[0].variance)
    assert h15 == pytest.approx(alpha_est(psi.reshape(N, K, D)), rel=100 * SAME)
