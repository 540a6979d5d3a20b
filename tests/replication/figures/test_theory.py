"""The paper's statements, at a small scale."""

from __future__ import annotations

import numpy as np
import pytest
from small import experiment

from innerlr.bounds import alpha_bounds
from replication.figures.theory.statements import bounds


def test_corollary_1_is_checked_where_assumption_2_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def recorded(features: np.ndarray) -> object:
        shapes.append(features.shape[1:])
        return alpha_bounds(features)

    monkeypatch.setattr(bounds, "alpha_bounds", recorded)
    bounds.features(experiment("theory").setting)  # type: ignore[attr-defined]
    assert {d for _, d in shapes} == {1, 2, 3, 5, 10}
    assert all(d <= k <= 2 * d for k, d in shapes)
