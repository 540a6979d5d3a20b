"""Small sections of the configuration, their experiments, and small tables written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from replication.experiment import Experiment
from replication.families import make
from replication.judging.entries import entries
from replication.quantity import Estimates, Quantity
from replication.settings.config import Config

CLAIMS = entries()
SMALL: dict[str, dict] = {
    "fig01": {"seeds": 2, "grid_points": 21, "tasks": 60},
    "fig02": {
        "width": 60,
        "seeds": 2,
        "test_tasks": 6,
        "grid_points": 12,
        "panels": {"a": {"init": "normal", "curves": {"K3N5": {"shots": 3, "tasks": 5}}}},
        "scaling": {"curves": ["a/K3N5"], "tasks": [2, 9], "widths": [20, 200]},
    },
    "fig04a": {"grid_points": 12},
    "fig04b": {"width": 60, "seeds": 2, "grid_points": 12, "quadrature_panels": 2},
    "fig05": {"tasks": 60, "fresh_tasks": 60, "seeds": 2, "grid_points": 12},
    "fig06": {"dim": 7},
    "fig07": {"seeds": 2, "grid_points": 21, "tasks": 60},
    "fig08": {"log2_tasks": [2, 4, 5, 6], "seeds": 2},
    "fig09": {"seeds": 2, "grid_points": 12},
    "fig11": {"seeds": 5, "grid_points": 13},
    "h3": {"seeds": 2, "grid_points": 12},
    "theory": {
        "seeds": 2,
        "seeds_per_group": 2,
        "lemma_seeds": 20,
        "grid_points": 12,
        "log2_tasks": [2, 4, 5],
        "gap_dims": [1, 3],
        "path": {"tasks": 40, "seeds": 3},
        "network": {"test_tasks": 4},
    },
}


def section(name: str) -> dict:
    values = getattr(Config(), name).model_dump() | SMALL[name]
    for panel in values.get("panels", {}).values():
        if "tasks" in panel:
            panel["tasks"] = 80
    return values


def experiment(name: str, **change: object) -> Experiment:
    return make(name, section(name) | change, seed=5)


def stages(made: Experiment) -> tuple[pd.DataFrame, dict, pd.DataFrame, pd.DataFrame]:
    features = made.features()
    sweep = made.sweep(features)
    return made.data(), features, sweep, made.estimates(features, sweep)


def pooled(estimates: pd.DataFrame, panel: str) -> pd.Series:
    """What is said of all repetitions of a panel together."""
    mine = estimates[(estimates.panel == panel) & (estimates.seed == -1)]
    return mine.set_index("quantity").value


# half-width of a 95% Student-t interval of two values, over half their distance
TWO = 12.7062047361747


def estimated(values: Mapping[str, Mapping[Quantity[Any], Any]], **keys: Any) -> pd.DataFrame:
    """A table of estimates, in the columns that experiments give it.

    Args:
        values: by panel and quantity: a list has a value for each seed, a number is of all of them
            together, and an :class:`Estimated` too, with its interval.
        **keys: values of the keys that all of the quantities vary by.
    """
    found = Estimates()
    for panel, quantities in values.items():
        for of, value in quantities.items():
            given = replace(of, function=lambda value: value)
            each = dict(enumerate(value)) if isinstance(value, Sequence) else {None: value}
            for seed, one in each.items():
                found.at(panel, seed, **keys)(given, one)
    return found.table()


def scalars(values: Mapping[str, Mapping[str, float | Sequence[float]]]) -> pd.DataFrame:
    """A table of estimates.

    Args:
        values: by panel and quantity: a list has a value a seed, a number is of all repetitions.
    """
    rows = []
    for panel, quantities in values.items():
        for quantity, found in quantities.items():
            each = {-1: found} if isinstance(found, float | int) else dict(enumerate(found))
            rows += [(panel, seed, quantity, float(value)) for seed, value in each.items()]
    return pd.DataFrame(rows, columns=["panel", "seed", "quantity", "value"])
