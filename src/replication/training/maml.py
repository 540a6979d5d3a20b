"""MAML on stacks of networks: every rate of a sweep, and every seed, in one batched program."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from innerlr.checks import Array, choice, finite, positive
from innerlr.errors import InnerlrError
from replication.settings.choices import Optimizer
from replication.tasks import Tasks
from replication.training.checkpoint import Checkpoint
from replication.training.mlp import MLP, AdaptedMLP, Parameters

# Steps whose tasks are drawn at once, and between two entries of the history.
BLOCK = 100
# Models whose forward and backward passes are made at once: more would leave the cache.
AT_ONCE = 24
# Tensors the size of a layer's output that a second-order inner step keeps for its backward pass.
KEPT = 12

# block -> the generator of its tasks
Stream = Callable[[int], np.random.Generator]


@dataclass(frozen=True)
class Plan:
    """How a stack is meta-trained.

    Args:
        iterations: outer steps.
        meta_batch: tasks an outer step.
        shots: K, support samples a task, of the inner steps.
        query_shots: samples a task on which the outer loss is taken, drawn apart from the support.
        inner_steps: 0 is empirical risk minimisation on the query samples.
        first_order: take the inner gradients as constants (FOMAML).
        optimizer: adam or sgd, of the outer steps.
        outer_lr: its learning rate.
        pool: how many tasks there are, each with fixed samples; 0 for fresh tasks every step.

    Raises:
        InnerlrError: a number out of its range, an unknown optimizer.
    """

    iterations: int
    meta_batch: int = 25
    shots: int = 10
    query_shots: int = 10
    inner_steps: int = 1
    first_order: bool = False
    optimizer: Optimizer = "adam"
    outer_lr: float = 1e-3
    pool: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "meta_batch", "shots", "query_shots"):
            positive(getattr(self, name), name, integer=True)
        positive(self.outer_lr, "outer_lr")
        for name in ("inner_steps", "pool"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InnerlrError(f"{name}: expected 0, 1, 2, ..., got {value!r}.")
        choice(self.optimizer, "optimizer", get_args(Optimizer))


class TaskBatches:
    """The tasks of every outer step; they depend on the step alone, so that any step can be next.

    Args:
        tasks: their distribution.
        plan: how many, of how many samples.
        streams: one for each group of models that see the same tasks.
        dtype, device: of the tensors.
    """

    def __init__(
        self,
        tasks: Tasks,
        plan: Plan,
        streams: Sequence[Stream],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self._tasks, self._plan, self._streams = tasks, plan, streams
        self._dtype, self._device = dtype, device
        self._rows = plan.shots + plan.query_shots
        self._block = -1
        self._x = self._y = torch.empty(0)
        # block -1 is no block of steps
        self._pools = [self._draw(stream(-1), plan.pool) for stream in streams if plan.pool]

    def _draw(self, rng: np.random.Generator, tasks: int) -> tuple[Array, Array]:
        return self._tasks.draw(rng, tasks, self._rows)

    def _of_block(self, group: int, block: int) -> tuple[Array, Array]:
        rng, batch = self._streams[group](block), self._plan.meta_batch
        if not self._pools:
            return self._draw(rng, BLOCK * batch)
        x, y = self._pools[group]
        chosen = rng.integers(len(y), size=BLOCK * batch)
        return x[chosen], y[chosen]

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs (groups, tasks, rows, input_dim) and targets (groups, tasks, rows) of a step.

        The first `shots` rows are the support.
        """
        block, at = divmod(step, BLOCK)
        if block != self._block:
            drawn = [self._of_block(group, block) for group in range(len(self._streams))]
            x, y = (np.stack([d[i] for d in drawn]) for i in (0, 1))
            shape = (len(drawn), BLOCK, self._plan.meta_batch)
            to: dict[str, Any] = {"dtype": self._dtype, "device": self._device}
            self._x = torch.from_numpy(x).to(**to).unflatten(1, shape[1:])
            self._y = torch.from_numpy(y).to(**to).unflatten(1, shape[1:])
            self._block = block
        return self._x[:, at], self._y[:, at]


