r"""Sufficient statistics of a set of tasks, from which every learning rate costs one small solve.

One inner step on a task with support :math:`(\Phi_u, y_u)` of :math:`k_1` samples and query
:math:`(\Phi_t, y_t)` of :math:`k_2` samples is

.. math:: w' = w - \tfrac{2\alpha}{k_1}\,\Phi_u^\top(\Phi_u w - y_u)

(the loss has no factor 1/2, so :math:`\alpha` is half of the learning rate of a loss with 1/2).
With :math:`c = 2\alpha/k_1`, :math:`G = \Phi^\top\Phi` and :math:`p = \Phi^\top y`, the query loss
after the step is :math:`\|A w - b\|^2/k_2` with :math:`A = \Phi_t(I - cG_u)`,
:math:`b = y_t - c\,\Phi_t p_u`, and

.. math::
    A^\top A &= G_t - c\,(G_u G_t + G_t G_u) + c^2\, G_u G_t G_u \\
    A^\top b &= p_t - c\,(G_u p_t + G_t p_u) + c^2\, G_u G_t p_u \\
    b^\top b &= y_t^\top y_t - 2c\, p_t^\top p_u + c^2\, p_u^\top G_t p_u

are polynomials in :math:`\alpha`: their sums over tasks, nine arrays, are all that is kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.optimize import brentq

from innerlr.errors import (
    Array,
    IllConditionedWarning,
    InnerlrError,
    NoInteriorMinimum,
    as_array,
    positive,
    same_length,
    symmetric,
)

# Condition number of the pooled Gram past which plain sums lose too many digits.
WHITEN_ABOVE = 1e10
# ... and past which even whitened sums do: the losses are then worse than 1e-10 relative.
WARN_ABOVE = 1e14
# Tasks are processed in blocks of about this many numbers, so that temporaries stay small.
_BLOCK = 1 << 20


def pooled_whitener(features: Any) -> Array:
    """Upper-triangular R with R'R = sum of Phi'Phi over all chunks, by updating QR.

    No Gram matrix is formed, so R keeps digits that a Cholesky factor would have lost.

    Args:
        features: one array (tasks, shots, dim) or an iterable of such chunks.

    Returns:
        R, shape (dim, dim), nonnegative diagonal.

    Raises:
        InnerlrError: bad shapes, or fewer rows than dim, or a rank-deficient stack.
    """
    chunks = [features] if isinstance(features, np.ndarray) else features
    factor: Array | None = None
    for chunk in chunks:
        array = as_array(chunk, "features", ("tasks", "shots", "dim"))
        rows = array.reshape(-1, array.shape[-1])
        stack = rows if factor is None else np.concatenate([factor, rows])
        factor = qr(stack, mode="r", check_finite=False)[0][: array.shape[-1]]
    if factor is None:
        raise InnerlrError("features: the iterable held no chunk; at least one task is needed.")
    d = factor.shape[1]
    diagonal = np.abs(np.diag(factor))
    if factor.shape[0] < d or diagonal.min() <= d * np.finfo(float).eps * diagonal.max():
        raise InnerlrError(
            f"features: the pooled features have rank below dim = {d}, so no whitener exists. "
            "Give more rows, or drop dependent features."
        )
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)[:, None]


class GramMoments:
    """Streaming sums of a set of tasks; memory does not depend on their number.

    The first update decides whether sums are kept in whitened coordinates (the R of a QR of the
    pooled features, where their condition number asks for it): give it some multiples of `dim`
    rows, or pass the `whitener` of a first pass.

    Args:
        whitener: None to decide at the first update, or R of shape (dim, dim) from
            :func:`pooled_whitener`.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> moments = GramMoments()
        >>> moments.update_optima(rng.normal(size=(500, 8, 3)), rng.normal(size=(500, 3)))
        >>> moments.w_maml([0.0, 0.1]).shape
        (2, 3)
        >>> bool(moments.training_loss(0.1) < moments.training_loss(0.0))
        True
    """

    def __init__(self, *, whitener: Any = None) -> None:
        self.n_tasks = 0
        self.k_support = 0
        self.k_query = 0
        self._gram: Array | None = None  # (3, d, d): coefficients of c^0, -c^1, c^2 in A'A
        self._cross: Array = np.zeros((3, 0))  # (3, d): the same for A'b
        self._energy: Array = np.zeros(3)  # (3,): the same for b'b
        self.whitener: Array | None = None
        if whitener is not None:
            self.whitener = as_array(whitener, "whitener", ("dim", "dim"))
            if self.whitener.shape[0] != self.whitener.shape[1] or np.any(
                np.tril(self.whitener, -1)
            ):
                raise InnerlrError(
                    f"whitener: expected an upper-triangular square matrix, got shape "
                    f"{self.whitener.shape}. Use innerlr.pooled_whitener(features)."
                )
            if np.any(np.diag(self.whitener) == 0):
                raise InnerlrError("whitener: singular (a zero on its diagonal).")

    # ---------------------------------------------------------------- accumulation

    @property
    def dim(self) -> int:
        """Number of features d."""
        return self._sums().shape[-1]

    def update(
        self, support: Any, support_targets: Any, query: Any = None, query_targets: Any = None
    ) -> None:
        """Add tasks given by samples and targets.

        Args:
            support: (tasks, k1, dim), features used by the inner step.
            support_targets: (tasks, k1).
            query: (tasks, k2, dim), features on which the adapted weights are judged; None for
                the same samples inside and outside (the paper's main setting).
            query_targets: (tasks, k2); required with `query`.

        Raises:
            InnerlrError: shapes that do not agree, with each other or with earlier updates.
        """
        phi_u = as_array(support, "support", ("tasks", "k1", "dim"))
        y_u = as_array(support_targets, "support_targets", ("tasks", "k1"))
        same_length(phi_u, y_u, ("support", "support_targets"), 0, "tasks")
        same_length(phi_u, y_u, ("support", "support_targets"), 1, "k1")
        if (query is None) != (query_targets is None):
            raise InnerlrError("query and query_targets: pass both, or neither.")
        if query is None:
            self._add(phi_u, y_u, None, None)
            return
        phi_t = as_array(query, "query", ("tasks", "k2", "dim"))
        y_t = as_array(query_targets, "query_targets", ("tasks", "k2"))
        same_length(phi_t, y_t, ("query", "query_targets"), 0, "tasks")
        same_length(phi_t, y_t, ("query", "query_targets"), 1, "k2")
        same_length(phi_u, phi_t, ("support", "query"), 0, "tasks")
        same_length(phi_u, phi_t, ("support", "query"), 2, "dim")
        self._add(phi_u, y_u, phi_t, y_t)

    def update_optima(self, features: Any, optima: Any, query: Any = None) -> None:
        """Add tasks given by task optima: targets are y = Phi a, eq. (2.1).

        Args:
            features: (tasks, shots, dim), used inside (and outside, when `query` is None).
            optima: (tasks, dim), the task optima a.
            query: (tasks, k2, dim) or None.
        """
        phi = as_array(features, "features", ("tasks", "shots", "dim"))
        a = as_array(optima, "optima", ("tasks", "dim"))
        same_length(phi, a, ("features", "optima"), 0, "tasks")
        if phi.shape[2] != a.shape[1]:
            raise InnerlrError(
                f"features and optima: dim differs, {phi.shape} against {a.shape}. "
                "The last axis of both is the feature dimension."
            )
        if query is None:
            self.update(phi, _matvec(phi, a))
            return
        other = as_array(query, "query", ("tasks", "k2", "dim"))
        same_length(phi, other, ("features", "query"), 0, "tasks")
        same_length(phi, other, ("features", "query"), 2, "dim")
        self.update(phi, _matvec(phi, a), other, _matvec(other, a))

    def _add(self, phi_u: Array, y_u: Array, phi_t: Array | None, y_t: Array | None) -> None:
        n, k1, d = phi_u.shape
        k2 = k1 if phi_t is None else phi_t.shape[1]
        self._start(d, k1, k2, phi_u if phi_t is None else phi_t)
        assert self._gram is not None
        block = max(1, _BLOCK // (max(k1, k2, d) * d))
        for i in range(0, n, block):
            part = slice(i, i + block)
            if phi_t is None or y_t is None:
                self._add_block(phi_u[part], y_u[part], phi_u[part], y_u[part], same=True)
            else:
                self._add_block(phi_u[part], y_u[part], phi_t[part], y_t[part], same=False)
        self.n_tasks += n

    def _start(self, d: int, k1: int, k2: int, features: Array) -> None:
        if self._gram is None:
            if self.whitener is None:
                self.whitener = _whitener_if_needed(features)
            elif self.whitener.shape[0] != d:
                raise InnerlrError(
                    f"whitener: made for dim = {self.whitener.shape[0]}, features have dim = {d}."
                )
            self._gram, self._cross = np.zeros((3, d, d)), np.zeros((3, d))
            self.k_support, self.k_query = k1, k2
        elif (d, k1, k2) != (self.dim, self.k_support, self.k_query):
            raise InnerlrError(
                f"update: earlier tasks had (dim, k1, k2) = "
                f"{(self.dim, self.k_support, self.k_query)}, these have {(d, k1, k2)}. "
                "Sums are comparable only at equal numbers of samples: use one GramMoments each."
            )

    def _add_block(self, phi_u: Array, y_u: Array, phi_t: Array, y_t: Array, *, same: bool) -> None:
        assert self._gram is not None
        gram, cross, energy = self._gram, self._cross, self._energy
        d = phi_u.shape[-1]
        # psi = Phi R^-1. Without a whitener psi = Phi and L = Phi'psi is the task's Gram.
        psi_u = self._whiten(phi_u)
        psi_t = psi_u if same else self._whiten(phi_t)
        phi_u_t = phi_u.swapaxes(1, 2)
        phi_t_t = phi_u_t if same else phi_t.swapaxes(1, 2)
        l_u = phi_u_t @ psi_u
        l_t = l_u if same else phi_t_t @ psi_t
        g_t = l_t if self.whitener is None else phi_t_t @ phi_t
        p_u = _matvec(phi_u_t, y_u)
        p_t = p_u if same else _matvec(phi_t_t, y_t)
        flat_u, flat_t = l_u.reshape(-1, d), l_t.reshape(-1, d)

        pooled = psi_t.reshape(-1, d)
        gram[0] += pooled.T @ pooled
        product = flat_u.T @ flat_t  # sum over tasks of L_u'L_t, one matrix product
        gram[1] += product + product.T
        gram[2] += flat_u.T @ (g_t @ l_u).reshape(-1, d)

        g_p = _matvec(g_t, p_u)
        cross[0] += pooled.T @ y_t.reshape(-1)
        cross[1] += flat_u.T @ p_t.reshape(-1) + flat_t.T @ p_u.reshape(-1)
        cross[2] += flat_u.T @ g_p.reshape(-1)

        energy += [np.vdot(y_t, y_t), 2 * np.vdot(p_t, p_u), np.vdot(p_u, g_p)]

    def _whiten(self, phi: Array) -> Array:
        if self.whitener is None:
            return phi
        rows = phi.reshape(-1, phi.shape[-1])
        solved = solve_triangular(self.whitener, rows.T, trans="T", check_finite=False)
        return np.ascontiguousarray(solved.T).reshape(phi.shape)

    def merge(self, other: GramMoments) -> Self:
        """Add the tasks of `other` to these; returns self.

        Different whiteners are allowed: the sums of `other` are moved to the coordinates of self.

        Raises:
            InnerlrError: other dimension or sample numbers.
        """
        if other._gram is None:
            return self
        if self._gram is None:
            self.whitener = other.whitener
            self._gram = np.zeros_like(other._gram)
            self._cross = np.zeros_like(other._cross)
            self.k_support, self.k_query = other.k_support, other.k_query
        mine = (self.dim, self.k_support, self.k_query)
        theirs = (other.dim, other.k_support, other.k_query)
        if mine != theirs:
            raise InnerlrError(
                f"merge: (dim, k1, k2) differ, {mine} against {theirs}. "
                "Only sums over tasks of one shape can be merged."
            )
        gram, cross = other._in_coordinates(self.whitener)
        self._gram = self._sums() + gram
        self._cross = self._cross + cross
        self._energy = self._energy + other._energy
        self.n_tasks += other.n_tasks
        return self

    def _in_coordinates(self, whitener: Array | None) -> tuple[Array, Array]:
        """The sums for features Phi W^-1 instead of Phi R^-1 (T = R W^-1)."""
        gram = self._sums()
        if self.whitener is whitener or (
            self.whitener is not None
            and whitener is not None
            and np.array_equal(self.whitener, whitener)
        ):
            return gram, self._cross
        change = np.eye(self.dim) if self.whitener is None else self.whitener
        if whitener is not None:
            change = solve_triangular(whitener, change.T, trans="T").T
        return change.T @ gram @ change, self._cross @ change

    # ---------------------------------------------------------------- solutions

    def _sums(self) -> Array:
        if self._gram is None:
            raise InnerlrError("GramMoments: no task yet. Call update or update_optima first.")
        return self._gram

    def _at(self, alpha: Array) -> tuple[Array, Array, Array]:
        """(S, t, e) at each alpha: shapes (n, d, d), (n, d), (n,)."""
        c = 2 * alpha / self.k_support
        powers = np.stack([np.ones_like(c), -c, c**2], axis=-1)
        return (
            np.tensordot(powers, self._sums(), 1),
            powers @ self._cross,
            powers @ self._energy,
        )

    def condition_number(self) -> float:
        """Condition number of the pooled Gram sum Phi_t'Phi_t (2-norm)."""
        values = np.linalg.eigvalsh(self._sums()[0])
        inner = float(values[-1] / values[0]) if values[0] > 0 else np.inf
        if self.whitener is None:
            return inner
        return inner * float(np.linalg.cond(self.whitener)) ** 2

    def _check_condition(self) -> None:
        values = np.linalg.eigvalsh(self._sums()[0])
        if not values[0] > self.dim * np.finfo(float).eps * values[-1]:
            rank = int(np.sum(values > self.dim * np.finfo(float).eps * values[-1]))
            raise InnerlrError(
                f"singular Gram: the pooled features of {self.n_tasks} tasks have numerical rank "
                f"{rank} < dim = {self.dim}, so the minimiser is not unique. Give more tasks or "
                "samples, drop dependent features, or use a minimum-norm (kernel) solution."
            )
        condition = self.condition_number()
        plain = self.whitener is None
        if condition > (WHITEN_ABOVE if plain else WARN_ABOVE):
            error = np.finfo(float).eps * (condition if plain else np.sqrt(condition))
            mend = (
                "Pass whitener=innerlr.pooled_whitener(features)."
                if plain
                else "Use fewer or better separated features."
            )
            warnings.warn(
                f"pooled Gram has condition number {condition:.1e}; the estimated relative error "
                f"of the losses is {error:.0e}. {mend}",
                IllConditionedWarning,
                stacklevel=4,
            )

    def _solve(self, alpha: Array) -> tuple[Array, Array, Array, Array]:
        """Whitened minimisers (n, d) beside the S, t, e they solve."""
        s, t, e = self._at(alpha)
        try:
            w = np.linalg.solve(s, t[..., None])[..., 0]
        except np.linalg.LinAlgError as error:
            raise InnerlrError(
                "singular system at some alpha: the adapted features of these tasks have rank "
                f"below dim = {self.dim}. Give more tasks or other learning rates."
            ) from error
        return w, s, t, e

    def _unwhiten(self, w: Array) -> Array:
        if self.whitener is None:
            return w
        return solve_triangular(self.whitener, w.reshape(-1, self.dim).T).T.reshape(w.shape)

    def w_maml(self, alpha: Any) -> Array:
        """Global minimiser of the empirical MAML loss, eq. (3.1), at each alpha.

        Args:
            alpha: scalar or (n_alpha,), learning rate of a loss without 1/2.

        Returns:
            (dim,) for a scalar, else (n_alpha, dim).

        Raises:
            InnerlrError: singular Gram (see the message).
        """
        rates = _rates(alpha)
        self._check_condition()
        w = self._unwhiten(self._solve(rates)[0])
        return w[0] if np.ndim(alpha) == 0 else w

    def w_erm(self) -> Array:
        """Global minimiser of the empirical ERM loss: w_maml at alpha = 0. Shape (dim,)."""
        return self.w_maml(0.0)

    def training_loss(self, alpha: Any) -> Any:
        """min over w of the empirical MAML loss, eq. (2.5), a mean over tasks and query samples.

        Args:
            alpha: scalar or (n_alpha,).

        Returns:
            float for a scalar, else (n_alpha,).
        """
        rates = _rates(alpha)
        self._check_condition()
        w, _, t, e = self._solve(rates)
        loss = np.maximum(e - np.einsum("nd,nd->n", t, w), 0.0) / (self.n_tasks * self.k_query)
        return float(loss[0]) if np.ndim(alpha) == 0 else loss

    def loss(self, w: Any, alpha: Any) -> Any:
        """MAML loss of given initial weights on these tasks, eq. (2.5).

        Args:
            w: (dim,) or (n_alpha, dim), initial weights.
            alpha: scalar or (n_alpha,).

        Returns:
            float for scalars, else (n_alpha,).
        """
        rates = _rates(alpha)
        weights = np.atleast_2d(np.asarray(w, dtype=np.float64))
        if weights.shape[-1] != self.dim or weights.ndim != 2:
            raise InnerlrError(f"w: expected (..., {self.dim}), got {np.shape(w)}.")
        s, t, e = self._at(rates)
        v = weights if self.whitener is None else weights @ self.whitener.T
        v = np.broadcast_to(v, t.shape)
        value = np.einsum("nd,nde,ne->n", v, s, v) - 2 * np.einsum("nd,nd->n", v, t) + e
        value = np.maximum(value, 0.0) / (self.n_tasks * self.k_query)
        return float(value[0]) if np.ndim(alpha) == 0 and np.ndim(w) == 1 else value

    def population_risk(self, alpha: Any, population: GramMoments) -> Any:
        """MAML risk of w_maml(alpha) under `population`, the integrand of eq. (3.2).

        Args:
            alpha: scalar or (n_alpha,), used to train and to adapt.
            population: moments of held-out tasks, or exact ones (:meth:`expected`).
        """
        if population.dim != self.dim:
            raise InnerlrError(f"population: dim = {population.dim}, expected {self.dim}.")
        return population.loss(self.w_maml(alpha), alpha)

    def alpha_lim(self) -> float:
        """(3.3), or (H.6) with a split, from the sums: k1 tr[G_u G_t] / (2 tr[G_u G_t G_u])."""
        gram, _ = self._in_coordinates(None)
        return float(self.k_support * (np.trace(gram[1]) / 2) / (2 * np.trace(gram[2])))

    def default_bounds(self) -> tuple[float, float]:
        """Where `alpha_empirical` looks by default: (0, 20 alpha_lim)."""
        return 0.0, 20 * self.alpha_lim()

    def alpha_empirical(self, bounds: tuple[float, float] | None = None) -> float:
        """argmin over alpha of `training_loss`, by the zero of its exact derivative.

        By the envelope theorem the derivative is that of the loss at fixed w = w_maml(alpha). It
        is bracketed on a grid of 513 rates and refined by Brent's method; of several minima the
        lowest is returned.

        Args:
            bounds: (low, high), the interval searched; default :meth:`default_bounds`.

        Raises:
            NoInteriorMinimum: the loss is smallest at an edge of `bounds`.
        """
        low, high = self.default_bounds() if bounds is None else bounds
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InnerlrError(f"bounds: expected finite low < high, got {(low, high)}.")
        self._check_condition()
        grid = np.linspace(low, high, 513)
        slopes = self._slope(grid)
        rising = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] > 0))
        found = [
            brentq(
                lambda a: float(self._slope(np.array([a]))[0]),
                grid[i],
                grid[i + 1],
                xtol=1e-15 * max(abs(low), abs(high)),
                rtol=4 * np.finfo(float).eps,
            )
            for i in rising
        ]
        candidates = np.array([*found, low, high])
        losses = self.training_loss(candidates)
        best = int(np.argmin(losses))
        alpha, loss = float(candidates[best]), float(losses[best])
        if best >= len(found):
            raise NoInteriorMinimum(
                f"alpha_empirical: no minimum inside bounds ({low:g}, {high:g}); the training "
                f"loss is lowest at the edge {alpha:g}. Widen the bounds.",
                alpha=alpha,
                loss=loss,
            )
        return alpha

    def _slope(self, alpha: Array) -> Array:
        """d/dalpha of N k2 training_loss, up to the factor 2/k1."""
        w = self._solve(alpha)[0]
        c = 2 * alpha / self.k_support
        gram, cross, energy = self._sums(), self._cross, self._energy
        quadratic = [np.einsum("nd,nd->n", w @ gram[p], w) for p in (1, 2)]
        linear = [w @ cross[p] for p in (1, 2)]
        first = quadratic[0] - 2 * linear[0] + energy[1]
        second = quadratic[1] - 2 * linear[1] + energy[2]
        return -first + 2 * c * second

    # ---------------------------------------------------------------- construction, storage

    @classmethod
    def expected(cls, gram_powers: Any, shots: int, *, mean: Any, covariance: Any) -> GramMoments:
        """Exact population moments of one task, support = query, targets Phi a.

        Args:
            gram_powers: (3, dim, dim), the expectations of G, G^2, G^3 over a task's features.
            shots: K, samples per task.
            mean: (dim,), E a; task optima are independent of the features.
            covariance: (dim, dim), Cov a.
        """
        powers = as_array(gram_powers, "gram_powers", ("3", "dim", "dim"))
        d = powers.shape[-1]
        if powers.shape != (3, d, d):
            raise InnerlrError(f"gram_powers: expected (3, dim, dim), got {powers.shape}.")
        centre = as_array(mean, "mean", ("dim",))
        spread = symmetric(covariance, "covariance", d)
        if centre.shape != (d,):
            raise InnerlrError(f"mean: expected ({d},), got {centre.shape}.")
        self = cls()
        self.k_support = self.k_query = positive(shots, "shots", integer=True)
        self.n_tasks = 1
        scale = np.array([1.0, 2.0, 1.0])
        self._gram = powers * scale[:, None, None]
        self._cross = self._gram @ centre
        self._energy = np.einsum("pij,ji->p", self._gram, spread + np.outer(centre, centre))
        return self

    def to_arrays(self) -> dict[str, Array]:
        """The state as plain arrays, for `numpy.savez`; :meth:`from_arrays` reads it back."""
        arrays = {
            "gram": self._sums(),
            "cross": self._cross,
            "energy": self._energy,
            "counts": np.array([self.n_tasks, self.k_support, self.k_query], dtype=np.float64),
        }
        if self.whitener is not None:
            arrays["whitener"] = self.whitener
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> GramMoments:
        """Inverse of :meth:`to_arrays`."""
        missing = {"gram", "cross", "energy", "counts"} - set(arrays)
        if missing:
            raise InnerlrError(f"GramMoments.from_arrays: missing {sorted(missing)}.")
        self = cls(whitener=arrays.get("whitener"))
        self._gram = np.array(arrays["gram"])
        self._cross = np.array(arrays["cross"])
        self._energy = np.array(arrays["energy"])
        self.n_tasks, self.k_support, self.k_query = (int(c) for c in arrays["counts"])
        return self


def _matvec(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]


def _rates(alpha: Any) -> Array:
    rates = as_array(np.atleast_1d(alpha), "alpha", ("n_alpha",))
    return rates


def _whitener_if_needed(features: Array) -> Array | None:
    d = features.shape[-1]
    rows = features.reshape(-1, d)[: 64 * d]
    if rows.shape[0] < d:
        return None
    factor = qr(rows, mode="r", check_finite=False)[0][:d]
    singular = np.linalg.svd(factor, compute_uv=False)
    if singular[-1] ** 2 * WHITEN_ABOVE >= singular[0] ** 2:
        return None
    if singular[-1] <= d * np.finfo(float).eps * singular[0]:
        return None  # rank deficient: the solve will say so
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)[:, None]
