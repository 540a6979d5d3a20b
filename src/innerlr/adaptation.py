r"""Adaptation by t gradient steps in closed form, by each task's eigendecomposition.

A step of rate eta on task i is :math:`w - (2\eta/K)\,\Phi^\top(\Phi w - y)`; with targets
:math:`y = \Phi a` the error contracts as :math:`w_t - a = Q^t (w_0 - a)`,
:math:`Q = I - (2\eta/K)\,G`, so any number of steps costs the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive, same_length
from innerlr.errors import InnerlrError


class Adaptation:
    """The spectrum of a set of tasks, ready for any number of adaptation steps, eq. (3.6).

    Args:
        features: (tasks, shots, dim).
        optima: (tasks, dim), task optima a.
        eta: rate of the further adaptation (loss without 1/2).

    Raises:
        InnerlrError: shapes that do not agree, an eta that is not positive.

    Example:
        >>> import numpy as np
        >>> one = Adaptation(np.ones((1, 4, 1)), [[3.0]], eta=0.25)  # each step halves the error
        >>> one.adapted([1.0], [0, 1, 2]).ravel()
        array([1. , 2. , 2.5])
        >>> one.distance([1.0], [0, 1, 2])
        array([4.  , 1.  , 0.25])
    """

    def __init__(self, features: ArrayLike, optima: ArrayLike, eta: float) -> None:
        phi = as_array(features, "features", ("tasks", "shots", "dim"))
        self.optima = as_array(optima, "optima", ("tasks", "dim"))
        same_length(phi, self.optima, ("features", "optima"), 0, "tasks")
        if phi.shape[2] != self.optima.shape[1]:
            raise InnerlrError(
                f"features and optima: dim differs, {phi.shape} against {self.optima.shape}. "
                "The last axis of both is the feature dimension."
            )
        self.eta = positive(eta, "eta")
        values, self.vectors = np.linalg.eigh(phi.swapaxes(1, 2) @ phi)
        # what rounding leaves of a zero eigenvalue would drift over 1e6 steps
        cut = phi.shape[2] * np.finfo(float).eps * values[:, -1:]
        self.values = np.where(values > cut, values, 0.0)
        x = 2 * self.eta / phi.shape[1] * self.values
        self.contraction = 1 - x  # eigenvalues of Q, (tasks, dim)
        with np.errstate(divide="ignore"):
            # log |1 - x|, which t multiplies: exact to all digits, where 1 - x has lost some
            self._log = np.log1p(np.where(x < 1, -x, x - 2))

    def _coordinates(self, w: ArrayLike) -> Array:
        """(tasks, dim): w - a in each task's eigenbasis."""
        weights = as_array(w, "w", ("dim",))
        if weights.shape[0] != self.optima.shape[1]:
            raise InnerlrError(
                f"w: expected shape ({self.optima.shape[1]},) to match the features, got "
                f"{weights.shape}. Give one weight per feature."
            )
        return np.einsum("nji,nj->ni", self.vectors, weights - self.optima)

    def _decay(self, steps: ArrayLike, power: int = 2) -> Array:
        """(n_steps, tasks, dim): |contraction|^(power t), of Q^{2t} by default."""
        t = as_array(steps, "steps", ("n_steps",), lift=True)
        if t.min() < 0 or np.any(t != np.round(t)):
            wrong = t[(t < 0) | (t != np.round(t))][0]
            raise InnerlrError(
                f"steps: expected whole numbers of steps, got {wrong:g}. Give 0, 1, 2, ..."
            )
        t = t[:, None, None]
        with np.errstate(invalid="ignore", over="ignore"):  # 0 * -inf, and divergence
            return np.exp(np.where(t > 0, power * t * self._log, 0.0))

    def _decayed(self, steps: ArrayLike, squares: Array) -> Array:
        """(n_steps,): sum over tasks and dim of Q^2t times `squares`, (tasks, dim)."""
        return _product(squares, self._decay(steps)).sum((1, 2))

    def adapted(self, w: ArrayLike, steps: ArrayLike) -> Array:
        """Parameters after `steps` steps from w, eq. (3.6).

        Args:
            w: (dim,), initial weights.
            steps: scalar or (n_steps,), numbers of steps.

        Returns:
            (tasks, dim), or (n_steps, tasks, dim).

        Raises:
            InnerlrError: weights of another dim, numbers of steps that are not whole.
        """
        decay = self._decay(steps, power=1)
        odd = np.reshape(np.asarray(steps) % 2 == 1, (-1, 1, 1))
        sign = np.where(odd & (self.contraction < 0), -1.0, 1.0)
        error = _product(self._coordinates(w), sign * decay)
        made = self.optima + np.einsum("nij,tnj->tni", self.vectors, error)
        return made[0] if np.ndim(steps) == 0 else made

    def distance(self, w: ArrayLike, steps: ArrayLike) -> Array:
        """F_t, the mean squared distance to the task optima after t steps, Definition 1/4.

        Args:
            w: (dim,), initial weights.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,).

        Raises:
            InnerlrError: as for :meth:`adapted`.
        """
        z = self._coordinates(w) ** 2
        return self._decayed(steps, z) / len(z)

    def loss(self, w: ArrayLike, steps: ArrayLike) -> Array:
        """Sum over tasks of |Phi w_t - y|^2 after t steps (section 5.3).

        Args:
            w: (dim,), initial weights.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,).

        Raises:
            InnerlrError: as for :meth:`adapted`.
        """
        z = self._coordinates(w) ** 2 * self.values
        return self._decayed(steps, z)

    def _difference(self, w: ArrayLike, other: ArrayLike) -> Array:
        """z(w)^2 - z(other)^2 without cancellation: the gaps are 1e-6 of the terms."""
        a, b = self._coordinates(w), self._coordinates(other)
        step = np.asarray(w, dtype=np.float64) - np.asarray(other, dtype=np.float64)
        return np.einsum("nji,j->ni", self.vectors, step) * (a + b)

    def loss_gap(self, w: ArrayLike, other: ArrayLike, steps: ArrayLike) -> Array:
        """loss(w) - loss(other) after t steps, Fig. 5a.

        Args:
            w, other: (dim,), two initial weights.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,), to all digits where the two losses agree in most of theirs.

        Raises:
            InnerlrError: as for :meth:`adapted`.
        """
        return self._decayed(steps, self._difference(w, other) * self.values)

    def distance_gap(self, w: ArrayLike, other: ArrayLike, steps: ArrayLike) -> Array:
        """distance(w) - distance(other) after t steps, Fig. 5b.

        Args:
            w, other: (dim,), two initial weights.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,), to all digits where the two distances agree in most of theirs.

        Raises:
            InnerlrError: as for :meth:`adapted`.
        """
        gap = self._difference(w, other)
        return self._decayed(steps, gap) / len(gap)

    def _expected_difference(self, change: ArrayLike) -> Array:
        """E z(w)^2 - E z(other)^2 for a change of covariance from other to w: (tasks, dim)."""
        matrix, d = as_array(change, "change", ("dim", "dim")), self.optima.shape[1]
        if matrix.shape != (d, d):
            raise InnerlrError(
                f"change: expected shape ({d}, {d}) to match the features, got {matrix.shape}. "
                "Give one row and column per feature."
            )
        return np.einsum("nji,jk,nki->ni", self.vectors, matrix, self.vectors)

    def expected_loss_gap(self, change: ArrayLike, steps: ArrayLike) -> Array:
        """Expectation of :meth:`loss_gap` over the optima of these tasks and of all training tasks.

        Args:
            change: (dim, dim), covariance of w less that of other, given the training features.
                Both must have the mean of the optima, as w_m and w_r do.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,); the tasks' features are the ones they have.

        Raises:
            InnerlrError: a change of another shape, numbers of steps that are not whole.
        """
        gap = self._expected_difference(change) * self.values
        return self._decayed(steps, gap)

    def expected_distance_gap(self, change: ArrayLike, steps: ArrayLike) -> Array:
        """Expectation of :meth:`distance_gap`, tr(P change) with P the mean of Q^2t.

        Args:
            change: (dim, dim), as for :meth:`expected_loss_gap`.
            steps: (n_steps,), numbers of steps.

        Returns:
            (n_steps,).

        Raises:
            InnerlrError: as for :meth:`expected_loss_gap`.
        """
        gap = self._expected_difference(change)
        return self._decayed(steps, gap) / len(gap)