def adapted_losses(
    network: MLP,
    parameters: Sequence[Tensor],
    support: tuple[Tensor, Tensor],
    query: tuple[Tensor, Tensor],
    rates: Tensor,
    *,
    steps: int,
    first_order: bool = False,
) -> Tensor:
    """Each model's loss on each task after the inner steps (2.4): (M, tasks).

    Args:
        network: the models' shape.
        parameters: of M models.
        support, query: inputs (M or 1, tasks, rows, input_dim) and targets (M or 1, tasks, rows).
        rates: (M,), of a loss without the factor 1/2.
        steps: how many inner steps.
        first_order: take the inner gradients as constants.
    """
    models = len(parameters[0])
    x_s, x_q = (part[0].expand(models, -1, -1, -1) for part in (support, query))
    rows = max(x_s.shape[2], x_q.shape[2])
    adapted = AdaptedMLP(network, parameters, rows=rows, first_order=first_order)
    for _ in range(steps):
        adapted.step(x_s, support[1], rates)
    return ((adapted(x_q) - query[1]) ** 2).mean(-1)


def needed_bytes(network: MLP, plan: Plan, models: int, itemsize: int = 4) -> int:
    """About how much memory an outer step of a second-order plan takes."""
    steps = 1 if plan.first_order else plan.inner_steps
    rows = max(steps, 1) * plan.shots + plan.query_shots
    return models * plan.meta_batch * rows * sum(network.hidden) * KEPT * itemsize


def _check_memory(network: MLP, plan: Plan, models: int, itemsize: int) -> None:
    needed = needed_bytes(network, plan, models, itemsize)
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > here:
        raise InnerlrError(
            f"inner_steps: {plan.inner_steps} second-order steps of {models} models on "
            f"{plan.meta_batch} tasks need about {needed / 1e9:.3g} GB, this machine has "
            f"{here / 1e9:.3g} GB. Take fewer steps, tasks or models at once, or first_order."
        )


