"""Theorem 2 needs isotropic task optima: the gap's slope where they differ along one feature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.theory import first_order_gap_matrix
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting, spectral_features
from replication.figures.theory.statement import At, Point


def features(setting: Setting) -> Arrays:
    """Mean over sets of D, for every stretch of the features: (dim, dim), the slope is tr(S D)."""
    arrays: Arrays = {}
    for seed in range(setting.cfg.seeds):
        for j, stretch in enumerate(setting.cfg.stretches):
            rngs = (setting.rng(4, j, seed, i) for i in range(setting.cfg.seeds_per_group))
            arrays[_key(stretch, seed)] = np.mean(
                [_slopes(setting, rng, stretch) for rng in rngs], axis=0
            )
    return arrays


def _key(stretch: float, seed: int) -> str:
    return f"stretch/{stretch:g}/{seed}"


def _slopes(setting: Setting, rng: np.random.Generator, stretch: float) -> Array:
    cfg = setting.cfg
    return first_order_gap_matrix(
        spectral_features(rng, "rotated", setting.law, cfg.gap_tasks, cfg.dim, stretch)
    )


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """Slope of the gap at alpha = 0 over the isotropic one, against the stretch.

    Tasks differ along the feature of least variance only, or along that of largest variance.
    """
    for stretch in setting.cfg.stretches:
        for seed in range(setting.cfg.seeds):
            matrix = features[_key(stretch, seed)]
            isotropic = np.trace(matrix) / len(matrix)
            yield Point("shortest", seed, stretch, matrix[0, 0] / isotropic)
            yield Point("longest", seed, stretch, matrix[-1, -1] / isotropic)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The slopes at the largest stretch, and the least isotropic slope."""
    for seed, curves in of_panel.groupby("seed"):
        shortest, longest = (curves[curves.series == name] for name in ("shortest", "longest"))
        traces = [np.trace(features[_key(s, int(seed))]) for s in setting.cfg.stretches]
        add = at(int(seed))
        add(q.shortest_slope_at_most_stretched, shortest.x.to_numpy(), shortest.value.to_numpy())
        add(q.longest_slope_at_most_stretched, longest.x.to_numpy(), longest.value.to_numpy())
        add(q.isotropic_slope_lowest, np.array(traces))
