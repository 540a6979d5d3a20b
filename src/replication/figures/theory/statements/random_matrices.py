"""Example 2: the printed alpha_lim of features with i.i.d. entries over the right one; exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.estimators import alpha_lim_iid_entries
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point

FORMULAS = ("(E.12)", "(E.13)")
# (m_4, m_6) of centred entries of variance 1: Laplace, normal, uniform, +-1
OF_ONE_VARIANCE = ((6, 90), (3, 15), (9 / 5, 27 / 7), (1, 1))


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """(E.12), where K = 1, and (E.13), where K = d, over alpha_lim, against d."""
    for name, spec in setting.cfg.matrix_laws.items():
        m = [spec.build().moment(p) for p in range(1, 7)]
        for d in setting.cfg.matrix_dims:
            one = m[3] / (2 * m[5]) / alpha_lim_iid_entries(1, d, m)
            square = m[3] / m[5] / alpha_lim_iid_entries(d, d, m)
            yield Point(f"(E.12), {name}", None, d, one)
            yield Point(f"(E.13), {name}", None, d, square)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """Ends and growth of each ratio, and the power of m_4 / m_6 that alpha_lim goes with."""
    for formula in FORMULAS:
        for law in setting.cfg.matrix_laws:
            curve = of_panel[of_panel.series == f"{formula}, {law}"]
            ratios, add = curve.value.to_numpy(), at(formula=formula, law=law)
            add(q.printed_over_lim_growth, curve.x.to_numpy(), ratios)
            add(q.printed_over_lim_at_first, ratios)
            add(q.printed_over_lim_at_last, ratios)
    at()(q.power_of_moment_ratio, *of_one_variance(max(setting.cfg.matrix_dims)))


def of_one_variance(d: int) -> tuple[Array, Array]:
    """m_4 / m_6 and alpha_lim of the laws OF_ONE_VARIANCE, where K = d: (laws,) each."""
    limits = [alpha_lim_iid_entries(d, d, [0, 1, 0, m4, 0, m6]) for m4, m6 in OF_ONE_VARIANCE]
    return np.array([m4 / m6 for m4, m6 in OF_ONE_VARIANCE]), np.array(limits)
