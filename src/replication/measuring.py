"""From rows of a table of estimates to one number with its 95% interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from innerlr.errors import InnerlrError, nearest
from innerlr.intervals import (
    Interval,
    geometric_interval,
    mean_interval,
    share_interval,
)
from innerlr.io.files import read_table
from replication.pipeline.files import write_table
from replication.quantity import FIRST, LAST, Quantity, with_whole

EXACT = "exact"


def write_estimates(estimates: pd.DataFrame, path: str | Path) -> None:
    """A table of estimates to CSV.

    Raises:
        InnerlrError: columns are missing, or not in their order.
    """
    _check(estimates, path)
    write_table(estimates, path)


def read_estimates(path: str | Path) -> pd.DataFrame:
    """A table of estimates as it was written: whole seeds, or none, and text as text.

    Raises:
        InnerlrError: no such file, or columns are missing.
    """
    return as_estimates(read_table(path), path)


def as_estimates(frame: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """A table as it was read, with the types of a table of estimates.

    Args:
        frame: its columns as :class:`replication.quantity.Estimates` makes them.
        source: where it is from, for the message.

    Raises:
        InnerlrError: columns are missing.
    """
    _check(frame, source)
    method = frame.interval.astype(object).fillna("").astype(str)
    keys = frame.columns[len(FIRST) : -len(LAST)]
    return with_whole(frame, keys).astype({"seed": "Int64"}).assign(interval=method)


def places(estimates: pd.DataFrame, quantity: Quantity[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Where a quantity was measured: panels, and values of the keys that it varies by."""
    rows = estimates[estimates.quantity == quantity.name]
    if rows.empty:
        return []
    distinct = rows[["panel", *quantity.by]].drop_duplicates()
    return [(str(panel), dict(zip(quantity.by, at, strict=True))) for panel, *at in distinct.values]


def _check(estimates: pd.DataFrame, path: str | Path) -> None:
    columns = list(estimates.columns)
    if columns[: len(FIRST)] != FIRST or columns[-len(LAST) :] != LAST:
        raise InnerlrError(
            f"{path}: expected the columns {FIRST}, keys, and {LAST}, got {columns}. "
            "Estimate again with this version."
        )


def select(
    estimates: pd.DataFrame, quantity: str, panel: str, at: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """The rows of a quantity in a panel, at values of the keys that it varies by.

    Args:
        estimates: as :func:`read_estimates` gives them.
        quantity: its name.
        panel: of the figure.
        at: the value of every key that it varies by; a key that it does not vary by is empty.

    Raises:
        InnerlrError: no such rows; the message names what there is instead.
    """
    at = at or {}
    of_panel = estimates[estimates.panel == str(panel)]
    if of_panel.empty:
        known = sorted(set(estimates.panel))
        raise InnerlrError(f"estimates: no panel {panel!r}. {nearest(str(panel), known)}")
    rows = of_panel[of_panel.quantity == quantity]
    if rows.empty:
        known = sorted(set(of_panel.quantity))
        raise InnerlrError(
            f"estimates: no {quantity!r} in panel {panel!r}. {nearest(quantity, known)}"
        )
    keys = list(estimates.columns[len(FIRST) : -len(LAST)])
    for key in at:
        if key not in keys:
            raise InnerlrError(f"estimates: no key {key!r}. {nearest(key, keys)}")
    for key in keys:
        fits = (rows[key] == at[key]).fillna(False) if key in at else rows[key].isna()
        if not fits.any():
            there = rows[key].drop_duplicates().tolist()
            raise InnerlrError(
                f"estimates: {quantity} in panel {panel!r}: no value at {key} "
                f"{at.get(key, 'none')!r}. There is: {there}."
            )
        rows = rows[fits]
    return rows


def measure(
    estimates: pd.DataFrame,
    quantity: Quantity[Any],
    panel: str,
    at: Mapping[str, Any] | None = None,
) -> Interval:
    """A quantity with its 95% interval; an exact value has none (NaN).

    Args:
        estimates: as :func:`read_estimates` gives them.
        quantity: what is asked for; its kind says how seeds become one number.
        panel: of the figure.
        at: the value of every key that it varies by.

    Raises:
        InnerlrError: it was not measured there, or its rows do not fit its kind.
    """
    rows = select(estimates, quantity.name, panel, at)
    values = rows.value.to_numpy(dtype=float)
    if np.isnan(values).any():
        return Interval(np.nan, -np.inf, np.inf)  # nothing is known
    if rows.seed.isna().all():
        return _of_all(rows, quantity)
    if rows.seed.isna().any():
        raise InnerlrError(f"{quantity.name}: some rows are of a seed and some of all of them.")
    if quantity.kind == "exact":
        if not np.allclose(values, values[0], rtol=1e-12, atol=0):
            raise InnerlrError(f"{quantity.name}: exact, but it differs from seed to seed.")
        return Interval(float(values[0]), np.nan, np.nan)
    if quantity.kind == "share":
        if not np.isin(values, (0, 1)).all():
            raise InnerlrError(f"{quantity.name}: expected 0 or 1 for each seed, got {values}.")
        return share_interval(values)
    if np.isinf(values).any():
        # never reached: beyond any bound on that side, in every repetition or in some
        low, high = float(values.min()), float(values.max())
        return Interval(high if np.isinf(high) else low, low, high)
    of_seeds = geometric_interval if quantity.positive and values.min() > 0 else mean_interval
    found = of_seeds(values)
    if quantity.positive:  # it has no logarithm where a seed has 0, and is never less than that
        found = found._replace(low=max(found.low, 0.0))
    if quantity.kind == "grid minimiser":
        # the minimiser lies between the neighbours of the grid's best point
        low, high = (rows[end].to_numpy(dtype=float) for end in ("low", "high"))
        return Interval(found.mean, _end(low, -np.inf).low, _end(high, np.inf).high)
    return found


def _of_all(rows: pd.DataFrame, quantity: Quantity[Any]) -> Interval:
    """The one value of all seeds together, with the interval that it came with."""
    if len(rows) != 1:
        raise InnerlrError(f"{quantity.name}: expected one value, got {len(rows)}.")
    row = rows.iloc[0]
    return Interval(float(row.value), float(row.low), float(row.high))


def _end(ends: np.ndarray, beyond: float) -> Interval:
    """Neighbours on a grid; where a seed is at the grid's edge nothing is known beyond it."""
    return mean_interval(ends) if np.isfinite(ends).all() else Interval(beyond, beyond, beyond)
