"""The loss after one inner step as a function of the learning rate, and where it is smallest."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive, same_length
from innerlr.errors import InnerlrError


def loss_coefficients(
    support: ArrayLike, query: ArrayLike, cross: ArrayLike, *, shots: float | None = None
) -> Array:
    """The loss after one inner step as a quadratic in alpha: three numbers a task.

    With residuals r_s, r_q at the initial weights, the adapted residual is
    r_q - (2 alpha/K) Psi_q Psi_s' r_s, and the loss is its mean square.

    Args:
        support: (tasks, k1), residuals Psi_s w - y_s.
        query: (tasks, k2), residuals Psi_q w - y_q.
        cross: (tasks, k2, k1), Psi_q Psi_s'.
        shots: K in the step; k1 if None.

    Returns:
        (tasks, 3): loss = c0 + c1 alpha + c2 alpha^2.
    """
    r_s = as_array(support, "support", ("tasks", "k1"))
    r_q = as_array(query, "query", ("tasks", "k2"))
    k = as_array(cross, "cross", ("tasks", "k2", "k1"))
    if k.shape != (len(r_q), r_q.shape[1], r_s.shape[1]) or len(r_s) != len(r_q):
        raise InnerlrError(
            f"cross: expected shape {(len(r_q), r_q.shape[1], r_s.shape[1])} to match the "
            f"residuals, got {k.shape}. Give inner products of query rows with support rows."
        )
    shots = r_s.shape[1] if shots is None else positive(shots, "shots")
    move = 2 / shots * np.einsum("tqs,ts->tq", k, r_s)
    return np.stack(
        [(r_q**2).mean(1), -2 * (r_q * move).mean(1), (move**2).mean(1)],
        axis=1,
    )


class Minimum(NamedTuple):
    """Where a loss is smallest on (0, end].

    Attributes:
        alpha: the minimiser; of a quadratic its vertex, wherever it lies; else NaN if none.
        loss: the loss there.
        in_range: whether it is a minimum inside (0, end).
    """

    alpha: float
    loss: float
    in_range: bool

    @classmethod
    def of_quadratic(cls, coefficients: ArrayLike, end: float) -> Self:
        """Of c0 + c1 alpha + c2 alpha^2; `coefficients` is (3,)."""
        c0, c1, c2 = as_array(coefficients, "coefficients", ("3",))
        if not c2 > 0:
            return cls(np.nan, np.nan, False)
        vertex = -c1 / (2 * c2)
        return cls(float(vertex), float(c0 + c1 * vertex / 2), bool(0 < vertex < end))

    @classmethod
    def of_samples(cls, alphas: ArrayLike, losses: ArrayLike) -> Self:
        """Of a smooth curve on a grid: the parabola through the lowest inner point's neighbours.

        Args:
            alphas, losses: (points,), ascending; only points at or above 0 are looked at.
        """
        x = as_array(alphas, "alphas", ("points",))
        y = as_array(losses, "losses", ("points",))
        same_length(x, y, ("alphas", "losses"), 0, "points")
        x, y = x[x >= 0], y[x >= 0]
        at = int(np.argmin(y)) if len(y) else 0
        if at in (0, len(y) - 1) or len(y) < 3:
            return cls(np.nan, np.nan, False)
        near = slice(at - 1, at + 2)
        c2, c1, c0 = np.polyfit(x[near] - x[at], y[near], 2)
        if not c2 > 0:
            return cls(float(x[at]), float(y[at]), True)
        vertex = -c1 / (2 * c2)
        return cls(float(x[at] + vertex), float(c0 + c1 * vertex / 2), True)
