r"""Overparameterised MAML and ERM in the dual: minimum-norm solutions from Gram matrices.

Features enter through inner products only. The N tasks' rows are stacked into Psi (n x d, n < d),
a weight vector is :math:`w = \Psi^\top c`, and its prediction at a new input is the new input's
row of inner products times c. The inner step is
:math:`w - (2\alpha/K)\,\Psi_i^\top(\Psi_i w - y_i)`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from scipy.optimize import brentq

from innerlr.errors import (
    Array,
    InnerlrError,
    as_array,
    finite,
    limit,
    positive,
    same_length,
    square,
)

# The name of the eigenvalue cut that reproduces a float32 pseudo-inverse of the features.
FLOAT32_PINV = "float32_pinv"


def float32_pinv_rcond(rows: int, dim: int) -> float:
    """The cut on eigenvalues of Psi Psi' that equals float32 pinv's default on Psi (rows x dim).

    pinv drops singular values below max(rows, dim) eps32 times the largest, and the Gram's
    eigenvalues are their squares.

    Example:
        >>> round(float32_pinv_rcond(1564, 30_001), 8)
        1.279e-05
    """
    return float((max(rows, dim) * np.finfo(np.float32).eps) ** 2)


def eigenvalue_cut(rcond: float | str, rows: int, dim: int) -> float:
    """`rcond` as a number: itself, or that of the name FLOAT32_PINV.

    Never below rows eps: smaller eigenvalues of a float64 Gram are rounding.
    """
    if rcond == FLOAT32_PINV:
        value = float32_pinv_rcond(rows, dim)
    elif isinstance(rcond, str):
        raise InnerlrError(
            f"rcond: expected a number or {FLOAT32_PINV!r}, got {rcond!r}. "
            "Give the smallest eigenvalue kept, relative to the largest."
        )
    else:
        value = positive(rcond, "rcond")
    if value >= 1:
        raise InnerlrError(
            f"rcond: {value:g} would keep no eigenvalue. Give a number below 1, such as 1e-10."
        )
    return max(value, rows * float(np.finfo(np.float64).eps))


class PseudoInverse:
    """Eigenvalues of a Gram above a cut, and its pseudo-inverse on their span.

    Args:
        gram: (n, n), symmetric.
        rcond: eigenvalues at or below rcond times the largest are taken as zero; a number or
            FLOAT32_PINV, which needs `dim`.
        dim: d, features behind the Gram.

    Attributes:
        eigenvalues: all of them, ascending.
        rank: how many are kept.
        rcond: the cut as a number.

    Raises:
        InnerlrError: not a square symmetric matrix, or numerically zero.
    """

    def __init__(self, gram: Any, *, rcond: float | str, dim: int) -> None:
        g = square(gram, "gram", ("n", "n"))
        scale = float(np.abs(g).max())
        if not scale > np.finfo(np.float64).tiny / np.finfo(np.float64).eps:
            raise InnerlrError(
                f"gram: numerically zero, its largest entry is {scale:g}; every solution would be "
                "zero. Check that the features are not all zero, and rescale tiny ones."
            )
        if np.abs(g - g.T).max() > 1e-10 * scale:
            raise InnerlrError(
                f"gram: expected a symmetric matrix, got entries that differ by "
                f"{np.abs(g - g.T).max():g} across the diagonal. Pass features' inner products."
            )
        self.rcond = eigenvalue_cut(rcond, len(g), dim)
        self.eigenvalues, vectors = np.linalg.eigh(g)
        kept = self.eigenvalues > self.rcond * self.eigenvalues[-1]
        self.rank = int(kept.sum())
        self._values, self._vectors = self.eigenvalues[kept], vectors[:, kept]

    def solve(self, right: Any) -> Array:
        """Pseudo-inverse times (n,) or (n, m)."""
        projected = self._vectors.T @ np.asarray(right, dtype=np.float64)
        return self._vectors @ (projected.T / self._values).T


def minimum_norm(gram: Any, targets: Any, *, rcond: float | str, dim: int) -> Array:
    """Dual coefficients c of the minimum-norm ERM solution w = Psi' c of Psi w = y.

    It is also the MAML solution at every alpha when the inner step and the loss share samples:
    (I - (2 alpha/K) G_i)(Psi_i w - y_i) = 0 for all i has the solutions of Psi w = y, but for the
    finitely many alpha at which a task's matrix is singular.

    Args:
        gram: (n, n).
        targets: (n,).
        rcond: eigenvalue cut, see :class:`PseudoInverse`.
        dim: d.

    Returns:
        (n,).
    """
    y = as_array(targets, "targets", ("n",))
    g = square(gram, "gram", ("n", "n"))
    same_length(g, y, ("gram", "targets"), 0, "n")
    return PseudoInverse(g, rcond=rcond, dim=dim).solve(y)


class StackedTasks:
    """The Gram and targets of N tasks whose rows stand one task after the other.

    Args:
        gram: (n, n), n = N rows, a task's support rows before its query rows.
        targets: (n,).
        tasks: N.
        support: rows of a task in the inner step; the others are its query rows, of the loss.
            All of them (support = rows) means shared samples: the loss is on the same.
        dim: d.
    """

    def __init__(self, gram: Any, targets: Any, *, tasks: int, support: int, dim: int) -> None:
        self.gram = square(gram, "gram", ("n", "n"))
        self.targets = as_array(targets, "targets", ("n",))
        same_length(self.gram, self.targets, ("gram", "targets"), 0, "n")
        self.tasks = positive(tasks, "tasks", integer=True)
        self.support = positive(support, "support", integer=True)
        self.dim = positive(dim, "dim", integer=True)
        self.rows, rest = divmod(len(self.targets), self.tasks)
        if rest or self.support > self.rows:
            raise InnerlrError(
                f"targets: expected {self.tasks} tasks of at least {self.support} rows, got "
                f"{len(self.targets)} rows. Give every task the same number of rows."
            )

    @property
    def shared(self) -> bool:
        """Whether the inner step and the loss use the same samples."""
        return self.support == self.rows

    def blocks(self) -> Array:
        """Each task's own Gram, (tasks, rows, rows)."""
        cells = self.gram.reshape(self.tasks, self.rows, self.tasks, self.rows)
        return np.einsum("iaib->iab", cells)

    def adapted(self, alpha: float, *, shots: float | None = None) -> Array:
        """T_i with T_i(Psi_i w - y_i) the residual after the inner step, (tasks, query, rows).

        I - (2 alpha/K) G_i for shared samples, [-(2 alpha/K) G_qs, I] for split ones.

        Args:
            alpha: learning rate.
            shots: K in the step; the support rows if None.
        """
        rate = 2 * finite(alpha, "alpha") / _shots(shots, self.support)
        start = 0 if self.shared else self.support
        operator = np.zeros((self.tasks, self.rows - start, self.rows))
        operator[:, :, : self.support] = -rate * self.blocks()[:, start:, : self.support]
        query = np.arange(self.rows - start)
        operator[:, query, start + query] += 1
        return operator

    def maml(self, alpha: float, *, rcond: float | str, shots: float | None = None) -> Array:
        """Dual coefficients of the minimum-norm minimiser of the MAML loss, cut at its own Gram.

        With C = T Psi the residuals are C w - T y, so w = C' (C C')^+ T y. One eigendecomposition
        an alpha. For shared samples and a cut on Psi Psi' use :func:`minimum_norm`: there the
        solution does not depend on alpha; here it does, through the cut alone.

        Args:
            alpha: learning rate.
            rcond: cut on the eigenvalues of C C', see :class:`PseudoInverse`.
            shots: K in the step; the support rows if None.

        Returns:
            (n,).
        """
        operator = self.adapted(alpha, shots=shots)
        n, out = len(self.targets), operator.shape[1]
        half = self._apply(operator, self.gram).reshape(self.tasks * out, n)
        adapted = self._apply(operator, half.T)
        adapted = (adapted + adapted.T) / 2
        right = self._apply(operator, self.targets[:, None])[:, 0]
        inner = PseudoInverse(adapted, rcond=rcond, dim=self.dim).solve(right)
        back = operator.swapaxes(1, 2) @ inner.reshape(self.tasks, out, 1)
        return back.reshape(n)

    def _apply(self, operator: Array, matrix: Array) -> Array:
        cells = matrix.reshape(self.tasks, self.rows, -1)
        return (operator @ cells).reshape(self.tasks * operator.shape[1], -1)

    def mean_optimum(self, *, rcond: float | str) -> Array:
        """Dual coefficients of the mean of the tasks' minimum-norm solutions, as in (H.9)."""
        cells = self.targets.reshape(self.tasks, self.rows)
        solutions = [
            minimum_norm(gram, y, rcond=rcond, dim=self.dim)
            for gram, y in zip(self.blocks(), cells, strict=True)
        ]
        return np.concatenate(solutions) / self.tasks


