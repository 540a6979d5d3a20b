"""Theorem 2: its lower bound (3.8) on the gap, with d^2 as printed and d as the proof gives it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from innerlr.distributions import Uniform
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


def _law(setting: Setting) -> Uniform:
    return Uniform(1.0, setting.cfg.gap_ratio)


def _key(kind: str, d: int, seed: int) -> str:
    return f"bound/{kind}/{d}/{seed}"


def features(setting: Setting) -> Arrays:
    """Groups of sets of tasks with d features, for every d."""
    cfg, law = setting.cfg, _law(setting)
    arrays: Arrays = {}
    for seed in range(cfg.seeds):
        for k, kind in enumerate(SHARED):
            for d in cfg.gap_dims:
                rngs = (setting.rng(3, k, d, seed, i) for i in range(cfg.seeds_per_group))
                sums = (adapted_sums(rng, kind, law, cfg.gap_tasks, d) for rng in rngs)
                arrays |= stacked(_key(kind, d, seed), sums)
    return arrays


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """The gap at the right end of the admitted interval over the bound (3.8), t = 0, against d."""
    cfg, law = setting.cfg, _law(setting)
    constant = largest_constant(*([law.moment(p)] for p in (1, 2, 3)))
    for d in cfg.gap_dims:
        spectrum = Spectrum(law.low, law.high, d)
        alpha = spectrum.interval(constant)
        for kind in SHARED:
            for seed in range(cfg.seeds):
                sums = grouped(features, _key(kind, d, seed), d)
                size = mean_square(sums, np.array([0.0, alpha])).mean(0)
                for power in (1, 2):
                    bound = spectrum.bound(
                        alpha, tasks=cfg.gap_tasks, dim=d, constant=constant, power=power
                    )
                    yield Point(f"d^{power}, {kind}", seed, d, (size[0] - size[1]) / bound)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The lowest ratio of gap to bound over d, for each power of d."""
    for power in (1, 2):
        for kind in SHARED:
            curve = of_panel[of_panel.series == f"d^{power}, {kind}"]
            for seed, of_seed in curve.groupby("seed"):
                add = at(int(seed), grams=kind, power=power)
                add(q.lowest_gap_over_bound, of_seed.value.to_numpy())
