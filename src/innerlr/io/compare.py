"""Comparison of two runs, from different machines: to a tolerance, not to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from innerlr.errors import InnerlrError
from innerlr.io.files import read_table


def compare(first: str | Path, second: str | Path, *, rtol: float) -> list[str]:
    """Differences between the tables (CSV) below two result folders.

    Args:
        first, second: folders of two runs of one preset.
        rtol: allowed difference, relative to the largest magnitude in the column.

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
        if column == "digest":  # of raw bits: equal on one machine only
            continue
        x, y = a[column], b[column]
        numbers = pd.api.types.is_numeric_dtype(x) and pd.api.types.is_numeric_dtype(y)
        if numbers:
            u, v = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
            finite = np.isfinite(u) & np.isfinite(v)
            scale = float(np.abs(u[finite]).max(initial=0.0))
            gap = float(np.abs(u - v)[finite].max(initial=0.0))
            same = np.array_equal(np.nan_to_num(u[~finite]), np.nan_to_num(v[~finite]))
            if gap > rtol * scale or not same:
                lines.append(f"{column}: differs by {gap:.3g}, more than {rtol:g} of {scale:.3g}")
        elif not x.fillna("").astype(str).equals(y.fillna("").astype(str)):
            lines.append(f"{column}: {int((x.astype(str) != y.astype(str)).sum())} rows differ")
    return lines
