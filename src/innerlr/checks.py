"""Checks of what callers pass: each returns the value in one form, or raises an InnerlrError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeGuard, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from innerlr.errors import InnerlrError, nearest

# what every check of an array returns
Array = NDArray[np.float64]
# How far from symmetric and from nonnegative a Gram matrix in float32 may be, relative to its
# largest entry: its rounding of 1e-7, times a few rows.
NO_GRAM = 1e-5


def as_array(
    value: object, name: str, axes: Sequence[str], *, lift: bool = False, start: int = 0
) -> Array:
    """`value` as a float64 array with the given axes, none of them empty and all finite.

    Args:
        value: anything numpy can read, and PyTorch's tensors of any precision, with or without a
            gradient.
        name: the argument's name, for the message.
        axes: the name of each axis, e.g. ``("tasks", "shots", "dim")``.
        lift: give an array that lacks just the first axis one of length 1.
        start: index of its first entry along the first axis, where it is a part of something.

    Raises:
        InnerlrError: not real numbers, masked entries, another number of axes, an empty axis, NaN
            or infinity.
    """
    shape = f"({', '.join(axes)})"
    try:
        raw = np.asarray(_plain(value, name))
        if raw.dtype.kind not in "buifO":
            raise TypeError(f"its entries are {raw.dtype}")
        array = raw.astype(np.float64, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, InnerlrError):
            raise
        raise InnerlrError(
            f"{name}: expected real numbers in an array of shape {shape}, got "
            f"{type(value).__name__} that cannot be read as float64 ({error}). "
            "Pass a rectangular array of real numbers."
        ) from error
    if lift and array.ndim == len(axes) - 1:
        array = array[None]
    if array.ndim != len(axes):
        raise InnerlrError(
            f"{name}: expected shape {shape}, got {array.shape}. "
            f"Reshape it to {len(axes)} axes; a single task needs a leading axis of length 1."
        )
    for length, axis in zip(array.shape, axes, strict=True):
        if length == 0:
            raise InnerlrError(
                f"{name}: the axis '{axis}' of shape {shape} is empty, got {array.shape}. "
                "At least one element is needed along every axis."
            )
    if not np.isfinite(array).all():
        first, *rest = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InnerlrError(
            f"{name}: {array[first, *rest]} at index {(first + start, *rest)}; every entry must be "
            "finite. Remove or repair those samples before estimating a learning rate."
        )
    return array


def _plain(value: object, name: str) -> object:
    """What numpy would read wrongly or not at all, as plain arrays; the rest as it is."""
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise InnerlrError(
                f"{name}: {np.ma.count_masked(value)} entries are masked, which numpy reads as if "
                "they were not. Leave out the tasks or samples that have them."
            )
        return value.data
    if hasattr(value, "detach") and hasattr(value, "is_complex"):  # a tensor; torch is optional
        tensor = value.detach().cpu()
        return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    if isinstance(value, list | tuple) and not (value and isinstance(value[0], int | float)):
        return [_plain(part, name) for part in value]
    return value


def as_chunks(
    features: ArrayLike | Iterable[ArrayLike],
    name: str,
    *,
    fixed: Sequence[str],
    shots: str = "shots",
) -> Iterator[Array]:
    """One array, or an iterator or list of arrays, as checked chunks (tasks, shots, dim).

    Args:
        features: what the caller was given.
        name: the argument's name, for the message.
        fixed: which of "shots" and "dim" must not change from chunk to chunk.
        shots: what that axis is called.
    """
    axes = ("tasks", shots, "dim")
    if isinstance(features, list | tuple) and features and getattr(features[0], "ndim", 0) == 3:
        features = iter(features)
    if not isinstance(features, Iterator):
        yield as_array(features, name, axes)
        return
    first: dict[str, int] = {}
    for i, chunk in enumerate(features):
        array = as_array(chunk, f"{name}, chunk {i}", axes)
        lengths = {
            axis: length
            for axis, kind, length in zip(axes, ("tasks", "shots", "dim"), array.shape, strict=True)
            if kind in fixed
        }
        first = first or lengths
        if lengths != first:
            raise InnerlrError(
                f"{name}, chunk {i}: expected the lengths of chunk 0, {first}, got {lengths}. "
                "Pass tasks of different shape to calls of their own."
            )
        yield array
    if not first:
        raise InnerlrError(
            f"{name}: expected chunks of shape (tasks, shots, dim), got an iterator that holds "
            "none. Pass at least one task; an iterator can be read only once."
        )


def _is_finite(value: object) -> TypeGuard[float]:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float | np.integer | np.floating) and bool(np.isfinite(value))


@overload
def positive(value: object, name: str, *, integer: Literal[True]) -> int: ...
@overload
def positive(value: object, name: str, *, integer: Literal[False] = False) -> float: ...
def positive(value: object, name: str, *, integer: bool = False) -> float:
    """`value`, if it is a finite positive number (or a positive whole one).

    Raises:
        InnerlrError: it is not.
    """
    if _is_finite(value) and value > 0 and not (integer and int(value) != value):
        return int(value) if integer else float(value)
    kind = "a positive integer" if integer else "a positive finite number"
    mend = "1, 2, 3, ..." if integer else "a number above 0"
    raise InnerlrError(f"{name}: expected {kind}, got {value!r}. Give {mend}.")


def finite(value: object, name: str) -> float:
    """`value`, if it is a finite number.

    Raises:
        InnerlrError: it is not.
    """
    if not _is_finite(value):
        raise InnerlrError(
            f"{name}: expected a finite number, got {value!r}. Give a number, not text or nan."
        )
    return float(value)


def choice(value: object, name: str, valid: Iterable[str]) -> str:
    """`value`, if it is one of those that are valid.

    Args:
        value: what the caller was given.
        name: the argument's name, for the message.
        valid: get_args of the argument's Literal.

    Raises:
        InnerlrError: it is not; the message has the nearest one that is, or all of them.
    """
    valid = tuple(valid)
    if isinstance(value, str) and value in valid:
        return value
    raise InnerlrError(f"{name}: unknown {value!r}. {nearest(str(value), valid)}")


def same_length(a: Array, b: Array, names: tuple[str, str], axis: int, label: str) -> None:
    """Raise unless `a` and `b` agree along `axis`."""
    if a.shape[axis] != b.shape[axis]:
        raise InnerlrError(
            f"{names[0]} and {names[1]}: the axis '{label}' differs, "
            f"{a.shape} against {b.shape}. Both must have the same number of {label}."
        )


def square(value: object, name: str, axes: Sequence[str]) -> Array:
    """`value` with the given axes; the last two are equally long."""
    array = as_array(value, name, axes)
    if array.shape[-1] != array.shape[-2]:
        raise InnerlrError(
            f"{name}: expected a square matrix, shape ({', '.join(axes)}), got {array.shape}. "
            "Give inner products of rows with the same rows."
        )
    return array


def gram(value: object, name: str, axes: Sequence[str]) -> Array:
    """Square matrices that inner products of rows can be: symmetric, without negative eigenvalue.

    Raises:
        InnerlrError: they are not.
    """
    matrices = square(value, name, axes)
    size = np.abs(matrices).max((-2, -1), keepdims=True)
    apart = np.abs(matrices - matrices.swapaxes(-2, -1)) > NO_GRAM * size
    if apart.any():
        where = tuple(int(i) for i in np.argwhere(apart)[0])
        raise InnerlrError(
            f"{name}: expected Gram matrices, which are symmetric, got {matrices[where]:g} at "
            f"index {where} and another value across the diagonal. Give inner products of rows "
            "with the same rows."
        )
    n = matrices.shape[-1]
    try:
        np.linalg.cholesky(matrices / np.where(size > 0, size, 1) + NO_GRAM * n**0.5 * np.eye(n))
    except np.linalg.LinAlgError:
        lowest = float(np.linalg.eigvalsh(matrices).min())
        raise InnerlrError(
            f"{name}: expected Gram matrices, which have no negative eigenvalue, got one of "
            f"{lowest:g}. Give inner products of rows with the same rows, not distances."
        ) from None
    return matrices


def symmetric(value: object, name: str, d: int) -> Array:
    """A (d, d) symmetric positive semidefinite matrix."""
    matrix = as_array(value, name, ("dim", "dim"))
    if matrix.shape != (d, d):
        raise InnerlrError(
            f"{name}: expected shape ({d}, {d}) to match the features, got {matrix.shape}. "
            "Give one row and column per feature."
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-10, atol=1e-12 * np.abs(matrix).max()):
        i, j = np.unravel_index(np.argmax(np.abs(matrix - matrix.T)), matrix.shape)
        raise InnerlrError(
            f"{name}: expected a symmetric matrix, got {matrix[i, j]:g} at index {(int(i), int(j))}"
            f" against {matrix[j, i]:g} across the diagonal. Pass (S + S.T) / 2."
        )
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -1e-10 * np.abs(matrix).max():
        raise InnerlrError(
            f"{name}: expected a positive semidefinite matrix, got one whose lowest eigenvalue is "
            f"{lowest:g}. Pass a covariance, without negative eigenvalues."
        )
    return matrix
