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
from innerlr.theory import AdaptedSums
from replication.experiment import (
    SAMPLE,
    Arrays,
    Experiment,
    prefixed,
    sheet_row,
    table,
    unprefixed,
)
from replication.figures.gaps import quantities as q
from replication.figures.gaps.settings import Fig05
from replication.quantity import Estimates


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
        found = Estimates()
        for (name, tasks, seed), curve in sweep.groupby(["panel", "tasks", "seed"]):
            loss, distance = curve.loss_gap.to_numpy(), curve.distance_gap.to_numpy()
            of, add = q.OF_TASKS[str(tasks)], found.at(str(name), int(seed))
            add(of.loss_gap_at_0, loss)
            add(of.loss_gap_lowest, loss)
            add(of.steps_to_negative_loss_gap, curve.steps.to_numpy(), loss)
            add(of.distance_gap_at_0, distance)
            add(of.distance_gap_last_to_first, distance)
        for (name, tasks), curves in sweep.groupby(["panel", "tasks"]):
            of, add = q.OF_TASKS[str(tasks)], found.at(str(name))
            gaps = curves.pivot(index="seed", columns="steps", values="distance_gap").to_numpy()
            add(of.distance_gap_highest, gaps)
            add(of.distance_gap_negative_share, gaps)
        for _, name, seed in self._cells():
            found.at(name, seed)(q.covariance_change_highest, features[f"{name}/{seed}/change"])
        return found.table()
