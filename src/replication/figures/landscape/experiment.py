"""Loss against the learning rate, and the estimate beside the optimum (Fig. 9, section H.3)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.bounds import alpha_bounds
from innerlr.estimators import alpha_est
from replication.experiment import (
    SAMPLE,
    Arrays,
    Experiment,
    prefixed,
    sheet_row,
    table,
    unprefixed,
)
from replication.figures.landscape import quantities as q
from replication.figures.landscape.settings import Landscape as LandscapeSection
from replication.minimisers import alpha_star, alpha_star_risk
from replication.quantity import Estimates


class Landscape(Experiment):
    """Training loss of w_m(alpha), and its population risk, over a grid of learning rates."""

    cfg: LandscapeSection

    def data(self) -> pd.DataFrame:
        rows = []
        for p, (panel, spec) in enumerate(self.cfg.panels.items()):
            inputs, shape = spec.inputs.build(), spec.build().features
            for seed in range(self.cfg.seeds):
                draws = inputs.sample(self.rng(p, seed), (SAMPLE, *shape.input_shape(spec.shots)))
                cell = {"panel": panel, "seed": seed, "tasks": spec.tasks, "shots": spec.shots}
                rows.append(sheet_row(cell, spec.inputs, draws))
        return table(rows, ["panel", "seed"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        cells = [(p, s) for p in range(len(self.cfg.panels)) for s in range(self.cfg.seeds)]
        laws = {panel: spec.build() for panel, spec in self.cfg.panels.items()}
        panels = list(self.cfg.panels)
        for p, seed in self.progress(cells, len(cells)):
            panel = panels[p]
            sums = laws[panel].moments(self.rng(p, seed), self.cfg.panels[panel].tasks)
            arrays |= prefixed(f"{panel}/{seed}", sums)
            # (H.15) has N in it: all tasks
            sample, _ = laws[panel].sample(self.rng(p, seed), self.cfg.panels[panel].tasks)
            bounds = alpha_bounds(sample)
            arrays[f"{panel}/{seed}/sampled"] = np.array([alpha_est(sample), *bounds])
        for panel, law in laws.items():
            arrays |= prefixed(f"{panel}/population", law.population())
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        for panel, spec in self.cfg.panels.items():
            population = unprefixed(f"{panel}/population", features)
            limit = spec.build().alpha_lim()
            grid = np.linspace(0, self.cfg.grid_factor * limit, self.cfg.grid_points)
            for seed in range(self.cfg.seeds):
                sums = unprefixed(f"{panel}/{seed}", features)
                frames.append(
                    pd.DataFrame(
                        {
                            "panel": panel,
                            "seed": seed,
                            "alpha": grid,
                            "training_loss": sums.training_loss(grid),
                            "population_risk": sums.population_risk(grid, population),
                        }
                    )
                )
        return table(frames, ["panel", "seed", "alpha"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for panel, spec in self.cfg.panels.items():
            population = unprefixed(f"{panel}/population", features)
            limit = spec.build().alpha_lim()
            cap = self.cfg.search_cap * limit
            for seed in range(self.cfg.seeds):
                sums = unprefixed(f"{panel}/{seed}", features)
                star, capped = alpha_star(sums, cap)
                risk = alpha_star_risk(sums, population, cap)
                best, at_limit = sums.training_loss([star, limit])
                est, *bounds = features[f"{panel}/{seed}/sampled"]
                add = found.at(panel, seed)
                add(q.alpha_lim, limit)
                add(q.alpha_lim_sampled, sums.alpha_lim())
                add(q.alpha_star, star)
                add(q.alpha_star_capped, capped)
                add(q.alpha_star_risk, risk)
                add(q.alpha_est, est)
                add(q.corollary1_printed_lower, bounds[0])
                add(q.corollary1_printed_upper, bounds[1])
                add(q.corollary1_printed_upper_appendix, bounds[2])
                add(q.corollary1_lower, bounds[3])
                add(q.corollary1_upper, bounds[4])
                add(q.ratio_lim_to_star, limit, star)
                add(q.ratio_lim_to_star_risk, limit, risk)
                add(q.excess_loss_at_lim, at_limit, best)
        return found.table()
