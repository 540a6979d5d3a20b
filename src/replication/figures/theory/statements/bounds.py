"""Corollary 1: bounds on alpha_lim from the entries of the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.bounds import alpha_bounds
from innerlr.checks import Array
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point

# tasks in each random set
TASKS = 100
# what is drawn of the sets
QUANTILES = {"low": 0.025, "median": 0.5, "high": 0.975}


def features(setting: Setting) -> Arrays:
    """(alpha_lim, printed lower, lower, upper) of random sets, times 2 sigma^2: (cases, 4)."""
    arrays: Arrays = {}
    for i, d in enumerate(setting.cfg.feature_dims):
        for j, spread in enumerate(setting.cfg.feature_spreads):
            rng = setting.rng(6, i, j)
            rows = [scaled_bounds(rng, d, spread) for _ in range(setting.cfg.lemma_seeds)]
            arrays[_key(d, spread)] = np.array(rows)
    return arrays


def _key(d: int, spread: float) -> str:
    return f"d/{d}/{spread:g}"


def scaled_bounds(rng: np.random.Generator, d: int, spread: float) -> list[float]:
    """alpha_lim and its bounds for one random set of tasks, in units in which the upper one is d.

    Args:
        rng: generator.
        d: features.
        spread: standard deviation of the logarithm of a task's scale.

    Returns:
        alpha_lim, the printed lower bound, the lower and the upper bound.
    """
    # Assumption 2: Grams of full rank
    k = int(rng.integers(d, 2 * d + 1))
    scale = np.exp(spread * rng.normal(size=(TASKS, 1, 1)))
    b = alpha_bounds(scale * rng.normal(size=(TASKS, k, d)))
    unit = d / b.upper
    return [b.alpha_lim * unit, b.printed_lower * unit, b.lower * unit, float(d)]


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """2 sigma^2 alpha_lim against d: a series for each spread and each of QUANTILES."""
    for d in setting.cfg.feature_dims:
        for spread in setting.cfg.feature_spreads:
            values = features[_key(d, spread)]
            for name, share in QUANTILES.items():
                quantile = float(np.quantile(values[:, 0], share))
                yield Point(f"{spread:g}, {name}", None, d, quantile)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """Shares of the sets that violate a bound."""
    every: list[Array] = []
    for d in setting.cfg.feature_dims:
        for spread in setting.cfg.feature_spreads:
            values = features[_key(d, spread)]
            every.append(values)
            add = at(dim=d, spread=spread)
            add(q.printed_lower_violated_by_dim, values[:, 0], values[:, 1])
    alpha, printed, lower, upper = np.concatenate(every).T
    add = at()
    add(q.printed_lower_violated, alpha, printed)
    add(q.printed_upper_violated, alpha, upper)
    add(q.corrected_violated, alpha, lower, upper)
