"""|alpha*(N) - alpha_lim| against the number of training tasks N (Fig. 8)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.intervals import bootstrap_interval, slope_interval
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
from replication.figures.convergence.settings import Fig08
from replication.minimisers import alpha_star, alpha_star_risk

# The slope of log error against log N is fitted from here on: at fewer tasks the basis features
# are heavy-tailed and the search cap binds.
SLOPE_FROM = 16
RESAMPLES = 1000


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
        rows = []
        for panel, of_panel in sweep.groupby("panel"):
            largest = of_panel[of_panel.tasks == of_panel.tasks.max()]
            smallest = of_panel[of_panel.tasks == of_panel.tasks.min()]
            for trial in range(self.cfg.seeds):
                last = largest[largest.trial == trial].iloc[0]
                first = smallest[smallest.trial == trial].iloc[0]
                rows += long(
                    str(panel),
                    trial,
                    {
                        "alpha_lim": last.alpha_lim,
                        "alpha_star": last.alpha_star,
                        "alpha_star_risk": last.alpha_star_risk,
                        "relative_error_at_last": last.error / last.alpha_lim,
                        "error_last_to_first": last.error / first.error,
                    },
                )
            rows += long(str(panel), -1, self._shrinks(of_panel))
            rows += long(str(panel), -1, {"capped_trials": float(of_panel.capped.sum())})
            for reading in ("error", "error_risk"):
                mean = of_panel[of_panel.tasks >= SLOPE_FROM].groupby("tasks")[reading].mean()
                if len(mean) < 3:
                    continue
                slope = slope_interval(np.log(mean.index), np.log(mean))
                rows += long(
                    str(panel),
                    -1,
                    {
                        f"slope_{reading}": slope.mean,
                        f"slope_{reading}_low": slope.low,
                        f"slope_{reading}_high": slope.high,
                    },
                )
        return table(rows, ["panel", "seed"])

    def _shrinks(self, of_panel: pd.DataFrame) -> dict[str, float]:
        """The spread of the error over trials at the most tasks over that at the fewest."""
        errors = of_panel.pivot(index="trial", columns="tasks", values="error").to_numpy()
        errors, n = errors[:, [0, -1]], len(errors)
        again = self.rng(0).integers(n, size=(RESAMPLES, n))
        first, last = np.concatenate([errors[None], errors[again]]).std(axis=1, ddof=1).T
        # trials that all end at the search cap have no spread to shrink
        ratios = np.divide(last, first, out=np.full(len(last), np.inf), where=first > 0)
        name = "spread_last_to_first"
        if not np.isfinite(ratios).all():
            return {name: ratios[0], f"{name}_low": -np.inf, f"{name}_high": np.inf}
        found = bootstrap_interval(ratios)
        return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
