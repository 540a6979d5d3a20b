r"""What the paper's theorems say about a set of tasks, in closed form.

With :math:`c = 2\alpha/k_1` and, for each task, :math:`B = C^\top C = (I - cG_u)\,G_t\,(I - cG_u)`,
the minimiser (3.1) is :math:`w_m = (\sum B)^{-1} \sum B a`. For task optima of mean zero and
covariance :math:`\sigma_a^2 I`, independent of the features, its covariance given the features is

.. math:: \sigma_a^2\, W(\alpha), \qquad
    W = \Bigl(\sum B\Bigr)^{-1} \sum B^2 \Bigl(\sum B\Bigr)^{-1},

from which the average risk (B.5) and the distances of Theorem 2 follow: no optimum is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive, same_length, symmetric
from innerlr.errors import InnerlrError


@dataclass(frozen=True)
class AdaptedSums:
    """Sums over tasks of B and B^2, as polynomials in c = 2 alpha / k1.

    Attributes:
        first: (..., 3, dim, dim), coefficients of 1, c, c^2 in sum B; leading axes are sets.
        second: (..., 5, dim, dim), of 1, c, ..., c^4 in sum B^2.
        shots: k1.
        query_shots: k2.
    """

    first: Array
    second: Array
    shots: int
    query_shots: int

    @classmethod
    def of(cls, support: ArrayLike, query: ArrayLike | None = None) -> Self:
        """Of the tasks' features.

        Args:
            support: (tasks, k1, dim), u: the samples of the inner step.
            query: (tasks, k2, dim), t: those of the outer loss; None for the same.

        Raises:
            InnerlrError: wrong or disagreeing shapes, NaN.
        """
        phi_u = as_array(support, "support", ("tasks", "k1", "dim"))
        phi_t = phi_u if query is None else as_array(query, "query", ("tasks", "k2", "dim"))
        same_length(phi_u, phi_t, ("support", "query"), 0, "tasks")
        same_length(phi_u, phi_t, ("support", "query"), 2, "dim")
        g_u, g_t = (phi.swapaxes(1, 2) @ phi for phi in (phi_u, phi_t))
        cross = g_u @ g_t
        # B = x_0 + c x_1 + c^2 x_2
        x = [g_t, -(cross + cross.swapaxes(1, 2)), cross @ g_u]
        second = np.zeros((5, *g_t.shape[1:]))
        for p in range(3):
            for q in range(3):
                second[p + q] += (x[p] @ x[q]).sum(0)
        first = np.stack([term.sum(0) for term in x])
        return cls(first, second, phi_u.shape[1], phi_t.shape[1])

    def _at(self, coefficients: Array, alpha: ArrayLike) -> Array:
        c = 2 * as_array(alpha, "alpha", ("n_alpha",), lift=True) / self.shots
        powers = c[:, None] ** np.arange(coefficients.shape[-3])
        return np.einsum("np,...pij->...nij", powers, coefficients)

    def gram(self, alpha: ArrayLike) -> Array:
        """Sum of C'C: (..., n_alpha, dim, dim)."""
        return self._at(self.first, alpha)

    def covariance(self, alpha: ArrayLike) -> Array:
        """W, the covariance of w_m(alpha) given the features, over sigma_a^2.

        Args:
            alpha: scalar or (n_alpha,).

        Returns:
            (..., n_alpha, dim, dim).

        Raises:
            InnerlrError: sum C'C is singular at some alpha, so that w_m is not unique.
        """
        try:
            inverse = np.linalg.inv(self.gram(alpha))
        except np.linalg.LinAlgError as error:
            raise InnerlrError(
                "alpha: sum C'C is singular at one of them, so w_m is not unique. "
                "Give more tasks, or another alpha."
            ) from error
        return inverse @ self._at(self.second, alpha) @ inverse

    def average_risk(self, alpha: ArrayLike, population: AdaptedSums) -> Array:
        """(B.5) over sigma_a^2: the risk (3.2), averaged over the task optima.

        Args:
            alpha: scalar or (n_alpha,).
            population: exact expectations for one task, in the form of sums.

        Returns:
            (..., n_alpha); (tr A + tr A W) / k2 with A = E C'C.
        """
        mean = population.gram(alpha)
        spread = np.einsum("nij,...nji->...n", mean, self.covariance(alpha))
        return (np.trace(mean, axis1=-2, axis2=-1) + spread) / population.query_shots


def schur_complement(features: ArrayLike) -> Array:
    """S3 - S2 S1^-1 S2 with S_p = sum G^p: (dim, dim), positive semidefinite for every input.

    It is the Schur complement of sum (G^1/2, G^3/2)'(G^1/2, G^3/2), so the sign of Theorem 2 at
    first order needs neither commuting Grams nor a bound on them.

    Args:
        features: (tasks, shots, dim).

    Raises:
        InnerlrError: wrong shape, NaN, or a singular pooled Gram.
    """
    s1, s2, s3 = _power_sums(features)
    return s3 - s2 @ _inverse(s1) @ s2