@dataclass(frozen=True)
class TrainedStack:
    """What training leaves.

    Attributes:
        iterations: (snapshots,), when each snapshot was taken.
        parameters: of the M models, layer by layer: (snapshots, M, ...).
        losses: (blocks, M), mean outer loss over each block of steps.
        diverged_at: (M,), the first block's end at which the loss was not finite; -1 if never.
    """

    iterations: Array
    parameters: list[Array]
    losses: Array
    diverged_at: Array

    def to_arrays(self) -> dict[str, Array]:
        """For `numpy.savez`; :meth:`from_arrays` reads it back."""
        named = {f"parameter{i}": value for i, value in enumerate(self.parameters)}
        return {
            "iterations": self.iterations,
            "losses": self.losses,
            "diverged_at": self.diverged_at,
            **named,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> TrainedStack:
        """Inverse of :meth:`to_arrays`."""
        count = sum(key.startswith("parameter") for key in arrays)
        return cls(
            arrays["iterations"],
            [arrays[f"parameter{i}"] for i in range(count)],
            arrays["losses"],
            arrays["diverged_at"],
        )

    def snapshot(self, at: int, device: torch.device | str = "cpu") -> Parameters:
        """The parameters of one snapshot, as a stack."""
        return [torch.from_numpy(values[at]).to(device) for values in self.parameters]


class Training:
    """A stack under way.

    Args:
        network: the models' shape.
        parameters: initial ones, of M models, of the dtype and on the device to train with.
        batches: the tasks.
        plan: how to train.
        rates: (M,), each model's inner rate, of a loss without the factor 1/2.
    """

    def __init__(
        self,
        network: MLP,
        parameters: Sequence[Tensor],
        batches: TaskBatches,
        plan: Plan,
        rates: Sequence[float] | Array,
    ) -> None:
        self.network, self.batches, self.plan = network, batches, plan
        self.parameters = [p.detach().clone().requires_grad_() for p in parameters]
        first = self.parameters[0]
        for rate in rates:
            finite(float(rate), "rates")
        self.rates = torch.as_tensor(np.asarray(rates), dtype=first.dtype, device=first.device)
        if self.rates.shape != (len(first),):
            raise InnerlrError(
                f"rates: expected one for each of the {len(first)} models, got shape "
                f"{tuple(self.rates.shape)}."
            )
        _check_memory(network, plan, min(len(first), AT_ONCE), first.element_size())
        rate = plan.outer_lr
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(self.parameters, lr=rate, fused=True)
            if plan.optimizer == "adam"
            else torch.optim.SGD(self.parameters, lr=rate)
        )
        self.done = 0
        self._running = torch.zeros(len(first), dtype=torch.float64, device=first.device)
        self._losses: list[Tensor] = []
        self._snapshots: dict[int, list[Tensor]] = {}

    def losses(self, step: int, models: slice = slice(None)) -> Tensor:
        """The outer loss of each model, or of some of them, at one step: (M,)."""
        x, y = self.batches(step)
        if len(x) > 1:
            repeats = len(self.rates) // len(x)
            x, y = (part.repeat_interleave(repeats, 0)[models] for part in (x, y))
        k = self.plan.shots
        per_task = adapted_losses(
            self.network,
            [p[models] for p in self.parameters],
            (x[:, :, :k], y[:, :, :k]),
            (x[:, :, k:], y[:, :, k:]),
            self.rates[models],
            steps=self.plan.inner_steps,
            first_order=self.plan.first_order,
        )
        return per_task.mean(1)

    def step(self) -> None:
        """One outer step."""
        for first in range(0, len(self.rates), AT_ONCE):
            models = slice(first, first + AT_ONCE)
            losses = self.losses(self.done, models)
            # no model's loss depends on another's parameters: the sum has each one's own gradient
            losses.sum().backward()
            self._running[models] += losses.detach()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        if self.done % BLOCK == 0 or self.done == self.plan.iterations:
            steps = (self.done - 1) % BLOCK + 1
            self._losses.append(self._running.cpu() / steps)
            self._running.zero_()

    def state(self) -> dict[str, Any]:
        """All that a later :meth:`restore` needs."""
        return {
            "done": self.done,
            "parameters": [p.detach() for p in self.parameters],
            "optimizer": self.optimizer.state_dict(),
            "running": self._running,
            "losses": self._losses,
            "snapshots": self._snapshots,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, state["parameters"], strict=True):
                parameter.copy_(value)
            self._running.copy_(state["running"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done = int(state["done"])
        self._losses = list(state["losses"])
        self._snapshots = dict(state["snapshots"])

    def run(
        self,
        snapshots: Iterable[int] = (),
        *,
        checkpoint: Checkpoint | None = None,
        title: str = "training",
    ) -> TrainedStack:
        """Train to the end.

        Args:
            snapshots: iterations whose parameters are kept; the last one always is.
            checkpoint: where to go on from, what to keep and how often; there is a line of
                progress on standard error as often.
            title: of those lines.
        """
        state = checkpoint.load() if checkpoint else None
        if state is not None:
            self.restore(state)
            print(f"{title}: goes on from iteration {self.done}", file=sys.stderr)
        total = self.plan.iterations
        wanted = {*snapshots, total}
        started, begun, saved = time.monotonic(), self.done, time.monotonic()
        interval = checkpoint.interval if checkpoint else 60.0
        self._keep(wanted)
        while self.done < total:
            self.step()
            self._keep(wanted)
            now = time.monotonic()
            if now - saved >= interval and self.done < total:
                saved = now
                if checkpoint:
                    checkpoint.save(self.state())
                self._report(title, (now - started) / (self.done - begun) * (total - self.done))
        losses = torch.stack(self._losses)
        lost = ~torch.isfinite(losses)
        ends = torch.arange(1, len(losses) + 1).mul(BLOCK).clamp(max=total)
        first = torch.where(lost.any(0), ends[lost.int().argmax(0)], -1)
        kept = [self._snapshots[at] for at in sorted(self._snapshots)]
        return TrainedStack(
            np.array(sorted(self._snapshots)),
            [torch.stack(values).numpy() for values in zip(*kept, strict=True)],
            losses.numpy(),
            first.numpy(),
        )

    def _keep(self, wanted: set[int]) -> None:
        if self.done in wanted and self.done not in self._snapshots:
            self._snapshots[self.done] = [p.detach().cpu().clone() for p in self.parameters]

    def _report(self, title: str, left: float) -> None:
        if not self._losses:
            return
        last = self._losses[-1]
        finite_losses = last[torch.isfinite(last)]
        spread = (
            f"loss {float(finite_losses.min()):.4g} to {float(finite_losses.max()):.4g}"
            if len(finite_losses)
            else "no finite loss"
        )
        print(
            f"{title}: iteration {self.done} of {self.plan.iterations}, {spread} over "
            f"{len(finite_losses)} of {len(last)} models, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
