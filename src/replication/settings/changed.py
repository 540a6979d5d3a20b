"""Which settings of a section are not the defaults: the first suspects where it cannot be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replication.settings.messages import quoted
from replication.settings.section import Section, dotted

# a preset changes a handful of keys for each experiment
MOST = 8


def changed(experiment: str, section: Mapping[str, Any]) -> str:
    """The keys whose values are not the defaults, in a sentence; empty if there are none.

    Args:
        experiment: its name; one of the user's own has no defaults to compare with.
        section: its values, or a part of them.
    """
    from replication.settings.config import Config

    default = getattr(Config(), experiment, None)
    if not isinstance(default, Section):
        return ""
    usual = dict(dotted(default.model_dump()))
    found = [
        f"{experiment}.{key} = {quoted(value)}"
        for key, value in dotted(section)
        if key in usual and usual[key] != value
    ]
    if not found:
        return ""
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return f"Settings that are not the defaults: {', '.join(found[:MOST])}{more}."
