"""Verdicts: each rule with inputs that must pass and inputs that must fail."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small import estimated

from innerlr.errors import InnerlrError
from innerlr.intervals import Interval
from replication.judging import claims
from replication.judging.entries import beginning_with, bounds, check, entries
from replication.quantity import Estimated, Quantity, recorded
from replication.registry import registry
from replication.settings.config import Config, load
from replication.settings.section import Section

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = entries()
MEASURED = [claim for claim in ENTRIES if "of" not in claim]
SPELT_OUT = [claim for claim in ENTRIES if "of" in claim]


def entry(**change: object) -> dict:
    return {
        "id": "x",
        "place": "Fig. 0",
        "claim": "Something holds.",
        "experiment": "x",
        "panel": "a",
        "quantity": "q",
        "expected": {"between": [1.0, 2.0]},
        "reason": "because",
        "needs": {},
        **change,
    }


# quantities of the synthetic tables: a mean over seeds, a share, one that varies by a key
Q = recorded("q", "A number.", unit="1", place="Fig. 0", kind="mean over seeds")
FITTED = recorded("fitted", "A slope.", unit="1", place="Fig. 0", kind="slope")
SHARE = recorded("share", "Whether it is so.", unit="1", place="Fig. 0", kind="share")
BY_TASKS = replace(Q, name="by_tasks", by=("tasks",))
KNOWN = {quantity.name: quantity for quantity in (Q, FITTED, SHARE, BY_TASKS)}


def estimates(values: list[float], of: Quantity[Any] = Q) -> pd.DataFrame:
    return estimated({"a": {of: values}})


def judge(claim: dict, table: pd.DataFrame, section: dict | None = None, **given: Any) -> pd.Series:
    return claims.judge([claim], table, "x", section or {}, known=KNOWN, **given).iloc[0]


def verdict(values: list[float], expected: dict) -> str:
    return str(judge(entry(expected=expected), estimates(values)).verdict)


TIGHT = [1.49, 1.5, 1.51]
WIDE = [0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("expected", "good", "bad", "straddling"),
    [
        ({"below": 2.0}, TIGHT, [2.49, 2.5, 2.51], [1.9, 2.0, 2.1]),
        ({"above": 1.0}, TIGHT, [0.49, 0.5, 0.51], [0.9, 1.0, 1.1]),
        ({"between": [1.0, 2.0]}, TIGHT, [2.49, 2.5, 2.51], WIDE),
    ],
)
def test_verdicts(
    expected: dict, good: list[float], bad: list[float], straddling: list[float]
) -> None:
    assert verdict(good, expected) == claims.REPRODUCED
    assert verdict(bad, expected) == claims.NOT
    assert verdict(straddling, expected) == claims.PARTLY


@pytest.mark.parametrize(
    ("expected", "low", "high", "wanted"),
    [
        # an interval that ends on the bound is inside it
        ({"below": 2.0}, 1.0, 2.0, claims.REPRODUCED),
        ({"below": 2.0}, 1.0, 2.001, claims.PARTLY),
        # one that begins on it is not outside
        ({"below": 2.0}, 2.0, 3.0, claims.PARTLY),
        ({"below": 2.0}, 2.001, 3.0, claims.NOT),
        ({"above": 2.0}, 2.0, 3.0, claims.REPRODUCED),
        ({"above": 2.0}, 1.999, 3.0, claims.PARTLY),
        ({"above": 2.0}, 1.0, 2.0, claims.PARTLY),
        ({"above": 2.0}, 1.0, 1.999, claims.NOT),
        ({"between": [1.0, 2.0]}, 1.0, 2.0, claims.REPRODUCED),
        ({"between": [1.0, 2.0]}, 0.9, 1.5, claims.PARTLY),
        ({"between": [1.0, 2.0]}, 1.5, 2.1, claims.PARTLY),
        ({"between": [1.0, 2.0]}, 0.0, 3.0, claims.PARTLY),
        ({"between": [1.0, 2.0]}, 0.0, 0.9, claims.NOT),
        ({"between": [1.0, 2.0]}, 2.1, 3.0, claims.NOT),
        ({"between": [1.0, 1.0]}, 1.0, 1.0, claims.REPRODUCED),
        ({"between": [1.0, 1.0]}, 1.0, 2.0, claims.PARTLY),
        ({"below": 2.0}, -np.inf, np.inf, claims.PARTLY),
        ({"above": 2.0}, -np.inf, np.inf, claims.PARTLY),
        ({"below": 2.0}, np.inf, np.inf, claims.NOT),
        ({"above": 2.0}, np.inf, np.inf, claims.REPRODUCED),
        ({"above": 2.0}, -np.inf, -np.inf, claims.NOT),
        ({"below": 2.0}, -np.inf, -np.inf, claims.REPRODUCED),
    ],
)
def test_the_ends_of_an_interval_decide(
    expected: dict, low: float, high: float, wanted: str
) -> None:
    assert claims.verdict_of(Interval(np.nan, low, high), expected) == wanted


def test_a_single_repetition_proves_nothing() -> None:
    assert verdict([1.5], {"between": [1.0, 2.0]}) == claims.PARTLY


def test_an_exact_value_has_no_interval() -> None:
    table = estimated({"a": {FITTED: 1.5}})
    for bound, wanted in ((1.5, claims.REPRODUCED), (1.499, claims.NOT)):
        row = judge(entry(quantity="fitted", expected={"below": bound}), table)
        assert row.verdict == wanted
        assert np.isnan([row.low, row.high]).all()


def test_a_value_of_all_seeds_carries_its_own_interval() -> None:
    table = estimated({"a": {FITTED: Estimated(1.5, 0.5, 1.8, "least squares")}})
    row = judge(entry(quantity="fitted"), table)
    assert (row.measured, row.low, row.high) == (1.5, 0.5, 1.8)
    assert row.verdict == claims.PARTLY


def test_a_claim_selects_by_the_keys_that_its_quantity_varies_by() -> None:
    tables = [estimated({"a": {BY_TASKS: [n / 10, n / 10]}}, tasks=n) for n in (5, 15)]
    claim = entry(quantity="by_tasks", at={"tasks": 15})
    row = judge(claim, pd.concat(tables))
    assert (row.measured, row.verdict) == (1.5, claims.REPRODUCED)
    with pytest.raises(InnerlrError, match=r"claims.yaml: x: .*no value at tasks 7.*\[5, 15\]"):
        judge(claim | {"at": {"tasks": 7}}, pd.concat(tables))


def test_never_reached_is_beyond_every_bound() -> None:
    assert verdict([np.inf, np.inf], {"below": 20.0}) == claims.NOT
    assert verdict([6.0, np.inf], {"below": 20.0}) == claims.PARTLY


def test_never_reached_below_every_bound_is_not_above_one() -> None:
    """A share of a reduction that there is not is minus infinity."""
    assert verdict([-np.inf, -np.inf], {"above": 0.9}) == claims.NOT
    assert verdict([1.0, 1.0, -np.inf], {"above": 0.9}) == claims.PARTLY
    assert verdict([0.0, 0.0, -np.inf], {"above": 0.9}) == claims.NOT
    assert verdict([-np.inf, np.inf], {"between": [0.0, 1.0]}) == claims.PARTLY


def test_what_is_not_known_proves_nothing() -> None:
    for expected in ({"below": 1.0}, {"above": 1.0}, {"between": [0.0, 9.0]}):
        assert verdict([1.5, 1.5, np.nan], expected) == claims.PARTLY
        assert verdict([np.nan, np.inf], expected) == claims.PARTLY


def test_a_share_of_repetitions_has_the_exact_interval() -> None:
    claim = entry(quantity="share", expected={"above": 0.99})
    row = judge(claim, estimates([1.0] * 10, SHARE))
    # Clopper-Pearson, by hand: 0.025^(1/10)
    assert (row.low, row.high) == (pytest.approx(0.025**0.1), 1.0)
    assert row.verdict == claims.PARTLY
    assert judge(claim, estimates([1.0] * 400, SHARE)).verdict == claims.REPRODUCED
    with pytest.raises(InnerlrError, match=r"claims.yaml: x: share: expected 0 or 1"):
        judge(claim, estimates([1.0, 0.5], SHARE))


@pytest.mark.parametrize(
    ("expected", "values", "worst", "wanted"),
    [
        ({"below": 0.25}, [0.1, 0.2, 0.3], 0.3, claims.NOT),
        ({"below": 0.25}, [0.1, 0.2, 0.25], 0.25, claims.REPRODUCED),
        # the mean's interval is below 0.999 and above 1
        ({"above": 0.999}, [0.918, 0.922, 0.833], 0.833, claims.NOT),
        ({"between": [1, 1]}, [1.0, 1.0, 2.0], 2.0, claims.NOT),
        ({"between": [1, 1]}, [1.0, 1.0], 1.0, claims.REPRODUCED),
    ],
)
def test_a_statement_about_every_repetition_is_judged_by_the_worst(
    expected: dict, values: list[float], worst: float, wanted: str
) -> None:
    row = judge(entry(each=True, expected=expected), estimates(values))
    assert (row.measured, row.low, row.high) == (worst, min(values), max(values))
    assert row.verdict == wanted
    unknown = judge(entry(each=True), estimates([1.5, np.nan]))
    assert unknown.verdict == claims.PARTLY


def test_below_its_scale_a_claim_is_not_evaluated() -> None:
    needing = entry(needs={"tasks": 100, "list": 13, "inner.shots": 5})
    small = {"tasks": 99, "list": [1, 13], "inner": {"shots": 5}}
    row = judge(needing, estimates(TIGHT), small)
    assert row.verdict == claims.UNJUDGED
    assert row.reason == "needs tasks >= 100, this run has 99"
    enough = {**small, "tasks": 100}
    assert judge(needing, estimates(TIGHT), enough).verdict == claims.REPRODUCED


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"expected": {"under": 1.0}}, ["claims.yaml: x", "below"]),
        ({"expected": {"between": [2.0, 1.0]}}, ["between"]),
        ({"quantity": "qq"}, ["'qq'", "'q'"]),
        ({"panel": "b"}, ["panel 'b'"]),
        ({"needs": {"taks": 1}}, ["needs 'taks'"]),
        ({"needs": {"panels": 1}}, ["needs 'panels'", "a number", "dict"]),
        ({"tolerance": 3}, ["unknown key 'tolerance'"]),
    ],
)
def test_a_malformed_claim_is_one_clear_error(change: dict, parts: list[str]) -> None:
    with pytest.raises(InnerlrError) as error:
        judge(entry(**change), estimates(TIGHT), {"panels": {"a": {"tasks": 1}}})
    for part in parts:
        assert part in str(error.value)


def test_a_claim_without_a_reason_is_refused() -> None:
    incomplete = entry()
    del incomplete["reason"]
    with pytest.raises(InnerlrError, match="reason"):
        judge(incomplete, estimates(TIGHT))


def test_every_claim_is_well_formed_and_judged_at_the_default_or_the_paper_s_scale() -> None:
    paper = yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text(encoding="utf-8"))
    configs = (Config(), load(paper))
    for claim in MEASURED:
        check(claim)
        assert claim["needs"], claim["id"]
        sections = [getattr(c, claim["experiment"]).for_stage("estimates") for c in configs]
        short = [claims.shortfall(claim["needs"], section) for section in sections]
        assert "" in short, (claim["id"], short)


def test_a_claim_that_needs_real_data_is_not_judged_on_a_stand_in() -> None:
    claim = entry(expected={"above": 1.0}, needs={"data": "real"})
    for source, expected in (
        ("stand_in", claims.UNJUDGED),
        ("directory+stand_in", claims.UNJUDGED),
        ("directory", claims.REPRODUCED),
        ("download", claims.REPRODUCED),
    ):
        row = judge(claim, estimates(TIGHT), data_source=source)
        assert row.verdict == expected
        assert ("stand-in" in row.reason) == ("stand_in" in source)
    with pytest.raises(InnerlrError, match="expected 'real'"):
        judge(entry(needs={"data": 1}), estimates(TIGHT))


def spelt(verdicts: dict[str, str], of: list[str]) -> pd.Series:
    listed = [entry(id=name) for name in ("x1", "x2", "x3", "other")]
    whole = {"id": "all", "place": "p", "claim": "c", "of": of, "reason": "why"}
    table = pd.DataFrame({"id": list(verdicts), "verdict": list(verdicts.values())})
    return claims.spelt_out([whole, *listed], table).iloc[0]


@pytest.mark.parametrize(
    ("verdicts", "expected", "share"),
    [
        ([claims.REPRODUCED] * 3, claims.REPRODUCED, 1.0),
        ([claims.NOT] * 3, claims.NOT, 0.0),
        ([claims.PARTLY] * 3, claims.PARTLY, 0.0),
        ([claims.REPRODUCED, claims.REPRODUCED, claims.NOT], claims.PARTLY, 2 / 3),
        ([claims.NOT, claims.NOT, claims.PARTLY], claims.PARTLY, 0.0),
        ([claims.REPRODUCED, claims.UNJUDGED, claims.NOT], claims.PARTLY, 0.5),
        # x3 was not evaluated either: two of three are enough, one is not
        ([claims.REPRODUCED, claims.REPRODUCED], claims.REPRODUCED, 1.0),
        ([claims.REPRODUCED, claims.UNJUDGED], claims.UNJUDGED, 1.0),
        ([claims.NOT, claims.UNJUDGED], claims.UNJUDGED, 0.0),
        ([claims.UNJUDGED] * 3, claims.UNJUDGED, np.nan),
        ([], claims.UNJUDGED, np.nan),
    ],
)
def test_a_statement_is_judged_by_what_spells_it_out(
    verdicts: list[str], expected: str, share: float
) -> None:
    given = {f"x{i}": verdict for i, verdict in enumerate(verdicts, 1)}
    # another claim does not count
    row = spelt(given | {"other": claims.NOT}, ["x?"])
    assert row.verdict == expected
    assert row.measured == pytest.approx(share, nan_ok=True)
    for name in ("x1", "x2", "x3"):
        assert (name in row.reason) == (given.get(name) != claims.REPRODUCED)
    assert "other" not in row.reason


def test_a_pattern_that_matches_no_claim_is_refused() -> None:
    with pytest.raises(InnerlrError, match="all: no claim 'z'"):
        spelt({}, ["x1", "z"])


def test_the_table_of_verdicts_is_in_the_order_of_the_claims() -> None:
    listed = [
        {"id": "all", "place": "p", "claim": "c", "of": ["*"], "reason": "why"},
        *(entry(id=name) for name in ("b", "a", "unjudged")),
    ]
    judged = [
        claims.judge([entry(id=name)], estimates(TIGHT), "x", {}, known=KNOWN)
        for name in ("a", "b")
    ]
    table = claims.verdict_table(listed, judged)
    assert list(table.id) == ["all", "b", "a"]
    assert list(table.columns) == claims.COLUMNS
    assert table.verdict[0] == claims.REPRODUCED
    with pytest.raises(InnerlrError, match="no claim 'a', which was judged"):
        claims.verdict_table(listed[:2], judged)


numbers = st.floats(-1e6, 1e6)
expectations = st.one_of(
    st.builds(lambda x: {"below": x}, numbers),
    st.builds(lambda x: {"above": x}, numbers),
    st.builds(lambda x, y: {"between": sorted([x, y])}, numbers, numbers),
)


@given(expectations, st.lists(numbers, min_size=3, max_size=3))
def test_a_verdict_says_where_the_interval_lies(expected: dict, ends: list[float]) -> None:
    """Against the definition, point by point: what is accepted is asked of each end alone."""
    low, mean, high = sorted(ends)

    def accepted(x: float) -> bool:
        bound = next(iter(expected.values()))
        if "below" in expected:
            return x <= bound
        return x >= bound if "above" in expected else bound[0] <= x <= bound[1]

    table = estimated({"a": {FITTED: Estimated(mean, low, high, "by hand")}})
    row = judge(entry(quantity="fitted", expected=expected), table)
    assert (row.measured, row.low, row.high) == (mean, low, high)
    points = [low, high, *(b for b in bounds(expected) if low <= b <= high)]
    if accepted(low) and accepted(high):
        assert row.verdict == claims.REPRODUCED
    elif not any(map(accepted, points)):
        assert row.verdict == claims.NOT
    else:
        assert row.verdict == claims.PARTLY


@given(
    st.dictionaries(st.sampled_from(["tasks", "inner.shots", "list"]), st.integers(1, 9)),
    st.dictionaries(st.sampled_from(["tasks", "inner.shots", "list"]), st.integers(1, 9)),
)
def test_a_claim_is_judged_where_no_need_is_missed(needs: dict, has: dict) -> None:
    values = {"tasks": 0, "inner.shots": 0, "list": 0} | has
    section = {
        "tasks": values["tasks"],
        "inner": {"shots": values["inner.shots"]},
        "list": [0, values["list"], 0],
    }
    row = judge(entry(needs=needs), estimates(TIGHT), section)
    missed = [key for key, least in needs.items() if values[key] < least]
    assert (row.verdict == claims.UNJUDGED) == bool(missed)
    if missed:
        key = missed[0]
        assert row.reason == f"needs {key} >= {needs[key]}, this run has {values[key]}"


# the values that a kind of quantity can have
RANGES = {"share": (0.0, 1.0), "worst case": (-np.inf, np.inf), "slope": (-np.inf, np.inf)}


def middle(low: float, high: float) -> float:
    """A number between two ends, either of which may be infinite."""
    if np.isinf(low):
        return high - 1 - abs(high) if np.isfinite(high) else 0.0
    return (low + high) / 2 if np.isfinite(high) else low + 1 + abs(low)


def test_every_claim_names_a_quantity_that_could_refute_it_and_could_bear_it_out() -> None:
    for claim in MEASURED:
        known = registry(claim["experiment"])
        assert claim["quantity"] in known, claim["id"]
        quantity = known[claim["quantity"]]
        assert set(claim.get("at", {})) == set(quantity.by), claim["id"]
        least, most = RANGES.get(quantity.kind, (0.0 if quantity.positive else -np.inf, np.inf))
        low, high = bounds(claim["expected"])
        assert max(low, least) <= min(high, most), f"{claim['id']}: nothing is accepted"
        assert least < low or high < most, f"{claim['id']}: nothing is refused"
        bad = middle(high, most) if high < most else middle(least, low)
        for value, wanted in (
            (middle(max(low, least), min(high, most)), claims.REPRODUCED),
            (bad, claims.NOT),
        ):
            found = Interval(value, value, value)
            assert claims.verdict_of(found, claim["expected"]) == wanted, claim["id"]


@pytest.mark.parametrize("claim", SPELT_OUT, ids=[c["id"] for c in SPELT_OUT])
def test_every_statement_can_hold_and_can_fail(claim: dict) -> None:
    names = [c["id"] for c in MEASURED if any(fnmatchcase(c["id"], p) for p in claim["of"])]

    def found(*verdicts: str) -> str:
        all_of_them = [*verdicts, *verdicts[-1:] * len(names)][: len(names)]
        table = pd.DataFrame({"id": names, "verdict": all_of_them})
        made = claims.spelt_out([claim, *MEASURED], table)
        assert list(made.id) == [claim["id"]]
        return str(made.verdict[0])

    assert found(claims.REPRODUCED) == claims.REPRODUCED
    assert found(claims.NOT) == claims.NOT
    assert found(claims.NOT, claims.REPRODUCED) == claims.PARTLY
    assert found(claims.UNJUDGED) == claims.UNJUDGED


def test_claims_have_distinct_names_and_cover_every_experiment() -> None:
    names = [claim["id"] for claim in ENTRIES]
    assert len(set(names)) == len(names)
    experiments = {
        name for name in Config.model_fields if isinstance(getattr(Config(), name), Section)
    }
    assert {claim["experiment"] for claim in MEASURED} == experiments


def test_claims_are_chosen_by_the_beginnings_of_their_names() -> None:
    listed = [{"id": name} for name in ("fig08-rate", "fig08-slope-a", "fig08-slope-b")]
    assert beginning_with(listed, [], "x") == listed
    assert beginning_with(listed, ["fig08-slope"], "x") == listed[1:]
    with pytest.raises(InnerlrError) as error:
        beginning_with(listed, ["fig08-slope", "fig08-rat-"], "fig08.specifications.claims")
    said = "fig08.specifications.claims: no claim on it begins with 'fig08-rat-'. Did you mean"
    assert f"{said} 'fig08-rate'?" in str(error.value)
