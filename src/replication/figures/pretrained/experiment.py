"""One-step MAML of the last layer of a pretrained network, on sines (Table 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.estimators import alpha_lim_split
from innerlr.moments import GramMoments
from replication.experiment import (
    Arrays,
    TrainedExperiment,
    prefixed,
    table,
    unprefixed,
)
from replication.figures.pretrained import quantities as q
from replication.figures.pretrained.settings import Table2
from replication.minimisers import alpha_star
from replication.quantity import Estimates
from replication.settings.networks import ends
from replication.tasks import SineTasks

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from replication.training.checkpoint import Checkpoint
    from replication.training.mlp import MLP

# cells of the random streams
WEIGHTS, PRETRAINING, TASKS, TESTING, ISOTROPIC = range(5)
# test tasks whose features exist at once
CHUNK = 25
# Directions of the pooled features with less than this share of the largest eigenvalue are dropped:
# units that never fire, and combinations of units that rounding alone sets apart.
RANK_CUT = 1e-12


class Pretrained(TrainedExperiment):
    """Networks trained without an inner step; their hidden features; then all in closed form."""

    cfg: Table2

    @property
    def network(self) -> MLP:
        """The network of the section."""
        from replication.training.mlp import MLP

        spec = self.cfg.network
        return MLP(1, tuple(spec.hidden), spec.activation, spec.init)

    def tasks(self, panel: str) -> SineTasks:
        """The sines of a panel."""
        c = self.cfg
        return SineTasks(ends(c.amplitude), ends(c.panels[panel].phase), ends(c.inputs))

    def _cell(self, panel: str, seed: int, part: int, *rest: int) -> np.random.Generator:
        # panels share their streams, so that they differ by what they say alone
        return self.rng(part, seed, *rest)

    def data(self) -> pd.DataFrame:
        rows = []
        for panel in self.cfg.panels:
            for seed in range(self.cfg.seeds):
                rng = self._cell(panel, seed, TASKS)
                x, y = self.tasks(panel).draw(rng, self.cfg.tasks, self.cfg.shots)
                rows.append(
                    {
                        "panel": panel,
                        "seed": seed,
                        "tasks": self.cfg.tasks,
                        "shots": self.cfg.shots,
                        "x_mean": x.mean(),
                        "x_variance": x.var(),
                        "z": x.mean() * np.sqrt(x.size) / x.std(),
                        "y_mean": y.mean(),
                        "y_variance": y.var(),
                    }
                )
        return table(rows, ["panel", "seed"])

    def training(
        self, run: str, *, device: torch.device, checkpoint: Checkpoint | None = None
    ) -> Arrays:
        """Empirical risk minimisation of one network a seed, each on its own tasks."""
        import torch

        from replication.training.maml import Plan, TaskBatches, Training

        c = self.cfg
        plan = Plan(
            c.pretraining_iterations,
            meta_batch=c.meta_batch,
            # the risk is of all samples of a task: support and query are one
            shots=c.shots,
            query_shots=c.shots,
            inner_steps=0,
            optimizer=c.optimizer,
            outer_lr=c.pretraining_lr,
        )
        first = [self.network.initial(self._cell(run, seed, WEIGHTS)) for seed in range(c.seeds)]
        stack = [torch.cat(values).float().to(device) for values in zip(*first, strict=True)]
        streams = [
            lambda block, seed=seed: self._cell(run, seed, PRETRAINING, block + 1)
            for seed in range(c.seeds)
        ]
        batches = TaskBatches(self.tasks(run), plan, streams, device=device)
        training = Training(self.network, stack, batches, plan, np.zeros(c.seeds))
        return training.run(checkpoint=checkpoint, title=f"{self.name}, panel {run}").to_arrays()

    def features(self, trained: Mapping[str, Arrays], *, device: torch.device) -> Arrays:
        """Moments of training and test tasks of every network, and its estimates."""
        from replication.training.maml import TrainedStack

        arrays: Arrays = {}
        cells = [(panel, seed) for panel in self.cfg.panels for seed in range(self.cfg.seeds)]
        for panel, seed in self.progress(cells, len(cells)):
            stack = TrainedStack.from_arrays(trained[panel])
            parameters = [p[seed : seed + 1].double() for p in stack.snapshot(-1)]
            key = f"{panel}/{seed}"
            arrays |= self._of_network(panel, seed, key, parameters)
            arrays[f"{key}/pretraining_loss"] = stack.losses[-1, seed : seed + 1]
        return arrays

    def _hidden(self, parameters: list[Tensor], x: Array) -> Array:
        """Features of inputs (tasks, rows, 1): (tasks, rows, width), and 1 where `bias`."""
        import torch

        rows = torch.from_numpy(x.reshape(1, -1, 1))
        found = self.network.hidden_outputs(parameters, rows)[-1][0].numpy()
        if self.cfg.bias:
            found = np.concatenate([found, np.ones((len(found), 1))], axis=1)
        return np.ascontiguousarray(found.reshape(*x.shape[:2], -1))

    def _of_network(self, panel: str, seed: int, key: str, parameters: list[Tensor]) -> Arrays:
        c = self.cfg
        rng = self._cell(panel, seed, TASKS)
        x, y = self.tasks(panel).draw(rng, c.tasks, c.shots + c.query_shots)
        phi = self._hidden(parameters, x)
        basis = _basis(phi)
        phi = phi @ basis
        support, query = phi[:, : c.shots], phi[:, c.shots :]
        training, test, isotropic = GramMoments(), GramMoments(), GramMoments()
        training.update(support, y[:, : c.shots], query, y[:, c.shots :])
        for x_t, y_t in self._test_tasks(panel, seed):
            phi_t = self._hidden(parameters, x_t) @ basis
            test.update(
                phi_t[:, : c.shots], y_t[:, : c.shots], phi_t[:, c.shots :], y_t[:, c.shots :]
            )
        # the same features with the labels that the theorem assumes
        optima = self._cell(panel, seed, ISOTROPIC).standard_normal((c.tasks, phi.shape[2]))
        isotropic.update_optima(support, optima, query)
        if basis.any():
            covariance = _task_covariance(query, y[:, c.shots :])
            estimates = [
                alpha_lim_split(support, query),
                alpha_lim_split(support, query, task_covariance=covariance),
                phi.shape[2],
            ]
        else:
            estimates = [np.inf, np.inf, 0]
        return {
            **prefixed(f"{key}/training", training),
            **prefixed(f"{key}/test", test),
            **prefixed(f"{key}/isotropic", isotropic),
            f"{key}/estimates": np.array(estimates),
        }

    def _test_tasks(self, panel: str, seed: int) -> Iterator[tuple[Array, Array]]:
        c, rng = self.cfg, self._cell(panel, seed, TESTING)
        for start in range(0, c.test_tasks, CHUNK):
            x, y = self.tasks(panel).draw(rng, CHUNK, c.shots + c.query_shots)
            yield x[: c.test_tasks - start], y[: c.test_tasks - start]

    def _half(self, panel: str) -> float:
        """Of the loss without 1/2, the printed error is this much; rates are divided by it."""
        return 0.5 if self.cfg.panels[panel].loss == "half" else 1.0

    def sweep(self, features: Arrays) -> pd.DataFrame:
        """Errors on the test tasks at w_m(alpha), before and after the inner step."""
        frames = []
        alphas = np.array(self.cfg.alphas)
        for panel in self.cfg.panels:
            half = self._half(panel)
            rates = half * alphas  # a step of alpha on a halved loss is one of alpha/2
            for seed in range(self.cfg.seeds):
                test = unprefixed(f"{panel}/{seed}/test", features)
                rank = features[f"{panel}/{seed}/estimates"][-1]
                training = unprefixed(f"{panel}/{seed}/training", features)
                # features that are zero predict zero whatever the weights
                w = training.w_maml(rates) if rank > 0 else np.zeros((len(rates), 1))
                frames.append(
                    pd.DataFrame(
                        {
                            "panel": panel,
                            "seed": seed,
                            "alpha": alphas,
                            "pre": half * test.loss(w, np.zeros(len(alphas))),
                            "post": half * test.loss(w, rates),
                        }
                    )
                )
        return table(frames, ["panel", "seed", "alpha"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for (panel, seed), curve in sweep.groupby(["panel", "seed"]):
            alphas = curve.alpha.to_numpy()  # sorted, as the errors are
            key, half = f"{panel}/{seed}", self._half(str(panel))
            limit, weighted, rank = features[f"{key}/estimates"]
            cap = self.cfg.search_cap * limit
            empirical, isotropic = (
                alpha_star(unprefixed(f"{key}/{name}", features), cap)[0] / half
                if rank > 0
                else np.inf
                for name in ("training", "isotropic")
            )
            limit, weighted = limit / half, weighted / half
            pre, post = curve.pre.to_numpy(), curve.post.to_numpy()
            add = found.at(str(panel), int(seed))
            add(q.alpha_lim_split, limit)
            add(q.alpha_lim_weighted, weighted)
            add(q.alpha_empirical, empirical)
            add(q.alpha_empirical_isotropic, isotropic)
            add(q.alpha_star, alphas, post)
            add(q.best_is_nearest, alphas, post, limit)
            add(q.best_is_nearest_weighted, alphas, post, weighted)
            add(q.ratio_lim_to_star, limit, alphas[post.argmin()])
            add(q.ratio_lim_to_empirical, limit, empirical)
            add(q.ratio_weighted_to_empirical, weighted, empirical)
            add(q.ratio_lim_to_isotropic, limit, isotropic)
            add(q.pre_level, pre)
            add(q.pre_spread, pre)
            add(q.gain_at_best, pre, post)
            add(q.gain_at_lim, alphas, pre, post, limit)
            add(q.post_over_pre_at_last, pre, post)
            add(q.excess_loss_at_lim, alphas, post, limit)
            add(q.pretraining_loss, half * features[f"{key}/pretraining_loss"][0])
            add(q.rank, rank)
        return found.table()


def _basis(features: Array) -> Array:
    """Orthonormal directions in which the pooled features vary: (dim, rank).

    Turning features leaves every trace, loss and isotropic covariance as it is. A network none of
    whose units fires has no such direction; its features become one that is zero, (dim, 1).
    """
    rows = features.reshape(-1, features.shape[-1])
    values, vectors = np.linalg.eigh(rows.T @ rows)
    kept = values > RANK_CUT * values[-1]
    if not kept.any():
        return np.zeros((len(values), 1))
    return np.ascontiguousarray(vectors[:, kept])


def _task_covariance(features: Array, targets: Array) -> Array:
    """Covariance of the tasks' least-squares weights, features (tasks, rows, dim)."""
    optima = [
        np.linalg.lstsq(phi, y, rcond=RANK_CUT**0.5)[0]
        for phi, y in zip(features, targets, strict=True)
    ]
    return np.asarray(np.cov(np.array(optima), rowvar=False), dtype=np.float64).reshape(
        features.shape[2], features.shape[2]
    )
