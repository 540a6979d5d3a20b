"""Bernacchia's underparameterised case: shared against fixed adaptation rate (Fig. 11)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.config import Fig11
from innerlr.errors import Array
from innerlr.experiments.base import Arrays, Experiment, long, table
from innerlr.mixed_regression import MixedRegression as Problem
from innerlr.moments import GramMoments


class MixedRegression(Experiment):
    """Test risk against the training rate under both strategies; the same sets for every rate."""

    cfg: Fig11

    @property
    def problem(self) -> Problem:
        c = self.cfg
        return Problem(
            tasks=c.tasks,
            dim=c.dim,
            train_shots=c.train_shots,
            validation_shots=c.validation_shots,
            test_shots=c.test_shots,
            noise=c.noise,
            task_spread=c.task_spread,
        )

    @property
    def grid(self) -> Array:
        """Training rates in Bernacchia's convention."""
        return np.linspace(self.cfg.rates.first, self.cfg.rates.last, self.cfg.grid_points)

    def _strategies(self) -> dict[str, Array]:
        return {"shared": self.grid, "fixed": np.full(len(self.grid), self.cfg.fixed_test_rate)}

    def data(self) -> pd.DataFrame:
        rows = []
        for trial in range(self.cfg.trials):
            draws = self.rng(trial).normal(size=self.cfg.dim)
            rows.append({"trial": trial, "first_draw": draws[0], "tasks": self.cfg.tasks})
        return table(rows, ["trial"])

    def features(self) -> Arrays:
        """The state of every training set's moments, stacked along a first axis of trials."""
        states = [
            self.problem.training_set(self.rng(trial)).to_arrays()
            for trial in self.progress(range(self.cfg.trials))
        ]
        return {name: np.stack([state[name] for state in states]) for name in states[0]}

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        for trial in self.progress(range(self.cfg.trials)):
            # Bernacchia's rate is twice ours
            w = GramMoments.from_arrays({k: v[trial] for k, v in features.items()}).w_maml(
                self.grid / 2
            )
            for strategy, test_rate in self._strategies().items():
                frames.append(
                    pd.DataFrame(
                        {
                            "strategy": strategy,
                            "trial": trial,
                            "rate_b": self.grid,
                            "alpha": self.grid / 2,
                            "test_risk": self.problem.test_risk(w, test_rate),
                        }
                    )
                )
        return table(frames, ["strategy", "rate_b", "trial"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        problem, rows = self.problem, []
        fine = np.linspace(self.cfg.rates.first, self.cfg.rates.last, 100_001)
        theory = {
            "shared": problem.expected_risk(fine, fine),
            "fixed": problem.expected_risk(fine, np.full(len(fine), self.cfg.fixed_test_rate)),
        }
        limit = 2 * problem.alpha_lim()
        lowest: dict[str, pd.Series] = {}
        for strategy, curves in sweep.groupby("strategy"):
            risks = curves.pivot(index="trial", columns="rate_b", values="test_risk")
            values = risks.to_numpy()
            best = self.grid[values.argmin(1)]
            at_limit = np.array([np.interp(limit, self.grid, row) for row in values])
            lowest[str(strategy)] = values.min(1)
            rows += long(
                str(strategy),
                -1,
                {
                    # argmin of the mean curve, Bernacchia's convention
                    "best_rate_b_of_mean": self.grid[values.mean(0).argmin()],
                    "best_rate_b_theory": fine[theory[str(strategy)].argmin()],
                },
            )
            for trial, (rate, regret, low) in enumerate(
                zip(best, at_limit / values.min(1) - 1, values.min(1), strict=True)
            ):
                rows += long(
                    str(strategy),
                    trial,
                    {"best_rate_b": rate, "regret_at_lim": regret, "lowest_risk": low},
                )
        for trial, gain in enumerate(
            np.asarray(lowest["fixed"]) / np.asarray(lowest["shared"]) - 1
        ):
            rows += long("both", trial, {"fixed_over_shared": gain})
        rows += long("both", -1, {"alpha_lim_b": limit, "alpha_lim": limit / 2})
        return table(rows, ["panel", "seed", "quantity"])
