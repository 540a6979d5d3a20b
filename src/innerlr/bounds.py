"""Ranges of the adaptation learning rate: Corollary 1's bounds, and the range for deep networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive
from innerlr.errors import InnerlrError
from innerlr.estimators import alpha_lim
from innerlr.traces import scaled, unit_of


class AlphaBounds(NamedTuple):
    """Corollary 1's bounds on alpha_lim, as printed and as they hold.

    Attributes:
        printed_lower: 1 / (2 d s^2), (3.5) and (D.6); false in general.
        printed_upper: d / (2 s^2), (3.5); right, and equal to `upper`.
        printed_upper_appendix: d / s^2, (D.6); twice (3.5).
        lower: K / (2 lambda_S), lambda_S the largest eigenvalue of any task's Gram.
        upper: K d / (2 tr E G).
        alpha_lim: (3.3) on the same features, for comparison.

    Example:
        >>> import numpy as np
        >>> found = alpha_bounds(np.ones((1, 4, 1)))  # one feature, always 1: all agree
        >>> found.lower, found.alpha_lim, found.upper
        (0.5, 0.5, 0.5)
    """

    printed_lower: float
    printed_upper: float
    printed_upper_appendix: float
    lower: float
    upper: float
    alpha_lim: float


def alpha_bounds(features: ArrayLike) -> AlphaBounds:
    """Corollary 1: bounds on alpha_lim from s^2 = tr E G / K (D.3) and the Grams' eigenvalues.

    Args:
        features: (tasks, shots, dim).

    Returns:
        :class:`AlphaBounds`, rates of a loss without 1/2; `lower <= alpha_lim <= upper` holds for
        every input.

    Raises:
        InnerlrError: wrong shape, empty axis, NaN, features all zero.

    Example:
        >>> import numpy as np
        >>> features = np.array([[[1.0, 0.0], [0.0, 3.0]]])  # eigenvalues 1 and 9 of one Gram
        >>> found = alpha_bounds(features)
        >>> round(found.lower, 4), round(found.alpha_lim, 4), round(found.upper, 4)
        (0.1111, 0.1123, 0.2)
    """
    phi = as_array(features, "features", ("tasks", "shots", "dim"))
    d, sums = phi.shape[2], BoundSums()
    sums.add(phi)
    lower, upper = sums.bounds()
    return AlphaBounds(
        printed_lower=upper / d**2,
        printed_upper=upper,
        printed_upper_appendix=2 * upper,
        lower=lower,
        upper=upper,
        alpha_lim=alpha_lim(phi),
    )


class BoundSums:
    """What Corollary 1 needs of features of any size, which may come in chunks."""

    def __init__(self) -> None:
        self.tasks = self.shots = self.dim = 0
        self.squares = self.largest = self.unit = 0.0

    def add(self, phi: Array) -> None:
        """More tasks, (tasks, shots, dim)."""
        n, self.shots, self.dim = phi.shape
        unit = unit_of(phi)
        phi = phi / unit if unit != 1 else phi
        larger = max(unit, self.unit)
        old, new = (self.unit / larger) ** 2, (unit / larger) ** 2
        flipped = phi.swapaxes(1, 2)
        gram = flipped @ phi if self.dim <= self.shots else phi @ flipped
        largest = float(np.linalg.eigvalsh(gram).max())
        self.squares = self.squares * old + float(np.vdot(phi, phi)) * new
        self.largest = max(self.largest * old, largest * new)
        self.tasks, self.unit = self.tasks + n, larger

    def bounds(self) -> tuple[float, float]:
        """Lower and upper: K / (2 lambda_S) and K d / (2 tr E G).

        Raises:
            InnerlrError: features all zero.
        """
        if not self.squares > 0:
            raise InnerlrError(
                "alpha_bounds: expected features above zero in size, got zeros alone. "
                "Check the feature map."
            )
        variance = self.squares / (self.tasks * self.shots)
        found = self.shots / (2 * self.largest), self.dim / (2 * variance)
        lower, upper = (scaled(bound, (self.unit, self.unit), "alpha_bounds") for bound in found)
        return lower, upper


def heuristic_range(n_tasks: int, shots: int, dim: int, n_observations: int) -> tuple[float, float]:
    """The paper's range of learning rates for deep networks, eqs. (H.18), (H.19).

    1 / (2 min(N K, d) s^2) for s^2 between 1/(2 n) and 1/4, under the premise that every feature
    lies in [0, 1].

    Args:
        n_tasks: N, training tasks (the paper leaves open whether of a batch or of all).
        shots: K, samples per task.
        dim: d, parameters of the model.
        n_observations: n, observations behind the lower bound on the variance.

    Returns:
        (low, high), rates of a loss without 1/2.

    Raises:
        InnerlrError: a number that is not positive and whole, fewer than two observations.

    Example:
        >>> heuristic_range(25, 10, 1761, 250)
        (0.008, 1.0)
    """
    n = positive(n_tasks, "n_tasks", integer=True)
    k = positive(shots, "shots", integer=True)
    d = positive(dim, "dim", integer=True)
    observations = positive(n_observations, "n_observations", integer=True)
    if observations < 2:
        raise InnerlrError(
            "n_observations: expected two at least, got 1, for which (H.18) lies above (H.19). "
            "Give the observations behind the lower bound on the variance."
        )
    size = min(n * k, d)
    return 2 / size, observations / size