def _shots(shots: float | None, rows: int) -> float:
    return rows if shots is None else positive(shots, "shots")


def loss_coefficients(support: Any, query: Any, cross: Any, *, shots: float | None = None) -> Array:
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
    move = 2 / _shots(shots, r_s.shape[1]) * np.einsum("tqs,ts->tq", k, r_s)
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
    def of_quadratic(cls, coefficients: Any, end: float) -> Self:
        """Of c0 + c1 alpha + c2 alpha^2; `coefficients` is (3,)."""
        c0, c1, c2 = as_array(coefficients, "coefficients", ("3",))
        if not c2 > 0:
            return cls(np.nan, np.nan, False)
        vertex = -c1 / (2 * c2)
        return cls(float(vertex), float(c0 + c1 * vertex / 2), bool(0 < vertex < end))

    @classmethod
    def of_samples(cls, alphas: Any, losses: Any) -> Self:
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


def alpha_lim_modes(shots: int, eigenvalues: Any, weights: Any, *, steps: int = 1) -> float:
    r"""The limit (3.3) for any number of inner steps, from the modes of all tasks' Grams.

    After J steps the error along an eigenvector of a task's Gram, of eigenvalue l, is
    :math:`(1 - 2 \alpha l / K)^J` of what it was. With isotropic task optima the risk at their mean
    is then proportional to

    .. math:: \sum_i q_i (1 - 2 \alpha l_i / K)^{2 J},

    a convex function of alpha; (3.3) and (H.6) are its minimiser for J = 1.

    Args:
        shots: K, over which the inner loss is a mean.
        eigenvalues: (n,), l, of all tasks.
        weights: (n,), q, what the outer loss has along each eigenvector: l itself where it is of
            the same samples as the inner step.
        steps: J.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: disagreeing lengths, NaN, no mode with positive eigenvalue and weight.

    Example:
        >>> alpha_lim_modes(4, [2.0, 2.0], [1.0, 3.0], steps=5)  # all at once: K / (2 l)
        1.0
    """
    k = positive(shots, "shots", integer=True)
    power = 2 * positive(steps, "steps", integer=True) - 1
    modes = as_array(eigenvalues, "eigenvalues", ("n",))
    q = as_array(weights, "weights", ("n",))
    same_length(modes, q, ("eigenvalues", "weights"), 0, "n")
    seen = (modes > 0) & (q > 0)  # the others are rounding, or not seen by the outer loss
    if not seen.any():
        raise InnerlrError(
            "eigenvalues: expected one above 0 with a weight above 0, got none, so no learning "
            "rate minimises the risk. Check that not all features are zero."
        )
    largest = modes[seen].max()
    ratio, slope = modes[seen] / largest, q[seen] * modes[seen]
    slope = slope / slope.sum()

    def falling(x: float) -> float:  # of the sign of minus the derivative at x = 2 alpha l_max / K
        left = 1 - x * ratio
        most = np.abs(left).max()
        return float(slope @ (left / most) ** power) if most > 0 else 0.0  # else all underflow

    high = 1.0  # no mode overshoots yet
    while falling(high) > 0:
        high *= 2
    root = brentq(falling, high / 2, high, xtol=1e-15, rtol=4e-15) if falling(high) < 0 else high
    return float(root * k / (2 * largest))


