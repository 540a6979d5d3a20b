"""Exact Gram matrices of tangent features, by the Jacobian or by products with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from innerlr.checks import Array
from innerlr.deep.linearised import Linearised

if TYPE_CHECKING:
    from torch import Tensor

# Bytes of Jacobian rows that are held at once.
ROWS = 1 << 27
# Columns that are contracted at once, in float64.
COLUMNS = 1 << 16


def by_jacobian(support: Linearised, query: Linearised | None, block: int) -> tuple[Array, Array]:
    """J_s J_s' and J_q J_s' from the rows of both, as many at once as `ROWS` allows.

    Memory: at most `ROWS` bytes of rows. Where they do not fit, the later ones are made again for
    each part of the earlier ones.

    Returns:
        (n, n) and (n_query, n); the same twice without a query.
    """
    both = [support] if query is None else [support, query]
    n, size = support.outputs, support.flat.element_size() * support.count
    fits = max(1, ROWS // size)
    whole = sum(made.outputs for made in both) <= fits
    step = n if whole else max(1, fits // 2)
    found = [np.empty((made.outputs, n)) for made in both]
    for i in range(0, n, step):
        right = support.rows(i, min(i + step, n), block)
        for which, made in enumerate(both):
            for j in range(0, made.outputs, step):
                same = which == 0 and j == i
                left = right if same else made.rows(j, min(j + step, made.outputs), block)
                found[which][j : j + step, i : i + step] = inner(left, right).cpu().numpy()
    return found[0], found[-1]


def by_products(support: Linearised, query: Linearised | None) -> tuple[Array, Array] | None:
    """The same by one backward and one forward product for each row of J_s.

    Memory: a few vectors of the size of the parameters; no Jacobian. Each row's J_s'e is held
    against its own length, which is the diagonal.

    Returns:
        As :func:`by_jacobian`; None where PyTorch has no second derivative, or a wrong one.
    """
    n = support.outputs
    gram = np.empty((n, n))
    cross = gram if query is None else np.empty((query.outputs, n))
    try:
        for i in range(n):
            u = support.pull(support.unit(i))
            column = support.push(u)
            if not support.agrees(column[i], u.double() @ u.double()):
                return None
            gram[:, i] = column.double().cpu().numpy()
            if query is not None:
                cross[:, i] = query.push(u).double().cpu().numpy()
    except (RuntimeError, NotImplementedError):
        # how PyTorch refuses a derivative of a backward pass; the caller says so and takes the
        # Jacobian, which gives the same matrices or raises what else was the matter
        return None
    gram = (gram + gram.T) / 2
    return gram, gram if query is None else cross


def inner(left: Tensor, right: Tensor) -> Tensor:
    """Inner products in float64 of rows (m, P) with rows (n, P), some columns at a time."""
    made = left.new_zeros((len(left), len(right))).double()
    for i in range(0, left.shape[1], COLUMNS):
        part = slice(i, i + COLUMNS)
        made += left[:, part].double() @ right[:, part].double().mT
    return made


def centred(matrix: Array, classes: int) -> Array:
    """P M P for M of (n, m) outputs; P takes the mean over the classes of each sample off."""
    if classes == 1:
        return matrix
    shape = matrix.shape
    blocks = matrix.reshape(shape[0] // classes, classes, shape[1] // classes, classes)
    blocks = blocks - blocks.mean(1, keepdims=True)
    return (blocks - blocks.mean(3, keepdims=True)).reshape(shape)
