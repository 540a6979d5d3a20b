"""Proposition 5: the derivative (F.6) of w_m at alpha = 0, by the order of what it leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.moments import GramMoments
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting, spectral_features
from replication.figures.theory.statement import At

TASKS = 4
# random cases at most; the order is the same in each
CASES = 100


def features(setting: Setting) -> Arrays:
    """log2 of the fall of |w_m - w_r - alpha w_m'(0)| when alpha is halved: (cases,)."""
    rng, cfg = setting.rng(10), setting.cfg
    alpha = 1e-3 * setting.limit("rotated")
    orders = []
    for _ in range(min(cfg.lemma_seeds, CASES)):
        phi = spectral_features(rng, "rotated", setting.law, TASKS, cfg.dim)
        a = rng.normal(size=(TASKS, cfg.dim))
        gram = phi.swapaxes(1, 2) @ phi
        sums = GramMoments()
        sums.update_optima(phi, a)
        w_r = sums.w_erm()
        # (F.6) with w_r in the place of w_s
        pull = np.einsum("nij,njk,nk->i", gram, gram, w_r - a)
        slope = 4 / cfg.dim * np.linalg.solve(gram.sum(0), pull)
        rest = [np.linalg.norm(sums.w_maml(x) - w_r - x * slope) for x in (alpha, alpha / 2)]
        orders.append(np.log2(rest[0] / rest[1]))
    return {"l/taylor": np.array(orders)}


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The order of every case: 2 where the derivative is right."""
    for case, order in enumerate(features["l/taylor"]):
        at(case)(q.prop_5_order, order)
