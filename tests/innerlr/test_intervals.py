"""Confidence intervals, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr.intervals import share_interval


def test_share_interval_by_hand() -> None:
    """No hit in n: the upper end solves (1 - p)^n = 0.025."""
    found = share_interval(np.zeros(40, dtype=bool))
    assert found.mean == found.low == 0
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 40), rel=1e-9)
    assert share_interval([True, False, True, True]).mean == 0.75
