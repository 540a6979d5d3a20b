"""What families declare in modules that a family may do without, found by their names."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from replication.families import EXPERIMENTS, OWN


def family_of(experiment: str) -> str:
    """The family of an experiment; the experiments of the user's own share one."""
    return EXPERIMENTS.get(experiment, OWN)[0].partition(".")[0]


def families() -> list[str]:
    """All families, sorted."""
    return sorted({family_of(name) for name in EXPERIMENTS} | {OWN[0].partition(".")[0]})


def declared_in(family: str, module: str) -> ModuleType | None:
    """A module of a family's folder, imported; None where the family has none of that name."""
    name = f"replication.figures.{family}.{module}"
    return import_module(name) if find_spec(name) else None
