"""The loss at given learning rates, its minimisers, and its value at given weights."""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from innerlr.errors import InnerlrError
from innerlr.moments import conditioning
from innerlr.moments.conditioning import Doubt
from innerlr.moments.sums import Sums
from innerlr.moments.whitening import EPS, weights_out


def at(sums: Sums, alpha: Array, *, magnitude: bool = False) -> tuple[Array, Array, Array]:
    """Sums of A'A, A'b and b'b at each learning rate.

    Args:
        sums: of the tasks.
        alpha: (n,), learning rates.
        magnitude: the sums of the sizes of their terms instead.

    Returns:
        S, t and e: (n, dim, dim), (n, dim) and (n,).
    """
    c = 2 * alpha / sums.k_support
    powers = np.stack([np.ones_like(c), -c, c**2], axis=-1)
    parts = sums.gram, sums.cross, sums.energy
    if magnitude:
        powers, parts = abs(powers), (abs(parts[0]), abs(parts[1]), abs(parts[2]))
    return np.tensordot(powers, parts[0], 1), powers @ parts[1], powers @ parts[2]


def minimisers(sums: Sums, alpha: Array) -> tuple[Array, Array]:
    """Whitened, centred minimisers v (n, dim), and which S are singular (n,)."""
    s, t, _ = at(sums, alpha)
    c = 2 * np.abs(alpha) / sums.k_support
    lengths = conditioning.lengths(sums)
    traces = (np.diagonal(sums.gram, axis1=1, axis2=2) / lengths**2).sum(axis=1)
    size = traces[0] + c * traces[1] + c**2 * traces[2]
    values, vectors = np.linalg.eigh(s / np.outer(lengths, lengths))
    known = values > sums.dim * EPS * size[:, None]
    z = np.einsum("nij,ni->nj", vectors, t / lengths) / np.where(known, values, np.inf)
    v = np.einsum("nij,nj->ni", vectors, z) / lengths
    return v, ~known.all(axis=1)


def losses(sums: Sums, v: Array, alpha: Array) -> tuple[Array, Doubt]:
    """The loss (n,) at whitened, centred weights (n, dim), and what cancellation leaves of it."""
    s, t, e = at(sums, alpha)
    value = np.einsum("nd,nde,ne->n", v, s, v) - 2 * np.einsum("nd,nd->n", v, t) + e
    value = np.maximum(value, 0.0)
    s, t, e = at(sums, alpha, magnitude=True)
    size = np.einsum("nd,nde,ne->n", abs(v), s, abs(v)) + 2 * np.einsum("nd,nd->n", abs(v), t)
    size += e
    doubt = conditioning.of_cancellation(value, size)
    return value / (sums.n_tasks * sums.k_query), doubt


def least_losses(sums: Sums, alpha: Array) -> tuple[Array, Doubt]:
    """The loss (n,) at its minimisers."""
    return losses(sums, minimisers(sums, alpha)[0], alpha)


def weights(sums: Sums, alpha: Array) -> Array:
    """Minimisers w, eq. (3.1), (n, dim).

    Raises:
        InnerlrError: at some alpha the minimiser is not unique.
    """
    v, singular = minimisers(sums, alpha)
    if singular.any():
        raise InnerlrError(
            f"singular system at alpha = {alpha[singular][0]:g}: the features after the inner "
            f"step have rank below dim = {sums.dim}, so the minimiser is not unique. "
            "Give more tasks or another learning rate; features that are only ill-conditioned "
            "need whitener=innerlr.pooled_whitener(features)."
        )
    return weights_out(v + sums.centre, sums.whitener)
