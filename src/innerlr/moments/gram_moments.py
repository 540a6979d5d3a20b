"""The class in front of the sums: tasks go in, losses, minimisers and learning rates come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive, same_length, symmetric
from innerlr.errors import InnerlrError
from innerlr.moments import conditioning, search, solving, whitening
from innerlr.moments.conditioning import warn_inexact
from innerlr.moments.sums import Samples, Sums, matvec
from innerlr.traces import alpha_lim_traces

# learning rates, one axis
Rates: TypeAlias = Array | Sequence[float]


class GramMoments:
    """Streaming sums of a set of tasks, for (2.5), (3.1) and (3.2) at any learning rate.

    Memory does not depend on the number of tasks; each learning rate costs one (dim, dim) solve.

    The first update decides whether sums are kept in whitened coordinates (the R of a QR of its
    pooled features, where their condition number asks for it): give it some multiples of `dim`
    rows, or pass the `whitener` of a first pass. Losses are then right to about 1e-10 relative; an
    `IllConditionedWarning` says where they are not.

    Args:
        whitener: None to decide at the first update, or R of shape (dim, dim) from
            :func:`pooled_whitener`.

    Raises:
        InnerlrError: a whitener that is not upper-triangular and nonsingular.

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

    def __init__(self, *, whitener: ArrayLike | None = None) -> None:
        self._given = None if whitener is None else whitening.checked(whitener)
        self._kept: Sums | None = None  # None until the first task

    # ---------------------------------------------------------------- what is kept

    @property
    def _sums(self) -> Sums:
        if self._kept is None:
            raise InnerlrError(
                "GramMoments: expected at least one task, got none. "
                "Call update or update_optima first."
            )
        return self._kept

    @property
    def dim(self) -> int:
        """Number of features d."""
        return self._sums.dim

    @property
    def n_tasks(self) -> int:
        """Number of tasks N."""
        return 0 if self._kept is None else self._kept.n_tasks

    @property
    def k_support(self) -> int:
        """Samples of the inner step, k1; 0 before the first task."""
        return 0 if self._kept is None else self._kept.k_support

    @property
    def k_query(self) -> int:
        """Samples of the loss, k2; 0 before the first task."""
        return 0 if self._kept is None else self._kept.k_query

    @property
    def whitener(self) -> Array | None:
        """R, (dim, dim); None where plain sums are kept."""
        return self._given if self._kept is None else self._kept.whitener

    # ---------------------------------------------------------------- accumulation

    def update(
        self,
        support: ArrayLike,
        support_targets: ArrayLike,
        query: ArrayLike | None = None,
        query_targets: ArrayLike | None = None,
    ) -> None:
        """Add tasks given by samples and targets, on the smaller of the shots and dim sides.

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
            self._add(Samples(phi_u, y_u), None)
            return
        phi_t = as_array(query, "query", ("tasks", "k2", "dim"))
        y_t = as_array(query_targets, "query_targets", ("tasks", "k2"))
        same_length(phi_t, y_t, ("query", "query_targets"), 0, "tasks")
        same_length(phi_t, y_t, ("query", "query_targets"), 1, "k2")
        same_length(phi_u, phi_t, ("support", "query"), 0, "tasks")
        same_length(phi_u, phi_t, ("support", "query"), 2, "dim")
        self._add(Samples(phi_u, y_u), Samples(phi_t, y_t))

    def _add(self, support: Samples, query: Samples | None) -> None:
        if self._kept is None:
            first = support if query is None else query
            self._kept = Sums.begin(first, self._given, support.features.shape[1])
        self._kept.add(support, query)

    def update_optima(
        self, features: ArrayLike, optima: ArrayLike, query: ArrayLike | None = None
    ) -> None:
        """Add tasks given by task optima: targets are y = Phi a, eq. (2.1).

        Args:
            features: (tasks, shots, dim), used inside (and outside, when `query` is None).
            optima: (tasks, dim), the task optima a.
            query: (tasks, k2, dim) or None.

        Raises:
            InnerlrError: shapes that do not agree, with each other or with earlier updates.
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
            self.update(phi, matvec(phi, a))
            return
        other = as_array(query, "query", ("tasks", "k2", "dim"))
        same_length(phi, other, ("features", "query"), 0, "tasks")
        same_length(phi, other, ("features", "query"), 2, "dim")
        self.update(phi, matvec(phi, a), other, matvec(other, a))

    def merge(self, other: GramMoments) -> Self:
        """Add the tasks of `other` to these.

        Different whiteners are allowed: the sums of `other` are moved to the coordinates of self.

        Args:
            other: sums of other tasks, of the same dim and numbers of samples.

        Returns:
            self.

        Raises:
            InnerlrError: other dimension or sample numbers.
        """
        if other._kept is None:
            return self
        if self._kept is None:
            whitening.check_dim(self._given, other.dim)
            mine = other.whitener if self._given is None else self._given
            self._kept = other._kept.empty_like(mine)
        self._kept.merge(other._kept)
        return self

    # ---------------------------------------------------------------- solutions

    def condition_number(self) -> float:
        """Condition number of the pooled Gram sum Phi_t'Phi_t (2-norm).

        Returns:
            The number; infinite where the Gram is singular.

        Raises:
            InnerlrError: no task yet.
        """
        return conditioning.condition_number(self._sums)

    def w_maml(self, alpha: ArrayLike) -> Array:
        """Global minimiser of the empirical MAML loss, eq. (3.1), at each alpha.

        Args:
            alpha: scalar or (n_alpha,), learning rate of a loss without 1/2.

        Returns:
            (dim,) for a scalar, else (n_alpha, dim).

        Raises:
            InnerlrError: singular Gram, or a singular system at some alpha (see the message).
        """
        rates = _rates(alpha)
        warn_inexact(conditioning.of_the_gram(self._sums))
        w = solving.weights(self._sums, rates)
        return w[0] if np.ndim(alpha) == 0 else w

    def w_erm(self) -> Array:
        """Global minimiser of the empirical ERM loss, w_r of (3.1): w_maml at alpha = 0.

        Returns:
            (dim,).

        Raises:
            InnerlrError: no task yet, singular Gram.
        """
        warn_inexact(conditioning.of_the_gram(self._sums))
        return solving.weights(self._sums, np.zeros(1))[0]

    @overload
    def training_loss(self, alpha: float) -> float: ...
    @overload
    def training_loss(self, alpha: Rates) -> Array: ...
    def training_loss(self, alpha: float | Rates) -> float | Array:
        """min over w of the empirical MAML loss, eq. (2.5), a mean over tasks and query samples.

        Args:
            alpha: scalar or (n_alpha,), learning rate of a loss without 1/2.

        Returns:
            float for a scalar, else (n_alpha,).

        Raises:
            InnerlrError: no task yet, singular Gram, rates that are not finite.
        """
        rates = _rates(alpha)
        doubt = conditioning.of_the_gram(self._sums)
        loss, other = solving.least_losses(self._sums, rates)
        warn_inexact(doubt, other)
        return float(loss[0]) if np.ndim(alpha) == 0 else loss

    def loss(self, w: ArrayLike, alpha: ArrayLike) -> float | Array:
        """MAML loss of given initial weights on these tasks, eq. (2.5).

        Args:
            w: (dim,) or (n_alpha, dim), initial weights.
            alpha: scalar or (n_alpha,), learning rate of a loss without 1/2.

        Returns:
            float for a scalar alpha and one w, else (n_alpha,).

        Raises:
            InnerlrError: no task yet, weights of another dim, numbers of weights and of rates that
                differ, neither of them one.
        """
        rates = _rates(alpha)
        weights = as_array(w, "w", ("n_alpha", "dim"), lift=True)
        if weights.shape[1] != self.dim:
            raise InnerlrError(
                f"w: expected shape (dim,) or (n_alpha, dim) with dim = {self.dim}, got "
                f"{np.shape(w)}. Give one weight per feature."
            )
        weights = whitening.weights_in(weights, self.whitener)
        n = max(len(weights), len(rates))
        if not {len(weights), len(rates)} <= {1, n}:
            raise InnerlrError(
                f"w and alpha: {len(weights)} initial weights against {len(rates)} learning rates. "
                "Give as many of both, or one of either."
            )
        v = np.broadcast_to(weights - self._sums.centre, (n, self.dim))
        value, doubt = solving.losses(self._sums, v, np.broadcast_to(rates, n))
        warn_inexact(doubt)
        return float(value[0]) if np.ndim(alpha) == 0 and np.ndim(w) == 1 else value

    @overload
    def population_risk(self, alpha: float, population: GramMoments) -> float: ...
    @overload
    def population_risk(self, alpha: Rates, population: GramMoments) -> Array: ...
    def population_risk(self, alpha: float | Rates, population: GramMoments) -> float | Array:
        """MAML risk of w_maml(alpha) under `population`, the integrand of eq. (3.2).

        Args:
            alpha: scalar or (n_alpha,), used to train and to adapt; of a loss without 1/2.
            population: moments of held-out tasks, or exact ones (:meth:`expected`).

        Returns:
            float for a scalar, else (n_alpha,).

        Raises:
            InnerlrError: no task yet, singular Gram, a population of another dim.
        """
        if population.dim != self.dim:
            raise InnerlrError(
                f"population: dim = {population.dim}, expected {self.dim} as in the training "
                "tasks. Make both with one feature map."
            )
        rates = _rates(alpha)
        mine, theirs = self._sums, population._sums
        doubt = conditioning.of_the_gram(mine)
        w = mine.moved(solving.minimisers(mine, rates)[0] + mine.centre, theirs.whitener)
        risk, other = solving.losses(theirs, w - theirs.centre, rates)
        warn_inexact(doubt, other)
        return float(risk[0]) if np.ndim(alpha) == 0 else risk

    def alpha_lim(self) -> float:
        """(3.3), or (H.6) with a split, from the sums: k1 tr[G_u G_t] / (2 tr[G_u G_t G_u]).

        Returns:
            The learning rate, of a loss without 1/2.

        Raises:
            InnerlrError: no task yet, features all zero.
        """
        # tr of the sums for plain features, tr(R' S R)
        square = np.eye(self.dim) if self.whitener is None else self.whitener @ self.whitener.T
        second, third = (float(np.vdot(s, square)) for s in self._sums.gram[1:])
        return alpha_lim_traces(self.k_support, second / 2, third, "GramMoments.alpha_lim")

    def default_bounds(self) -> tuple[float, float]:
        """Where `alpha_empirical` looks by default.

        Returns:
            (0, 20 alpha_lim).

        Raises:
            InnerlrError: as for :meth:`alpha_lim`.
        """
        return 0.0, 20 * self.alpha_lim()

    def alpha_empirical(self, bounds: tuple[float, float] | None = None) -> float:
        """argmin over alpha of `training_loss`, by the zero of its exact derivative.

        By the envelope theorem w = w_maml(alpha) is held fixed in the derivative of the loss. It
        is bracketed on a grid of 65 rates, finer where a lower minimum may hide, and refined by
        Brent's method; of several minima the lowest is returned. Each rate costs a Cholesky
        factor of a (dim, dim) matrix.

        Args:
            bounds: (low, high), the interval searched; default :meth:`default_bounds`.

        Returns:
            The learning rate, of a loss without 1/2: alpha*(N) of Theorem 1.

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
        warn_inexact(conditioning.of_the_gram(self._sums))
        return search.lowest(self._sums, *given)

    # ---------------------------------------------------------------- construction, storage

    @classmethod
    def expected(
        cls, gram_powers: ArrayLike, shots: int, *, mean: ArrayLike, covariance: ArrayLike
    ) -> Self:
        """Exact population moments of one task, support = query, targets Phi a.

        Args:
            gram_powers: (3, dim, dim), the expectations of G, G^2, G^3 over a task's features.
            shots: K, samples per task.
            mean: (dim,), E a; task optima are independent of the features.
            covariance: (dim, dim), Cov a.

        Returns:
            Moments of one task.

        Raises:
            InnerlrError: shapes that do not agree, a matrix that is no covariance.
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
        samples = positive(shots, "shots", integer=True)
        scale = np.array([1.0, 2.0, 1.0])
        gram = powers * scale[:, None, None]
        self = cls()
        self._kept = Sums(
            gram=gram,
            cross=np.zeros((3, d)),
            energy=np.einsum("pij,ji->p", gram, spread),
            centre=centre.copy(),
            whitener=None,
            n_tasks=1,
            k_support=samples,
            k_query=samples,
        )
        return self

    def to_arrays(self) -> dict[str, Array]:
        """The state as plain arrays, for `numpy.savez`; :meth:`from_arrays` reads it back.

        Returns:
            gram (3, dim, dim), cross (3, dim), energy (3,), centre (dim,), counts (3,), and
            whitener (dim, dim) where there is one.

        Raises:
            InnerlrError: no task yet.
        """
        return self._sums.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Inverse of :meth:`to_arrays`.

        Args:
            arrays: what it gave, by name (shapes as there).

        Returns:
            The moments.

        Raises:
            InnerlrError: an array is missing, or of a wrong shape.
        """
        self = cls()
        self._kept = Sums.from_arrays(arrays)
        return self


def _rates(alpha: ArrayLike) -> Array:
    return as_array(alpha, "alpha", ("n_alpha",), lift=True)
