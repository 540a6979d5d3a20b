"""The coefficients g1, g2, g3 of Example 1, as printed and as they are (Fig. 6)."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.experiment import Arrays, Experiment, table
from replication.figures.coefficients import quantities as q
from replication.figures.coefficients.settings import Fig06
from replication.quantity import Estimates


def counts(dim: int, steps: tuple[int, ...]) -> Array:
    """Number of 0-based index tuples below `dim` with sum(step * index) = i, for i = 0, 1, ...

    Args:
        dim: d.
        steps: the factor of each index, such as (3, 1, 2) for 3j + m + 2l.

    Returns:
        (1 + (dim - 1) * sum(steps),).

    Example:
        >>> counts(3, (1, 1)).tolist()  # j + m = i
        [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    combs = []
    for step in steps:
        comb = np.zeros((dim - 1) * step + 1)
        comb[::step] = 1
        combs.append(comb)
    return np.round(reduce(np.convolve, combs))


def cubes(dim: int) -> Array:
    """Number of terms of tr E G^3 that are a cube (E x^i)^3, for K to infinity and i = 0, 1, ...

    Of the terms M(j+m) M(m+l) M(l+j), with M(k) = E x^k, those with j = m = l alone are a cube,
    M(2j)^3; the others are products of different moments.

    Args:
        dim: d.

    Returns:
        (3 dim - 2,), as long as the printed g3.

    Example:
        >>> cubes(2).tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    found = np.zeros(3 * dim - 2)
    found[: 2 * dim - 1 : 2] = 1
    return found


class Coefficients(Experiment):
    """How often each moment of x occurs in the traces of Example 1."""

    cfg: Fig06

    # name: (factors of the indices, panel, what is counted)
    SERIES: ClassVar = {
        "g1": ((1, 1), "ab", "tr E G^2: #{j+m=i}, (E.5) and (E.6)"),
        "g2": ((3, 1, 2), "a", "as printed: #{3j+m+2l=i}, the exponent of (E.4)"),
        "g2_right": ((2, 2, 2), "a", "right, K = 1: #{2(j+m+l)=i}"),
        "g3": ((1, 1, 1), "b", "as printed, K to infinity: #{j+m+l=i}, the exponent of (E.6)"),
    }

    def data(self) -> pd.DataFrame:
        rows = [
            {"series": name, "dim": self.cfg.dim, "factors": str(steps), "meaning": meaning}
            for name, (steps, _, meaning) in self.SERIES.items()
        ]
        return table(rows, ["series"])

    def features(self) -> Arrays:
        return {name: counts(self.cfg.dim, steps) for name, (steps, _, _) in self.SERIES.items()}

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = [
            pd.DataFrame(
                {
                    "panel": panel,
                    "series": name,
                    "index": np.arange(len(features[name])),
                    "count": features[name],
                }
            )
            for name, (_, panels, _) in self.SERIES.items()
            for panel in panels
        ]
        return table(frames, ["panel", "series", "index"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        g1, g2, g3 = (features[name] for name in ("g1", "g2", "g3"))
        for name, values in features.items():
            for panel in self.SERIES[name][1]:
                add = found.at(panel, series=name)
                add(q.peak, values)
                add(q.last_index, values)
                add(q.total, values)
        of_left, of_right = found.at("a", series="g2"), found.at("b", series="g3")
        of_left(q.peak_to_g1_peak, g2, g1)
        of_right(q.peak_to_g1_peak, g3, g1)
        of_left(q.wrong_share, g2, features["g2_right"])
        of_right(q.wrong_share, g3, cubes(self.cfg.dim))
        found.at("a")(q.g2_dominates_share, g2, g1)
        return found.table()
