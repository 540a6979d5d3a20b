"""Example 2: the printed alpha_lim of features with i.i.d. entries over the right one; exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.estimators import alpha_lim_iid_entries
from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import TOGETHER, Point, Scalars

# (m_4, m_6) of centred entries of variance 1: Laplace, normal, uniform, +-1
OF_ONE_VARIANCE = ((6, 90), (3, 15), (9 / 5, 27 / 7), (1, 1))


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """(E.12), where K = 1, and (E.13), where K = d, over alpha_lim, against d."""
    for name, spec in setting.cfg.matrix_laws.items():
        m = [spec.build().moment(p) for p in range(1, 7)]
        for d in setting.cfg.matrix_dims:
            one = m[3] / (2 * m[5]) / alpha_lim_iid_entries(1, d, m)
            square = m[3] / m[5] / alpha_lim_iid_entries(d, d, m)
            yield Point(f"(E.12), {name}", TOGETHER, d, one)
            yield Point(f"(E.13), {name}", TOGETHER, d, square)


def scalars(setting: Setting, features: Arrays, of_panel: pd.DataFrame) -> Scalars:
    """Ends and growth of each ratio, and the power of m_4 / m_6 that alpha_lim goes with."""
    for series, curve in of_panel.groupby("series"):
        name = quantity_name(str(series))
        last = curve.value.iloc[-2:].to_numpy()
        growth = np.log(last[1] / last[0]) / np.log(curve.x.iloc[-1] / curve.x.iloc[-2])
        yield TOGETHER, {f"{name}_growth": growth}
        yield TOGETHER, {f"{name}_at_first": curve.value.iloc[0]}
        yield TOGETHER, {f"{name}_at_last": curve.value.iloc[-1]}
    yield TOGETHER, {"power_of_moment_ratio": power_of_moment_ratio(max(setting.cfg.matrix_dims))}


def quantity_name(series: str) -> str:
    """A series as the names of its quantities begin.

    >>> quantity_name("(E.12), uniform")
    'e12_uniform'
    """
    return series.strip("(").replace("), ", "_").replace(".", "").lower()


def power_of_moment_ratio(d: int) -> float:
    """The power of m_4 / m_6 that alpha_lim goes with where the variance is one and K = d."""
    limits = [alpha_lim_iid_entries(d, d, [0, 1, 0, m4, 0, m6]) for m4, m6 in OF_ONE_VARIANCE]
    ratios = [m4 / m6 for m4, m6 in OF_ONE_VARIANCE]
    return float(np.polyfit(np.log(ratios), np.log(limits), 1)[0])
