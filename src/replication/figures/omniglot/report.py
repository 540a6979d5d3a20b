"""What the replication report says below the claims on Fig. 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from replication.judging.markdown import rows, wrapped


def paragraphs(reference: Path) -> list[list[str]]:
    """The estimates of the rate, and ours, beside the best of the fixed rates.

    Args:
        reference: the folder of the reference results.

    Returns:
        Paragraphs as lists of lines; none where the rates were not measured.
    """
    path, by = reference / "tables/fig03_rates.csv", "accuracy_area"
    if not path.is_file():
        return []
    table = pd.read_csv(path)
    table = table[table.setting.isna()]
    chosen = ("online", "alpha_lim", "learned")
    body = []
    for norm, of in table.groupby("forward_norm", sort=False):
        online, ours, learned = (of[of.rate == kind] for kind in chosen)
        fixed = of[~of.rate.isin(chosen)]
        best = [fixed.nlargest(1, by), ours, learned, online.nlargest(1, by)]
        found = pd.concat([*best, online.nsmallest(1, by)])
        if len(found) == 5:
            body.append([norm, *map(_rate, found.itertuples())])
    if not body:
        return []
    first = table.iloc[0]
    header = ["features", "best fixed rate", "ours", "learned", "best online", "worst online"]
    about = wrapped(
        f"Mean test accuracy over the first {first.iterations} iterations, {first.seeds} seeds; in "
        "brackets the rate at the end. Ours is (H.6) under the curvature of the cross-entropy "
        "and for the inner steps taken (`innerlr.head_alpha`), without a sweep; online are the "
        "readings of the paper's estimate."
    )
    return [about, rows(header, body)]


def _rate(row: Any) -> str:
    reading = f"{row.sigma2}, " if row.rate == "online" else ""
    return f"{row.accuracy_area:.3f} ({reading}{row.alpha:.2g})"
