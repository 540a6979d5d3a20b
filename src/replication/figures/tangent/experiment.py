"""Overparameterised quadratic regression on tangent features (Fig. 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import get_args

import numpy as np
import pandas as pd

from innerlr.checks import Array, choice
from innerlr.choices import Init
from innerlr.entries import entry_statistics
from innerlr.intervals import mean_interval
from innerlr.loss_curve import Minimum, loss_coefficients
from innerlr.minimum_norm import PseudoInverse, StackedTasks
from innerlr.modes import alpha_lim_gram, alpha_lim_split_gram, alpha_pooled
from innerlr.ntk import TwoLayerNTK
from replication.experiment import Arrays, Experiment, table
from replication.figures.tangent import quantities as q
from replication.figures.tangent import scaling as scaling
from replication.figures.tangent.settings import (
    Fig02,
    RcondOf,
    SigmaOfPsi,
    Step,
    TangentCurve,
    TangentSetting,
    Targets,
    TestSamples,
    TrainingSamples,
)
from replication.quantity import Estimates
from replication.tasks import QuadraticTasks

# keys of a setting whose value is one of a few: a copy of a section is not checked
CHOICES = {
    "targets": Targets,
    "step": Step,
    "training_samples": TrainingSamples,
    "test_samples": TestSamples,
    "rcond_of": RcondOf,
    "sigma2": SigmaOfPsi,
}
# estimates of a cell, in the order in which they are stored; then (H.15) with every statistic
ESTIMATES = ["alpha_lim_sampled", "alpha_lim_split", "alpha_pooled", "alpha_est", "alpha_dim"]
ESTIMATES += ["alpha_rms", *get_args(SigmaOfPsi)]
# those at which the test loss is looked at, in the order in which it is stored
OF_LOSS = ["alpha_est", "alpha_lim_sampled", "alpha_lim_split"]
OF_LOSS += ["alpha_pooled", "alpha_dim", "alpha_rms"]


def quadratic(setting: TangentSetting) -> QuadraticTasks:
    """The regression tasks of a setting."""
    return QuadraticTasks(
        setting.input_dim, setting.slope_mean, setting.slope_spread, setting.noise
    )


@dataclass(frozen=True)
class Cell:
    """One network, training set and set of test tasks.

    Attributes:
        alphas: (points,), the grid.
        losses: (points, test tasks).
        minimum: of the mean loss over alpha > 0.
        estimates: by name, ESTIMATES.
        at_estimates: mean loss at each estimate of OF_LOSS.
        rank: eigenvalues kept.
    """

    alphas: Array
    losses: Array
    minimum: Minimum
    estimates: dict[str, float]
    at_estimates: dict[str, float]
    rank: int


class Regression:
    """A cell's training tasks, solved, and its test tasks.

    Args:
        setting: the reading.
        init: of the network.
        curve: K and N.
        test_tasks: how many.
        rngs: of the network, of the training and of the test tasks.

    Raises:
        InnerlrError: an unknown init, or a value of CHOICES that a copy of a setting can have.
    """

    def __init__(
        self,
        setting: TangentSetting,
        init: Init,
        curve: TangentCurve,
        test_tasks: int,
        rngs: tuple[np.random.Generator, np.random.Generator, np.random.Generator],
    ) -> None:
        for key, kind in CHOICES.items():
            choice(getattr(setting, key), key, get_args(kind))
        self.setting, self.curve, self.test_tasks = setting, curve, test_tasks
        s, k, n = setting, curve.shots, curve.tasks
        self.model = TwoLayerNTK(
            *(s.width, s.input_dim, init, s.hidden_bias, s.output_bias),
            seed=rngs[0],
            scaled=s.scaled,
        )
        # 2K samples always, so that readings share their draws
        x, y = quadratic(s).draw(rngs[1], n, 2 * k)
        self.rows = 2 * k if s.training_samples == "split" else k
        self.x = x[:, : self.rows].reshape(n * self.rows, -1)
        gram = self.model.gram(self.x)
        self.stacked = StackedTasks(
            gram, y[:, : self.rows].ravel(), tasks=n, support=k, dim=self.model.dim
        )
        self.inverse = PseudoInverse(gram, rcond=s.rcond, dim=self.model.dim)
        self.shots = k * n if s.step == "pooled" else k

        x_t, self.y_t = quadratic(s).draw(rngs[2], test_tasks, 2 * k)
        self.query = slice(0, k) if s.test_samples == "same" else slice(k, 2 * k)
        self.to_training = self.model.gram(x_t.reshape(test_tasks * 2 * k, -1), self.x)
        own = [self.model.gram(task[:k]) for task in x_t]
        cross = [self.model.gram(task[self.query], task[:k]) for task in x_t]
        self.own, self.cross = np.stack(own), np.stack(cross)

    @property
    def fixed(self) -> bool:
        """Whether the trained weights are the same at every alpha."""
        of_features = self.stacked.shared and self.setting.rcond_of == "features"
        return of_features or self.setting.targets == "mean_optimum"

    def trained(self, alpha: float) -> Array:
        """Dual coefficients of w_m(alpha)."""
        rcond = self.setting.rcond
        if self.setting.targets == "mean_optimum":
            return self.stacked.mean_optimum(rcond=rcond)
        if self.fixed:
            return self.inverse.solve(self.stacked.targets)
        return self.stacked.maml(alpha, rcond=rcond, shots=self.shots)

    def coefficients(self, alpha: float) -> Array:
        """The adapted loss of w_m(alpha) as a quadratic in the test step's rate, (tasks, 3)."""
        k = self.curve.shots
        residual = (self.to_training @ self.trained(alpha)).reshape(self.y_t.shape) - self.y_t
        return loss_coefficients(
            residual[:, :k], residual[:, self.query], self.cross, shots=self.shots
        )

    def losses(self, alphas: Array) -> Array:
        """Test loss of each task, (points, tasks)."""
        once = self.coefficients(0.0) if self.fixed else None
        rows = []
        for alpha in alphas:
            c = self.coefficients(float(alpha)) if once is None else once
            rows.append(c @ [1, alpha, alpha**2])
        return np.array(rows)

    def minimum(self, alphas: Array, losses: Array) -> Minimum:
        """Of the mean loss, exact where it is a quadratic."""
        if self.fixed:
            return Minimum.of_quadratic(self.coefficients(0.0).mean(0), end=float(alphas[-1]))
        return Minimum.of_samples(alphas, losses.mean(1))

    def estimates(self) -> dict[str, float]:
        """Every estimate on the axis of the step in use; names ESTIMATES."""
        d, n = self.model.dim, self.curve.tasks * self.curve.shots
        k = self.curve.shots
        support = self.stacked.blocks()[:, :k, :k]
        # a pooled step is N times smaller, so its rates are N times larger
        per_task = self.shots / k
        if self.stacked.shared:
            gram, eigenvalues = self.stacked.gram, self.inverse.eigenvalues
            sums = self.model.row_sums(self.x)
        else:
            of_support = (np.arange(len(self.x)) % self.rows) < k
            gram = self.stacked.gram[np.ix_(of_support, of_support)]
            eigenvalues = np.linalg.eigvalsh(gram)
            sums = self.model.row_sums(self.x[of_support])
        entries = entry_statistics(sums, gram, d)
        # (H.15) with every statistic in the place of sigma~^2
        found = (1 / (2 * n * value) for matrix in entries for value in matrix)
        of_entries = dict(zip(get_args(SigmaOfPsi), found, strict=True))
        values = [
            per_task * alpha_lim_gram(support),
            per_task * alpha_lim_split_gram(self.own, self.cross),
            alpha_pooled(eigenvalues),
            of_entries[self.setting.sigma2],  # (H.15)
            1 / (2 * d * entries[0].variance),
            1 / (2 * np.sqrt(entries[2].second)),
            *of_entries.values(),
        ]
        return dict(zip(ESTIMATES, map(float, values), strict=True))

    def cell(self, alphas: Array) -> Cell:
        """All that is reported."""
        losses, estimates = self.losses(alphas), self.estimates()
        at = self.losses(np.array([estimates[name] for name in OF_LOSS])).mean(1)
        return Cell(
            alphas,
            losses,
            self.minimum(alphas, losses),
            estimates,
            dict(zip(OF_LOSS, map(float, at), strict=True)),
            self.inverse.rank,
        )


