"""Judging the paper's claims: measured intervals against what was expected before the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.errors import InnerlrError, nearest
from innerlr.intervals import Interval
from replication import measuring
from replication.judging.entries import EACH, bounds, check, describe
from replication.quantity import Quantity
from replication.registry import registry

CLAIMS_TITLE = "The paper's claims and their verdicts"
COLUMNS = ["id", "place", "quantity", "expected", "measured", "low", "high", "verdict", "reason"]
REPRODUCED, PARTLY, NOT, UNJUDGED = "reproduced", "partly", "not reproduced", "not evaluated"


def judge(
    claims: Sequence[Mapping[str, Any]],
    estimates: pd.DataFrame,
    experiment: str,
    section: Mapping[str, Any],
    data_source: str = "generated",
    known: Mapping[str, Quantity[Any]] | None = None,
) -> pd.DataFrame:
    """A verdict on every claim.

    Args:
        claims: entries of claims.yaml on this experiment.
        estimates: its table, as :func:`replication.measuring.read_estimates` gives it.
        experiment: its name.
        section: its section of the configuration, against which `needs` is held.
        data_source: of the data it was measured on, as records name it.
        known: the quantities by name; those of the experiment's family if None.

    Returns:
        Columns COLUMNS, in the order of the claims. An exact value has no low and high; of a
        statement about every repetition they are the least and the largest of them, and what was
        measured is the worst.

    Raises:
        InnerlrError: a claim that is not well-formed, or whose quantity was not measured.
    """
    rows = []
    known = registry(experiment) if known is None else known
    for claim in claims:
        check(claim)
        interval = measured(claim, estimates, known)
        decides = Interval(interval.mean, *[interval.mean] * 2) if claim.get(EACH) else interval
        short = shortfall(claim["needs"], section, data_source)
        verdict = UNJUDGED if short else verdict_of(decides, claim["expected"])
        rows.append(
            {
                "id": claim["id"],
                "place": claim["place"],
                "quantity": claim["quantity"],
                "expected": describe(claim["expected"]),
                "measured": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "verdict": verdict,
                "reason": short or " ".join(claim["reason"].split()),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def measured(
    claim: Mapping[str, Any], estimates: pd.DataFrame, known: Mapping[str, Quantity[Any]]
) -> Interval:
    """What a claim is judged by: its quantity with its interval, or with its range over seeds.

    Args:
        claim: its entry.
        estimates: the table of its experiment.
        known: the quantities of its family.

    Raises:
        InnerlrError: a quantity that is not registered, or was not measured there.
    """
    name, panel, at = claim["quantity"], str(claim["panel"]), claim.get("at", {})
    if name not in known:
        raise InnerlrError(
            f"claims.yaml: {claim['id']}: no quantity {name!r}. {nearest(name, known)}"
        )
    try:
        if not claim.get(EACH):
            return measuring.measure(estimates, known[name], panel, at)
        values = measuring.select(estimates, name, panel, at).value.to_numpy(dtype=float)
    except InnerlrError as error:
        raise InnerlrError(f"claims.yaml: {claim['id']}: {error}") from error
    return farthest(values, claim["expected"])


def farthest(values: Array, expected: Mapping[str, Any]) -> Interval:
    """The value that is farthest from what is expected, with the least and the largest.

    Args:
        values: (seeds,).
        expected: as in claims.yaml.
    """
    if np.isnan(values).any():
        return Interval(np.nan, np.nan, np.nan)
    low, high = bounds(expected)
    beyond = np.maximum(low - values, values - high)
    return Interval(float(values[beyond.argmax()]), float(values.min()), float(values.max()))


def spelt_out(claims: Sequence[Mapping[str, Any]], verdicts: pd.DataFrame) -> pd.DataFrame:
    """A verdict on every statement that other claims spell out, from theirs.

    Reproduced if all of those evaluated are, not reproduced if none is and none partly, else
    partly; not evaluated if fewer than half of them were.

    Args:
        claims: all entries of claims.yaml.
        verdicts: on those that are measured, columns COLUMNS.

    Returns:
        Columns COLUMNS; `measured` is the share reproduced of those evaluated, and the reason
        names the others.

    Raises:
        InnerlrError: a pattern that matches no claim.
    """
    names = [claim["id"] for claim in claims if "of" not in claim]
    found = dict(zip(verdicts.id, verdicts.verdict, strict=True))
    rows = []
    for claim in claims:
        if "of" not in claim:
            continue
        check(claim)
        meant: dict[str, str] = {}
        for pattern in claim["of"]:
            matched = [name for name in names if fnmatchcase(name, pattern)]
            if not matched:
                raise InnerlrError(
                    f"claims.yaml: {claim['id']}: no claim {pattern!r}. {nearest(pattern, names)}"
                )
            meant |= {name: found.get(name, UNJUDGED) for name in matched}
        others = [
            f"{verdict}: {', '.join(name for name, v in meant.items() if v == verdict)}"
            for verdict in (PARTLY, NOT, UNJUDGED)
            if verdict in meant.values()
        ]
        judged = [verdict for verdict in meant.values() if verdict != UNJUDGED]
        rows.append(
            {
                "id": claim["id"],
                "place": claim["place"],
                "quantity": f"share of {len(judged)} claims that are reproduced",
                "expected": "all",
                "measured": judged.count(REPRODUCED) / len(judged) if judged else np.nan,
                "low": np.nan,
                "high": np.nan,
                "verdict": _of_several(judged) if 2 * len(judged) >= len(meant) else UNJUDGED,
                "reason": "; ".join([" ".join(claim["reason"].split()).rstrip("."), *others]) + ".",
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_several(verdicts: Sequence[str]) -> str:
    return verdicts[0] if len(set(verdicts)) == 1 else PARTLY


def verdict_table(
    claims: Sequence[Mapping[str, Any]], judged: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """All verdicts in one table, in the order of claims.yaml.

    Args:
        claims: all its entries.
        judged: what :func:`judge` returned of each experiment.

    Returns:
        Columns COLUMNS; claims on experiments that are not among `judged` are left out.
    """
    measured = pd.concat([pd.DataFrame(columns=COLUMNS), *(t for t in judged if len(t))])
    names = [claim["id"] for claim in claims]
    unknown = sorted(set(measured.id) - set(names))
    if unknown:
        raise InnerlrError(
            f"claims.yaml: no claim {unknown[0]!r}, which was judged. {nearest(unknown[0], names)} "
            "If its name has changed, judge its experiment again."
        )
    rows = pd.concat([measured, spelt_out(claims, measured)])
    return rows.sort_values("id", key=lambda ids: ids.map(names.index)).reset_index(drop=True)


def under_readings(
    claims: Sequence[Mapping[str, Any]],
    estimates: Mapping[str, pd.DataFrame],
    experiment: str,
    data_source: str = "generated",
) -> pd.DataFrame:
    """Every claim's verdict under every reading of what the paper leaves open.

    Readings are run at a smaller scale than a claim `needs`, and judged all the same: they say
    how much hangs on an assumption, not whether the paper is right. On a stand-in no claim that
    needs real data is judged.

    Args:
        claims: entries of claims.yaml on this experiment.
        estimates: its table under each reading, by name.
        experiment: its name.
        data_source: as for :func:`judge`.

    Returns:
        Columns reading, then those of :func:`judge` but for the reason, by claim.
    """
    judged = []
    of_any_scale = [
        {**claim, "needs": {key: value for key, value in claim["needs"].items() if key == "data"}}
        for claim in claims
    ]
    for name, table in estimates.items():
        verdicts = judge(of_any_scale, table, experiment, {}, data_source)
        judged.append(verdicts.drop(columns="reason").assign(reading=name))
    made = pd.concat(judged, ignore_index=True)
    order = ["id", "reading", *(column for column in COLUMNS if column not in ("id", "reason"))]
    return made[order].sort_values("id", kind="stable").reset_index(drop=True)


def shortfall(
    needs: Mapping[str, Any], section: Mapping[str, Any], data_source: str = "generated"
) -> str:
    """Why the run's scale or data do not suffice; empty when they do.

    A key is a dotted path into the section, to a number or to a list, which counts by its largest
    value. The key `data` is not a path: `real` asks for no stand-in.
    """
    for path, least in needs.items():
        if path == "data":
            if least != "real":
                raise InnerlrError(f"claims.yaml: needs data {least!r}: expected 'real'.")
            if "stand_in" in data_source:
                return "needs real data, this run has a stand-in"
            continue
        node: Any = section
        for part in path.split("."):
            if not isinstance(node, Mapping) or part not in node:
                raise InnerlrError(f"claims.yaml: needs {path!r}: no such key in the section.")
            node = node[part]
        value = max(node) if isinstance(node, list) else node
        if not isinstance(value, int | float):
            raise InnerlrError(
                f"claims.yaml: needs {path!r}: expected a number or a list of numbers there, got "
                f"{type(value).__name__}. Name a key below it."
            )
        if value < least:
            return f"needs {path} >= {least}, this run has {value}"
    return ""


def verdict_of(interval: Interval, expected: Mapping[str, Any]) -> str:
    """Reproduced if the whole interval is accepted, not if none of it is, else partly."""
    low, high = bounds(expected)
    if np.isnan(interval.low):  # exact, or not known
        if np.isnan(interval.mean):
            return PARTLY
        interval = Interval(interval.mean, interval.mean, interval.mean)
    if low <= interval.low and interval.high <= high:
        return REPRODUCED
    if interval.high < low or interval.low > high:
        return NOT
    return PARTLY