def alpha_lim_gram(grams: Any, *, steps: int = 1) -> float:
    """(3.3) from the tasks' K x K Grams Psi_i Psi_i', (tasks, K, K).

    For several inner steps as in :func:`alpha_lim_modes`.
    """
    g = square(grams, "grams", ("tasks", "shots", "shots"))
    if steps == 1:
        return limit(g.shape[1], float(np.vdot(g, g)), float(np.vdot(g @ g, g)), "alpha_lim_gram")
    modes = np.linalg.eigvalsh(g).ravel()
    return alpha_lim_modes(g.shape[1], modes, modes, steps=steps)


def alpha_lim_split_gram(support: Any, cross: Any, *, steps: int = 1) -> float:
    """(H.6) from support Grams Psi_s Psi_s' (tasks, k1, k1) and Psi_q Psi_s' (tasks, k2, k1).

    For several inner steps as in :func:`alpha_lim_modes`.
    """
    g = square(support, "support", ("tasks", "k1", "k1"))
    k = as_array(cross, "cross", ("tasks", "k2", "k1"))
    same_length(g, k, ("support", "cross"), 0, "tasks")
    same_length(g, k, ("support", "cross"), 2, "k1")
    if steps == 1:
        second, third = float(np.vdot(k, k)), float(np.vdot(k @ g, k))
        return limit(k.shape[2], second, third, "alpha_lim_split_gram")
    return alpha_lim_modes(k.shape[2], *gram_modes(g, k), steps=steps)


