"""H.4.1: the mean distance to all optima falls and is convex near alpha = 0, in how many draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.distributions import Distribution
from innerlr.moments import GramMoments
from replication.distances import mean_distance
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.settings import TheoryPath
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point


class Case(NamedTuple):
    """What is drawn.

    Attributes:
        law: name of the law of the features.
        scale: of the new tasks' features.
        new: number of new tasks.
    """

    law: str
    scale: float
    new: int

    @property
    def key(self) -> str:
        """Of its array."""
        return f"j/{self.law}/{self.scale:g}/{self.new}"


def cases(path: TheoryPath) -> list[Case]:
    """Every law with every scale, then with the other numbers of new tasks at the last scale."""
    usual = [(scale, path.new_tasks.count) for scale in path.feature_scales]
    others = [(path.feature_scales[-1], count) for count in path.new_counts]
    return [Case(law, *varied) for law in path.laws for varied in (*usual, *others)]


def features(setting: Setting) -> Arrays:
    """Slope and curvature at alpha = 0 of the mean distance to all optima: (draws, 2)."""
    path = setting.cfg.path
    arrays: Arrays = {}
    for i, case in enumerate(cases(path)):
        law = path.laws[case.law].build()
        rows = [
            slope_and_curvature(*draw_tasks(setting.rng(7, i, draw), path, law, case))
            for draw in range(path.seeds)
        ]
        arrays[case.key] = np.array(rows)
    return arrays


def draw_tasks(
    rng: np.random.Generator, path: TheoryPath, law: Distribution, case: Case
) -> tuple[Array, Array]:
    """Features (tasks + new, shots, 2) and optima (tasks + new, 2), the new tasks last.

    Args:
        rng: generator.
        path: the section.
        law: of the features' entries.
        case: scale and number of the new tasks.
    """
    phi = law.sample(rng, (path.tasks + case.new, path.shots, 2))
    phi[path.tasks :] *= case.scale
    a = path.optima.build().sample(rng, (path.tasks, 2))
    new = path.new_tasks
    return phi, np.concatenate([a, rng.normal(new.centre, new.spread, (case.new, 2))])


def slope_and_curvature(phi: Array, optima: Array) -> tuple[float, float]:
    """First and second derivative at alpha = 0 of the mean distance of w_m(alpha) to all optima.

    By central differences over a thousandth of alpha_lim.

    Args:
        phi: (tasks, shots, 2), features.
        optima: (tasks, 2).
    """
    sums = GramMoments()
    sums.update_optima(phi, optima)
    h = 1e-3 * sums.alpha_lim()
    left, middle, right = mean_distance(sums.w_maml([-h, 0.0, h]), optima)
    return (right - left) / (2 * h), (left - 2 * middle + right) / h**2


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """The shares of draws against the scale, for the usual number of new tasks."""
    path = setting.cfg.path
    for law in path.laws:
        for scale in path.feature_scales:
            slopes, curvatures = features[Case(law, scale, path.new_tasks.count).key].T
            yield Point(f"{law}, decreasing", None, scale, (slopes < 0).mean())
            yield Point(f"{law}, convex", None, scale, (curvatures > 0).mean())


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The shares of draws in every case."""
    path = setting.cfg.path
    for law in path.laws:
        for scale in path.feature_scales:
            slopes, curvatures = features[Case(law, scale, path.new_tasks.count).key].T
            add = at(law=law, scale=scale)
            add(q.decreasing_share, slopes)
            add(q.convex_share, curvatures)
        for count in path.new_counts:
            slopes, curvatures = features[Case(law, path.feature_scales[-1], count).key].T
            add = at(law=law, count=count)
            add(q.decreasing_share_of_count, slopes)
            add(q.convex_share_of_count, curvatures)
