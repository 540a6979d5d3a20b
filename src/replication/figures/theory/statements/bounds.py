"""Corollary 1: bounds on alpha_lim from the entries of the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.bounds import alpha_bounds
from innerlr.checks import Array
from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import TOGETHER, Point, Scalars, share

# of each random set
TASKS = 100


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
    """2 sigma^2 alpha_lim against d: its quantiles, in thousandths in the place of the seed."""
    for d in setting.cfg.feature_dims:
        for spread in setting.cfg.feature_spreads:
            values = features[_key(d, spread)]
            for q in (0.025, 0.5, 0.975):
                yield Point(f"{spread:g}", int(1000 * q), d, np.quantile(values[:, 0], q))


def scalars(setting: Setting, features: Arrays, of_panel: pd.DataFrame) -> Scalars:
    """Shares of the sets that violate a bound."""
    every: list[Array] = []
    for d in setting.cfg.feature_dims:
        for spread in setting.cfg.feature_spreads:
            values = features[_key(d, spread)]
            every.append(values)
            below = values[:, 0] < values[:, 1]
            yield TOGETHER, share(f"printed_lower_violated_{d}_{spread:g}", below)
    alpha, printed, lower, upper = np.concatenate(every).T
    slack = 1 + 1e-12  # rounding
    yield TOGETHER, share("printed_lower_violated", alpha * slack < printed)
    yield TOGETHER, share("printed_upper_violated", alpha > upper * slack)
    yield TOGETHER, share("corrected_violated", (alpha * slack < lower) | (alpha > upper * slack))
