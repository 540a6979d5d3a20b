"""The quantities that an experiment's family measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replication.families import family_of
from replication.quantity import Quantity, registered


def registry(experiment: str) -> Mapping[str, Quantity[Any]]:
    """The quantities of an experiment's family, by name.

    Raises:
        InnerlrError: no such experiment, or its family has no module `quantities`.
    """
    return registered(family_of(experiment).module("quantities"))
