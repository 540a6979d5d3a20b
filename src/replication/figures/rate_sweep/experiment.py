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
from replication.experiment import Arrays, TrainedExperiment, long, table
from replication.figures.rate_sweep.settings import RateSweep as Section
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
        rows = []
        for (panel, seed), curve in sweep.groupby(["panel", "seed"]):
            # all rates start from the same weights
            first = features[f"{self.cfg.runs()[int(seed)]}/0/tangent"][0]
            initial = dict(zip(TANGENT, first, strict=True))
            rows += long(str(panel), int(seed), self._scalars(curve, initial))
        rows += long("ranges", -1, self._range_values())
        return table(rows, ["panel", "seed"])

    def _range_values(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, (low, high) in self.ranges().items():
            values |= {f"{name}_low": low, f"{name}_high": high}
            values[f"{name}_decades"] = float(np.log10(high / low))
        return values

    def _scalars(self, curve: pd.DataFrame, initial: Mapping[str, float]) -> dict[str, float]:
        """What is reported of one curve; `initial` holds TANGENT before training."""
        alphas, losses = curve.alpha.to_numpy(), curve.test_loss.to_numpy()
        if not np.isfinite(losses).any():
            raise InnerlrError(
                f"{self.name}: every network diverged, at all rates from {alphas.min():g} to "
                f"{alphas.max():g}. Give smaller `alphas`, or fewer `inner_steps`."
            )
        best = int(np.argmin(losses))
        star, lowest = float(alphas[best]), float(losses[best])
        erm = float(losses[alphas == 0][0]) if (alphas == 0).any() else np.inf
        # the minimum lies between the neighbours of the grid's best rate
        neighbours = [float(x) for x in np.r_[-np.inf, alphas, np.inf][[best, best + 2]]]
        values = {
            "alpha_star": star,
            "alpha_star_below": neighbours[0],
            "alpha_star_above": neighbours[1],
            "loss_at_star": lowest,
            "loss_at_0": erm,
            "gain_over_0": 1 - lowest / erm,
            "diverged": float((~np.isfinite(losses)).sum()),
        }
        for name, (low, high) in self.ranges().items():
            inside = (alphas >= low) & (alphas <= high)
            # no grid point inside: nothing is known of the range
            within = np.sort(losses[inside]) if inside.any() else np.array([np.inf])
            useless = float((within >= erm).mean())
            second = within[1] if len(within) > 1 else np.inf
            values |= {
                # 0 at its lower end, 1 at its upper end, in log alpha
                f"star_position_in_{name}": _position(star, low, high),
                f"excess_loss_in_{name}": float(within[0]) / lowest - 1,
                f"second_excess_loss_in_{name}": float(second) / lowest - 1,
                f"useless_share_of_{name}": useless,
                # where the losses cross is known to a step of the grid
                f"useless_share_of_{name}_below": max(0.0, useless - 1 / len(within)),
                f"useless_share_of_{name}_above": min(1.0, useless + 1 / len(within)),
            }
            values |= {
                f"star_position_in_{name}_{end}": _position(rate, low, high)
                for end, rate in zip(("below", "above"), neighbours, strict=True)
            }
        d, batch = self.network.size, self.cfg.meta_batch * self.cfg.shots
        for when, row in (("initial", initial), ("trained", dict(curve.iloc[best]))):
            estimates = {
                "alpha_lim_tangent": row["alpha_lim_tangent"],
                "alpha_lim_tangent_split": row["alpha_lim_tangent_split"],
                # (H.18) with the measured variance of the entries in the place of (H.19)
                "alpha_h18": 1 / (2 * min(batch, d) * row["entry_variance"]),
            }
            for name, value in estimates.items():
                values[f"{name}_{when}"] = value
                values[f"ratio_{name}_{when}_to_star"] = value / star if star > 0 else np.inf
                values[f"excess_loss_at_{name}_{when}"] = _at(alphas, losses, value) / lowest - 1
            values[f"entry_variance_{when}"] = row["entry_variance"]
            values[f"share_in_unit_{when}"] = row["share_in_unit"]
        return values


def _position(rate: float, low: float, high: float) -> float:
    """0 at the lower end of a range, 1 at its upper end, in log alpha; minus infinite for none."""
    return float(np.log(rate / low) / np.log(high / low)) if rate > 0 else -np.inf


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


def _at(alphas: Array, losses: Array, value: float) -> float:
    """The loss at a rate of the grid's range, linear between its points; infinite outside."""
    if not alphas[0] <= value <= alphas[-1]:
        return np.inf
    loss = float(np.interp(value, alphas, losses))
    return loss if np.isfinite(loss) else np.inf
