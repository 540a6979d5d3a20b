r"""Expected powers of a Gram matrix whose K rows are independent copies of one vector y.

.. math::
    E\,G   &= K M \\
    E\,G^2 &= K B + K(K-1) M^2 \\
    E\,G^3 &= K D + K(K-1)(BM + MB + F) + K(K-1)(K-2) M^3

with :math:`M = E\,yy^\top`, :math:`B = E|y|^2yy^\top`, :math:`D = E|y|^4yy^\top` and
:math:`F = E\,(y^\top M y)\,yy^\top`. (3.3), the exact population risk and everything built on them
follow without sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive, same_length, symmetric
from innerlr.errors import InnerlrError
from innerlr.traces import alpha_lim_traces


@dataclass(frozen=True)
class RowMoments:
    """The four (dim, dim) moments of a feature row y that determine E G, E G^2 and E G^3 of (3.3).

    Attributes:
        m: (dim, dim), M = E y y'.
        b: (dim, dim), B = E |y|^2 y y'.
        d: (dim, dim), D = E |y|^4 y y'.
        f: (dim, dim), F = E (y'My) y y'.

    Example:
        >>> two = RowMoments.from_quadrature([[1.0, 0.0], [0.0, 2.0]], [0.5, 0.5])
        >>> two.alpha_lim(1)  # (1 + 16) / (2 (1 + 64))
        0.13076923076923078
        >>> two.gram_powers(3).shape
        (3, 2, 2)
    """

    m: Array
    b: Array
    d: Array
    f: Array

    @classmethod
    def from_quadrature(cls, nodes: ArrayLike, weights: ArrayLike) -> Self:
        """From the feature vector at each node of a quadrature (or of a finite distribution).

        Args:
            nodes: (n, dim).
            weights: (n,), nonnegative, summing to 1.

        Returns:
            The moments.

        Raises:
            InnerlrError: weights that are negative or do not sum to 1 (to 1e-6).
        """
        y = as_array(nodes, "nodes", ("nodes", "dim"))
        w = as_array(weights, "weights", ("nodes",))
        same_length(y, w, ("nodes", "weights"), 0, "nodes")
        if w.min() < 0 or abs(w.sum() - 1) > 1e-6:
            raise InnerlrError(
                f"weights: expected nonnegative weights that sum to 1, got a minimum of "
                f"{w.min():g} and a sum of {w.sum():.8g}. Divide them by their sum."
            )
        square = np.einsum("nd,nd->n", y, y)
        m = (y * w[:, None]).T @ y
        form = np.einsum("nd,nd->n", y @ m, y)
        return cls(m, *((y * (w * s)[:, None]).T @ y for s in (square, square**2, form)))

    @classmethod
    def independent(cls, moments: ArrayLike) -> Self:
        """From the raw moments of independent, not necessarily identical, entries of y.

        Args:
            moments: (6, dim), moments[p - 1, j] = E y_j^p.

        Returns:
            The moments.

        Raises:
            InnerlrError: not six rows, a negative variance.
        """
        e = as_array(moments, "moments", ("6", "dim"))
        if e.shape[0] != 6:
            raise InnerlrError(
                f"moments: expected 6 rows, E y^1 to E y^6, got {e.shape[0]}. "
                "Give one row a power and one column an entry of y."
            )
        if np.any(e[1] < e[0] ** 2 * (1 - 1e-12)):
            j = int(np.argmin(e[1] - e[0] ** 2))
            raise InnerlrError(
                f"moments: expected positive variances, got {e[1, j] - e[0, j] ** 2:g} for entry "
                f"{j}. Give raw moments E y^p, not central ones."
            )
        m1, m2, m3, m4, m5, m6 = e
        outer = np.outer
        total, total4 = m2.sum(), m4.sum()

        def pairs(off_diagonal: Array, diagonal: Array) -> Array:
            matrix = off_diagonal.copy()
            np.fill_diagonal(matrix, diagonal)
            return matrix

        # sums over the other entries, i and j left out
        rest = total - m2[:, None] - m2
        rest4 = total4 - m4[:, None] - m4
        rest_squares = (m2**2).sum() - (m2**2)[:, None] - m2**2
        m = pairs(outer(m1, m1), m2)
        b = pairs(rest * outer(m1, m1) + outer(m3, m1) + outer(m1, m3), (total - m2) * m2 + m4)
        # E (sum of the others' squares)^2
        rest_2nd = rest4 + rest**2 - rest_squares
        one, one_squares, one4 = total - m2, (m2**2).sum() - m2**2, total4 - m4
        d = pairs(
            outer(m5, m1)
            + 2 * outer(m3, m3)
            + outer(m1, m5)
            + 2 * rest * (outer(m3, m1) + outer(m1, m3))
            + rest_2nd * outer(m1, m1),
            m6 + 2 * one * m4 + (one4 + one**2 - one_squares) * m2,
        )
        # F_ij = E y_i y_j y'My, split by how many of y'My's indices are i or j
        diagonal = np.diag(m)
        weighted = diagonal * m2  # M_kk E y_k^2
        linear = m1**2  # M_kl E y_k E y_l = linear_k linear_l off the diagonal
        square_sum, linear_sum = weighted.sum(), linear.sum()
        cross_all = linear_sum**2 - (linear**2).sum()
        others = square_sum - weighted[:, None] - weighted
        others_linear = linear_sum - linear[:, None] - linear
        others_cross = others_linear**2 - (linear**2).sum() + (linear**2)[:, None] + linear**2
        # 2 sum_l M_il E[y_i^2] m1_j m1_l with M_il = m1_i m1_l
        reach = outer(m1 * m2, m1)
        off = (
            outer(diagonal * m3, m1)
            + outer(m1, diagonal * m3)
            + 2 * outer(m1, m1) * outer(m2, m2)
            + 2 * (reach + reach.T) * others_linear
            + outer(m1, m1) * (others + others_cross)
        )
        mine = linear_sum - linear
        own = (
            diagonal * m4
            + 2 * m3 * m1 * mine
            + m2 * (square_sum - weighted + cross_all - 2 * linear * mine)
        )
        return cls(m, b, d, pairs(off, own))

    @property
    def dim(self) -> int:
        """Length of y."""
        return self.m.shape[0]

    def gram_powers(self, shots: int) -> Array:
        """E G, E G^2 and E G^3 of the Gram of independent copies of y.

        Args:
            shots: K, how many copies.

        Returns:
            (3, dim, dim).

        Raises:
            InnerlrError: shots below 1 or not whole.
        """
        k = positive(shots, "shots", integer=True)
        k2 = k * (k - 1)
        bm = self.b @ self.m
        square = self.m @ self.m
        return np.stack(
            [
                k * self.m,
                k * self.b + k2 * square,
                k * self.d + k2 * (bm + bm.T + self.f) + k2 * (k - 2) * square @ self.m,
            ]
        )

    def alpha_lim(self, shots: int, *, task_covariance: ArrayLike | None = None) -> float:
        """Exact (3.3).

        Args:
            shots: K, samples per task.
            task_covariance: (dim, dim), covariance of the task optima; None for isotropic ones.

        Returns:
            The learning rate, of a loss without 1/2.

        Raises:
            InnerlrError: shots below 1, a matrix that is no covariance, features all zero.
        """
        powers = self.gram_powers(shots)
        weight = (
            np.eye(self.dim)
            if task_covariance is None
            else symmetric(task_covariance, "task_covariance", self.dim)
        )
        second, third = (float(np.vdot(weight, powers[p])) for p in (1, 2))
        return alpha_lim_traces(shots, second, third, "RowMoments.alpha_lim")
