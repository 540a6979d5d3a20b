"""What the paper claims and what would count as reproduced: the entries, found and checked.

Each family has its own in `claims.yaml`; statements that other claims spell out stand in
`summary.yaml`. Only this module reads them, and it imports nothing heavy: the workflow needs it
before any job runs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from innerlr.errors import InnerlrError, nearest

SOURCE = Path(__file__).resolve().parents[1]
SUMMARY, FAMILIES = "judging/summary.yaml", "figures/*/claims.yaml"
KEYS = {
    "id",
    "place",
    "claim",
    "experiment",
    "panel",
    "quantity",
    "expected",
    "reason",
    "needs",
}
# a claim may have it: the values of the keys that its quantity varies by
AT = "at"
# a claim may have it: the statement is about every repetition, and the worst one decides
EACH = "each"
# the keys of a statement that other claims spell out
SUMMARY_KEYS = {"id", "place", "claim", "of", "reason"}


def entry_files(source: Path = SOURCE) -> list[Path]:
    """The files in which entries stand, below the folder of this package or of one like it."""
    summary = [source / SUMMARY] if (source / SUMMARY).is_file() else []
    return [*summary, *sorted(source.glob(FAMILIES))]


def entries(source: Path = SOURCE) -> list[dict[str, Any]]:
    """Every entry, checked: statements that others spell out first, then by experiment.

    Args:
        source: the folder of this package, or of another that is laid out like it.

    Raises:
        InnerlrError: no claims, a file that is not a list of entries, an entry that is not
            well-formed, or two of one id.
    """
    found = [entry for file in entry_files(source) for entry in _read(file)]
    if not found:
        raise InnerlrError(f"{source}: no claims. Expected {SUMMARY} or {FAMILIES} below it.")
    seen: set[str] = set()
    for entry in found:
        check(entry)
        if entry["id"] in seen:
            raise InnerlrError(f"claims.yaml: two claims of the id {entry['id']!r}. Rename one.")
        seen.add(entry["id"])
    # in the order of the experiments' names; the sort is stable
    return sorted(found, key=lambda entry: entry.get("experiment", ""))


def _read(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as stream:
        listed = yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise InnerlrError(f"{file}: expected a list of claims, each with its keys.")
    return listed


def measured(listed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The entries that are measured; the others are spelt out by these."""
    return [entry for entry in listed if "of" not in entry]


def beginning_with(
    claims: Sequence[Mapping[str, Any]], starts: Sequence[str], where: str
) -> list[Mapping[str, Any]]:
    """Those of the claims whose names begin with one of `starts`; all where none is given.

    Args:
        claims: entries of claims.yaml.
        starts: beginnings of their names.
        where: the key that gives them, for the message.

    Raises:
        InnerlrError: no claim begins so.
    """
    names = [claim["id"] for claim in claims]
    for start in starts:
        if not any(name.startswith(start) for name in names):
            raise InnerlrError(
                f"{where}: no claim on it begins with {start!r}. {nearest(start, names)}"
            )
    return [claim for claim in claims if claim["id"].startswith(tuple(starts or [""]))]


def places_of(place: str, known: Collection[str]) -> list[str]:
    """The places of the paper that a claim names, each without the detail after it.

    Args:
        place: places with "; " between them, each one of `known` or one with ", " and a detail.
        known: the paper's places.

    Raises:
        InnerlrError: a place that is not known.

    Example:
        >>> places_of("Fig. 2 (a), K = 23; Theorem 1", {"Fig. 2 (a)", "Theorem 1"})
        ['Fig. 2 (a)', 'Theorem 1']
    """
    found = []
    for part in place.split("; "):
        fits = [name for name in known if part == name or part.startswith(f"{name}, ")]
        if not fits:
            raise InnerlrError(
                f"claims.yaml: place {part!r}: expected one of docs/places.yaml, with a detail "
                f"after a comma. {nearest(part, known)}"
            )
        found.append(max(fits, key=len))
    return found


def check(claim: Mapping[str, Any]) -> None:
    """Raise unless a claim has every key and no other, and a readable expectation."""
    where = f"claims.yaml: {claim.get('id', claim)}"
    keys = SUMMARY_KEYS if "of" in claim else KEYS
    for key in claim:
        if key not in keys and (key not in (AT, EACH) or "of" in claim):
            raise InnerlrError(f"{where}: unknown key {key!r}. {nearest(key, keys)}")
    missing = keys - set(claim)
    if missing:
        raise InnerlrError(f"{where}: missing {sorted(missing)}.")
    if "expected" in keys:
        bounds(claim["expected"], where)


def bounds(expected: Mapping[str, Any], where: str = "expected") -> tuple[float, float]:
    """The accepted set [low, high] of {below: x}, {above: x} or {between: [x, y]}."""
    if len(expected) == 1:
        kind, value = next(iter(expected.items()))
        if kind == "below":
            return -math.inf, float(value)
        if kind == "above":
            return float(value), math.inf
        if kind == "between" and len(value) == 2 and value[0] <= value[1]:
            return float(value[0]), float(value[1])
    raise InnerlrError(
        f"{where}: expected one of {{below: x}}, {{above: x}}, {{between: [x, y]}}, got {expected}."
    )


def describe(expected: Mapping[str, Any]) -> str:
    """`expected` in words."""
    low, high = bounds(expected)
    if math.isinf(low):
        return f"below {high:g}"
    if math.isinf(high):
        return f"above {low:g}"
    return f"between {low:g} and {high:g}"
