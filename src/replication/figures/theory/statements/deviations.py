"""Proposition 1: how far the risk of one set of tasks is from its mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point
from replication.figures.theory.statements.limit import sets

# learning rates, over alpha_lim
FACTORS = (0, 1, 3, 10)
QUANTILE = 0.95
# draws of the task optima for each set
OPTIMA = 200


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """95% quantile of |L_m(w_m) - its mean over sets and optima|, over L_apx(0), against N."""
    population, d = setting.population("commuting"), setting.cfg.dim
    limit, start = setting.limit("commuting"), np.trace(population.gram(0.0)[0]) / d
    for factor in FACTORS:
        gram = population.gram(factor * limit)[0]
        for n in setting.tasks:
            for seed in range(setting.cfg.seeds):
                sums = sets(setting, features, "commuting", n, seed)
                covariance = sums.covariance(factor * limit)[:, 0]
                # the same standard normals at every rate
                risk = sampled_risk(setting.rng(5, n, seed), covariance, gram) / d
                deviation = np.abs(risk - risk.mean()) / start
                yield Point(f"{factor}", seed, n, np.quantile(deviation, QUANTILE))


def sampled_risk(rng: np.random.Generator, covariance: Array, gram: Array) -> Array:
    """w'A w of normal w, OPTIMA of them for each set: (sets, OPTIMA).

    Args:
        rng: generator.
        covariance: (sets, dim, dim), of w in each set.
        gram: (dim, dim), A.
    """
    root = np.linalg.cholesky(covariance)
    normal = rng.normal(size=(len(root), OPTIMA, len(gram)))
    w = np.einsum("sij,smj->smi", root, normal)
    return np.einsum("smi,ij,smj->sm", w, gram, w)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """Orders in N, the growth from alpha_lim to the largest rate, and epsilon of (C.1)."""
    for factor in FACTORS:
        mean = of_panel[of_panel.series == f"{factor}"].groupby("x").value.mean()
        if len(mean) >= 3:  # a slope of two points has no interval
            add = at(alpha_over_lim=factor)
            add(q.deviation_slope, mean.index.to_numpy(), mean.to_numpy())
    last = of_panel[of_panel.x == of_panel.x.max()].pivot(
        index="seed", columns="series", values="value"
    )
    for seed, deviations in last.iterrows():
        at_lim, at_large = (deviations[f"{FACTORS[i]}"] for i in (1, -1))
        at(int(seed))(q.large_to_lim_deviation, at_large, at_lim)
    limit, spectrum = setting.limit("commuting"), setting.spectrum
    near, far = (spectrum.epsilon(x * limit) for x in (1e4, 1e5))
    add = at()
    add(q.epsilon_at_0, spectrum.epsilon(0.0))
    add(q.epsilon_order, near, far)
    add(q.lim_over_first_end, limit, spectrum.excluded()[0])
