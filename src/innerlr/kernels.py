"""The limit (3.3) of features that enter through their kernel k(x, x') alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import as_array, positive, same_length
from innerlr.checks import gram as checked
from innerlr.errors import InnerlrError
from innerlr.traces import alpha_lim_traces, scaled, unit_of


def alpha_lim_kernel(shots: int, gram: ArrayLike, weights: ArrayLike) -> float:
    """Exact (3.3) for i.i.d. inputs by quadrature over their law, through the kernel k(x, x').

    tr E G^2 = K E k(x,x)^2 + K(K-1) E k(x,x')^2 and tr E G^3 = K E k(x,x)^3
    + 3K(K-1) E k(x,x) k(x,x')^2 + K(K-1)(K-2) E k(x,x') k(x',x") k(x",x).

    Args:
        shots: K.
        gram: (n, n), k at the nodes.
        weights: (n,), nonnegative, summing to 1.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: disagreeing shapes, a matrix that is no Gram, weights that are negative or do
            not sum to 1.

    Example:
        >>> alpha_lim_kernel(4, [[1.0]], [1.0])  # one feature, always 1
        0.5
    """
    k = positive(shots, "shots", integer=True)
    g = checked(gram, "gram", ("nodes", "nodes"))
    unit = unit_of(g)
    g = g / unit
    w = as_array(weights, "weights", ("nodes",))
    same_length(g, w, ("gram", "weights"), 0, "nodes")
    if w.min() < 0 or abs(w.sum() - 1) > 1e-6:
        raise InnerlrError(
            f"weights: expected nonnegative weights that sum to 1, got a minimum of {w.min():g} "
            f"and a sum of {w.sum():.8g}. Divide them by their sum."
        )
    root = np.sqrt(w)
    b, diagonal = root[:, None] * g * root, np.diag(g)
    pairs = (b**2).sum(1)
    second = k * float(w @ diagonal**2) + k * (k - 1) * float(pairs.sum())
    third = k * float(w @ diagonal**3) + 3 * k * (k - 1) * float(diagonal @ pairs)
    if k > 2:
        third += k * (k - 1) * (k - 2) * float(np.vdot(b @ b, b))
    alpha = alpha_lim_traces(k, second, third, "alpha_lim_kernel")
    return scaled(alpha, (unit,), "alpha_lim_kernel")
