"""The coefficients of Fig. 6 against counting."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from replication.figures.coefficients.experiment import counts


@pytest.mark.parametrize("steps", [(1, 1), (3, 1, 2), (2, 2, 2), (1, 1, 1)])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_counts_are_counts(dim: int, steps: tuple[int, ...]) -> None:
    tally = Counter(
        sum(s * i for s, i in zip(steps, index, strict=True))
        for index in product(range(dim), repeat=len(steps))
    )
    expected = [tally[i] for i in range(sum(steps) * (dim - 1) + 1)]
    assert counts(dim, steps).tolist() == expected
