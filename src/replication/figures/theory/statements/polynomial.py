"""Example 1: alpha_lim of polynomial features, against the variance of the inputs; exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.distributions import Normal
from innerlr.estimators import alpha_lim_polynomial
from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import TOGETHER, Point, Scalars

# variances of the inputs; the ends are where the slopes are taken
VARIANCES = (1e-3, 1e3)


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """alpha_lim of (1, x, ..., x^(d-1)), x ~ N(0, s^2), against s^2, for every d."""
    for d in setting.cfg.example_dims:
        for x in np.geomspace(*VARIANCES, setting.cfg.grid_points):
            moment = Normal(0.0, float(np.sqrt(x))).moment
            limit = alpha_lim_polynomial(setting.cfg.example_shots, d, moment)
            yield Point(f"d = {d}", TOGETHER, x, limit)


def scalars(setting: Setting, features: Arrays, of_panel: pd.DataFrame) -> Scalars:
    """Where alpha_lim falls with the variance and with d, and its powers of s^2 at both ends."""
    curves = of_panel.pivot(index="x", columns="series", values="value")
    logs = np.log(curves)
    x = np.log(curves.index.to_numpy())
    slopes = np.diff(logs.to_numpy(), axis=0) / np.diff(x)[:, None]
    for i, series in enumerate(curves.columns):
        name = series.replace(" = ", "")
        yield TOGETHER, {f"{name}_decreasing_share": np.mean(slopes[:, i] < 0)}
        yield TOGETHER, {f"{name}_slope_at_large_variance": slopes[-1, i]}
        yield TOGETHER, {f"{name}_slope_at_small_variance": slopes[0, i]}
        yield TOGETHER, {f"{name}_at_small_variance": curves[series].iloc[0]}
    ordered = curves[[f"d = {d}" for d in sorted(setting.cfg.example_dims)]].to_numpy()
    yield TOGETHER, {"decreasing_in_dim_share": np.mean(np.diff(ordered, axis=1) < 0)}
