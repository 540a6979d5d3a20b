"""|alpha*(N) - alpha_lim| against the number of training tasks N (Fig. 8)."""

from __future__ import annotations

import pandas as pd

from replication.experiment import (
    SAMPLE,
    Arrays,
    Experiment,
    prefixed,
    sheet_row,
    table,
    unprefixed,
)
from replication.figures.convergence import quantities as q
from replication.figures.convergence.settings import Fig08
from replication.minimisers import alpha_star, alpha_star_risk
from replication.quantity import Estimates


class Convergence(Experiment):
    """Independent trials at every N; two readings of alpha*(N)."""

    cfg: Fig08

    def _cells(self) -> list[tuple[int, str, int, int]]:
        return [
            (p, panel, 2**power, trial)
            for p, panel in enumerate(self.cfg.panels)
            for power in self.cfg.log2_tasks
            for trial in range(self.cfg.seeds)
        ]

    def data(self) -> pd.DataFrame:
        rows = []
        for p, panel, n, trial in self._cells():
            spec = self.cfg.panels[panel]
            shape = spec.build().features.input_shape(spec.shots)
            law = spec.inputs.build()
            draws = law.sample(self.rng(p, n, trial), (min(n, SAMPLE), *shape))
            cell = {"panel": panel, "tasks": n, "trial": trial, "shots": spec.shots}
            rows.append(sheet_row(cell, spec.inputs, draws))
        return table(rows, ["panel", "tasks", "trial"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        laws = {panel: spec.build() for panel, spec in self.cfg.panels.items()}
        cells = self._cells()
        for p, panel, n, trial in self.progress(cells, len(cells)):
            sums = laws[panel].moments(self.rng(p, n, trial), n)
            arrays |= prefixed(f"{panel}/{n}/{trial}", sums)
        for panel, law in laws.items():
            arrays |= prefixed(f"{panel}/population", law.population())
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        rows = []
        limits = {panel: spec.build().alpha_lim() for panel, spec in self.cfg.panels.items()}
        cells = self._cells()
        for _, panel, n, trial in self.progress(cells, len(cells)):
            sums = unprefixed(f"{panel}/{n}/{trial}", features)
            population = unprefixed(f"{panel}/population", features)
            limit = limits[panel]
            cap = self.cfg.search_cap * limit
            star, capped = alpha_star(sums, cap)
            risk = alpha_star_risk(sums, population, cap)
            rows.append(
                {
                    "panel": panel,
                    "tasks": n,
                    "trial": trial,
                    "alpha_lim": limit,
                    "alpha_star": star,
                    "capped": capped,
                    "error": abs(star - limit),
                    "alpha_star_risk": risk,
                    "error_risk": abs(risk - limit),
                }
            )
        return table(rows, ["panel", "tasks", "trial"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for panel, of_panel in sweep.groupby("panel"):
            add = found.at(str(panel))
            errors = of_panel.pivot(index="trial", columns="tasks", values="error").to_numpy()
            add(q.spread_last_to_first, errors[:, [0, -1]], self.rng(0))
            add(q.capped_trials, of_panel.capped.to_numpy())
            fitted = of_panel[of_panel.tasks >= q.SLOPE_FROM]
            mean = fitted.groupby("tasks")[["error", "error_risk"]].mean()
            if len(mean) >= 3:
                tasks = mean.index.to_numpy()
                add(q.slope_error, tasks, mean.error.to_numpy())
                add(q.slope_error_risk, tasks, mean.error_risk.to_numpy())
            at_last = of_panel[of_panel.tasks == of_panel.tasks.max()].set_index("trial")
            at_first = of_panel[of_panel.tasks == of_panel.tasks.min()].set_index("trial")
            for trial in range(self.cfg.seeds):
                last, first = at_last.loc[trial], at_first.loc[trial]
                add = found.at(str(panel), trial)
                add(q.alpha_lim, last.alpha_lim)
                add(q.alpha_star, last.alpha_star)
                add(q.alpha_star_risk, last.alpha_star_risk)
                add(q.relative_error_at_last, last.error, last.alpha_lim)
                add(q.error_last_to_first, last.error, first.error)
        return found.table()
