"""The learning rate at which the least training loss is lowest."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from innerlr.checks import Array
from innerlr.errors import InnerlrError, NoInteriorMinimum
from innerlr.moments.solving import at, least_losses, minimisers
from innerlr.moments.sums import Sums
from innerlr.moments.whitening import EPS

# Rates on which the derivative's changes of sign are looked for.
GRID = 513


def lowest(sums: Sums, low: float, high: float) -> float:
    """The learning rate in (low, high) of the least training loss, by its exact derivative.

    By the envelope theorem w = w_maml(alpha) is held fixed in the derivative of the loss. It
    is bracketed on a grid and refined by Brent's method; of several minima the lowest is returned.

    Raises:
        NoInteriorMinimum: the loss is smallest at an end.
        InnerlrError: the loss is zero at every alpha.
    """
    grid = np.linspace(low, high, GRID)
    _check_depends(sums, grid)
    slopes = slope(sums, grid)
    rising = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] > 0))
    found = [_zero_slope(sums, grid[i], grid[i + 1]) for i in rising]
    candidates = np.array([*found, low, high])
    losses = least_losses(sums, candidates)[0]
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


def slope(sums: Sums, alpha: Array) -> Array:
    """d/dalpha of N k2 times the least training loss, up to the factor 2/k1: (n,)."""
    w = minimisers(sums, alpha)[0]
    c = 2 * alpha / sums.k_support
    gram, cross, energy = sums.gram, sums.cross, sums.energy
    quadratic = [np.einsum("nd,nd->n", w @ gram[p], w) for p in (1, 2)]
    linear = [w @ cross[p] for p in (1, 2)]
    first = quadratic[0] - 2 * linear[0] + energy[1]
    second = quadratic[1] - 2 * linear[1] + energy[2]
    return -first + 2 * c * second


def _check_depends(sums: Sums, alpha: Array) -> None:
    """Raise where the training loss is zero, but for rounding, at every alpha."""
    count = sums.n_tasks * sums.k_query
    total = (sums.centre @ sums.gram[0] @ sums.centre + sums.energy[0]) / count
    e = at(sums, alpha, magnitude=True)[2] / count
    losses = least_losses(sums, alpha)[0]
    if np.all(losses <= 1e3 * EPS * e + (1e3 * EPS) ** 2 * total):
        raise InnerlrError(
            f"alpha_empirical: expected a training loss above zero, got zero (but for rounding)"
            f" at every alpha: one w solves all {sums.n_tasks} tasks, so no learning rate is "
            "better than another. Give more tasks, with different optima."
        )


def _zero_slope(sums: Sums, low: float, high: float) -> float:
    """The alpha between `low` and `high` at which the training loss stops falling."""

    def at_one(alpha: float) -> float:
        return float(slope(sums, np.array([alpha]))[0])

    ends = at_one(low), at_one(high)
    if ends[0] >= 0 or ends[1] <= 0:  # zero at an end, but for rounding
        return low if abs(ends[0]) <= abs(ends[1]) else high
    return float(brentq(at_one, low, high, xtol=EPS * (high - low), rtol=4 * EPS))
