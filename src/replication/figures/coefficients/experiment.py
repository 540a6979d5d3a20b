"""The coefficients g1, g2, g3 of Example 1, as printed and as they are (Fig. 6)."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.experiment import Arrays, Experiment, long, table
from replication.figures.coefficients.settings import Fig06


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
        d = self.cfg.dim
        rows = []
        for name, values in features.items():
            rows += long(
                self.SERIES[name][1],
                -1,
                {
                    f"{name}_peak": values.max(),
                    f"{name}_last_index": len(values) - 1,
                    f"{name}_total": values.sum(),
                },
            )
        dominated = [float(features["g2"][2 * i] > v) for i, v in enumerate(features["g1"])]
        rows += long("a", -1, {"g2_peak_to_g1_peak": features["g2"].max() / d})
        rows += long("b", -1, {"g3_peak_to_g1_peak": features["g3"].max() / d})
        rows += long("a", -1, {"g2_dominates_share": float(np.mean(dominated))})
        printed, right = features["g2"], features["g2_right"]
        rows += long("a", -1, {"g2_wrong_share": float(np.mean(printed != right))})
        # of the terms M(j+m) M(m+l) M(l+j) of tr E G^3 those with j = m = l alone are a cube,
        # M(2j)^3; the others are products of different moments
        printed, right = features["g3"], np.zeros(len(features["g3"]))
        right[: 2 * d - 1 : 2] = 1
        rows += long("b", -1, {"g3_wrong_share": float(np.mean(printed != right))})
        return table(rows, ["panel", "quantity"])
