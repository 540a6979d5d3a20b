"""What an experiment estimates: each quantity defined once, named, and a row for each value.

A quantity is a function of arrays or numbers, registered by its own name with what a reader needs
to know of it. An estimate is a row: where it was measured (the panel, the seed, the keys that the
quantity varies by), the value, and its interval with the method behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, Literal, ParamSpec, get_args

import numpy as np
import pandas as pd

from innerlr.errors import InnerlrError, nearest
from innerlr.intervals import Interval

# how the values of a quantity become one number with an interval; see replication.measuring
Kind = Literal[
    "exact", "mean over seeds", "of all seeds", "share", "grid minimiser", "worst case", "slope"
]
# what every table of estimates has; between seed and quantity stand the keys that vary
FIRST, LAST = ["panel", "seed"], ["quantity", "value", "low", "high", "interval"]

P = ParamSpec("P")


@dataclass(frozen=True)
class Estimated:
    """A value that comes with its own interval.

    Attributes:
        value: the estimate.
        low, high: the ends of its interval.
        interval: the method, in a few words.
    """

    value: float
    low: float
    high: float
    interval: str


def with_interval(found: Interval, method: str) -> Estimated:
    """An interval of the library as an estimate, with the method behind it."""
    return Estimated(found.mean, found.low, found.high, method)


@dataclass(frozen=True)
class Quantity(Generic[P]):
    """A number that the replication measures; calling it computes the number.

    Attributes:
        name: as tables and claims name it.
        definition: what it is, in words.
        unit: of its values; 1 if it has none, alpha for rates of a loss without 1/2.
        place: of the paper, the equation or the sentence that it belongs to.
        kind: how its values become one number.
        by: the keys that it varies by, columns of the table.
        positive: whether it cannot be negative; means and intervals are those of its logarithm.
        estimator: what it is in the table of all estimates of the rate; empty if it is no rate.
        function: computes it.
    """

    name: str
    definition: str
    unit: str
    place: str
    kind: Kind
    by: tuple[str, ...]
    positive: bool
    estimator: str
    function: Callable[P, float | Estimated]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> float | Estimated:
        """The value, with an interval where the quantity has one of its own."""
        return self.function(*args, **kwargs)


def quantity(
    *,
    unit: str,
    place: str,
    kind: Kind,
    by: tuple[str, ...] = (),
    positive: bool = False,
    estimator: str = "",
) -> Callable[[Callable[P, float | Estimated]], Quantity[P]]:
    """Register a function as a quantity of its name; its docstring begins with the definition.

    Raises:
        InnerlrError: no docstring, or a kind that does not exist.

    Example:
        >>> @quantity(unit="1", place="Fig. 9", kind="mean over seeds")
        ... def ratio_lim_to_star(alpha_lim: float, alpha_star: float) -> float:
        ...     '''alpha_lim over the minimiser of the training loss.'''
        ...     return alpha_lim / alpha_star
        >>> ratio_lim_to_star(3.0, 2.0), ratio_lim_to_star.name
        (1.5, 'ratio_lim_to_star')
    """

    def register(function: Callable[P, float | Estimated]) -> Quantity[P]:
        name = function.__name__
        if kind not in get_args(Kind):
            raise InnerlrError(f"{name}: unknown kind {kind!r}. {nearest(kind, get_args(Kind))}")
        first, *_ = (function.__doc__ or "").strip().split("\n\n")
        definition = " ".join(first.split())
        if not definition:
            raise InnerlrError(f"{name}: a quantity needs a docstring, which is its definition.")
        return Quantity(name, definition, unit, place, kind, by, positive, estimator, function)

    return register


def recorded(
    name: str,
    definition: str,
    *,
    unit: str,
    place: str,
    kind: Kind,
    by: tuple[str, ...] = (),
    positive: bool = False,
    estimator: str = "",
) -> Quantity[[float]]:
    """A quantity that is computed elsewhere, by a function of the library, and kept as it is."""
    return Quantity(name, definition, unit, place, kind, by, positive, estimator, float)


def registered(module: ModuleType) -> Mapping[str, Quantity[Any]]:
    """The quantities of a family's module, by name.

    Raises:
        InnerlrError: a quantity that stands there under another name than its own.
    """
    found = {key: value for key, value in vars(module).items() if isinstance(value, Quantity)}
    for key, value in found.items():
        if key != value.name:
            raise InnerlrError(f"{module.__name__}: {key} is the quantity {value.name!r}.")
    return found


class Estimates:
    """Collects the rows of a table of estimates.

    Example:
        >>> @quantity(unit="1", place="Fig. 9", kind="mean over seeds")
        ... def ratio(a: float, b: float) -> float:
        ...     '''One over the other.'''
        ...     return a / b
        >>> rows = Estimates()
        >>> rows.at("a", 0)(ratio, 3.0, 2.0)
        >>> rows.table()[["panel", "seed", "quantity", "value"]].values.tolist()
        [['a', 0, 'ratio', 1.5]]
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def at(self, panel: str, seed: int | None = None, **keys: float | str) -> Cell:
        """Where the next quantities are measured.

        Args:
            panel: of the figure.
            seed: the repetition; None for a value of all of them together, or an exact one.
            **keys: values of the keys that the quantities vary by.
        """
        return Cell(self._rows, panel, seed, keys)

    def table(self) -> pd.DataFrame:
        """The rows by panel and seed; values of all seeds together come first.

        Raises:
            InnerlrError: two values of one quantity in one place.
        """
        keys = dict.fromkeys(key for row in self._rows for key in row if key not in FIRST + LAST)
        columns = [*FIRST, *keys, *LAST]
        frame = pd.DataFrame(self._rows, columns=columns).astype({"seed": "Int64"})
        frame = with_whole(frame, keys)
        twice = frame.duplicated([*FIRST, *keys, "quantity"])
        if twice.any():
            row = frame[twice].iloc[0]
            raise InnerlrError(
                f"estimates: {row.quantity} stands twice at panel {row.panel}, seed {row.seed}."
            )
        by = ["panel", "seed"]
        return frame.sort_values(by, kind="stable", na_position="first").reset_index(drop=True)


