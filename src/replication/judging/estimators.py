"""Every estimate of the adaptation learning rate in one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replication.measuring import measure, places, read_estimates
from replication.quantity import Quantity
from replication.registry import registry

ESTIMATORS_TITLE = "Every estimate of the adaptation learning rate"
COLUMNS = ["experiment", "panel", "estimator", "alpha", "low", "high"]


def every_estimate(files: Mapping[str, str | Path]) -> pd.DataFrame:
    """The estimates of several experiments in one table.

    Args:
        files: by experiment its table of estimates.

    Returns:
        The rows of :func:`estimators_table`, experiment by experiment.
    """
    tables = [estimators_table(x, read_estimates(path), registry(x)) for x, path in files.items()]
    return pd.concat(tables, ignore_index=True)


def estimators_table(
    experiment: str, estimates: pd.DataFrame, known: Mapping[str, Quantity[Any]]
) -> pd.DataFrame:
    """Estimates of one experiment with intervals over repetitions.

    Args:
        experiment: its name.
        estimates: as :func:`replication.measuring.read_estimates` gives them.
        known: the quantities of its family; those with words for `estimator` are in the table.

    Returns:
        Columns COLUMNS; panel has the values of the keys behind it, alpha is the mean. Exact values
        have no low and high.
    """
    rows = []
    for quantity in known.values():
        if not quantity.estimator:
            continue
        for panel, at in places(estimates, quantity):
            where = ", ".join([panel, *(f"{key} {_short(value)}" for key, value in at.items())])
            interval = measure(estimates, quantity, panel, at)
            rows.append((experiment, where, quantity.estimator, *interval))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(["panel", "estimator"], kind="stable")


def _short(value: Any) -> str:
    """A key's value: text as it is, numbers without needless digits."""
    return value if isinstance(value, str) else f"{value:g}"
