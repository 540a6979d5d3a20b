"""Lemma 3, the inequality of Hanson and Wright: the largest constant with which it holds; exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At

# numbers of components at which the constant is taken
SIZES = (16, 256, 4096)


def features(setting: Setting) -> Arrays:
    """The constants at SIZES, for independent and for equal components: (2, sizes)."""
    return {"l/tails": np.array([hanson_wright(size) for size in SIZES]).T}


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The power of the number of components that the constant goes with, and the last constant."""
    for name, constants in zip(("independent", "dependent"), features["l/tails"], strict=True):
        add = at(components=name)
        add(q.tail_constant_power, np.array(SIZES), constants)
        add(q.tail_constant_at_last, constants)


def hanson_wright(size: int) -> tuple[float, float]:
    """The largest c of Lemma 3 with A = I for normal X of `size` components, exact.

    First with independent components, as stated; then with equal ones, as the u of Proposition 1
    may be.
    """
    norm = np.sqrt(2 / np.pi)  # sub-Gaussian norm of N(0, 1): the supremum is at p = 1
    t = np.geomspace(0.1, 20, 200) * size
    exponent = np.minimum(t**2 / (norm**4 * size), t / norm**2)

    def largest(law: Any, scale: float) -> float:
        up, down = law.logsf((size + t) / scale), law.logcdf((size - t) / scale)
        return float(np.min((np.log(2) - np.logaddexp(up, down)) / exponent))

    return largest(stats.chi2(size), 1.0), largest(stats.chi2(1), float(size))
