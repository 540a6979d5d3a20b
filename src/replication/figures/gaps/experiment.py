"""Loss and distance gaps between MAML and ERM under further adaptation (Fig. 5).

Gaps of drawn tasks spread about as much as they differ from zero, so that a draw says little about
their sign. Their expectation over the task optima is exact given the features: with W(alpha) the
covariance of w_m, it is tr[E Q^2t (W(alpha) - W(0))].
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.adaptation import Adaptation
from innerlr.checks import Array
from innerlr.errors import InnerlrError
from innerlr.features import RandomMatrix, TaskLaw
from innerlr.intervals import mean_interval, share_interval
from innerlr.theory import AdaptedSums
from replication.experiment import (
    SAMPLE,
    Arrays,
    Experiment,
    long,
    prefixed,
    sheet_row,
    table,
    unprefixed,
)
from replication.figures.gaps.settings import Fig05


class AdaptationGap(Experiment):
    """Gaps after t steps on the training tasks, on fresh ones, and as expected on fresh ones."""

    cfg: Fig05

    def _law(self, name: str) -> TaskLaw:
        return TaskLaw(
            inputs=self.cfg.laws[name].build(),
            features=RandomMatrix(self.cfg.dim),
            optima=self.cfg.optima.build(),
            shots=self.cfg.shots,
        )

    def _cells(self) -> list[tuple[int, str, int]]:
        return [(i, name, s) for i, name in enumerate(self.cfg.laws) for s in range(self.cfg.seeds)]

    @property
    def steps(self) -> Array:
        grid = np.geomspace(1, self.cfg.max_steps, self.cfg.grid_points - 1)
        return np.unique(np.concatenate([[0.0], np.round(grid)]))

    def data(self) -> pd.DataFrame:
        rows = []
        for i, name, seed in self._cells():
            spec = self.cfg.laws[name]
            shape = (SAMPLE, self.cfg.shots, self.cfg.dim)
            draws = spec.build().sample(self.rng(i, seed, 0), shape)
            cell = {"panel": name, "seed": seed, "tasks": self.cfg.tasks}
            rows.append(sheet_row(cell, spec, draws))
        return table(rows, ["panel", "seed"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        cells = self._cells()
        for i, name, seed in self.progress(cells, len(cells)):
            sums = self._law(name).moments(self.rng(i, seed, 0), self.cfg.tasks)
            arrays |= prefixed(f"{name}/{seed}", sums)
            arrays[f"{name}/{seed}/change"] = self._change(name, (i, seed, 0))
        return arrays

    def _change(self, name: str, cell: tuple[int, ...]) -> Array:
        """Covariance of w_m less that of w_r, over the training tasks' optima: (dim, dim)."""
        law = self._law(name)
        parts = [AdaptedSums.of(phi) for phi, _ in law.blocks(self.rng(*cell), self.cfg.tasks)]
        first, second = (sum(getattr(p, key) for p in parts) for key in ("first", "second"))
        sums = AdaptedSums(np.asarray(first), np.asarray(second), self.cfg.shots, self.cfg.shots)
        w_erm, w_maml = sums.covariance([0.0, self.cfg.alpha])
        variance = law.optima.moment(2) - law.optima.moment(1) ** 2
        change = variance * (w_maml - w_erm)
        return (change + change.T) / 2

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        cells = self._cells()
        for i, name, seed in self.progress(cells, len(cells)):
            w_erm, w_maml = unprefixed(f"{name}/{seed}", features).w_maml([0.0, self.cfg.alpha])
            for stream, kind, n in (
                (0, "training", self.cfg.tasks),
                (1, "fresh", self.cfg.fresh_tasks),
            ):
                # loss and distance, as drawn and as expected
                drawn, expected = np.zeros((2, len(self.steps))), np.zeros((2, len(self.steps)))
                for phi, a in self._law(name).blocks(self.rng(i, seed, stream), n):
                    tasks = Adaptation(phi, a, self.cfg.eta)
                    drawn[0] += tasks.loss_gap(w_maml, w_erm, self.steps)
                    drawn[1] += tasks.distance_gap(w_maml, w_erm, self.steps) * len(a) / n
                    if kind == "fresh":
                        change = features[f"{name}/{seed}/change"]
                        share = len(a) / n
                        expected[0] += tasks.expected_loss_gap(change, self.steps)
                        expected[1] += tasks.expected_distance_gap(change, self.steps) * share
                shown = {kind: drawn, "expected": expected} if kind == "fresh" else {kind: drawn}
                for label, (loss, distance) in shown.items():
                    if not np.isfinite([loss, distance]).all():
                        raise InnerlrError(
                            f"{self.name}.eta: at {self.cfg.eta} the loss of {name} leaves the "
                            "range of float64. Give a smaller rate, or inputs of smaller spread."
                        )
                    curve = {"steps": self.steps.astype(int), "loss_gap": loss}
                    curve["distance_gap"] = distance
                    frames.append(pd.DataFrame(curve).assign(panel=name, seed=seed, tasks=label))
        return table(frames, ["panel", "tasks", "seed", "steps"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for (name, kind, seed), curve in sweep.groupby(["panel", "tasks", "seed"]):
            loss, distance = curve.loss_gap.to_numpy(), curve.distance_gap.to_numpy()
            negative = np.flatnonzero(loss < 0)
            rows += long(
                str(name),
                int(seed),
                {
                    f"{kind}_loss_gap_at_0": loss[0],
                    f"{kind}_loss_gap_lowest": loss.min(),
                    f"{kind}_steps_to_negative_loss_gap": (
                        curve.steps.iloc[negative[0]] if len(negative) else np.inf
                    ),
                    f"{kind}_distance_gap_at_0": distance[0],
                    f"{kind}_distance_gap_last_to_first": abs(distance[-1] / distance[0]),
                },
            )
        for (name, kind), curves in sweep.groupby(["panel", "tasks"]):
            rows += long(str(name), -1, _highest(curves, f"{kind}_distance_gap_highest"))
            rows += long(str(name), -1, _always(curves, f"{kind}_distance_gap_negative_share"))
        for _, name, seed in self._cells():
            # negative: the expected gap is negative after any number of steps, on any tasks
            values = np.linalg.eigvalsh(features[f"{name}/{seed}/change"])
            rows += long(name, seed, {"covariance_change_highest": values[-1] / abs(values.mean())})
        return table(rows, ["panel", "seed"])


def _always(curves: pd.DataFrame, quantity: str) -> dict[str, float]:
    """The share of draws whose gap is negative at every t, with its interval."""
    found = share_interval(curves.groupby("seed").distance_gap.max() < 0)
    return {
        quantity: found.mean,
        f"{quantity}_low": found.low,
        f"{quantity}_high": found.high,
    }


def _highest(curves: pd.DataFrame, quantity: str) -> dict[str, float]:
    """The largest mean gap over t, in units of the one at t = 0, with its interval over seeds.

    Theorem 2 is about the mean; the largest gap of each seed would be biased upwards.
    """
    gaps = curves.pivot(index="seed", columns="steps", values="distance_gap")
    at = gaps.mean().to_numpy().argmax()
    interval = mean_interval(gaps.to_numpy()[:, at] / abs(gaps.mean().iloc[0]))
    return {
        quantity: interval.mean,
        f"{quantity}_low": interval.low,
        f"{quantity}_high": interval.high,
    }