def gram_modes(support: Array, cross: Array) -> tuple[Array, Array]:
    """Eigenvalues of the support's Grams, and what the outer loss has along each eigenvector.

    Args:
        support: (..., k1, k1), Psi_s Psi_s'.
        cross: (..., k2, k1), Psi_q Psi_s'.

    Returns:
        l and |Psi_q v|^2 as :func:`alpha_lim_modes` takes them; 0 where l is rounding.
    """
    modes, vectors = np.linalg.eigh(support)
    kept = modes > modes[..., -1:] * modes.shape[-1] * np.finfo(np.float64).eps
    # v = Psi_s' u / sqrt(l)
    along = ((cross @ vectors) ** 2).sum(-2) / np.where(kept, modes, np.inf)
    return np.where(kept, modes, 0).ravel(), along.ravel()


def alpha_pooled(eigenvalues: Any) -> float:
    """(H.14): N K tr G^2 / (2 tr G^3) of the pooled Gram, from its N K eigenvalues."""
    s = as_array(eigenvalues, "eigenvalues", ("n",))
    return limit(len(s), float((s**2).sum()), float((s**3).sum()), "alpha_pooled")


def alpha_lim_kernel(shots: int, gram: Any, weights: Any) -> float:
    """Exact (3.3) for i.i.d. inputs by quadrature over their law, through the kernel k(x, x').

    tr E G^2 = K E k(x,x)^2 + K(K-1) E k(x,x')^2 and tr E G^3 = K E k(x,x)^3
    + 3K(K-1) E k(x,x) k(x,x')^2 + K(K-1)(K-2) E k(x,x') k(x',x") k(x",x).

    Args:
        shots: K.
        gram: (n, n), k at the nodes.
        weights: (n,), nonnegative, summing to 1.
    """
    k = positive(shots, "shots", integer=True)
    g = square(gram, "gram", ("nodes", "nodes"))
    w = as_array(weights, "weights", ("nodes",))
    same_length(g, w, ("gram", "weights"), 0, "nodes")
    if w.min() < 0 or abs(w.sum() - 1) > 1e-6:
        raise InnerlrError(
            f"weights: expected nonnegative weights that sum to 1, got a minimum of {w.min():g} "
            f"and a sum of {w.sum():.8g}. Divide them by their sum."
        )
    root = np.sqrt(w)
    b, diagonal = root[:, None] * g * root, np.diag(g)
    pairs = (b**2).sum(1)
    second = k * float(w @ diagonal**2) + k * (k - 1) * float(pairs.sum())
    third = k * float(w @ diagonal**3) + 3 * k * (k - 1) * float(diagonal @ pairs)
    if k > 2:
        third += k * (k - 1) * (k - 2) * float(np.vdot(b @ b, b))
    return limit(k, second, third, "alpha_lim_kernel")


class EntryStatistics(NamedTuple):
    """What the words of section H.2 admit as sigma^2 of (H.15), of one matrix' entries."""

    variance: float
    sd: float
    second: float


def entry_statistics(
    row_sums: Any, gram: Any, dim: int
) -> tuple[EntryStatistics, EntryStatistics, EntryStatistics]:
    """Variance, standard deviation and second moment of all entries of Psi, Psi'Psi and Psi Psi'.

    Psi'Psi is d x d and never formed: its entries sum to sum_n (sum_j psi_nj)^2, their squares to
    those of Psi Psi'.

    Args:
        row_sums: (n,), sum of each feature row.
        gram: (n, n), Psi Psi'.
        dim: d.
    """
    sums = as_array(row_sums, "row_sums", ("n",))
    g = square(gram, "gram", ("n", "n"))
    same_length(g, sums, ("gram", "row_sums"), 0, "n")
    d, n, squares = positive(dim, "dim", integer=True), len(sums), float(np.vdot(g, g))

    def statistics(mean: float, second: float) -> EntryStatistics:
        variance = max(second - mean**2, 0.0)
        return EntryStatistics(variance, float(np.sqrt(variance)), second)

    return (
        statistics(float(sums.sum()) / (n * d), float(np.trace(g)) / (n * d)),
        statistics(float((sums**2).sum()) / d**2, squares / d**2),
        statistics(float(g.sum()) / n**2, squares / n**2),
    )
