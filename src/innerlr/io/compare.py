"""Comparison of two runs, from different machines: to a tolerance, not to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.errors import InnerlrError
from innerlr.io.files import read_table

# what a value of a long table is
NAMES = ["experiment", "id", "panel", "series", "estimator", "quantity"]
# numbers this close to each other differ by rounding, whatever their size
ROUNDING = 1e-13


def compare(first: str | Path, second: str | Path, *, rtol: float) -> list[str]:
    """Differences between the tables (CSV) below two result folders.

    Args:
        first, second: folders of two runs of one preset.
        rtol: allowed difference, relative to the largest magnitude in the column; of a long table
            to a column of the same NAMES, since its columns hold ranks beside rates.

    Returns:
        One line a difference; empty when the runs agree.

    Raises:
        InnerlrError: a folder without tables.
    """
    a, b = ({p.relative_to(root): p for p in Path(root).rglob("*.csv")} for root in (first, second))
    for root, tables in ((first, a), (second, b)):
        if not tables:
            raise InnerlrError(f"{root}: holds no table (*.csv). Give a folder below results/.")
    problems = [f"{p}: only in {first}" for p in sorted(a.keys() - b.keys())]
    problems += [f"{p}: only in {second}" for p in sorted(b.keys() - a.keys())]
    for path in sorted(a.keys() & b.keys()):
        problems += [f"{path}: {line}" for line in _tables(a[path], b[path], rtol)]
    return problems


def _tables(first: Path, second: Path, rtol: float) -> list[str]:
    a, b = read_table(first), read_table(second)
    if list(a.columns) != list(b.columns) or len(a) != len(b):
        return [f"{len(a)} rows of {list(a.columns)} against {len(b)} of {list(b.columns)}"]
    lines = []
    for column in a.columns:
        if column == "digest":  # digests of raw bits are equal on one machine only
            continue
        x, y = a[column], b[column]
        numbers = pd.api.types.is_numeric_dtype(x) and pd.api.types.is_numeric_dtype(y)
        if numbers:
            u, v = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
            lines += [f"{column}: {line}" for line in _numbers(u, v, _names(a, column), rtol)]
        elif not x.fillna("").astype(str).equals(y.fillna("").astype(str)):
            lines.append(f"{column}: {int((x.astype(str) != y.astype(str)).sum())} rows differ")
    return lines


def _names(table: pd.DataFrame, column: str) -> pd.Series | str:
    """What each value of a column is, for those of one scale."""
    names = [name for name in NAMES if name in table and name != column]
    return table[names].fillna("").astype(str).agg(", ".join, axis=1) if names else ""


def _numbers(u: Array, v: Array, names: pd.Series | str, rtol: float) -> list[str]:
    """The largest difference beyond the tolerance, and what is finite on one side only."""
    finite = np.isfinite(u) & np.isfinite(v)
    odd = ~finite & ~((u == v) | (np.isnan(u) & np.isnan(v)))
    lines = (
        [f"{int(odd.sum())} values are not finite, or not the same infinity"] if odd.any() else []
    )
    values = pd.DataFrame({"size": np.abs(u), "gap": 0.0, "name": names})[finite]
    values["gap"] = np.abs(u[finite] - v[finite])
    values["scale"] = values.groupby("name")["size"].transform("max")
    beyond = values[values.gap > np.maximum(rtol * values.scale, ROUNDING)]
    if len(beyond):
        worst = beyond.loc[(beyond.gap / beyond.scale).idxmax()]
        where = f" ({worst['name']})" if worst["name"] else ""
        lines.append(f"differs by {worst.gap:.3g}, more than {rtol:g} of {worst.scale:.3g}{where}")
    return lines
