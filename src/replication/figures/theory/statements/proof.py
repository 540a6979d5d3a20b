"""The proof of Theorem 1: the interval that (B.13) excludes, and where the risk converges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import TOGETHER, Point, Scalars
from replication.figures.theory.statements.limit import mean_risk, sets


def excess(setting: Setting, features: Arrays, n: int, seed: int, alphas: Array) -> Array:
    """N |average risk - L_apx| / L_apx(0) of commuting tasks: (n_alpha,).

    Args:
        setting: of the experiment.
        features: arrays of the features stage.
        n: tasks of a set, N.
        seed: group of sets.
        alphas: (n_alpha,), learning rates.
    """
    population = setting.population("commuting")
    risk = mean_risk(sets(setting, features, "commuting", n, seed), population, alphas)
    limit = np.trace(population.gram(alphas), axis1=1, axis2=2) / setting.cfg.dim
    start = np.trace(population.gram(0.0)[0]) / setting.cfg.dim
    return n * (risk - limit) / start


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """The excess against alpha / alpha_lim, far beyond it, at the least and the largest N."""
    limit = setting.limit("commuting")
    relative = np.geomspace(0.01, 300, setting.cfg.grid_points)
    for n in (setting.tasks[0], setting.tasks[-1]):
        for seed in range(setting.cfg.seeds):
            values = excess(setting, features, n, seed, relative * limit)
            for x, value in zip(relative, values, strict=True):
                yield Point(f"N = {n}", seed, x, value)


def scalars(setting: Setting, features: Arrays, of_panel: pd.DataFrame) -> Scalars:
    """The excluded interval over alpha_lim, and the orders of the error in N and in alpha."""
    limit = setting.limit("commuting")
    low, high = (end / limit for end in setting.spectrum.excluded())
    yield TOGETHER, {"excluded_from": low, "excluded_to": high}
    yield TOGETHER, {"outside_excluded": float(not low <= 1 <= high)}
    compact = setting.grid(3) * limit
    first, last = setting.tasks[0], setting.tasks[-1]
    for seed in range(setting.cfg.seeds):
        worst = [excess(setting, features, n, seed, compact).max() for n in (first, last)]
        far, near = excess(setting, features, last, seed, np.array([300.0, 100.0]) * limit)
        order = np.log(worst[1] / worst[0]) / np.log(last / first) - 1
        yield seed, {"compact_error_order": order}
        yield seed, {"far_error_order": np.log(far / near) / np.log(3)}
