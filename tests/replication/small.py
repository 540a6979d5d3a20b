"""Small tables for tests, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

# half-width of a 95% Student-t interval of two values, over half their distance
TWO = 12.7062047361747


def scalars(values: Mapping[str, Mapping[str, float | Sequence[float]]]) -> pd.DataFrame:
    """A table of estimates.

    Args:
        values: by panel and quantity: a list has a value a seed, a number is of all repetitions.
    """
    rows = []
    for panel, quantities in values.items():
        for quantity, found in quantities.items():
            each = {-1: found} if isinstance(found, float | int) else dict(enumerate(found))
            rows += [(panel, seed, quantity, float(value)) for seed, value in each.items()]
    return pd.DataFrame(rows, columns=["panel", "seed", "quantity", "value"])
