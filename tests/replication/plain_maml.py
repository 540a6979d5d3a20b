"""MAML as one would write it first: a loop over models and tasks, gradients by torch.autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "softplus": torch.nn.functional.softplus}


def predict(parameters: Sequence[Tensor], x: Tensor, activation: str) -> Tensor:
    """One network at (rows, input_dim): (rows,)."""
    h, last = x, len(parameters) // 2 - 1
    for i in range(last + 1):
        h = h @ parameters[2 * i] + parameters[2 * i + 1]
        if i < last:
            h = ACTIVATIONS[activation](h)
    return h[..., 0]


def task_loss(
    parameters: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    *,
    shots: int,
    rate: float,
    steps: int,
    first_order: bool = False,
    activation: str = "relu",
) -> Tensor:
    """The query loss of one task after its inner steps; x (rows, input_dim), y (rows,)."""
    adapted = list(parameters)
    for _ in range(steps):
        inner = ((predict(adapted, x[:shots], activation) - y[:shots]) ** 2).mean()
        gradients = torch.autograd.grad(inner, adapted, create_graph=not first_order)
        adapted = [p - rate * g for p, g in zip(adapted, gradients, strict=True)]
    return ((predict(adapted, x[shots:], activation) - y[shots:]) ** 2).mean()


def outer_loss(parameters: Sequence[Tensor], x: Tensor, y: Tensor, **settings: Any) -> Tensor:
    """The mean over tasks of one model's :func:`task_loss`; x (tasks, rows, input_dim)."""
    losses = [task_loss(parameters, *task, **settings) for task in zip(x, y, strict=True)]
    return torch.stack(losses).mean()
