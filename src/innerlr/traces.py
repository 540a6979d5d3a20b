"""The limit (3.3) of the optimal adaptation learning rate, from the two traces in it."""

from __future__ import annotations

import numpy as np

from innerlr.errors import InnerlrError


def alpha_lim_traces(shots: int, second: float, third: float, where: str) -> float:
    """K m_2 / (2 m_3), the learning rate that minimises m_1 - (4 alpha/K) m_2 + ..., eq. (3.3)."""
    if not third > 0 or not np.isfinite(third):
        raise InnerlrError(
            f"{where}: expected a positive finite third moment of the Gram, got {third:g}, so no "
            "learning rate minimises the risk. Check that not all features are zero; rescale "
            "features whose sixth powers leave the range of float64."
        )
    return float(shots * second / (2 * third))
