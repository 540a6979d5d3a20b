"""The path of w_m(alpha) in the plane and its mean distance to all optima (Figs. 1 and 7)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.moments import GramMoments
from replication.distances import mean_distance
from replication.experiment import (
    Arrays,
    Experiment,
    prefixed,
    sheet_row,
    table,
    unprefixed,
)
from replication.figures.trajectory import quantities as q
from replication.figures.trajectory.settings import Trajectory as TrajectorySection
from replication.quantity import Estimates


class Trajectory(Experiment):
    """Sampled tasks, a circle of new ones with scaled features, and the minimiser's path.

    A panel is a row of the figure. Arrays of "row|key=value" are of that row with another value of
    a key.
    """

    cfg: TrajectorySection

    def _varied(self) -> dict[str, TrajectorySection]:
        """The section under each of its variations, one key changed at a time."""
        found, own = {}, self.cfg.new_tasks.model_dump() | {"shots": self.cfg.shots}
        for key, values in self.cfg.variations.model_dump().items():
            for value in values:
                if value == own[key]:
                    continue
                if key == "shots":
                    other = self.cfg.model_copy(update={"shots": value})
                else:
                    new = self.cfg.new_tasks.model_copy(update={key: value})
                    other = self.cfg.model_copy(update={"new_tasks": new})
                found[f"{key}={value}"] = other
        return found

    def _panels(self) -> list[tuple[str, int, TrajectorySection]]:
        """(name, row, section) of every row as configured and under every variation."""
        panels = []
        for r, name in enumerate(self.cfg.rows):
            panels.append((name, r, self.cfg))
            panels += [(f"{name}|{label}", r, c) for label, c in self._varied().items()]
        return panels

    def _sample(self, r: int, seed: int, c: TrajectorySection) -> tuple[Array, Array]:
        """Features (tasks + new, shots, 2) and optima (tasks + new, 2), the new ones last."""
        row = list(c.rows.values())[r]
        rng = self.rng(r, seed)
        inputs, optima = row.inputs.build(), row.optima.build()
        phi = inputs.sample(rng, (c.tasks + c.new_tasks.count, c.shots, 2))
        phi[c.tasks :] *= c.new_tasks.feature_scale
        a = optima.sample(rng, (c.tasks, 2))
        new = rng.normal(c.new_tasks.centre, c.new_tasks.spread, (c.new_tasks.count, 2))
        return phi, np.concatenate([a, new])

    def data(self) -> pd.DataFrame:
        rows = []
        for r, (name, row) in enumerate(self.cfg.rows.items()):
            for seed in range(self.cfg.seeds):
                phi, _ = self._sample(r, seed, self.cfg)
                cell = {"panel": name, "seed": seed, "tasks": self.cfg.tasks}
                rows.append(sheet_row(cell, row.inputs, phi[: self.cfg.tasks]))
        return table(rows, ["panel", "seed"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        panels = self._panels()
        for panel, r, section in self.progress(panels, len(panels)):
            for seed in range(self.cfg.seeds):
                phi, a = self._sample(r, seed, section)
                sums = GramMoments()
                sums.update_optima(phi, a)
                arrays |= prefixed(f"{panel}/{seed}", sums)
                arrays[f"{panel}/{seed}/optima"] = a
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        """The path of each seed, and the optima of the first one, which is drawn.

        Rows of kind "path" have all columns; "optimum" and "new_task" a place (w1, w2) only.
        """
        frames = []
        for name in self.cfg.rows:
            for seed in range(self.cfg.seeds):
                sums = unprefixed(f"{name}/{seed}", features)
                a = features[f"{name}/{seed}/optima"]
                limit = sums.alpha_lim()
                relative = np.linspace(0, self.cfg.grid_factor, self.cfg.grid_points)
                w = sums.w_maml(relative * limit)
                frames.append(
                    pd.DataFrame(
                        {
                            "panel": name,
                            "seed": seed,
                            "kind": "path",
                            "alpha": relative * limit,
                            "alpha_over_lim": relative,
                            "w1": w[:, 0],
                            "w2": w[:, 1],
                            "mean_distance": mean_distance(w, a),
                        }
                    )
                )
            frames.append(self._optima(name, features[f"{name}/0/optima"]))
        return table(frames, ["panel", "seed", "kind", "alpha"])

    def _optima(self, name: str, a: Array) -> pd.DataFrame:
        """Where the task optima of the first seed lie, the new ones last."""
        kind = np.where(np.arange(len(a)) < self.cfg.tasks, "optimum", "new_task")
        place = {"panel": name, "seed": 0, "kind": kind, "w1": a[:, 0], "w2": a[:, 1]}
        return pd.DataFrame(place)

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        paths = sweep[sweep.kind == "path"]
        for (name, seed), curve in paths.groupby(["panel", "seed"]):
            sums = unprefixed(f"{name}/{seed}", features)
            a = features[f"{name}/{seed}/optima"]
            limit, distance = sums.alpha_lim(), curve.mean_distance.to_numpy()
            erm, at_limit = sums.w_erm(), sums.w_maml(limit)
            centre = a[self.cfg.tasks :].mean(0)
            phi, _ = self._sample(list(self.cfg.rows).index(str(name)), int(seed), self.cfg)
            without = GramMoments()
            without.update_optima(phi[: self.cfg.tasks], a[: self.cfg.tasks])
            step = 1e-4 * limit
            before, after = mean_distance(sums.w_maml([-step, step]), a)
            far_at_limit = float(mean_distance(at_limit[None], a)[0])
            add = found.at(str(name), int(seed))
            add(q.alpha_lim_sampled, limit)
            add(q.alpha_nearest, curve.alpha.to_numpy(), distance)
            add(q.ratio_nearest_to_lim, curve.alpha_over_lim.to_numpy(), distance)
            add(q.distance_erm, distance)
            add(q.distance_at_lim, far_at_limit)
            add(q.distance_lowest, distance)
            add(q.share_of_reduction_at_lim, distance[0], far_at_limit, distance.min())
            add(q.tangent_at_0, before, after, step)
            add(q.relative_tangent_at_0, before, after, step, limit, distance[0])
            add(q.falling_share_to_nearest, distance)
            add(q.new_tasks_distance_ratio, at_limit, erm, centre)
            add(q.erm_distance_ratio, erm, without.w_erm(), centre)
        self._estimate_varied(features, found)
        return found.table()

    def _estimate_varied(self, features: Arrays, found: Estimates) -> None:
        """Where the distance is lowest under each variation."""
        relative = np.linspace(0, self.cfg.grid_factor, self.cfg.grid_points)
        for name in self.cfg.rows:
            for label, section in self._varied().items():
                new = section.new_tasks
                at = q.varied_at(new.feature_scale, new.count, new.centre, section.shots)
                for seed in range(self.cfg.seeds):
                    cell = f"{name}|{label}/{seed}"
                    sums = unprefixed(cell, features)
                    w = sums.w_maml(relative * sums.alpha_lim())
                    distance = mean_distance(w, features[f"{cell}/optima"])
                    found.at(name, seed, **at)(q.ratio_nearest_to_lim_varied, relative, distance)
