"""Every estimate of the adaptation learning rate in one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from innerlr.intervals import Interval, geometric_interval
from replication import measuring
from replication.families import family_of
from replication.judging.claims import measure
from replication.measuring import places, read_estimates
from replication.quantity import registered

ESTIMATORS_TITLE = "Every estimate of the adaptation learning rate"

# quantity of an estimates table: what it is, where the experiment's family does not say otherwise
ESTIMATORS = {
    "alpha_lim": "alpha_lim, exact (3.3)",
    "alpha_lim_sampled": "alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
    "alpha_lim_split": "alpha_lim, support and query apart (H.6)",
    "alpha_star": "alpha*(N), argmin of the training loss",
    "alpha_star_risk": "alpha*(N), argmin of the population risk (3.2)",
    "alpha_est": "alpha_est (H.15)",
    "corollary1_lower": "lower bound, right form of Corollary 1",
    "corollary1_upper": "upper bound, right form of Corollary 1",
}


class Declared(NamedTuple):
    """What a family says of the rates that it estimates.

    Attributes:
        estimators: by quantity what it is, where no other family measures it or where it is
            another thing here than elsewhere.
        geometric: whether its rates come from trained networks and so spread by factors.
    """

    estimators: Mapping[str, str]
    geometric: bool


def declared(experiment: str) -> Declared:
    """What the family of an experiment declares in its module `quantities`, if it has one."""
    family = family_of(experiment)
    module = family.module("quantities") if family.has("quantities") else None
    return Declared(getattr(module, "ESTIMATORS", {}), getattr(module, "GEOMETRIC", False))


def every_estimate(files: Mapping[str, str | Path]) -> pd.DataFrame:
    """The estimates of several experiments in one table.

    Args:
        files: by experiment its table of estimates.

    Returns:
        The rows of :func:`estimators_table`, experiment by experiment.
    """
    tables = [estimators_table(x, read_estimates(path), declared(x)) for x, path in files.items()]
    return pd.concat(tables, ignore_index=True)


def estimators_table(experiment: str, estimates: pd.DataFrame, family: Declared) -> pd.DataFrame:
    """Estimates of one experiment with intervals over repetitions.

    Args:
        experiment: its name.
        estimates: columns panel, seed, quantity, value.
        family: what its family declares.

    Returns:
        Columns experiment, panel, estimator, alpha (the mean), low and high. Exact ones have no
        low and high; where rates spread by factors, means are geometric.
    """
    if "interval" in estimates:
        return _of_registered(experiment, estimates)
    labels = {**ESTIMATORS, **family.estimators}
    rows = []
    kept = estimates[estimates.quantity.isin(labels)]
    for (panel, quantity), group in kept.groupby(["panel", "quantity"]):
        label = labels[str(quantity)]
        if quantity == "alpha_lim" and "exact" in label:
            # it belongs to the law, not to its draws
            interval = Interval(float(group.value.iloc[0]), np.nan, np.nan)
        elif family.geometric and quantity != "alpha_star" and (group.seed >= 0).all():
            interval = rate_interval(estimates, str(panel), str(quantity))
        else:
            interval = measure(estimates, str(panel), str(quantity))
        rows.append((experiment, panel, label, *interval))
    return pd.DataFrame(rows, columns=["experiment", "panel", "estimator", "alpha", "low", "high"])


def _of_registered(experiment: str, estimates: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for quantity in registered(family_of(experiment).module("quantities")).values():
        if not quantity.estimator:
            continue
        for panel, at in places(estimates, quantity):
            where = ", ".join([panel, *(f"{key} {value:g}" for key, value in at.items())])
            interval = measuring.measure(estimates, quantity, panel, at)
            rows.append((experiment, where, quantity.estimator, *interval))
    columns = ["experiment", "panel", "estimator", "alpha", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["panel", "estimator"], kind="stable")


def rate_interval(estimates: pd.DataFrame, panel: str, quantity: str) -> Interval:
    """The geometric mean of a rate over networks, with its interval; one may be infinite."""
    of_panel = estimates[(estimates.panel == panel) & (estimates.quantity == quantity)]
    values = of_panel.value.to_numpy()
    if np.isfinite(values).all() and values.min() > 0:
        return geometric_interval(values)
    return measure(estimates, panel, quantity)
