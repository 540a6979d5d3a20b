"""Judging the paper's claims: measured intervals against what was expected before the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from innerlr.errors import InnerlrError, nearest
from innerlr.intervals import Interval, mean_interval

COLUMNS = ["id", "place", "quantity", "expected", "measured", "low", "high", "verdict", "reason"]
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
REPRODUCED, PARTLY, NOT, UNJUDGED = "reproduced", "partly", "not reproduced", "not evaluated"


def judge(
    claims: Sequence[Mapping[str, Any]],
    estimates: pd.DataFrame,
    experiment: str,
    section: Mapping[str, Any],
    data_source: str = "generated",
) -> pd.DataFrame:
    """A verdict on every claim.

    Args:
        claims: entries of claims.yaml on this experiment.
        estimates: its table, columns panel, seed, quantity, value; seed -1 marks a value of all
            repetitions together (with its own interval in quantity_low and quantity_high, or
            exact).
        experiment: its name.
        section: its section of the configuration, against which `needs` is held.
        data_source: of the data it was measured on, as records name it.

    Returns:
        Columns COLUMNS, in the order of the claims.

    Raises:
        InnerlrError: a claim that is not well-formed, or whose quantity was not measured.
    """
    rows = []
    for claim in claims:
        check(claim)
        interval = measure(estimates, str(claim["panel"]), claim["quantity"])
        short = shortfall(claim["needs"], section, data_source)
        verdict = UNJUDGED if short else verdict_of(interval, claim["expected"])
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


def check(claim: Mapping[str, Any]) -> None:
    """Raise unless a claim has every key and no other, and a readable expectation."""
    where = f"claims.yaml: {claim.get('id', claim)}"
    for key in claim:
        if key not in KEYS:
            raise InnerlrError(f"{where}: unknown key {key!r}. {nearest(key, KEYS)}")
    missing = KEYS - set(claim)
    if missing:
        raise InnerlrError(f"{where}: missing {sorted(missing)}.")
    bounds(claim["expected"], where)


def bounds(expected: Mapping[str, Any], where: str = "expected") -> tuple[float, float]:
    """The accepted set [low, high] of {below: x}, {above: x} or {between: [x, y]}."""
    if len(expected) == 1:
        kind, value = next(iter(expected.items()))
        if kind == "below":
            return -np.inf, float(value)
        if kind == "above":
            return float(value), np.inf
        if kind == "between" and len(value) == 2 and value[0] <= value[1]:
            return float(value[0]), float(value[1])
    raise InnerlrError(
        f"{where}: expected one of {{below: x}}, {{above: x}}, {{between: [x, y]}}, got {expected}."
    )


def describe(expected: Mapping[str, Any]) -> str:
    """`expected` in words."""
    low, high = bounds(expected)
    if np.isinf(low):
        return f"below {high:g}"
    if np.isinf(high):
        return f"above {low:g}"
    return f"between {low:g} and {high:g}"


def measure(estimates: pd.DataFrame, panel: str, quantity: str) -> Interval:
    """The quantity with its 95% interval over repetitions."""
    of_panel = estimates[estimates.panel.astype(str) == panel]
    values = of_panel[of_panel.quantity == quantity]
    if values.empty:
        names = sorted(set(of_panel.quantity)) or sorted(set(estimates.panel.astype(str)))
        raise InnerlrError(
            f"claims.yaml: no {quantity!r} in panel {panel!r}. {nearest(quantity, names)}"
        )
    if not np.isfinite(values.value).all():
        # never reached (infinite): beyond any bound, in every repetition or in some
        finite = values.value[np.isfinite(values.value)]
        low = float(finite.min()) if len(finite) else np.inf
        return Interval(np.inf, low, np.inf)
    if (values.seed >= 0).all():
        return mean_interval(values.value.to_numpy())
    value = float(values.value.iloc[0])
    ends = [
        of_panel[of_panel.quantity == f"{quantity}_{end}"].value.to_list()
        for end in ("low", "high")
    ]
    low, high = (float(e[0]) if e else value for e in ends)
    return Interval(value, low, high)


def shortfall(
    needs: Mapping[str, Any], section: Mapping[str, Any], data_source: str = "generated"
) -> str:
    """Why the run's scale or data do not suffice; empty when they do.

    A key is a dotted path into the section; a list counts by its largest value, a mapping by its
    number of entries. The key `data` is not a path: `real` asks for no stand-in.
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
        if value < least:
            return f"needs {path} >= {least}, this run has {value}"
    return ""


def verdict_of(interval: Interval, expected: Mapping[str, Any]) -> str:
    """Reproduced if the whole interval is accepted, not if none of it is, else partly."""
    low, high = bounds(expected)
    if low <= interval.low and interval.high <= high:
        return REPRODUCED
    if interval.high < low or interval.low > high:
        return NOT
    return PARTLY
