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

Two changes of variables keep digits, :math:`w = R^{-1}(v + v_0)`: R whitens the pooled features
where they are ill-conditioned, and :math:`v_0`, a least-squares fit of the first tasks, takes the
part that all tasks share out of the targets. Neither changes any result.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.optimize import brentq

from innerlr.checks import Array, as_array, as_chunks, positive, same_length, symmetric
from innerlr.errors import IllConditionedWarning, InnerlrError, NoInteriorMinimum
from innerlr.traces import alpha_lim_traces

# Relative error meant for the losses: past it, a warning.
ACCURACY = 1e-10
# Sums lose eps times the condition number of the Gram they hold. Whitening starts well before that
# reaches ACCURACY, at 4.5e5, because the first tasks only estimate it.
WHITEN_ABOVE = 1e4
# Past this condition number of the pooled Gram (of features scaled to one length) the rounding of
# the features as they were given moves the losses by more than about ACCURACY, however the sums are
# kept: a warning, too.
WARN_ABOVE = 1e14
_EPS = float(np.finfo(float).eps)
# Estimated relative error of a loss, where it comes from, and what mends it.
_Doubt = tuple[float, str, str]
_NO_DOUBT: _Doubt = (0.0, "", "")
# Tasks are processed in blocks of about this many numbers, so that temporaries stay small.
_BLOCK = 1 << 20


def pooled_whitener(features: Any) -> Array:
    """Upper-triangular R with R'R = sum of Phi'Phi over all chunks, by updating QR.

    No Gram matrix is formed, so R keeps digits that a Cholesky factor would have lost.

    Args:
        features: one array (tasks, shots, dim), or an iterator (or list) of such chunks.

    Returns:
        R, shape (dim, dim), nonnegative diagonal.

    Raises:
        InnerlrError: bad shapes, or fewer rows than dim, or a rank-deficient stack.
    """
    factor: Array | None = None
    for chunk in as_chunks(features, "features", fixed=("dim",)):
        rows = chunk.reshape(-1, chunk.shape[-1])
        stack = rows if factor is None else np.concatenate([factor, rows])
        factor = qr(stack, mode="r", check_finite=False)[0][: chunk.shape[-1]]
    assert factor is not None  # as_chunks yields at least one
    d = factor.shape[1]
    if factor.shape[0] < d or _dependent(factor):
        raise InnerlrError(
            f"features: expected pooled features of rank dim = {d}, got fewer rows or dependent "
            "features, so no whitener exists. Give more rows, or drop dependent features."
        )
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)[:, None]


