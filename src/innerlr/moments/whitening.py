"""Whitening: R with R'R the pooled Gram, and features and weights in its coordinates.

No Gram is formed to get R, so it keeps digits that a Cholesky factor would have lost.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr, solve_triangular

from innerlr.checks import Array, as_array, as_chunks
from innerlr.errors import InnerlrError

EPS = float(np.finfo(float).eps)
# Sums lose eps times the condition number of the Gram they hold. Whitening starts well before that
# reaches ACCURACY, at 4.5e5, because the first tasks only estimate it.
WHITEN_ABOVE = 1e4


def pooled_whitener(features: ArrayLike | Iterable[ArrayLike]) -> Array:
    """Upper-triangular R with R'R = sum of Phi'Phi over all chunks, by updating QR.

    No Gram matrix is formed, so R keeps digits that a Cholesky factor would have lost.

    Args:
        features: one array (tasks, shots, dim), or an iterator (or list) of such chunks.

    Returns:
        R, shape (dim, dim), nonnegative diagonal.

    Raises:
        InnerlrError: bad shapes, or fewer rows than dim, or a rank-deficient stack.

    Example:
        >>> import numpy as np
        >>> features = np.array([[[3.0, 1.0], [0.0, 2.0]], [[4.0, 0.0], [0.0, 2.0]]])
        >>> r = pooled_whitener(features)
        >>> np.allclose(r.T @ r, [[25.0, 3.0], [3.0, 9.0]])  # the Gram of (3.1) at alpha = 0
        True
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


def _dependent(factor: Array) -> bool:
    """Whether the columns of R are dependent to rounding, whatever their lengths."""
    lengths = np.linalg.norm(factor, axis=0)
    if not lengths.min() > 0:
        return True
    singular = np.linalg.svd(factor / lengths, compute_uv=False)
    return bool(singular[-1] <= len(factor) * EPS * singular[0])


def checked(whitener: ArrayLike) -> Array:
    """A whitener given by the caller: (dim, dim), upper-triangular and nonsingular.

    Raises:
        InnerlrError: it is none.
    """
    r = as_array(whitener, "whitener", ("dim", "dim"))
    square = r.shape[0] == r.shape[1]
    if not square or np.any(np.tril(r, -1)):
        raise InnerlrError(
            f"whitener: expected an upper-triangular (dim, dim) matrix, got shape "
            f"{r.shape}{' with entries below the diagonal' if square else ''}. "
            "Use innerlr.pooled_whitener(features)."
        )
    if np.any(np.diag(r) == 0):
        raise InnerlrError(
            "whitener: expected a nonsingular matrix, got a zero on its diagonal. "
            "Use innerlr.pooled_whitener(features)."
        )
    return r


def check_dim(whitener: Array | None, dim: int) -> None:
    """Raise where `whitener` is for features of another dimension."""
    if whitener is not None and whitener.shape[0] != dim:
        raise InnerlrError(
            f"whitener: made for dim = {whitener.shape[0]}, features have dim = {dim}. "
            "Use innerlr.pooled_whitener on features of the same map."
        )


def if_needed(rows: Array) -> Array | None:
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
    if singular[-1] <= d * EPS * singular[0]:
        return None
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)[:, None]


def remainder(rows: Array, psi: Array, r: Array) -> Array:
    """rows - psi r to about twice the working precision.

    Leading parts of so few bits that their products are exact (Ozaki et al. 2012).
    """
    bits = (53 - int(np.ceil(np.log2(len(r))))) // 2

    def lead(a: Array, axis: int) -> Array:
        unit = np.exp2(np.frexp(np.abs(a).max(axis, keepdims=True))[1] - bits)
        return np.rint(a / unit) * unit

    psi_lead, r_lead = lead(psi, 1), lead(r, 0)
    return rows - psi_lead @ r_lead - psi_lead @ (r - r_lead) - (psi - psi_lead) @ r


def divide(rows: Array, r: Array) -> Array:
    """psi = rows R^-1 to working precision: one solve, refined once.

    The solve alone leaves an error of eps |psi| |R| |R^-1|, felt where the weights are large.
    """

    def solve(rows: Array) -> Array:
        return solve_triangular(r, rows.T, trans="T", check_finite=False).T

    psi = solve(rows)
    return np.ascontiguousarray(psi + solve(remainder(rows, psi, r)))


def quotient(a: Array | None, b: Array | None) -> Array | None:
    """A B^-1, where None is the identity; None when they are equal."""
    if a is b or (a is not None and b is not None and np.array_equal(a, b)):
        return None
    if b is None:
        return a
    return divide(np.eye(len(b)) if a is None else a, b)


def features_in(phi: Array, whitener: Array | None) -> Array:
    """psi = Phi R^-1 of stacked features (..., dim)."""
    if whitener is None:
        return phi
    return divide(phi.reshape(-1, phi.shape[-1]), whitener).reshape(phi.shape)


def weights_in(w: Array, whitener: Array | None) -> Array:
    """R w of weights (n, dim), a sum of huge terms that cancel."""
    if whitener is None:
        return w
    return -remainder(np.zeros_like(w), w, whitener.T)


def weights_out(v: Array, whitener: Array | None) -> Array:
    """R^-1 v of whitened weights (n, dim)."""
    if whitener is None:
        return v
    return solve_triangular(whitener, v.T, check_finite=False).T
