"""Theorem 2: how much closer to the task optima MAML starts than ERM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.theory import Spectrum, largest_constant
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import (
    SHARED,
    Setting,
    adapted_sums,
    grouped,
    mean_square,
    stacked,
)
from replication.figures.theory.statement import At, Point


def features(setting: Setting) -> Arrays:
    """Groups of sets of tasks, commuting and rotated, for every seed."""
    cfg = setting.cfg
    arrays: Arrays = {}
    for seed in range(cfg.seeds):
        for k, kind in enumerate(SHARED):
            rngs = (setting.rng(2, k, seed, i) for i in range(cfg.seeds_per_group))
            sums = (adapted_sums(rng, kind, setting.law, cfg.gap_tasks, cfg.dim) for rng in rngs)
            arrays |= stacked(_key(kind, seed), sums)
    return arrays


def _key(kind: str, seed: int) -> str:
    return f"gap/{kind}/{seed}"


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """E [F_t(w_r) - F_t(w_m)] / E |w_r|^2 at t = 0, and its first order."""
    limit, relative = setting.limit("commuting"), setting.grid(3.0)
    for kind in SHARED:
        for seed in range(setting.cfg.seeds):
            sums = grouped(features, _key(kind, seed), setting.cfg.dim)
            size = mean_square(sums, relative * limit).mean(0)
            start = 1e-6 * limit
            near = mean_square(sums, np.array([0.0, start])).mean(0)
            tangent = (near[0] - near[1]) / start * limit / size[0]
            for x, value in zip(relative, 1 - size / size[0], strict=True):
                yield Point(kind, seed, x, value)
            yield Point(f"{kind}, first order", seed, 0.0, 0.0)
            yield Point(f"{kind}, first order", seed, 0.5, 0.5 * tangent)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The interval that the theorem admits, the gap there and at alpha_lim, where it closes."""
    spectrum, law = setting.spectrum, setting.law
    constant = largest_constant(*([law.moment(p)] for p in (1, 2, 3)))
    end = spectrum.interval(constant)
    # features twice as long: alpha_lim falls to a quarter, (G.42) should
    longer = Spectrum(4 * law.low, 4 * law.high, setting.cfg.dim)
    add = at()
    add(q.largest_constant, constant)
    add(q.interval_end, end)
    add(q.interval_over_lim, end, setting.limit("commuting"))
    add(q.interval_scaling, end, longer.interval(16 * constant))
    for kind in SHARED:
        for seed, curve in of_panel[of_panel.series == kind].groupby("seed"):
            sums = grouped(features, _key(kind, int(seed)), setting.cfg.dim)
            near = mean_square(sums, np.array([0.0, end]))
            x, gaps = curve.x.to_numpy(), curve.value.to_numpy()
            add = at(int(seed), grams=kind)
            add(q.gap_in_interval, near[:, 0], near[:, 1])
            add(q.gap_at_lim, x, gaps)
            add(q.negative_from, x, gaps)
