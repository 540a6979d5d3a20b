"""Bernacchia's underparameterised case: shared against fixed adaptation rate (Fig. 11)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.intervals import bootstrap_interval
from innerlr.moments import GramMoments
from replication.experiment import Arrays, Experiment, long, table
from replication.figures.mixed_regression.problem import MixedRegression as Problem
from replication.figures.mixed_regression.settings import Fig11

RESAMPLES = 1000


class MixedRegression(Experiment):
    """Test risk against the training rate under both strategies; the same sets for every rate."""

    cfg: Fig11

    @property
    def problem(self) -> Problem:
        c = self.cfg
        return Problem(
            tasks=c.tasks,
            dim=c.dim,
            shots=c.shots,
            query_shots=c.query_shots,
            test_shots=c.test_shots,
            noise=c.noise,
            task_spread=c.task_spread,
        )

    @property
    def grid(self) -> Array:
        """Training rates in Bernacchia's convention."""
        return self.cfg.alphas.values(self.cfg.grid_points)

    def _strategies(self) -> dict[str, Array]:
        return {"shared": self.grid, "fixed": np.full(len(self.grid), self.cfg.fixed_test_alpha)}

    def data(self) -> pd.DataFrame:
        rows = []
        for trial in range(self.cfg.seeds):
            draws = self.rng(trial).normal(size=self.cfg.dim)
            rows.append({"trial": trial, "first_draw": draws[0], "tasks": self.cfg.tasks})
        return table(rows, ["trial"])

    def features(self) -> Arrays:
        """The state of every training set's moments, stacked along a first axis of trials."""
        states = [
            self.problem.training_set(self.rng(trial)).to_arrays()
            for trial in self.progress(range(self.cfg.seeds))
        ]
        return {name: np.stack([state[name] for state in states]) for name in states[0]}

    def _trained(self, features: Arrays, trial: int) -> Array:
        """w_m of one training set at every rate of the grid; Bernacchia's is twice ours."""
        state = {name: values[trial] for name, values in features.items()}
        return GramMoments.from_arrays(state).w_maml(self.grid / 2)

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        for trial in self.progress(range(self.cfg.seeds)):
            w = self._trained(features, trial)
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

    def _best_of_mean(self, risks: Array) -> dict[str, float]:
        """The minimiser of the mean curve, (trials, rates), with its interval over sets.

        The spread is that of resampled sets; the minimum lies between the neighbours of the
        grid's lowest point, so that the interval is wider by a step on each side.
        """
        n = len(risks)
        weights = self.rng(0, 1).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
        curves = np.vstack([risks.mean(0), weights @ risks])
        found = bootstrap_interval(self.grid[curves.argmin(1)])
        name, step = "best_rate_b_of_mean", self.grid[1] - self.grid[0]
        ends = {f"{name}_low": found.low - step, f"{name}_high": found.high + step}
        return {name: found.mean} | ends

    def _lowest_fixed(self, features: Arrays) -> dict[float, Array]:
        """The lowest risk of each set at each fixed test rate."""
        rates = sorted({self.cfg.fixed_test_alpha, *self.cfg.other_test_alphas})
        trained = [self._trained(features, trial) for trial in range(self.cfg.seeds)]
        at = {rate: np.full(len(self.grid), rate) for rate in rates}
        return {
            rate: np.array([self.problem.test_risk(w, at[rate]).min() for w in trained])
            for rate in rates
        }

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        problem, rows = self.problem, []
        fine = self.cfg.alphas.values(100_001)
        theory = {
            "shared": problem.expected_risk(fine, fine),
            "fixed": problem.expected_risk(fine, np.full(len(fine), self.cfg.fixed_test_alpha)),
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
                self._best_of_mean(values)
                | {
                    # an expansion in 1/m, drawn beside what is measured
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
        shared, fixed = np.asarray(lowest["shared"]), self._lowest_fixed(features)
        every = np.array(list(fixed.values()))
        for trial in range(self.cfg.seeds):
            gains = {f"fixed_over_shared_at_{r:g}": fixed[r][trial] for r in fixed}
            gains["fixed_over_shared"] = fixed[self.cfg.fixed_test_alpha][trial]
            values = {name: risk / shared[trial] - 1 for name, risk in gains.items()}
            # of the rate that is fixed, each with its best training rate
            values["spread_over_test_rates"] = every[:, trial].max() / every[:, trial].min() - 1
            rows += long("both", trial, values)
        rows += long("both", -1, {"alpha_lim_b": limit, "alpha_lim": limit / 2})
        return table(rows, ["panel", "seed", "quantity"])
