"""What Fig. 6 measures of the coefficients of Example 1: counts of terms by moment."""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from replication.quantity import quantity


@quantity(unit="terms", place="Fig. 6", kind="exact", by=("series",))
def peak(counts: Array) -> float:
    """The highest coefficient of a series."""
    return float(counts.max())


@quantity(unit="1", place="Fig. 6", kind="exact", by=("series",))
def last_index(counts: Array) -> float:
    """The highest index of a series, which counts from 0."""
    return float(len(counts) - 1)


@quantity(unit="terms", place="Fig. 6", kind="exact", by=("series",))
def total(counts: Array) -> float:
    """The number of terms of a series, the sum of its coefficients."""
    return float(counts.sum())


@quantity(unit="1", place="Fig. 6; Example 1", kind="exact", by=("series",))
def peak_to_g1_peak(counts: Array, g1: Array) -> float:
    """The highest coefficient of a series of the denominator over that of the numerator, g1."""
    return float(counts.max() / g1.max())


@quantity(unit="1", place="Fig. 6, left; Example 1", kind="exact")
def g2_dominates_share(g2: Array, g1: Array) -> float:
    """The share of the moments of the numerator, E x^2i with the coefficient g1(i), whose
    coefficient in the denominator, g2(2i), is larger."""
    return float(np.mean(g2[: 2 * len(g1) : 2] > g1))


@quantity(unit="1", place="Fig. 6; (E.4), (E.6)", kind="exact", by=("series",))
def wrong_share(printed: Array, right: Array) -> float:
    """The share of the indices at which a printed coefficient differs from the count of terms."""
    return float(np.mean(printed != right))
