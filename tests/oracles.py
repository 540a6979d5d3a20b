"""Slow and obvious computations that the library is tested against.

Nothing here uses innerlr. The same code runs in float64 and, on arrays of `mpmath.mpf`, to 50
digits; expectations over finite laws are exhaustive sums of fractions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
from scipy.optimize import minimize_scalar

DIGITS = 50
Array = np.ndarray


class Tasks(NamedTuple):
    """Samples of a set of tasks; query is support where the samples are the same."""

    support: Array  # (tasks, k1, dim)
    support_targets: Array  # (tasks, k1)
    query: Array  # (tasks, k2, dim)
    query_targets: Array  # (tasks, k2)


def make_tasks(
    rng: np.random.Generator,
    *,
    n: int = 30,
    k1: int = 8,
    k2: int | None = None,
    d: int = 4,
    noise: float = 0.0,
    mean: float = 0.0,
) -> Tasks:
    """Random features and optima N(mean, 1); k2 = None for the same samples inside and outside."""
    optima = rng.normal(mean, 1, (n, d))
    support = rng.normal(size=(n, k1, d))
    targets = np.einsum("nkd,nd->nk", support, optima) + noise * rng.normal(size=(n, k1))
    if k2 is None:
        return Tasks(support, targets, support, targets)
    query = rng.normal(size=(n, k2, d))
    return Tasks(
        support,
        targets,
        query,
        np.einsum("nkd,nd->nk", query, optima) + noise * rng.normal(size=(n, k2)),
    )


def same_samples(features: Array, targets: Array) -> Tasks:
    return Tasks(features, targets, features, targets)


# -------------------------------------------------------------------- the MAML loss, step by step


def inner_step(features: Array, targets: Array, w: Array, alpha: Any) -> Array:
    """One gradient step on the mean squared error of one task."""
    return w - 2 * alpha / len(features) * (features.T @ (features @ w - targets))


def task_losses(w: Array, tasks: Tasks, alpha: Any) -> Array:
    """Query loss of each task after one inner step from w: (tasks,)."""
    losses = []
    for support, support_targets, query, query_targets in zip(*tasks, strict=True):
        residual = query @ inner_step(support, support_targets, w, alpha) - query_targets
        losses.append(residual @ residual / len(residual))
    return np.array(losses)


def maml_loss(w: Array, tasks: Tasks, alpha: Any) -> Any:
    """The empirical MAML loss, eq. (2.5)."""
    losses = task_losses(w, tasks, alpha)
    return losses.sum() / len(losses)


def adapted(tasks: Tasks, alpha: Any) -> tuple[Array, Array]:
    """A (tasks k2, dim) and b (tasks k2,) with residual A w - b after the inner step from w."""
    a, b = [], []
    for support, support_targets, query, query_targets in zip(*tasks, strict=True):
        kernel = query @ support.T * (2 * alpha / len(support))
        a.append(query - kernel @ support)
        b.append(query_targets - kernel @ support_targets)
    return np.concatenate(a), np.concatenate(b)


def minimum(tasks: Tasks, alpha: float) -> tuple[Array, float]:
    """Minimiser of the MAML loss and its value, by least squares on the stacked system."""
    a, b = adapted(tasks, alpha)
    w = np.linalg.lstsq(a, b)[0]
    residual = a @ w - b
    return w, float(residual @ residual / len(b))


def best_alpha(tasks: Tasks, low: float, high: float, points: int = 401) -> float:
    """argmin over alpha of the least loss, by a dense scan and a search around its lowest point."""
    grid = np.linspace(low, high, points)
    i = int(np.argmin([minimum(tasks, alpha)[1] for alpha in grid]))
    found = minimize_scalar(
        lambda alpha: minimum(tasks, alpha)[1],
        bounds=(grid[max(i - 1, 0)], grid[min(i + 1, points - 1)]),
        method="bounded",
        options={"xatol": 1e-13 * (high - low)},
    )
    return float(found.x)


# -------------------------------------------------------------------- 50 digits


def precise(array: Any) -> Array:
    """The same numbers, exactly, as mpf; call inside `mpmath.workdps(DIGITS)`."""
    return np.vectorize(mpmath.mpf, otypes=[object])(np.asarray(array, dtype=np.float64))


def precise_tasks(tasks: Tasks) -> Tasks:
    return Tasks(*(precise(array) for array in tasks))


def precise_minimum(tasks: Tasks, alpha: Any) -> tuple[Array, Any]:
    """`minimum` for arrays of mpf; normal equations, of whose digits 50 - 2 log10 cond remain."""
    a, b = adapted(tasks, mpmath.mpf(alpha))
    solution = mpmath.lu_solve(mpmath.matrix((a.T @ a).tolist()), mpmath.matrix((a.T @ b).tolist()))
    w = np.array(list(solution), dtype=object)
    residual = a @ w - b
    return w, residual @ residual / len(b)


def precise_slope(tasks: Tasks, alpha: Any) -> Any:
    """d/dalpha of the least loss, at fixed w by the envelope theorem."""
    a, b = adapted(tasks, alpha)
    w, _ = precise_minimum(tasks, alpha)
    a_2, b_2 = adapted(tasks, alpha + 1)  # A and b are linear in alpha
    return 2 * (a @ w - b) @ ((a_2 - a) @ w - (b_2 - b)) / len(b)


def blocks(support: Array, query: Array, alpha: float) -> Array:
    """C'C of each task, from C = Phi_t (I - (2 alpha / k1) Phi_u'Phi_u)."""
    c = query - 2 * alpha / support.shape[1] * query @ support.swapaxes(1, 2) @ support
    return c.swapaxes(1, 2) @ c


# -------------------------------------------------------------------- exhaustive enumeration


class Law(NamedTuple):
    """A finite law of integer values: probability weights[i] / sum(weights)."""

    values: Sequence[int]
    weights: Sequence[int]

    def moment(self, order: int) -> Fraction:
        total = sum(w * v**order for v, w in zip(self.values, self.weights, strict=True))
        return Fraction(total, sum(self.weights))


class Rows(NamedTuple):
    """A finite law of integer feature rows."""

    values: Array  # (rows, dim), int64
    weights: Array  # (rows,), int64


def independent_rows(laws: Sequence[Law]) -> Rows:
    """All rows of independent entries, entry j from laws[j]."""
    values = np.array(list(itertools.product(*(law.values for law in laws))), dtype=np.int64)
    weights = itertools.product(*(law.weights for law in laws))
    return Rows(values, np.array([np.prod(w) for w in weights], dtype=np.int64))


def polynomial_rows(law: Law, dim: int) -> Rows:
    """The rows (1, x, ..., x^(dim - 1))."""
    values = [[value**j for j in range(dim)] for value in law.values]
    return Rows(np.array(values, dtype=np.int64), np.array(law.weights, dtype=np.int64))


def all_features(rows: Rows, shots: int) -> tuple[Array, Array]:
    """Every features matrix (matrices, shots, dim) of i.i.d. rows, and its integer weight."""
    index = np.array(list(itertools.product(range(len(rows.values)), repeat=shots)))
    return rows.values[index], rows.weights[index].prod(axis=1)


def gram_powers(rows: Rows, shots: int) -> list[list[list[Fraction]]]:
    """E G, E G^2, E G^3, exact: [power][i][j]."""
    features, weights = all_features(rows, shots)
    gram = features.swapaxes(1, 2) @ features
    total = int(weights.sum())
    power, result = gram, []
    for _ in range(3):
        # Python integers in the last sum: no overflow
        sums = (power.astype(object) * weights.astype(object)[:, None, None]).sum(axis=0)
        result.append([[Fraction(int(v), total) for v in row] for row in sums])
        power = power @ gram
    return result


def exact_alpha(rows: Rows, shots: int, weight: Sequence[Sequence[int]] | None = None) -> Fraction:
    """K tr(S E G^2) / (2 tr(S E G^3)), exact; S the identity by default."""
    _, second, third = gram_powers(rows, shots)
    d = len(second)
    s = weight or [[int(i == j) for j in range(d)] for i in range(d)]
    traces = [
        sum(s[i][j] * power[j][i] for i in range(d) for j in range(d)) for power in (second, third)
    ]
    return shots * traces[0] / (2 * traces[1])
