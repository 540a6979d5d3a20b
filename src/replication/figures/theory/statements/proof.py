"""The proof of Theorem 1: the interval that (B.13) excludes, and where the risk converges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point
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


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The excluded interval over alpha_lim, and the orders of the error in N and in alpha."""
    limit = setting.limit("commuting")
    low, high = setting.spectrum.excluded()
    add = at()
    add(q.excluded_from, low, limit)
    add(q.excluded_to, high, limit)
    add(q.outside_excluded, low, high, limit)
    compact = setting.grid(3) * limit
    ends = (setting.tasks[0], setting.tasks[-1])
    for seed in range(setting.cfg.seeds):
        least, most = (excess(setting, features, n, seed, compact).max() for n in ends)
        near, far = excess(setting, features, ends[1], seed, np.array([100.0, 300.0]) * limit)
        add = at(seed)
        add(q.compact_error_order, ends, (least, most))
        add(q.far_error_order, near, far, 3.0)
