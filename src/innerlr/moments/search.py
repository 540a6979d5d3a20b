"""The learning rate at which the least training loss is lowest."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from innerlr.checks import Array
from innerlr.errors import InnerlrError, NoInteriorMinimum
from innerlr.moments import conditioning
from innerlr.moments.solving import at, least_losses, minimisers
from innerlr.moments.sums import Sums
from innerlr.moments.whitening import EPS

# Rates that are looked at first; between them, where a lower minimum may hide, more in `ROUNDS` of
# halving.
GRID, ROUNDS = 65, 6
# How many times as large as the error in the middle of two rates a dip between them may be.
DIP = 10.0


def lowest(sums: Sums, low: float, high: float) -> float:
    """The learning rate in (low, high) of the least training loss, by its exact derivative.

    By the envelope theorem w = w_maml(alpha) is held fixed in the derivative of the loss. It is
    bracketed on a grid, finer where the loss may fall below its least value so far, and refined by
    Brent's method; of several minima the lowest is returned.

    Raises:
        NoInteriorMinimum: the loss is smallest at an end.
        InnerlrError: the loss is zero at every alpha.
    """
    grid, losses, slopes = _scan(sums, low, high)
    _check_depends(sums, grid, losses)
    rising = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] > 0))
    found = [_zero_slope(sums, grid[i], grid[i + 1]) for i in rising]
    candidates = np.array([*found, low, high])
    least = np.concatenate([least_losses(sums, rate[None])[0] for rate in candidates])
    best = int(np.argmin(least))
    alpha, loss = float(candidates[best]), float(least[best])
    if best >= len(found):
        raise NoInteriorMinimum(
            f"alpha_empirical: no minimum inside bounds ({low:g}, {high:g}); the training "
            f"loss is lowest at the edge {alpha:g}. Widen the bounds.",
            alpha=alpha,
            loss=loss,
        )
    return alpha


def _scan(sums: Sums, low: float, high: float) -> tuple[Array, Array, Array]:
    """Rates, ascending, with the training loss and its slope at each."""
    known = {rate: _curve(sums, rate) for rate in np.linspace(low, high, GRID).tolist()}
    waiting = list(zip(known, list(known)[1:], strict=False))
    for _ in range(ROUNDS):
        best = min(loss for loss, _ in known.values())
        halves = []
        for a, b in waiting:
            middle = (a + b) / 2
            known[middle] = _curve(sums, middle)
            (start, rise), (end, fall) = known[a], known[b]
            # the cubic with the losses and slopes of both ends
            expected = (start + end) / 2 + (b - a) * (rise - fall) / 8
            error = abs(known[middle][0] - expected)
            if min(start, end, known[middle][0]) - DIP * error < best:
                halves += [(a, middle), (middle, b)]
        waiting = halves
    rates = sorted(known)
    losses, slopes = (np.array([known[rate][i] for rate in rates]) for i in (0, 1))
    return np.array(rates), losses, slopes


def _curve(sums: Sums, alpha: float) -> tuple[float, float]:
    """N k2 times the least training loss, and its derivative in alpha."""
    v = _minimiser(sums, alpha)
    c = 2 * alpha / sums.k_support
    images = [part @ v for part in sums.gram]
    terms = [
        float(v @ image - 2 * cross @ v + energy)
        for image, cross, energy in zip(images, sums.cross, sums.energy, strict=True)
    ]
    loss = terms[0] - c * terms[1] + c**2 * terms[2]
    return max(loss, 0.0), (-terms[1] + 2 * c * terms[2]) * 2 / sums.k_support


def _minimiser(sums: Sums, alpha: float) -> Array:
    """Whitened, centred minimiser (dim,): by a Cholesky factor where that is safe."""
    rate = np.array([alpha])
    s, t, _ = at(sums, rate)
    lengths = conditioning.lengths(sums)
    scaled = s[0] / np.outer(lengths, lengths)
    try:
        factor, lower = cho_factor(scaled, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return minimisers(sums, rate)[0][0]
    diagonal = np.diag(factor)
    if diagonal.min() ** 2 <= EPS**0.5 * diagonal.max() ** 2:  # eigenvalues may be rounding
        return minimisers(sums, rate)[0][0]
    solved: Array = cho_solve((factor, lower), t[0] / lengths, check_finite=False) / lengths
    return solved


def _check_depends(sums: Sums, alpha: Array, losses: Array) -> None:
    """Raise where the training loss is zero, but for rounding, at every alpha."""
    total = sums.centre @ sums.gram[0] @ sums.centre + sums.energy[0]
    c = 2 * np.abs(alpha) / sums.k_support
    size = np.stack([np.ones_like(c), c, c**2], axis=-1) @ np.abs(sums.energy)
    if np.all(losses <= 1e3 * EPS * size + (1e3 * EPS) ** 2 * total):
        raise InnerlrError(
            f"alpha_empirical: expected a training loss above zero, got zero (but for rounding)"
            f" at every alpha: one w solves all {sums.n_tasks} tasks, so no learning rate is "
            "better than another. Give more tasks, with different optima."
        )


def _zero_slope(sums: Sums, low: float, high: float) -> float:
    """The alpha between `low` and `high` at which the training loss stops falling."""

    def slope(alpha: float) -> float:
        return _curve(sums, alpha)[1]

    ends = slope(low), slope(high)
    if ends[0] >= 0 or ends[1] <= 0:  # zero at an end, but for rounding
        return low if abs(ends[0]) <= abs(ends[1]) else high
    return float(brentq(slope, low, high, xtol=EPS * (high - low), rtol=4 * EPS))
