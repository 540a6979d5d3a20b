"""Families of regression tasks, from which any number of tasks and samples is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from innerlr.checks import Array, finite, positive
from innerlr.errors import InnerlrError


class Tasks(Protocol):
    """A distribution of regression tasks."""

    @property
    def input_dim(self) -> int:
        """Length of an input."""
        ...

    def draw(self, rng: np.random.Generator, tasks: int, rows: int) -> tuple[Array, Array]:
        """Inputs (tasks, rows, input_dim) and targets (tasks, rows) of fresh tasks."""
        ...


def _interval(value: Any, name: str) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InnerlrError(f"{name}: expected the two ends of an interval, got {value!r}.")
    low, high = (finite(end, name) for end in value)
    if not low < high:
        raise InnerlrError(
            f"{name}: expected low < high, got {low:g} and {high:g}. Give the smaller end first."
        )
    return low, high


@dataclass(frozen=True)
class SineTasks:
    """y = A sin(x + b), with A, b and x uniform.

    Args:
        amplitude: ends of A's interval.
        phase: ends of b's interval.
        inputs: ends of x's interval.
    """

    amplitude: tuple[float, float]
    phase: tuple[float, float]
    inputs: tuple[float, float] = (-5.0, 5.0)

    def __post_init__(self) -> None:
        for name in ("amplitude", "phase", "inputs"):
            _interval(getattr(self, name), name)

    @property
    def input_dim(self) -> int:
        return 1

    def draw(self, rng: np.random.Generator, tasks: int, rows: int) -> tuple[Array, Array]:
        amplitude = rng.uniform(*self.amplitude, (tasks, 1))
        phase = rng.uniform(*self.phase, (tasks, 1))
        x = rng.uniform(*self.inputs, (tasks, rows))
        return x[:, :, None], amplitude * np.sin(x + phase)


@dataclass(frozen=True)
class QuadraticTasks:
    """Quadratic regression (section H.3, after Bernacchia, 2021).

    y ~ N((x'w + b)^2, s^2) with w ~ N(w_0, nu^2/p I), b ~ N(0, s^2), x ~ N(0, I).

    Args:
        input_dim: p.
        slope_mean: each entry of w_0 is this over sqrt(p).
        slope_spread: nu.
        noise: s, of b and of y.
    """

    input_dim: int = 1
    slope_mean: float = 1.0
    slope_spread: float = 0.5
    noise: float = 0.3

    def __post_init__(self) -> None:
        positive(self.input_dim, "input_dim", integer=True)
        for name in ("slope_mean", "slope_spread", "noise"):
            finite(getattr(self, name), name)

    def draw(self, rng: np.random.Generator, tasks: int, rows: int) -> tuple[Array, Array]:
        p = self.input_dim
        slope = self.slope_mean + self.slope_spread * rng.standard_normal((tasks, p))
        intercept = self.noise * rng.standard_normal((tasks, 1))
        x = rng.standard_normal((tasks, rows, p))
        noise = self.noise * rng.standard_normal((tasks, rows))
        return x, (np.einsum("nkp,np->nk", x, slope / np.sqrt(p)) + intercept) ** 2 + noise