def with_whole(frame: pd.DataFrame, keys: Iterable[str]) -> pd.DataFrame:
    """Columns of keys whose values are all whole numbers, or none, as integers with gaps."""
    numbers = [key for key in keys if pd.api.types.is_float_dtype(frame[key])]
    whole = [key for key in numbers if (frame[key].dropna() % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "Int64"))


class Cell:
    """A place of a table of estimates; see :meth:`Estimates.at`."""

    def __init__(
        self, rows: list[dict[str, Any]], panel: str, seed: int | None, keys: Mapping[str, Any]
    ) -> None:
        self._rows, self._panel, self._seed, self._keys = rows, panel, seed, keys

    def __call__(self, of: Quantity[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Compute a quantity and keep its row; raises as :meth:`record` does."""
        self.record(of, of(*args, **kwargs))

    def record(self, of: Quantity[Any], found: float | Estimated) -> None:
        """Keep the row of a value that is known already, such as a bootstrap's of the quantity.

        Raises:
            InnerlrError: the cell has other keys than those the quantity varies by.
        """
        if set(of.by) != set(self._keys):
            raise InnerlrError(
                f"{of.name}: varies by {list(of.by)}, but the cell has {list(self._keys)}."
            )
        made = found if isinstance(found, Estimated) else Estimated(found, np.nan, np.nan, "")
        where = {"panel": str(self._panel), "seed": self._seed, **self._keys}
        self._rows.append(
            where
            | {
                "quantity": of.name,
                "value": float(made.value),
                "low": float(made.low),
                "high": float(made.high),
                "interval": made.interval,
            }
        )
