"""MAML trained at every rate of a grid, and the estimates beside it (Figs. 10 and 12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from innerlr.bounds import heuristic_range
from innerlr.checks import Array
from innerlr.errors import InnerlrError
from innerlr.modes import alpha_lim_gram, alpha_lim_split_gram
from replication.experiment import Arrays, TrainedExperiment, table
from replication.figures.rate_sweep import quantities as q
from replication.figures.rate_sweep.settings import RateSweep as Section
from replication.quantity import Cell, Estimates
from replication.tasks import Tasks

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from replication.training.checkpoint import Checkpoint
    from replication.training.maml import Plan
    from replication.training.mlp import MLP

# cells of the random streams
WEIGHTS, TRAINING, TESTING, ESTIMATING = range(4)
# test tasks evaluated at once
CHUNK = 50
# what is computed from the tangent features of each network
TANGENT = ["alpha_lim_tangent", "alpha_lim_tangent_split", "entry_variance", "share_in_unit"]


class RateSweep(TrainedExperiment):
    """All rates of one seed are trained as one stack, on the same tasks from the same weights."""

    cfg: Section

    @property
    def network(self) -> MLP:
        """The network of the section."""
        from replication.training.mlp import MLP

        spec = self.cfg.network
        return MLP(self.tasks.input_dim, tuple(spec.hidden), spec.activation, spec.init)

    @property
    def tasks(self) -> Tasks:
        """The distribution of tasks of the section."""
        return self.cfg.task_family.build()

    @property
    def plan(self) -> Plan:
        """How it says to train."""
        from replication.training.maml import Plan

        c = self.cfg
        return Plan(
            c.iterations,
            meta_batch=c.meta_batch,
            shots=c.shots,
            query_shots=c.query_shots,
            inner_steps=c.inner_steps,
            first_order=c.first_order,
            outer_lr=c.outer_lr,
            pool=c.pool,
        )

    def strategies(self) -> dict[str, Array]:
        """The rate of testing for each rate of training."""
        alphas = np.array(self.cfg.alphas)
        made = {"shared": alphas}
        if self.cfg.fixed_test_alpha is not None:
            made["fixed"] = np.full(len(alphas), self.cfg.fixed_test_alpha)
        return made

    def panels(self) -> list[tuple[str, str, int]]:
        """(panel, strategy, snapshot): the last snapshot is the strategy's own panel."""
        iterations = self.cfg.snapshot_iterations()
        names = [f"/{iteration}" for iteration in iterations[:-1]] + [""]
        return [
            (strategy + names[at], strategy, at)
            for strategy in self.strategies()
            for at in range(1, len(iterations))  # the first is not trained yet
        ]

    def data(self) -> pd.DataFrame:
        rows = []
        for seed in range(self.cfg.seeds):
            draws = {
                "training": self.tasks.draw(self.rng(TRAINING, seed, 1), 100, self.cfg.shots),
                "test": self.tasks.draw(self.rng(TESTING), 100, self.cfg.shots),
            }
            for name, (x, y) in draws.items():
                rows.append(
                    {
                        "seed": seed,
                        "tasks": name,
                        "samples": y.size,
                        "x_mean": x.mean(),
                        "x_variance": x.var(),
                        "z": x.mean() * np.sqrt(x.size) / x.std(),
                        "y_mean": y.mean(),
                        "y_variance": y.var(),
                    }
                )
        return table(rows, ["seed", "tasks"])

    def training(
        self, run: str, *, device: torch.device, checkpoint: Checkpoint | None = None
    ) -> Arrays:
        from replication.training.maml import TaskBatches, Training

        seed, alphas = int(run.removeprefix("seed")), self.cfg.alphas
        first = self.network.initial(self.rng(WEIGHTS, seed))
        stack = [p.float().repeat(len(alphas), 1, 1).to(device) for p in first]
        batches = TaskBatches(
            self.tasks,
            self.plan,
            [lambda block: self.rng(TRAINING, seed, block + 1)],
            device=device,
        )
        training = Training(self.network, stack, batches, self.plan, alphas)
        trained = training.run(
            self.cfg.snapshot_iterations(),
            checkpoint=checkpoint,
            title=f"{self.name}, {run}",
        )
        return trained.to_arrays()

    def features(self, trained: Mapping[str, Arrays], *, device: torch.device) -> Arrays:
        """Of each run and snapshot: losses (strategies, rates, test tasks), and TANGENT.

        A loss that is not finite is stored as infinite. The first snapshot, not yet trained, has
        no losses.
        """
        import torch

        from replication.training.maml import TrainedStack

        arrays: Arrays = {}
        for run, stored in trained.items():
            stack = TrainedStack.from_arrays(stored)
            for at in self.progress(range(len(stack.iterations)), len(stack.iterations)):
                parameters = stack.snapshot(int(at), device)
                arrays[f"{run}/{at}/tangent"] = self._tangent(parameters)
                if at > 0:
                    rates = (
                        torch.from_numpy(rates).float().to(device)
                        for rates in self.strategies().values()
                    )
                    losses = [self._test(parameters, of_strategy) for of_strategy in rates]
                    arrays[f"{run}/{at}/losses"] = np.stack(losses)
            arrays[f"{run}/diverged_at"] = stack.diverged_at
        return arrays

    def _test(self, parameters: list[Tensor], rates: Tensor) -> Array:
        """Losses after adaptation on the test tasks, the same ones always: (rates, tasks)."""
        import torch

        from replication.training.maml import adapted_losses

        c, k, found = self.cfg, self.cfg.shots, []
        for start, x, y in self._test_tasks(parameters[0].device):
            with torch.no_grad():
                losses = adapted_losses(
                    self.network,
                    parameters,
                    (x[:, :, :k], y[:, :, :k]),
                    (x[:, :, k:], y[:, :, k:]),
                    rates,
                    steps=c.inner_steps,
                )
            found.append(losses.cpu().numpy()[:, : c.test_seeds * c.test_tasks - start])
        joined = np.concatenate(found, axis=1)
        return np.where(np.isfinite(joined), joined, np.inf)

    def _test_tasks(self, device: torch.device) -> Iterator[tuple[int, Tensor, Tensor]]:
        import torch

        rng, rows = self.rng(TESTING), self.cfg.shots + self.cfg.test_query_shots
        for start in range(0, self.cfg.test_seeds * self.cfg.test_tasks, CHUNK):
            x, y = (torch.from_numpy(v[None]) for v in self.tasks.draw(rng, CHUNK, rows))
            yield start, x.float().to(device), y.float().to(device)

    def _tangent(self, parameters: list[Tensor]) -> Array:
        """The estimates TANGENT of every network: (rates, estimates), NaN where it diverged."""
        import torch

        c, k = self.cfg, self.cfg.shots
        x, _ = self.tasks.draw(self.rng(ESTIMATING), c.estimate_tasks, k + c.query_shots)
        inputs = torch.from_numpy(x).double()
        found = np.full((len(c.alphas), len(TANGENT)), np.nan)
        for i in range(len(c.alphas)):
            one = [p[i : i + 1].double().cpu() for p in parameters]
            if not all(bool(torch.isfinite(p).all()) for p in one):
                continue
            grams = self.network.tangent_grams(one, inputs)[0].numpy()
            batch = inputs[: c.meta_batch, :k].reshape(1, -1, inputs.shape[-1])
            psi = self.network.tangent_features(one, batch)[0]
            found[i] = [
                _or_nan(alpha_lim_gram, grams[:, :k, :k]),
                _or_nan(alpha_lim_split_gram, grams[:, :k, :k], grams[:, k:, :k]),
                float(psi.var(correction=0)),
                float(((psi >= 0) & (psi <= 1)).double().mean()),
            ]
        return found

    def sweep(self, features: Arrays) -> pd.DataFrame:
        """Mean test loss of each seed at each rate, and its spread over the folds."""
        iterations, rows = self.cfg.snapshot_iterations(), []
        for panel, strategy, at in self.panels():
            s = list(self.strategies()).index(strategy)
            for seed, run in enumerate(self.cfg.runs()):
                losses = features[f"{run}/{at}/losses"][s].astype(np.float64)
                folds = losses.reshape(len(losses), self.cfg.test_seeds, -1).mean(2)
                tangent = features[f"{run}/{at}/tangent"]
                for i, alpha in enumerate(self.cfg.alphas):
                    rows.append(
                        {
                            "panel": panel,
                            "strategy": strategy,
                            "iteration": iterations[at],
                            "seed": seed,
                            "alpha": alpha,
                            "test_loss": losses[i].mean(),
                            "fold_sd": _spread(folds[i]),
                            "diverged": int(features[f"{run}/diverged_at"][i] >= 0),
                            **dict(zip(TANGENT, tangent[i], strict=True)),
                        }
                    )
        return table(rows, ["panel", "seed", "alpha"])

    def ranges(self) -> dict[str, tuple[float, float]]:
        """(H.18) over (H.19): N counts the tasks of a batch, or all tasks of the training."""
        c, d = self.cfg, self.network.size
        every = c.pool or c.meta_batch * c.iterations
        return {
            name: heuristic_range(tasks, c.shots, d, tasks * c.shots)
            for name, tasks in (("range", c.meta_batch), ("range_all", every))
        }

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        add = found.at("ranges")
        low, high = self.ranges()["range"]
        add(q.range_low, low)
        add(q.range_high, high)
        add(q.range_decades, low, high)
        low, high = self.ranges()["range_all"]
        add(q.range_all_low, low)
        add(q.range_all_high, high)
        add(q.range_all_decades, low, high)
        for (strategy, iteration, seed), curve in sweep.groupby(["strategy", "iteration", "seed"]):
            # all rates start from the same weights
            first = features[f"{self.cfg.runs()[int(seed)]}/0/tangent"][0]
            initial = dict(zip(TANGENT, first, strict=True))
            progress = iteration / self.cfg.iterations
            self._measure(found.at(str(strategy), int(seed), progress=progress), curve, initial)
        return found.table()

    def _measure(self, add: Cell, curve: pd.DataFrame, initial: Mapping[str, float]) -> None:
        """What is measured of one curve; `initial` holds TANGENT before training."""
        alphas, losses = curve.alpha.to_numpy(), curve.test_loss.to_numpy()
        if not np.isfinite(losses).any():
            raise InnerlrError(
                f"{self.name}: every network diverged, at all rates from {alphas.min():g} to "
                f"{alphas.max():g}. Give smaller `alphas`, or fewer `inner_steps`."
            )
        add(q.alpha_star, alphas, losses)
        add(q.loss_at_star, losses)
        add(q.loss_at_0, alphas, losses)
        add(q.gain_over_0, alphas, losses)
        add(q.diverged, losses)
        ends = self.ranges()["range"]
        add(q.star_position_in_range, alphas, losses, ends)
        add(q.excess_loss_in_range, alphas, losses, ends)
        add(q.second_excess_loss_in_range, alphas, losses, ends)
        add(q.useless_share_of_range, alphas, losses, ends)
        ends = self.ranges()["range_all"]
        add(q.star_position_in_range_all, alphas, losses, ends)
        add(q.excess_loss_in_range_all, alphas, losses, ends)
        add(q.second_excess_loss_in_range_all, alphas, losses, ends)
        add(q.useless_share_of_range_all, alphas, losses, ends)
        self._measure_initial(add, alphas, losses, initial)
        self._measure_trained(add, alphas, losses, dict(curve.iloc[int(losses.argmin())]))

    def _measure_initial(
        self, add: Cell, alphas: Array, losses: Array, tangent: Mapping[str, float]
    ) -> None:
        """The estimates from TANGENT before training."""
        star, samples = float(alphas[losses.argmin()]), self.cfg.meta_batch * self.cfg.shots
        limit, split = tangent["alpha_lim_tangent"], tangent["alpha_lim_tangent_split"]
        h18 = q.alpha_h18(samples, self.network.size, tangent["entry_variance"])
        add(q.alpha_lim_tangent_initial, limit)
        add(q.ratio_alpha_lim_tangent_initial_to_star, limit, star)
        add(q.excess_loss_at_alpha_lim_tangent_initial, alphas, losses, limit)
        add(q.alpha_lim_tangent_split_initial, split)
        add(q.ratio_alpha_lim_tangent_split_initial_to_star, split, star)
        add(q.excess_loss_at_alpha_lim_tangent_split_initial, alphas, losses, split)
        add(q.alpha_h18_initial, h18)
        add(q.ratio_alpha_h18_initial_to_star, h18, star)
        add(q.excess_loss_at_alpha_h18_initial, alphas, losses, h18)
        add(q.entry_variance_initial, tangent["entry_variance"])
        add(q.share_in_unit_initial, tangent["share_in_unit"])

    def _measure_trained(
        self, add: Cell, alphas: Array, losses: Array, tangent: Mapping[str, float]
    ) -> None:
        """The estimates from TANGENT of the network of the best rate."""
        star, samples = float(alphas[losses.argmin()]), self.cfg.meta_batch * self.cfg.shots
        limit, split = tangent["alpha_lim_tangent"], tangent["alpha_lim_tangent_split"]
        h18 = q.alpha_h18(samples, self.network.size, tangent["entry_variance"])
        add(q.alpha_lim_tangent_trained, limit)
        add(q.ratio_alpha_lim_tangent_trained_to_star, limit, star)
        add(q.excess_loss_at_alpha_lim_tangent_trained, alphas, losses, limit)
        add(q.alpha_lim_tangent_split_trained, split)
        add(q.ratio_alpha_lim_tangent_split_trained_to_star, split, star)
        add(q.excess_loss_at_alpha_lim_tangent_split_trained, alphas, losses, split)
        add(q.alpha_h18_trained, h18)
        add(q.ratio_alpha_h18_trained_to_star, h18, star)
        add(q.excess_loss_at_alpha_h18_trained, alphas, losses, h18)
        add(q.entry_variance_trained, tangent["entry_variance"])
        add(q.share_in_unit_trained, tangent["share_in_unit"])


def _spread(folds: Array) -> float:
    """Standard deviation over folds; infinite with any of them, unknown of a single one."""
    if not np.isfinite(folds).all():
        return np.inf
    return float(folds.std(ddof=1)) if len(folds) > 1 else np.nan


def _or_nan(estimate: Any, *grams: Array) -> float:
    """An estimate, or NaN for features that are zero or overflow."""
    try:
        return float(estimate(*grams))
    except InnerlrError:
        return np.nan
