"""Example 1: alpha_lim of polynomial features, against the variance of the inputs; exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.distributions import Normal
from innerlr.estimators import alpha_lim_polynomial
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point

# variances of the inputs; the ends are where the slopes are taken
VARIANCES = (1e-3, 1e3)


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """alpha_lim of (1, x, ..., x^(d-1)), x ~ N(0, s^2), against s^2, for every d."""
    for d in setting.cfg.example_dims:
        for x in np.geomspace(*VARIANCES, setting.cfg.grid_points):
            moment = Normal(0.0, float(np.sqrt(x))).moment
            limit = alpha_lim_polynomial(setting.cfg.example_shots, d, moment)
            yield Point(f"d = {d}", None, x, limit)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """Where alpha_lim falls with the variance and with d, and its powers of s^2 at both ends."""
    curves = of_panel.pivot(index="x", columns="series", values="value")
    variances = curves.index.to_numpy()
    for d in setting.cfg.example_dims:
        limits, add = curves[f"d = {d}"].to_numpy(), at(dim=d)
        add(q.decreasing_in_variance_share, variances, limits)
        add(q.slope_at_large_variance, variances, limits)
        add(q.slope_at_small_variance, variances, limits)
        add(q.limit_at_small_variance, variances, limits)
    ordered = curves[[f"d = {d}" for d in sorted(setting.cfg.example_dims)]]
    at()(q.decreasing_in_dim_share, ordered.to_numpy())
