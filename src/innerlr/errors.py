"""What innerlr raises: one error type, and the checks that raise it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class InnerlrError(ValueError):
    """Bad input. The message says what, where, what was expected and how to mend it."""


class NoInteriorMinimum(InnerlrError):
    """A search over the learning rate ended at an edge of its interval.

    Attributes:
        alpha: the edge at which the loss is smallest.
        loss: the loss there.
    """

    def __init__(self, message: str, *, alpha: float, loss: float) -> None:
        super().__init__(message)
        self.alpha = alpha
        self.loss = loss


class IllConditionedWarning(UserWarning):
    """The result has lost digits; the message carries the estimated relative error."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """' Did you mean ...?' for a misspelt name, or the list of valid ones."""
    valid = list(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Valid: {', '.join(map(repr, valid))}."


def as_array(value: Any, name: str, axes: Sequence[str]) -> Array:
    """`value` as a float64 array with the given axes, none of them empty and all finite.

    Args:
        value: anything numpy can read.
        name: the argument's name, for the message.
        axes: the name of each axis, e.g. ``("tasks", "shots", "dim")``.

    Raises:
        InnerlrError: not numeric, another number of axes, an empty axis, NaN or infinity.
    """
    shape = f"({', '.join(axes)})"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InnerlrError(
            f"{name}: expected a numeric array of shape {shape}, got {type(value).__name__} "
            f"that numpy cannot read as float64 ({error}). Pass a rectangular array of numbers."
        ) from error
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
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InnerlrError(
            f"{name}: {array[where]} at index {where}; every entry must be finite. "
            "Remove or repair those samples before estimating a learning rate."
        )
    return array


def positive(value: float, name: str, *, integer: bool = False) -> Any:
    """`value`, if it is a finite positive number (or a positive whole one)."""
    kind = "a positive integer" if integer else "a positive finite number"
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_number or not np.isfinite(value) or value <= 0:
        raise InnerlrError(f"{name}: expected {kind}, got {value!r}.")
    if integer and int(value) != value:
        raise InnerlrError(f"{name}: expected {kind}, got {value!r}.")
    return int(value) if integer else float(value)


def same_length(a: Array, b: Array, names: tuple[str, str], axis: int, label: str) -> None:
    """Raise unless `a` and `b` agree along `axis`."""
    if a.shape[axis] != b.shape[axis]:
        raise InnerlrError(
            f"{names[0]} and {names[1]}: the axis '{label}' differs, "
            f"{a.shape} against {b.shape}. Both must have the same number of {label}."
        )


def symmetric(value: Any, name: str, d: int) -> Array:
    """A (d, d) symmetric positive semidefinite matrix."""
    matrix = as_array(value, name, ("dim", "dim"))
    if matrix.shape != (d, d):
        raise InnerlrError(
            f"{name}: expected shape ({d}, {d}) to match the features, got {matrix.shape}."
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-10, atol=1e-12 * np.abs(matrix).max()):
        raise InnerlrError(f"{name}: expected a symmetric matrix; pass (S + S.T) / 2.")
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -1e-10 * np.abs(matrix).max():
        raise InnerlrError(
            f"{name}: expected a positive semidefinite matrix, its lowest eigenvalue is {lowest:g}."
        )
    return matrix
