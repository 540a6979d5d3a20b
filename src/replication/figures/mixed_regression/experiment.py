"""Bernacchia's underparameterised case: shared against fixed adaptation rate (Fig. 11)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.moments import GramMoments
from replication.experiment import Arrays, Experiment, table
from replication.figures.mixed_regression import quantities as q
from replication.figures.mixed_regression.problem import MixedRegression as Problem
from replication.figures.mixed_regression.settings import Fig11
from replication.quantity import Estimates

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

    def _resamples(self) -> Array:
        """The weight of each set in each bootstrap resample, (RESAMPLES, seeds)."""
        n = self.cfg.seeds
        return self.rng(0, 1).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n

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
        problem, found = self.problem, Estimates()
        fine = self.cfg.alphas.values(100_001)
        # an expansion in 1/m, drawn beside what is measured
        theory = {
            "shared": problem.expected_risk(fine, fine),
            "fixed": problem.expected_risk(fine, np.full(len(fine), self.cfg.fixed_test_alpha)),
        }
        limit = 2 * problem.alpha_lim()
        resamples = self._resamples()
        lowest: dict[str, Array] = {}
        for strategy, curves in sweep.groupby("strategy"):
            name = str(strategy)
            risks = curves.pivot(index="trial", columns="rate_b", values="test_risk").to_numpy()
            lowest[name] = risks.min(1)
            of_all = found.at(name)
            of_all(q.best_rate_b_of_mean, self.grid, risks, resamples)
            of_all(q.best_rate_b_theory, fine, theory[name])
            for trial, of_set in enumerate(risks):
                add = found.at(name, trial)
                add(q.best_rate_b, self.grid, of_set)
                add(q.regret_at_lim, self.grid, of_set, limit)
                add(q.lowest_risk, of_set)
        shared, fixed = lowest["shared"], self._lowest_fixed(features)
        every = np.array(list(fixed.values()))
        for trial in range(self.cfg.seeds):
            for rate, risks in fixed.items():
                add = found.at("both", trial, fixed_test_alpha=rate)
                add(q.fixed_over_shared_at_rate, risks[trial], shared[trial])
            add = found.at("both", trial)
            add(q.fixed_over_shared, fixed[self.cfg.fixed_test_alpha][trial], shared[trial])
            add(q.spread_over_test_rates, every[:, trial])
        of_all = found.at("both")
        of_all(q.alpha_lim_b, problem.alpha_lim())
        of_all(q.alpha_lim, problem.alpha_lim())
        return found.table()
