"""The limit (3.3) from the eigenvalues of Gram matrices, for any number of inner steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import NO_GRAM, Array, as_array, gram, positive, same_length
from innerlr.errors import InnerlrError
from innerlr.traces import alpha_lim_traces, scaled, unit_of


def alpha_lim_modes(
    shots: int, eigenvalues: ArrayLike, weights: ArrayLike, *, steps: int = 1
) -> float:
    r"""The limit (3.3) for any number of inner steps, from the modes of all tasks' Grams.

    After J steps the error along an eigenvector of a task's Gram, of eigenvalue l, is
    :math:`(1 - 2 \alpha l / K)^J` of what it was. With isotropic task optima the risk at their mean
    is then proportional to

    .. math:: \sum_i q_i (1 - 2 \alpha l_i / K)^{2 J},

    a convex function of alpha; (3.3) and (H.6) are its minimiser for J = 1.

    Args:
        shots: K, over which the inner loss is a mean.
        eigenvalues: (n,), l, of all tasks.
        weights: (n,), q, what the outer loss has along each eigenvector: l itself where it is of
            the same samples as the inner step.
        steps: J.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: disagreeing lengths, NaN, no mode with positive eigenvalue and weight.

    Example:
        >>> alpha_lim_modes(4, [2.0, 2.0], [1.0, 3.0], steps=5)  # all at once: K / (2 l)
        1.0
    """
    from scipy.optimize import brentq

    k = positive(shots, "shots", integer=True)
    power = 2 * positive(steps, "steps", integer=True) - 1
    modes = as_array(eigenvalues, "eigenvalues", ("n",))
    q = as_array(weights, "weights", ("n",))
    same_length(modes, q, ("eigenvalues", "weights"), 0, "n")
    seen = (modes > 0) & (q > 0)  # the others are rounding, or not seen by the outer loss
    if not seen.any():
        raise InnerlrError(
            "eigenvalues: expected one above 0 with a weight above 0, got none, so no learning "
            "rate minimises the risk. Check that not all features are zero."
        )
    largest = modes[seen].max()
    with np.errstate(over="ignore"):
        ratio, slope = modes[seen] / largest, q[seen] * modes[seen]
    if not 0 < slope.sum() < np.inf:  # features are far from 1
        slope = ratio * (q[seen] / q[seen].max())
    slope = slope / slope.sum()

    def falling(x: float) -> float:  # its sign is minus the derivative's, x = 2 alpha l_max / K
        left = 1 - x * ratio
        most = np.abs(left).max()
        return float(slope @ (left / most) ** power) if most > 0 else 0.0  # else all underflow

    high = 1.0  # no mode overshoots yet
    while falling(high) > 0:
        high *= 2
    root = brentq(falling, high / 2, high, xtol=1e-15, rtol=4e-15) if falling(high) < 0 else high
    return float(root * k / (2 * largest))


def alpha_lim_gram(grams: ArrayLike, *, steps: int = 1) -> float:
    """(3.3) from the tasks' K x K Grams: features may be wide, or known by their kernel alone.

    Args:
        grams: (tasks, shots, shots), Psi_i Psi_i' of each task.
        steps: of the inner loop; several as in :func:`alpha_lim_modes`.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: matrices that are no Gram, NaN, features all zero.

    Example:
        >>> import numpy as np
        >>> alpha_lim_gram(np.ones((1, 4, 4)))  # one feature, always 1
        0.5
    """
    g = gram(grams, "grams", ("tasks", "shots", "shots"))
    if steps == 1:
        unit = unit_of(g)
        g = g / unit if unit != 1 else g
        second, third = float(np.vdot(g, g)), float(np.vdot(g @ g, g))
        alpha = alpha_lim_traces(g.shape[1], second, third, "alpha_lim_gram")
        return scaled(alpha, (unit,), "alpha_lim_gram")
    modes = np.linalg.eigvalsh(g).ravel()
    return alpha_lim_modes(g.shape[1], modes, modes, steps=steps)


def alpha_lim_split_gram(support: ArrayLike, cross: ArrayLike, *, steps: int = 1) -> float:
    """(H.6) from Gram matrices of support and query.

    Args:
        support: (tasks, k1, k1), Psi_s Psi_s' of each task.
        cross: (tasks, k2, k1), Psi_q Psi_s' of each task.
        steps: of the inner loop; several as in :func:`alpha_lim_modes`.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: disagreeing shapes, a support that is no Gram, NaN, features all zero.

    Example:
        >>> import numpy as np
        >>> alpha_lim_split_gram(np.ones((1, 4, 4)), 3 * np.ones((1, 2, 4)))
        0.5
    """
    g = gram(support, "support", ("tasks", "k1", "k1"))
    k = as_array(cross, "cross", ("tasks", "k2", "k1"))
    same_length(g, k, ("support", "cross"), 0, "tasks")
    same_length(g, k, ("support", "cross"), 2, "k1")
    if steps == 1:
        unit, other = unit_of(g), unit_of(k)
        g, k = g / unit, k / other
        second, third = float(np.vdot(k, k)), float(np.vdot(k @ g, k))
        alpha = alpha_lim_traces(k.shape[2], second, third, "alpha_lim_split_gram")
        return scaled(alpha, (unit,), "alpha_lim_split_gram")
    return alpha_lim_modes(k.shape[2], *gram_modes(g, k), steps=steps)


def gram_modes(support: Array, cross: Array) -> tuple[Array, Array]:
    """Eigenvalues of the support's Grams, and what the outer loss has along each eigenvector.

    Args:
        support: (..., k1, k1), Psi_s Psi_s'.
        cross: (..., k2, k1), Psi_q Psi_s'.

    Returns:
        l and |Psi_q v|^2 as :func:`alpha_lim_modes` takes them; 0 where l is rounding.
    """
    modes, vectors = np.linalg.eigh(support)
    kept = modes > modes[..., -1:] * modes.shape[-1] * np.finfo(np.float64).eps
    # v = Psi_s' u / sqrt(l)
    along = ((cross @ vectors) ** 2).sum(-2) / np.where(kept, modes, np.inf)
    return np.where(kept, modes, 0).ravel(), along.ravel()


def alpha_pooled(eigenvalues: ArrayLike) -> float:
    """(H.14): N K tr G^2 / (2 tr G^3) of the pooled Gram.

    Args:
        eigenvalues: (N K,), of the Gram of all tasks' rows.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: NaN, eigenvalues below zero or all zero.

    Example:
        >>> alpha_pooled([4.0, 0.0, 0.0, 0.0])
        0.5
    """
    s = as_array(eigenvalues, "eigenvalues", ("n",))
    lowest = float(s.min())
    if lowest < -NO_GRAM * np.abs(s).max():
        raise InnerlrError(
            f"eigenvalues: expected those of a Gram matrix, at or above 0, got {lowest:g}. "
            "Give eigenvalues of Psi Psi'."
        )
    unit = unit_of(s)
    s = s / unit
    alpha = alpha_lim_traces(len(s), float((s**2).sum()), float((s**3).sum()), "alpha_pooled")
    return scaled(alpha, (unit,), "alpha_pooled")
