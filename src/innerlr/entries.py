"""Moments of all entries of a matrix: what section H.2 admits as sigma^2 of (H.15)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import as_array, positive, same_length
from innerlr.checks import gram as checked


class EntryMoments(NamedTuple):
    """Of all entries of stacked features.

    Attributes:
        mean: of the entries.
        second: mean of their squares.
        entries: how many there are.
    """

    mean: float
    second: float
    entries: int

    @property
    def variance(self) -> float:
        """Second moment less squared mean: sigma^2 of (H.15)."""
        return self.second - self.mean**2


class EntryStatistics(NamedTuple):
    """What the words of section H.2 admit as sigma^2 of (H.15), of one matrix' entries."""

    variance: float
    sd: float
    second: float


def entry_statistics(
    row_sums: ArrayLike, gram: ArrayLike, dim: int
) -> tuple[EntryStatistics, EntryStatistics, EntryStatistics]:
    """Variance, standard deviation and second moment of all entries of Psi, Psi'Psi and Psi Psi'.

    Psi'Psi is d x d and never formed: its entries sum to sum_n (sum_j psi_nj)^2, their squares to
    those of Psi Psi'.

    Args:
        row_sums: (n,), sum of each feature row.
        gram: (n, n), Psi Psi'.
        dim: d.
    """
    sums = as_array(row_sums, "row_sums", ("n",))
    g = checked(gram, "gram", ("n", "n"))
    same_length(g, sums, ("gram", "row_sums"), 0, "n")
    d, n, squares = positive(dim, "dim", integer=True), len(sums), float(np.vdot(g, g))

    def statistics(mean: float, second: float) -> EntryStatistics:
        variance = max(second - mean**2, 0.0)
        return EntryStatistics(variance, float(np.sqrt(variance)), second)

    return (
        statistics(float(sums.sum()) / (n * d), float(np.trace(g)) / (n * d)),
        statistics(float((sums**2).sum()) / d**2, squares / d**2),
        statistics(float(g.sum()) / n**2, squares / n**2),
    )