class Tangent(Experiment):
    """Test loss against alpha, its minimum and every estimate, over seeds."""

    cfg: Fig02

    @property
    def alphas(self) -> Array:
        return self.cfg.alphas.values(self.cfg.grid_points)

    def _cells(self) -> Iterator[tuple[str, Init, TangentCurve, str, tuple[int, ...]]]:
        for p, (panel, spec) in enumerate(self.cfg.panels.items()):
            for c, (name, curve) in enumerate(spec.curves.items()):
                for seed in range(self.cfg.seeds):
                    yield (
                        f"{panel}/{name}",
                        spec.init,
                        curve,
                        f"{panel}/{name}/{seed}",
                        (p, c, seed),
                    )

    def _rngs(
        self, cell: tuple[int, ...]
    ) -> tuple[np.random.Generator, np.random.Generator, np.random.Generator]:
        return self.rng(*cell, 0), self.rng(*cell, 1), self.rng(*cell, 2)

    def data(self) -> pd.DataFrame:
        rows = []
        for panel, _, curve, _, cell in self._cells():
            for part, tasks in ((1, curve.tasks), (2, self.cfg.test_tasks)):
                x, y = quadratic(self.cfg).draw(self.rng(*cell, part), tasks, 2 * curve.shots)
                rows.append(
                    {
                        "panel": panel,
                        "seed": cell[-1],
                        "tasks": "training" if part == 1 else "test",
                        "count": tasks,
                        "shots": curve.shots,
                        "x_mean": x.mean(),
                        "x_variance": x.var(),
                        "z": x.mean() * np.sqrt(x.size),
                        "y_mean": y.mean(),
                        "y_variance": y.var(),
                    }
                )
        return table(rows, ["panel", "seed", "tasks"])

    def features(self) -> Arrays:
        """Of each cell: losses (points, test tasks), the minimum, and its scalars."""
        arrays: Arrays = {"alphas": self.alphas}
        cells = list(self._cells())
        for panel, init, curve, key, cell in self.progress(cells, len(cells)):
            made = Regression(self.cfg, init, curve, self.cfg.test_tasks, self._rngs(cell))
            result = made.cell(self.alphas)
            arrays[f"{key}/losses"] = result.losses
            arrays[f"{key}/minimum"] = np.array(_storable(result.minimum))
            arrays[f"{key}/estimates"] = np.array(list(result.estimates.values()))
            arrays[f"{key}/at_estimates"] = np.array(list(result.at_estimates.values()))
            arrays[f"{key}/rank"] = np.array([result.rank])
            # the eigenvalue cut is held as d varies: it is part of the problem that is solved
            setting = self.cfg.model_copy(update={"rcond": made.inverse.rcond})
            for point in scaling.variations(setting, panel):
                varied = Regression(
                    point.setting, init, point.curve, self.cfg.test_tasks, self._rngs(cell)
                )
                named = varied.estimates()
                grid = named["alpha_lim_sampled"] * np.linspace(0, 4, 21)
                lowest = varied.minimum(grid, varied.losses(grid))
                arrays[f"{point.name}/{cell[-1]}/minimum"] = np.array(_storable(lowest))
                arrays[f"{point.name}/{cell[-1]}/estimates"] = np.array(list(named.values()))
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        """Mean and 95% interval over test tasks, by seed."""
        rows = []
        for panel, _, _, key, cell in self._cells():
            for alpha, losses in zip(features["alphas"], features[f"{key}/losses"], strict=True):
                interval = mean_interval(losses)._asdict()
                rows.append({"panel": panel, "seed": cell[-1], "alpha": alpha} | interval)
        return table(rows, ["panel", "seed", "alpha"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        # by panel and seed: of each curve (points,)
        means: dict[tuple[str, int], list[Array]] = {}
        for panel, _, curve, key, cell in self._cells():
            letter, seed = panel.split("/", 1)[0], cell[-1]
            of_curve = {"shots": curve.shots, "tasks": curve.tasks}
            minimum = _from_storable(features[f"{key}/minimum"])
            named = dict(zip(ESTIMATES, features[f"{key}/estimates"], strict=True))
            mean = features[f"{key}/losses"].mean(1)
            lowest = minimum.loss if np.isfinite(minimum.alpha) else mean.min()
            add = found.at(letter, seed, **of_curve)
            add(q.alpha_star, minimum.alpha)
            add(q.minimum_in_range, minimum.in_range)
            add(q.loss_at_star, lowest)
            add(q.loss_at_first, mean)
            add(q.loss_at_last, mean)
            add(q.rank, features[f"{key}/rank"][0])
            add(q.alpha_lim_sampled, named["alpha_lim_sampled"])
            add(q.alpha_lim_split, named["alpha_lim_split"])
            add(q.alpha_pooled, named["alpha_pooled"])
            add(q.alpha_est, named["alpha_est"])
            add(q.alpha_dim, named["alpha_dim"])
            add(q.alpha_rms, named["alpha_rms"])
            for statistic in get_args(SigmaOfPsi):
                of_statistic = found.at(letter, seed, **of_curve, sigma2=statistic)
                of_statistic(q.alpha_est_of_sigma2, named[statistic])
            for name, loss in zip(OF_LOSS, features[f"{key}/at_estimates"], strict=True):
                of_estimate = found.at(letter, seed, **of_curve, estimate=name)
                of_estimate(q.ratio_to_star, named[name], minimum.alpha)
                of_estimate(q.excess_loss, loss, lowest)
            means.setdefault((letter, seed), []).append(mean)
        for (letter, seed), of_curves in means.items():
            found.at(letter, seed)(q.highest_loss, np.array(of_curves))
        if self.cfg.scaling.curves:
            self._scaling(found, features)
        return found.table()

    def _scaling(self, found: Estimates, features: Arrays) -> None:
        """Rows of panel (c): of every N and d, and what they show together."""
        curves = [
            [scaling.own(self.cfg, panel), *scaling.variations(self.cfg, panel)]
            for panel in self.cfg.scaling.curves
        ]
        for point in chain(*curves):
            for seed in range(self.cfg.seeds):
                star = _from_storable(features[f"{point.name}/{seed}/minimum"]).alpha
                stored = features[f"{point.name}/{seed}/estimates"]
                scaling.add_point(
                    found, point, seed, dict(zip(ESTIMATES, stored, strict=True)), star
                )
        scaling.add_summaries(found, curves)


def _storable(minimum: Minimum) -> tuple[float, float, float]:
    """Finite numbers: a loss of -1 stands for no minimiser."""
    if not np.isfinite(minimum.alpha):
        return 0.0, -1.0, 0.0
    return minimum.alpha, minimum.loss, float(minimum.in_range)


def _from_storable(stored: Array) -> Minimum:
    """What :func:`_storable` stored; where there is no minimiser it is infinite."""
    alpha, loss, in_range = stored
    if not (np.isfinite(alpha) and loss > 0):
        return Minimum(np.inf, np.nan, bool(in_range))
    return Minimum(float(alpha), float(loss), bool(in_range))
