r"""Overparameterised MAML and ERM in the dual: minimum-norm solutions from Gram matrices.

Features enter through inner products only. The N tasks' rows are stacked into Psi (n x d, n < d),
a weight vector is :math:`w = \Psi^\top c`, and its prediction at a new input is the new input's
row of inner products times c. The inner step is
:math:`w - (2\alpha/K)\,\Psi_i^\top(\Psi_i w - y_i)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, finite, positive, same_length, square
from innerlr.errors import InnerlrError

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
    """`rcond` as a number: itself, or the number that FLOAT32_PINV stands for.

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

    def __init__(self, gram: ArrayLike, *, rcond: float | str, dim: int) -> None:
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

    def solve(self, right: ArrayLike) -> Array:
        """Pseudo-inverse times (n,) or (n, m)."""
        projected = self._vectors.T @ np.asarray(right, dtype=np.float64)
        return self._vectors @ (projected.T / self._values).T


def minimum_norm(gram: ArrayLike, targets: ArrayLike, *, rcond: float | str, dim: int) -> Array:
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

    def __init__(
        self, gram: ArrayLike, targets: ArrayLike, *, tasks: int, support: int, dim: int
    ) -> None:
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
        shots = self.support if shots is None else positive(shots, "shots")
        rate = 2 * finite(alpha, "alpha") / shots
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