def _product(error: Array, decay: Array) -> Array:
    """Of which no error leaves none, where the decay has overflowed too."""
    return np.where(error == 0, 0.0, error * np.where(error == 0, 0.0, decay))


def loss_gap(
    features: ArrayLike,
    optima: ArrayLike,
    w: ArrayLike,
    other: ArrayLike,
    steps: ArrayLike,
    eta: float,
) -> Array:
    """Summed loss of `w` minus that of `other` after t adaptation steps, Fig. 5a.

    Args:
        features: (tasks, shots, dim).
        optima: (tasks, dim).
        w, other: (dim,), two initial weights, such as w_maml and w_erm.
        steps: (n_steps,), numbers of steps, up to 1e6 at the same cost.
        eta: rate of the further adaptation (loss without 1/2).

    Returns:
        (n_steps,), negative where `w` adapts better.

    Raises:
        InnerlrError: shapes that do not agree, an eta that is not positive, steps not whole.

    Example:
        >>> import numpy as np
        >>> features, optima = np.ones((1, 4, 1)), [[0.0]]  # a step at rate 1/4 halves the error
        >>> loss_gap(features, optima, [1.0], [2.0], [0, 1], 0.25)  # 4 (1 - 4), 4 (1 - 4) / 4
        array([-12.,  -3.])
    """
    return Adaptation(features, optima, eta).loss_gap(w, other, steps)


def distance_gap(
    features: ArrayLike,
    optima: ArrayLike,
    w: ArrayLike,
    other: ArrayLike,
    steps: ArrayLike,
    eta: float,
) -> Array:
    """F_t(w) - F_t(other), Fig. 5b: mean squared distances to the task optima (Definition 1).

    Args:
        features: (tasks, shots, dim).
        optima: (tasks, dim).
        w, other: (dim,), two initial weights, such as w_maml and w_erm.
        steps: (n_steps,), numbers of steps, up to 1e6 at the same cost.
        eta: rate of the further adaptation (loss without 1/2).

    Returns:
        (n_steps,), negative where `w` is closer.

    Raises:
        InnerlrError: shapes that do not agree, an eta that is not positive, steps not whole.

    Example:
        >>> import numpy as np
        >>> features, optima = np.ones((1, 4, 1)), [[0.0]]  # a step at rate 1/4 halves the error
        >>> distance_gap(features, optima, [1.0], [2.0], [0, 1], 0.25)
        array([-3.  , -0.75])
    """
    return Adaptation(features, optima, eta).distance_gap(w, other, steps)