class GramMoments:
    """Streaming sums of a set of tasks; memory does not depend on their number.

    The first update decides whether sums are kept in whitened coordinates (the R of a QR of its
    pooled features, where their condition number asks for it): give it some multiples of `dim`
    rows, or pass the `whitener` of a first pass. Losses are then right to about 1e-10 relative; an
    `IllConditionedWarning` says where they are not.

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
        self._centre: Array = np.zeros(0)  # (d,): v_0
        self.whitener: Array | None = None
        if whitener is not None:
            self.whitener = as_array(whitener, "whitener", ("dim", "dim"))
            square = self.whitener.shape[0] == self.whitener.shape[1]
            if not square or np.any(np.tril(self.whitener, -1)):
                raise InnerlrError(
                    f"whitener: expected an upper-triangular (dim, dim) matrix, got shape "
                    f"{self.whitener.shape}{' with entries below the diagonal' if square else ''}. "
                    "Use innerlr.pooled_whitener(features)."
                )
            if np.any(np.diag(self.whitener) == 0):
                raise InnerlrError(
                    "whitener: expected a nonsingular matrix, got a zero on its diagonal. "
                    "Use innerlr.pooled_whitener(features)."
                )

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
            given, absent = ("query", "query_targets")[:: 1 if query_targets is None else -1]
            raise InnerlrError(
                f"query and query_targets: expected both or neither, got {given} without {absent}. "
                "Leave out both to judge on the support samples."
            )
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
        if phi_t is None or y_t is None:
            self._start(phi_u, y_u, k1, k2)
        else:
            self._start(phi_t, y_t, k1, k2)
        assert self._gram is not None
        block = max(1, _BLOCK // (max(k1, k2, d) * d))
        for i in range(0, n, block):
            part = slice(i, i + block)
            if phi_t is None or y_t is None:
                self._add_block(phi_u[part], y_u[part], phi_u[part], y_u[part], same=True)
            else:
                self._add_block(phi_u[part], y_u[part], phi_t[part], y_t[part], same=False)
        self.n_tasks += n

    def _start(self, phi: Array, y: Array, k1: int, k2: int) -> None:
        """Choose coordinates from the query samples of the first tasks, and check them later."""
        d = phi.shape[-1]
        rows, targets = phi.reshape(-1, d)[: 64 * d], y.reshape(-1)[: 64 * d]
        if self._gram is None:
            if self.whitener is None:
                self.whitener = _whitener_if_needed(rows)
            else:
                self._check_whitener(d)
            # the cut keeps v_0 of the size of the targets where the first tasks do not fix it
            cut = WHITEN_ABOVE**-0.5
            self._centre = np.linalg.lstsq(self._whiten(rows), targets, rcond=cut)[0].astype(float)
            self._gram, self._cross = np.zeros((3, d, d)), np.zeros((3, d))
            self.k_support, self.k_query = k1, k2
        elif (d, k1, k2) != (self.dim, self.k_support, self.k_query):
            raise InnerlrError(
                f"update: earlier tasks had (dim, k1, k2) = "
                f"{(self.dim, self.k_support, self.k_query)}, these have {(d, k1, k2)}. "
                "Sums are comparable only at equal numbers of samples: use one GramMoments each."
            )
        elif np.linalg.norm(self._whiten(rows) @ self._centre) > 4 * np.linalg.norm(targets):
            # v_0 only fits tasks unlike these: without it nothing large is subtracted
            self._cross, self._energy = _recentred(
                self._gram, self._cross, self._energy, -self._centre
            )
            self._centre = np.zeros(d)

    def _check_whitener(self, d: int) -> None:
        if self.whitener is not None and self.whitener.shape[0] != d:
            raise InnerlrError(
                f"whitener: made for dim = {self.whitener.shape[0]}, features have dim = {d}. "
                "Use innerlr.pooled_whitener on features of the same map."
            )

    def _add_block(self, phi_u: Array, y_u: Array, phi_t: Array, y_t: Array, *, same: bool) -> None:
        assert self._gram is not None
        gram, cross, energy = self._gram, self._cross, self._energy
        d = phi_u.shape[-1]
        # psi = Phi R^-1. Without a whitener psi = Phi and L = Phi'psi is the task's Gram.
        psi_u = self._whiten(phi_u)
        psi_t = psi_u if same else self._whiten(phi_t)
        y_u = y_u - psi_u @ self._centre
        y_t = y_u if same else y_t - psi_t @ self._centre
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
        return _divide(phi.reshape(-1, phi.shape[-1]), self.whitener).reshape(phi.shape)

    def merge(self, other: GramMoments) -> Self:
        """Add the tasks of `other` to these; returns self.

        Different whiteners are allowed: the sums of `other` are moved to the coordinates of self.

        Raises:
            InnerlrError: other dimension or sample numbers.
        """
        if other._gram is None:
            return self
        if self._gram is None:
            self._check_whitener(other.dim)
            self.whitener = other.whitener if self.whitener is None else self.whitener
            self._gram = np.zeros_like(other._gram)
            self._cross = np.zeros_like(other._cross)
            self._centre = other._moved(other._centre, self.whitener)
            self.k_support, self.k_query = other.k_support, other.k_query
        mine = (self.dim, self.k_support, self.k_query)
        theirs = (other.dim, other.k_support, other.k_query)
        if mine != theirs:
            raise InnerlrError(
                f"merge: (dim, k1, k2) differ, {mine} against {theirs}. "
                "Only sums over tasks of one shape can be merged."
            )
        gram, cross, energy = other._sums(), other._cross, other._energy
        change = _quotient(other.whitener, self.whitener)
        if change is not None:  # psi of self is psi of other times this
            gram, cross = change.T @ gram @ change, cross @ change
        step = self._centre - other._moved(other._centre, self.whitener)
        self._gram = self._gram + gram
        cross, energy = _recentred(gram, cross, energy, step)
        self._cross = self._cross + cross
        self._energy = self._energy + energy
        self.n_tasks += other.n_tasks
        return self

    def _moved(self, v: Array, whitener: Array | None) -> Array:
        """Weights (..., dim) from the coordinates of self to those of `whitener`."""
        change = _quotient(whitener, self.whitener)
        return v if change is None else v @ change.T

    # ---------------------------------------------------------------- solutions

    def _sums(self) -> Array:
        if self._gram is None:
            raise InnerlrError(
                "GramMoments: expected at least one task, got none. "
                "Call update or update_optima first."
            )
        return self._gram

    def _at(self, alpha: Array, *, magnitude: bool = False) -> tuple[Array, Array, Array]:
        """(S, t, e) at each alpha, (n, d, d), (n, d), (n,); or the sums of their terms' sizes."""
        c = 2 * alpha / self.k_support
        powers = np.stack([np.ones_like(c), -c, c**2], axis=-1)
        sums = self._sums(), self._cross, self._energy
        if magnitude:
            powers, sums = abs(powers), (abs(sums[0]), abs(sums[1]), abs(sums[2]))
        return np.tensordot(powers, sums[0], 1), powers @ sums[1], powers @ sums[2]

    def condition_number(self) -> float:
        """Condition number of the pooled Gram sum Phi_t'Phi_t (2-norm)."""
        try:
            return float(np.linalg.cond(self._root())) ** 2
        except np.linalg.LinAlgError:
            return np.inf

    def _lengths(self) -> Array:
        """Lengths (dim,) of the features as kept, which the rounding of each is relative to."""
        lengths = np.sqrt(np.diagonal(self._sums()[0]))
        return np.where(lengths > 0, lengths, 1.0)

    def _root(self) -> Array:
        """Upper-triangular, with the pooled Gram as its square."""
        lengths = self._lengths()
        root = np.linalg.cholesky(self._sums()[0] / np.outer(lengths, lengths)).T * lengths
        return root if self.whitener is None else root @ self.whitener

    def _condition_doubt(self) -> _Doubt:
        """What the condition of the Gram leaves of the minimiser; raises where it is not unique."""
        lengths = self._lengths()
        values = np.linalg.eigvalsh(self._sums()[0] / np.outer(lengths, lengths))
        known = values > self.dim * _EPS * values[-1]
        if not known.all():
            raise InnerlrError(
                f"singular Gram: the pooled features of {self.n_tasks} tasks have numerical rank "
                f"{known.sum()} < dim = {self.dim}, so the minimiser is not unique. Give more "
                "tasks or samples, drop dependent features, or use a minimum-norm (kernel) "
                "solution; features that are only ill-conditioned need "
                "whitener=innerlr.pooled_whitener(features)."
            )
        # Rounding is relative to each feature, so their scales do not count.
        root = self._root()
        condition = float(np.linalg.cond(root / np.linalg.norm(root, axis=0))) ** 2
        inner = float(values[-1] / values[0])
        if _EPS * inner > ACCURACY:
            mend = "Pass whitener=innerlr.pooled_whitener(features) of all features."
        elif condition > WARN_ABOVE:
            mend = "Use fewer or better separated features."
        else:
            return _NO_DOUBT
        return (
            _EPS * (inner + np.sqrt(condition)),
            f"pooled Gram of condition number {condition:.1e} (of features of one scale)",
            mend,
        )

    def _solve(self, alpha: Array) -> tuple[Array, Array]:
        """Whitened, centred minimisers (n, d), and which S are singular (n,)."""
        s, t, _ = self._at(alpha)
        c = 2 * np.abs(alpha) / self.k_support
        lengths = self._lengths()
        traces = (np.diagonal(self._sums(), axis1=1, axis2=2) / lengths**2).sum(axis=1)
        size = traces[0] + c * traces[1] + c**2 * traces[2]
        values, vectors = np.linalg.eigh(s / np.outer(lengths, lengths))
        known = values > self.dim * _EPS * size[:, None]
        z = np.einsum("nij,ni->nj", vectors, t / lengths) / np.where(known, values, np.inf)
        v = np.einsum("nij,nj->ni", vectors, z) / lengths
        return v, ~known.all(axis=1)

    def _evaluate(self, v: Array, rates: Array) -> tuple[Array, _Doubt]:
        """The loss (n,) at whitened, centred weights (n, d), and what cancellation leaves of it."""
        s, t, e = self._at(rates)
        value = np.einsum("nd,nde,ne->n", v, s, v) - 2 * np.einsum("nd,nd->n", v, t) + e
        value = np.maximum(value, 0.0)
        s, t, e = self._at(rates, magnitude=True)
        size = np.einsum("nd,nde,ne->n", abs(v), s, abs(v)) + 2 * np.einsum("nd,nd->n", abs(v), t)
        size += e
        # at most 1: a loss that is all rounding
        error = _EPS * float(np.max(size / np.maximum(value, _EPS * size + np.finfo(float).tiny)))
        return value / (self.n_tasks * self.k_query), (
            error,
            "loss far below the terms that it is the difference of",
            "Read it as zero, or keep these moments with "
            "whitener=innerlr.pooled_whitener(features).",
        )

    def _weights(self, rates: Array) -> Array:
        v, singular = self._solve(rates)
        if singular.any():
            raise InnerlrError(
                f"singular system at alpha = {rates[singular][0]:g}: the features after the inner "
                f"step have rank below dim = {self.dim}, so the minimiser is not unique. "
                "Give more tasks or another learning rate; features that are only ill-conditioned "
                "need whitener=innerlr.pooled_whitener(features)."
            )
        w = v + self._centre
        if self.whitener is None:
            return w
        return solve_triangular(self.whitener, w.T, check_finite=False).T

    def w_maml(self, alpha: Any) -> Array:
        """Global minimiser of the empirical MAML loss, eq. (3.1), at each alpha.

        Args:
            alpha: scalar or (n_alpha,), learning rate of a loss without 1/2.

        Returns:
            (dim,) for a scalar, else (n_alpha, dim).

        Raises:
            InnerlrError: singular Gram, or a singular system at some alpha (see the message).
        """
        rates = _rates(alpha)
        _warn_inexact(self._condition_doubt())
        w = self._weights(rates)
        return w[0] if np.ndim(alpha) == 0 else w

    def w_erm(self) -> Array:
        """Global minimiser of the empirical ERM loss: w_maml at alpha = 0. Shape (dim,)."""
        _warn_inexact(self._condition_doubt())
        return self._weights(np.zeros(1))[0]

    def training_loss(self, alpha: Any) -> Any:
        """min over w of the empirical MAML loss, eq. (2.5), a mean over tasks and query samples.

        Args:
            alpha: scalar or (n_alpha,).

        Returns:
            float for a scalar, else (n_alpha,).
        """
        rates = _rates(alpha)
        doubt = self._condition_doubt()
        loss, other = self._evaluate(self._solve(rates)[0], rates)
        _warn_inexact(doubt, other)
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
        weights = as_array(w, "w", ("n_alpha", "dim"), lift=True)
        if weights.shape[1] != self.dim:
            raise InnerlrError(
                f"w: expected shape (dim,) or (n_alpha, dim) with dim = {self.dim}, got "
                f"{np.shape(w)}. Give one weight per feature."
            )
        if self.whitener is not None:  # R w, of huge terms that cancel
            weights = -_remainder(np.zeros_like(weights), weights, self.whitener.T)
        n = max(len(weights), len(rates))
        if not {len(weights), len(rates)} <= {1, n}:
            raise InnerlrError(
                f"w and alpha: {len(weights)} initial weights against {len(rates)} learning rates. "
                "Give as many of both, or one of either."
            )
        v = np.broadcast_to(weights - self._centre, (n, self.dim))
        value, doubt = self._evaluate(v, np.broadcast_to(rates, n))
        _warn_inexact(doubt)
        return float(value[0]) if np.ndim(alpha) == 0 and np.ndim(w) == 1 else value

    def population_risk(self, alpha: Any, population: GramMoments) -> Any:
        """MAML risk of w_maml(alpha) under `population`, the integrand of eq. (3.2).

        Args:
            alpha: scalar or (n_alpha,), used to train and to adapt.
            population: moments of held-out tasks, or exact ones (:meth:`expected`).
        """
        if population.dim != self.dim:
            raise InnerlrError(
                f"population: dim = {population.dim}, expected {self.dim} as in the training "
                "tasks. Make both with one feature map."
            )
        rates = _rates(alpha)
        doubt = self._condition_doubt()
        w = self._moved(self._solve(rates)[0] + self._centre, population.whitener)
        risk, other = population._evaluate(w - population._centre, rates)
        _warn_inexact(doubt, other)
        return float(risk[0]) if np.ndim(alpha) == 0 else risk

    def alpha_lim(self) -> float:
        """(3.3), or (H.6) with a split, from the sums: k1 tr[G_u G_t] / (2 tr[G_u G_t G_u])."""
        # tr of the sums for plain features, tr(R' S R)
        square = np.eye(self.dim) if self.whitener is None else self.whitener @ self.whitener.T
        second, third = (float(np.vdot(s, square)) for s in self._sums()[1:])
        return alpha_lim_traces(self.k_support, second / 2, third, "GramMoments.alpha_lim")

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
            InnerlrError: bad bounds, singular Gram, or a loss that is zero at every alpha.
        """
        given = as_array(self.default_bounds() if bounds is None else bounds, "bounds", ("2",))
        if len(given) != 2 or given[0] >= given[1]:
            raise InnerlrError(
                f"bounds: expected (low, high) with low < high, got {bounds}. "
                "Give an interval that holds the minimum, or None."
            )
        low, high = given
        _warn_inexact(self._condition_doubt())
        grid = np.linspace(low, high, 513)
        self._check_depends(grid)
        slopes = self._slope(grid)
        rising = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] > 0))
        found = [self._zero_slope(grid[i], grid[i + 1]) for i in rising]
        candidates = np.array([*found, low, high])
        losses = self._evaluate(self._solve(candidates)[0], candidates)[0]
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

    def _check_depends(self, rates: Array) -> None:
        """Raise where the training loss is zero, but for rounding, at every alpha."""
        count = self.n_tasks * self.k_query
        total = (self._centre @ self._sums()[0] @ self._centre + self._energy[0]) / count
        e = self._at(rates, magnitude=True)[2] / count
        losses = self._evaluate(self._solve(rates)[0], rates)[0]
        if np.all(losses <= 1e3 * _EPS * e + (1e3 * _EPS) ** 2 * total):
            raise InnerlrError(
                f"alpha_empirical: expected a training loss above zero, got zero (but for rounding)"
                f" at every alpha: one w solves all {self.n_tasks} tasks, so no learning rate is "
                "better than another. Give more tasks, with different optima."
            )

    def _zero_slope(self, low: float, high: float) -> float:
        """The alpha between `low` and `high` at which the training loss stops falling."""

        def slope(alpha: float) -> float:
            return float(self._slope(np.array([alpha]))[0])

        ends = slope(low), slope(high)
        if ends[0] >= 0 or ends[1] <= 0:  # zero at an end, but for rounding
            return low if abs(ends[0]) <= abs(ends[1]) else high
        return float(brentq(slope, low, high, xtol=_EPS * (high - low), rtol=4 * _EPS))

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
            raise InnerlrError(
                f"gram_powers: expected shape (3, dim, dim), got {powers.shape}. "
                "Give E G, E G^2 and E G^3, e.g. from RowMoments.gram_powers."
            )
        centre = as_array(mean, "mean", ("dim",))
        spread = symmetric(covariance, "covariance", d)
        if centre.shape != (d,):
            raise InnerlrError(
                f"mean: expected shape ({d},) to match gram_powers, got {centre.shape}. "
                "Give one mean per feature."
            )
        self = cls()
        self.k_support = self.k_query = positive(shots, "shots", integer=True)
        self.n_tasks = 1
        scale = np.array([1.0, 2.0, 1.0])
        self._gram = powers * scale[:, None, None]
        self._centre, self._cross = centre.copy(), np.zeros((3, d))
        self._energy = np.einsum("pij,ji->p", self._gram, spread)
        return self

    def to_arrays(self) -> dict[str, Array]:
        """The state as plain arrays, for `numpy.savez`; :meth:`from_arrays` reads it back."""
        arrays = {
            "gram": self._sums().copy(),
            "cross": self._cross.copy(),
            "energy": self._energy.copy(),
            "centre": self._centre.copy(),
            "counts": np.array([self.n_tasks, self.k_support, self.k_query], dtype=np.float64),
        }
        if self.whitener is not None:
            arrays["whitener"] = self.whitener.copy()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> GramMoments:
        """Inverse of :meth:`to_arrays`."""
        missing = {"gram", "cross", "energy", "centre", "counts"} - set(arrays)
        if missing:
            raise InnerlrError(
                f"GramMoments.from_arrays: missing {sorted(missing)}, got {sorted(arrays)}. "
                "Give what to_arrays returned."
            )
        self = cls(whitener=arrays.get("whitener"))
        self._gram = as_array(arrays["gram"], "gram", ("3", "dim", "dim")).copy()
        self._cross = as_array(arrays["cross"], "cross", ("3", "dim")).copy()
        self._energy = as_array(arrays["energy"], "energy", ("3",)).copy()
        self._centre = as_array(arrays["centre"], "centre", ("dim",)).copy()
        counts = as_array(arrays["counts"], "counts", ("3",))
        d = len(self._centre)
        shapes = {
            "gram": (self._gram.shape, (3, d, d)),
            "cross": (self._cross.shape, (3, d)),
            "energy": (self._energy.shape, (3,)),
            "counts": (counts.shape, (3,)),
        }
        if self.whitener is not None:
            shapes["whitener"] = (self.whitener.shape, (d, d))
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise InnerlrError(
                    f"GramMoments.from_arrays: {name}: expected shape {expected}, got {got}. "
                    "Give what to_arrays returned."
                )
        self.n_tasks, self.k_support, self.k_query = (int(c) for c in counts)
        return self


def _matvec(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]


def _rates(alpha: Any) -> Array:
    return as_array(alpha, "alpha", ("n_alpha",), lift=True)


def _warn_inexact(*doubts: _Doubt) -> None:
    """Warn the caller of the public method that calls this, of the worst doubt."""
    error, what, mend = max(doubts)
    if error > ACCURACY:
        warnings.warn(
            f"{what}; the estimated relative error of the losses is {error:.0e}. {mend}",
            IllConditionedWarning,
            stacklevel=3,
        )


def _recentred(gram: Array, cross: Array, energy: Array, step: Array) -> tuple[Array, Array]:
    """Cross and energy sums when v_0 moves by `step`: of targets less by psi step."""
    moved = gram @ step
    return cross - moved, energy - 2 * cross @ step + moved @ step


def _remainder(rows: Array, psi: Array, r: Array) -> Array:
    """rows - psi r to about twice the working precision.

    Leading parts of so few bits that their products are exact (Ozaki et al. 2012).
    """
    bits = (53 - int(np.ceil(np.log2(len(r))))) // 2

    def lead(a: Array, axis: int) -> Array:
        unit = np.exp2(np.frexp(np.abs(a).max(axis, keepdims=True))[1] - bits)
        return np.rint(a / unit) * unit

    psi_lead, r_lead = lead(psi, 1), lead(r, 0)
    return rows - psi_lead @ r_lead - psi_lead @ (r - r_lead) - (psi - psi_lead) @ r


def _divide(rows: Array, r: Array) -> Array:
    """psi = rows R^-1 to working precision: one solve, refined once.

    The solve alone leaves an error of eps |psi| |R| |R^-1|, felt where the weights are large.
    """

    def solve(rows: Array) -> Array:
        return solve_triangular(r, rows.T, trans="T", check_finite=False).T

    psi = solve(rows)
    return np.ascontiguousarray(psi + solve(_remainder(rows, psi, r)))


def _quotient(a: Array | None, b: Array | None) -> Array | None:
    """A B^-1, where None is the identity; None when they are equal."""
    if a is b or (a is not None and b is not None and np.array_equal(a, b)):
        return None
    if b is None:
        return a
    return _divide(np.eye(len(b)) if a is None else a, b)


def _dependent(factor: Array) -> bool:
    """Whether the columns of R are dependent to rounding, whatever their lengths."""
    lengths = np.linalg.norm(factor, axis=0)
    if not lengths.min() > 0:
        return True
    singular = np.linalg.svd(factor / lengths, compute_uv=False)
    return bool(singular[-1] <= len(factor) * _EPS * singular[0])


def _whitener_if_needed(rows: Array) -> Array | None:
    """R of a QR of these rows (n, dim), or None where plain sums do or no R exists."""
    d = rows.shape[1]
    if rows.shape[0] < d:
        return None
    factor = qr(rows, mode="r", check_finite=False)[0][:d]
    singular = np.linalg.svd(factor, compute_uv=False)
    if singular[-1] ** 2 * WHITEN_ABOVE >= singular[0] ** 2:
        return None
    # rank deficient: the solve will say so. Lengths count here: a feature that is rounding in the
    # first tasks may be large in later ones, which R would then blow up.
    if singular[-1] <= d * _EPS * singular[0]:
        return None
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)[:, None]
