"""Small sections of the configuration, their experiments, and small tables written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from replication.experiment import Experiment
from replication.families import make
from replication.judging.claims import measured
from replication.judging.entries import entries
from replication.quantity import Estimates, Quantity
from replication.registry import registry
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


def check_quantities(tables: Mapping[str, pd.DataFrame]) -> None:
    """Every claim finds its quantity, and every quantity of the family is measured.

    Args:
        tables: the estimates of each experiment of a family.
    """
    known = registry(next(iter(tables)))
    assert {name for table in tables.values() for name in table.quantity} == set(known)
    for claim in CLAIMS:
        if claim.get("experiment") in tables:
            assert measured(claim, tables[claim["experiment"]], known)


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
            each = dict(enumerate(value)) if isinstance(value, Sequence) else {None: value}
            for seed, one in each.items():
                found.at(panel, seed, **keys).record(of, one)
    return found.table()
