"""The limit (3.3) of the optimal adaptation learning rate, from the two traces in it."""

from __future__ import annotations

import math

import numpy as np

from innerlr.checks import Array
from innerlr.errors import InnerlrError

# Sizes whose sixth powers, and sums of them, float64 holds.
HELD = 1e-40, 1e40


def unit_of(array: Array) -> float:
    """1 for entries of ordinary size; else the power of two nearest to the largest of them.

    Dividing by it is exact.
    """
    largest = float(np.abs(array).max())
    if not largest or HELD[0] <= largest <= HELD[1]:
        return 1.0
    return 2.0 ** round(math.log2(largest))


class Traces:
    """Sums over tasks of tr G_u G_t and tr G_u G_t G_u, of features of any size."""

    def __init__(self) -> None:
        self.second = self.third = 0.0
        self.unit = self.other = 0.0

    def add(self, second: float, third: float, unit: float, other: float | None = None) -> None:
        """More tasks.

        Args:
            second, third: of their features, divided by
            unit: that of the support,
            other: that of the query; None where they are the support's.
        """
        other = unit if other is None else other
        u, t = max(unit, self.unit), max(other, self.other)
        old = (self.unit / u) ** 2, (self.other / t) ** 2
        new = (unit / u) ** 2, (other / t) ** 2
        self.second = self.second * old[0] * old[1] + second * new[0] * new[1]
        self.third = self.third * old[0] ** 2 * old[1] + third * new[0] ** 2 * new[1]
        self.unit, self.other = u, t

    def alpha_lim(self, shots: int, where: str) -> float:
        """(3.3), or (H.6)."""
        alpha = alpha_lim_traces(shots, self.second, self.third, where)
        return scaled(alpha, (self.unit, self.unit), where)


def scaled(alpha: float, units: tuple[float, ...], where: str) -> float:
    """A rate of features that were divided by a unit, for the features themselves.

    Args:
        alpha: theirs.
        units: what to divide it by: the unit twice, or a Gram's once.
        where: for the message.

    Raises:
        InnerlrError: float64 does not hold it.
    """
    made = alpha
    for unit in units:
        made /= unit
    if not (np.isfinite(made) and made > np.finfo(float).tiny):
        raise InnerlrError(
            f"{where}: expected features whose learning rate float64 holds, got {alpha:g} / "
            f"{' / '.join(f'{unit:.3g}' for unit in units)}. Use features of another unit; the "
            "rate falls with their square."
        )
    return made


def alpha_lim_traces(shots: int, second: float, third: float, where: str) -> float:
    """K m_2 / (2 m_3), the learning rate that minimises m_1 - (4 alpha/K) m_2 + ..., eq. (3.3)."""
    if not third > 0 or not np.isfinite(third):
        raise InnerlrError(
            f"{where}: expected a positive finite third moment of the Gram, got {third:g}, so no "
            "learning rate minimises the risk. Check that not all features are zero; rescale "
            "features whose sixth powers leave the range of float64."
        )
    return float(shots * second / (2 * third))
