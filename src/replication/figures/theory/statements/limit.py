"""Theorem 1 and Corollary 2: alpha*(N), the minimiser of the average risk, tends to alpha_lim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from innerlr.checks import Array
from innerlr.theory import AdaptedSums
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import KINDS, Setting, adapted_sums, grouped, stacked
from replication.figures.theory.statement import At, Point


def features(setting: Setting) -> Arrays:
    """Groups of sets of N tasks, for every kind, N and seed; see :func:`sets`."""
    cfg = setting.cfg
    arrays: Arrays = {}
    for k, kind in enumerate(KINDS):
        for n in setting.tasks:
            for seed in range(cfg.seeds):
                rngs = (setting.rng(1, k, n, seed, i) for i in range(cfg.seeds_per_group))
                sums = (adapted_sums(rng, kind, setting.law, n, cfg.dim) for rng in rngs)
                arrays |= stacked(f"{kind}/{n}/{seed}", sums)
    return arrays


def sets(setting: Setting, features: Arrays, kind: str, n: int, seed: int) -> AdaptedSums:
    """The group of sets of n tasks that :func:`features` drew for a kind and a seed."""
    return grouped(features, f"{kind}/{n}/{seed}", setting.cfg.dim)


def mean_risk(sums: AdaptedSums, population: AdaptedSums, alphas: Any) -> Array:
    """The average risk (B.5), over sigma_a^2, averaged over a group of sets: (n_alpha,)."""
    return sums.average_risk(alphas, population).mean(0)


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """|alpha*(N) - alpha_lim| / alpha_lim against N, for every kind."""
    for kind in KINDS:
        limit, population = setting.limit(kind), setting.population(kind)
        for n in setting.tasks:
            for seed in range(setting.cfg.seeds):
                sums = sets(setting, features, kind, n, seed)
                star = minimiser(sums, population, limit)
                yield Point(kind, seed, n, abs(star / limit - 1))


def minimiser(sums: AdaptedSums, population: AdaptedSums, limit: float) -> float:
    """The rate between 0 and 3 `limit` at which the mean risk is smallest."""
    found = minimize_scalar(
        lambda alpha: float(mean_risk(sums, population, alpha)[0]),
        bounds=(0, 3 * limit),
        method="bounded",
        options={"xatol": 1e-9 * limit},
    )
    return float(found.x)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """Order of the error in N, its size at the largest N, and how many minima the risk has."""
    for kind in KINDS:
        errors = of_panel[of_panel.series == kind]
        mean = errors.groupby("x").value.mean()
        if len(mean) >= 3:  # a slope of two points has no interval
            at(grams=kind)(q.error_slope, mean.index.to_numpy(), mean.to_numpy())
        for seed, curve in errors.groupby("seed"):
            add = at(int(seed), grams=kind)
            add(q.relative_error_at_last, curve.x.to_numpy(), curve.value.to_numpy())
        # the risk on an axis that reaches far beyond both roots of every task
        far, population = np.linspace(-20, 20, 4001) * setting.limit(kind), setting.population(kind)
        for seed in range(setting.cfg.seeds):
            groups = (sets(setting, features, kind, n, seed) for n in setting.tasks)
            minima = [count_minima(mean_risk(sums, population, far)) for sums in groups]
            at(seed, grams=kind)(q.most_minima, np.array(minima))


def count_minima(values: Array) -> int:
    """How often a curve on a grid (points,) turns from falling to rising.

    >>> count_minima(np.array([3.0, 1.0, 2.0, 0.0, 0.0, 1.0]))
    2
    """
    steps = np.diff(values)
    return int(((steps[:-1] < 0) & (steps[1:] >= 0)).sum())