def first_order_gap(features: ArrayLike, decay: ArrayLike) -> float:
    """d/dalpha at 0 of E_a [F_t(w_r) - F_t(w_m(alpha))] over sigma_a^2 (Theorem 2, first order).

    (8/K) tr[V P V (S3 - S2 V S2)] with V = S1^-1 and P = E Q^2t over the task that is adapted to,
    Q = I - (2 eta/K) G. Task optima are isotropic; nothing need commute.

    Args:
        features: (tasks, shots, dim), of the training tasks.
        decay: (dim, dim), P; the identity for t = 0.

    Returns:
        The slope, never negative.
    """
    phi = as_array(features, "features", ("tasks", "shots", "dim"))
    inverse = _inverse(_power_sums(phi)[0])
    weight = symmetric(decay, "decay", phi.shape[2])
    return float(8 / phi.shape[1] * np.vdot(inverse @ weight @ inverse, schur_complement(phi)))


def first_order_gap_matrix(features: ArrayLike) -> Array:
    """The same slope at t = 0 for any task covariance S: tr(S D); this returns D.

    Args:
        features: (tasks, shots, dim).

    Returns:
        (dim, dim), symmetric; not positive semidefinite in general: Theorem 2 needs isotropy.
    """
    phi = as_array(features, "features", ("tasks", "shots", "dim"))
    gram = phi.swapaxes(1, 2) @ phi
    square = gram @ gram
    inverse = _inverse(gram.sum(0))
    two = inverse @ inverse
    moved = inverse @ square.sum(0) @ two
    # d/db of sum B X B, X = (sum B)^-2, B = G - b G^2, b = 4 alpha / K; the gap is minus that
    half = square @ two @ gram - gram @ moved @ gram
    return 4 / phi.shape[1] * (half + half.swapaxes(1, 2)).sum(0)


def _power_sums(features: ArrayLike) -> tuple[Array, Array, Array]:
    phi = as_array(features, "features", ("tasks", "shots", "dim"))
    gram = phi.swapaxes(1, 2) @ phi
    square = gram @ gram
    return gram.sum(0), square.sum(0), (square @ gram).sum(0)


def _inverse(gram: Array) -> Array:
    values = np.linalg.eigvalsh(gram)
    if values[0] <= len(gram) * np.finfo(float).eps * values[-1]:
        raise InnerlrError(
            f"features: the pooled Gram is singular (eigenvalues {values[0]:g} to {values[-1]:g}), "
            "so w_r is not unique. Give at least as many independent samples as features."
        )
    return np.asarray(np.linalg.inv(gram), dtype=np.float64)


class Spectrum(NamedTuple):
    """Assumption 2: the eigenvalues of every G lie in [smallest, largest].

    Attributes:
        smallest, largest: lambda_I and lambda_S.
        shots: K.
    """

    smallest: float
    largest: float
    shots: int

    def excluded(self) -> tuple[float, float]:
        """Ends of the interval of alpha that (B.13) excludes; alpha_lim lies in it, always."""
        low, high, k = self.smallest, self.largest, self.shots
        root = np.sqrt(high**4 - low**4)
        return k * (high**2 - root) / (2 * low**3), k * (high**2 + root) / (2 * low**3)

    def epsilon(self, alpha: float) -> float:
        """epsilon(alpha, K) of (C.1); has a meaning outside :meth:`excluded` only."""
        low, high = self.smallest, self.largest
        x = 2 * alpha / self.shots
        numerator = high - 2 * x * low**2 + x**2 * high**3
        return float(numerator / (low - 2 * x * high**2 + x**2 * low**3) ** 2)

    def interval(self, constant: float) -> float:
        """Right end of the alpha that Theorem 2 admits, (G.42) as printed.

        It is not homogeneous: features scaled by s do not scale it by s^-2. (G.36) has lost
        lambda_I^-3.

        Args:
            constant: c~ of (G.29); :func:`largest_constant` is the largest that (G.29) allows.
        """
        low, high, k = self.smallest, self.largest, self.shots
        rest = 4 * high**6 - low**6
        root = np.sqrt(4 * high**8 + 1.5 * constant * low**4 * rest / high**3)
        return float(k * (root - 2 * high**4) / (low**2 * rest))

    def bound(
        self, alpha: float, *, tasks: int, dim: int, constant: float, power: int, decay: float = 1.0
    ) -> float:
        """Theorem 2's lower bound (3.8) on the gap, over sigma_a^2.

        Args:
            alpha: learning rate.
            tasks: N.
            dim: d.
            constant: c~ of (G.29).
            power: of d; 2 as printed, 1 as its proof gives.
            decay: (1 - (2 eta/K) lambda_S)^2t.
        """
        n = positive(tasks, "tasks", integer=True)
        scale = 4 * alpha * constant * dim**power
        return float(decay * scale / (n * self.shots * self.largest**3))


def largest_constant(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> float:
    """The largest c~ that (G.29) allows: the mean over coordinates of E l^3 E l - (E l^2)^2.

    Args:
        first, second, third: (dim,), moments of each eigenvalue l of G, E l to E l^3.

    Example:
        >>> largest_constant([2], [5], [14])  # l = 1 or 3
        3.0
    """
    m1, m2, m3 = (as_array(m, "moments", ("dim",)) for m in (first, second, third))
    return float(np.mean(m3 * m1 - m2**2))
