"""Verdicts: each rule with inputs that must pass and inputs that must fail."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from innerlr.errors import InnerlrError
from innerlr.intervals import Interval, mean_interval
from replication.judging import claims
from replication.judging.entries import beginning_with, bounds, check, entries
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


def estimates(values: list[float], seeds: list[int] | None = None) -> pd.DataFrame:
    seeds = list(range(len(values))) if seeds is None else seeds
    return pd.DataFrame({"panel": "a", "seed": seeds, "quantity": "q", "value": values})


def verdict(values: list[float], expected: dict, **kwargs: object) -> str:
    table = estimates(values, **kwargs)  # type: ignore[arg-type]
    return claims.judge([entry(expected=expected)], table, "x", {}).verdict.iloc[0]


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
    assert verdict([1.5], {"below": 1.5}, seeds=[-1]) == claims.REPRODUCED
    assert verdict([1.5], {"below": 1.499}, seeds=[-1]) == claims.NOT


def test_a_pooled_value_carries_its_own_interval() -> None:
    table = pd.DataFrame(
        {
            "panel": "a",
            "seed": -1,
            "quantity": ["q", "q_low", "q_high"],
            "value": [1.5, 0.5, 1.8],
        }
    )
    row = claims.judge([entry()], table, "x", {}).iloc[0]
    assert (row.measured, row.low, row.high) == (1.5, 0.5, 1.8)
    assert row.verdict == claims.PARTLY


def test_never_reached_is_beyond_every_bound() -> None:
    assert verdict([np.inf, np.inf], {"below": 20.0}) == claims.NOT
    assert verdict([6.0, np.inf], {"below": 20.0}) == claims.PARTLY


def test_never_reached_below_every_bound_is_not_above_one() -> None:
    """A share of a reduction that there is not is minus infinity."""
    assert verdict([-np.inf, -np.inf], {"above": 0.9}) == claims.NOT
    assert verdict([1.0, 1.0, -np.inf], {"above": 0.9}) == claims.PARTLY
    assert verdict([0.0, 0.0, -np.inf], {"above": 0.9}) == claims.NOT
    assert verdict([-np.inf, np.inf], {"between": [0.0, 1.0]}) == claims.PARTLY
    assert verdict([-np.inf], {"above": 0.9}, seeds=[-1]) == claims.NOT


def test_what_is_not_known_proves_nothing() -> None:
    for expected in ({"below": 1.0}, {"above": 1.0}, {"between": [0.0, 9.0]}):
        assert verdict([1.5, 1.5, np.nan], expected) == claims.PARTLY
        assert verdict([np.nan, np.inf], expected) == claims.PARTLY


def test_ends_of_another_quantity_are_not_its_own() -> None:
    table = pd.DataFrame(
        {
            "panel": ["a", "a", "b", "a"],
            "seed": -1,
            "quantity": ["q", "qq_low", "q_high", "q_high_low"],
            "value": [1.5, 0.0, 9.0, 0.0],
        }
    )
    row = claims.judge([entry()], table, "x", {}).iloc[0]
    assert row.measured == 1.5
    assert np.isnan([row.low, row.high]).all()


def indicator(hits: list[float]) -> pd.DataFrame:
    return estimates(hits).assign(quantity="minimum_in_range")


def test_a_share_of_repetitions_has_the_exact_interval() -> None:
    claim = entry(quantity="minimum_in_range", expected={"above": 0.99})
    row = claims.judge([claim], indicator([1.0] * 10), "x", {}).iloc[0]
    # Clopper-Pearson, by hand: 0.025^(1/10)
    assert (row.low, row.high) == (pytest.approx(0.025**0.1), 1.0)
    assert row.verdict == claims.PARTLY
    many = claims.judge([claim], indicator([1.0] * 400), "x", {}).iloc[0]
    assert many.verdict == claims.REPRODUCED
    with pytest.raises(InnerlrError, match="expected 0 or 1"):
        claims.measure(indicator([1.0, 0.5]), "a", "minimum_in_range")


def on_a_grid(below: list[float], values: list[float], above: list[float]) -> pd.DataFrame:
    ends = [
        estimates(x).assign(quantity=f"q{end}")
        for x, end in ((below, "_below"), (values, ""), (above, "_above"))
    ]
    return pd.concat(ends)


def test_what_was_found_on_a_grid_lies_between_its_neighbours() -> None:
    table = on_a_grid([0.0] * 3, [1.0] * 3, [2.0] * 3)
    assert claims.measure(table, "a", "q") == (1.0, 0.0, 2.0)
    below, values, above = [0.0, 1.0, 0.0], [1.0, 2.0, 1.0], [2.0, 4.0, 2.0]
    found = claims.measure(on_a_grid(below, values, above), "a", "q")
    assert found.low == mean_interval(below).low
    assert found.high == mean_interval(above).high
    # one at the end of the grid
    table = on_a_grid([0.0] * 3, [1.0] * 3, [2.0, 2.0, np.inf])
    assert claims.measure(table, "a", "q") == (1.0, 0.0, np.inf)


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
    row = claims.judge([entry(each=True, expected=expected)], estimates(values), "x", {}).iloc[0]
    assert (row.measured, row.low, row.high) == (worst, min(values), max(values))
    assert row.verdict == wanted
    unknown = claims.judge([entry(each=True)], estimates([1.5, np.nan]), "x", {}).iloc[0]
    assert unknown.verdict == claims.PARTLY


def test_below_its_scale_a_claim_is_not_evaluated() -> None:
    needing = entry(needs={"tasks": 100, "list": 13, "inner.shots": 5})
    small = {"tasks": 99, "list": [1, 13], "inner": {"shots": 5}}
    row = claims.judge([needing], estimates(TIGHT), "x", small).iloc[0]
    assert row.verdict == claims.UNJUDGED
    assert row.reason == "needs tasks >= 100, this run has 99"
    enough = {**small, "tasks": 100}
    assert claims.judge([needing], estimates(TIGHT), "x", enough).verdict[0] == claims.REPRODUCED


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
        claims.judge([entry(**change)], estimates(TIGHT), "x", {"panels": {"a": {"tasks": 1}}})
    for part in parts:
        assert part in str(error.value)


def test_a_claim_without_a_reason_is_refused() -> None:
    incomplete = entry()
    del incomplete["reason"]
    with pytest.raises(InnerlrError, match="reason"):
        claims.judge([incomplete], estimates(TIGHT), "x", {})


@pytest.mark.parametrize("claim", MEASURED, ids=[c["id"] for c in MEASURED])
def test_every_claim_is_well_formed_and_judged_at_the_default_or_the_paper_s_scale(
    claim: dict,
) -> None:
    check(claim)
    paper = yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text())
    sections = [
        getattr(config, claim["experiment"]).for_stage("estimates")
        for config in (Config(), load(paper))
    ]
    assert "" in [claims.shortfall(claim["needs"], section) for section in sections]


def test_a_claim_that_needs_real_data_is_not_judged_on_a_stand_in() -> None:
    claim = entry(expected={"above": 1.0}, needs={"data": "real"})
    for source, expected in (
        ("stand_in", claims.UNJUDGED),
        ("directory+stand_in", claims.UNJUDGED),
        ("directory", claims.REPRODUCED),
        ("download", claims.REPRODUCED),
    ):
        row = claims.judge([claim], estimates(TIGHT), "x", {}, source).iloc[0]
        assert row.verdict == expected
        assert ("stand-in" in row.reason) == ("stand_in" in source)
    with pytest.raises(InnerlrError, match="expected 'real'"):
        claims.judge([entry(needs={"data": 1})], estimates(TIGHT), "x", {})


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
    judged = [claims.judge([entry(id=name)], estimates(TIGHT), "x", {}) for name in ("a", "b")]
    table = claims.verdict_table(listed, judged)
    assert list(table.id) == ["all", "b", "a"]
    assert list(table.columns) == claims.COLUMNS
    assert table.verdict[0] == claims.REPRODUCED
    with pytest.raises(InnerlrError, match="no claim 'a', which was judged"):
        claims.verdict_table(listed[:2], judged)


# What a quantity can be, by its name: the first that matches. A claim must be able to hold and to
# fail within it.
NATURAL = [
    ("^(alpha_star|best_rate_b)|^lowest_gap_over_bound$|^fixed_over_shared$", (-np.inf, np.inf)),
    ("share_of_reduction_at_lim|_r2$|^gain_", (-np.inf, 1.0)),
    ("^(accuracy|final)_gain$", (-1.0, 1.0)),
    ("share|_violated$|^final_accuracy$", (0.0, 1.0)),
    ("^(minimum_in_range|best_is_nearest|outside_excluded)$", (0.0, 1.0)),
    (
        "^loss_gain$|(^|_)gap_(at|in|lowest|highest)|^relative_tangent|^star_position",
        (-np.inf, np.inf),
    ),
    ("slope|_order$|_power$|_growth$", (-np.inf, np.inf)),
    ("ratio|error|excess|regret|spread|variance|level|loss$|alpha|steps", (0.0, np.inf)),
    ("_to_|_over_|peak|total|index|minima$|points|speedup|_c$|_at_last$|scaling", (0.0, np.inf)),
    ("deviation", (0.0, np.inf)),
    # a factor in either direction
    ("^farthest", (1.0, np.inf)),
]


def natural(quantity: str) -> tuple[float, float]:
    for pattern, ends in NATURAL:
        if re.search(pattern, quantity):
            return ends
    raise AssertionError(f"test_claims.NATURAL: say what {quantity!r} can be")


def middle(low: float, high: float) -> float:
    """A number between two ends, either of which may be infinite."""
    if np.isinf(low):
        return high - 1 - abs(high) if np.isfinite(high) else 0.0
    return (low + high) / 2 if np.isfinite(high) else low + 1 + abs(low)


def inside_and_outside(claim: dict) -> tuple[float, float]:
    """A value that the claim accepts and one that it refuses, both of which can be measured."""
    low, high = bounds(claim["expected"])
    least, most = natural(claim["quantity"])
    assert max(low, least) <= min(high, most), "nothing that can be measured is accepted"
    assert least < low or high < most, "nothing that can be measured is refused"
    if claim["quantity"] in claims.INDICATORS:
        return 1.0, 0.0
    good = middle(max(low, least), min(high, most))
    bad = middle(high, most) if high < most else middle(least, low)
    return good, bad


def measured(claim: dict, value: float, other: float, form: str) -> pd.DataFrame:
    """A table with `value`, in one of the forms of estimates, among many others of `other`."""
    panel, quantity = str(claim["panel"]), claim["quantity"]
    rows = [(f"{panel}x", quantity, 0, other), (panel, f"{quantity}x", 0, other)]
    rows += [(f"{panel}x", f"{quantity}_{end}", -1, other) for end in ("low", "high")]
    if form == "repetitions" or quantity in claims.INDICATORS:
        rows += [(panel, quantity, seed, value) for seed in range(10)]
    else:
        rows.append((panel, quantity, -1, value))
    if form == "pooled":
        rows += [(panel, f"{quantity}_{end}", -1, value) for end in ("low", "high")]
    return pd.DataFrame(rows, columns=["panel", "quantity", "seed", "value"])


def scale_of(claim: dict) -> dict:
    """A section just large enough for the claim."""
    section: dict = {}
    for path, least in claim["needs"].items():
        *parents, key = path.split(".")
        node = section
        for parent in parents:
            node = node.setdefault(parent, {})
        if path != "data":
            node[key] = least
    return section


@pytest.mark.parametrize("form", ["repetitions", "exact", "pooled"])
@pytest.mark.parametrize("claim", MEASURED, ids=[c["id"] for c in MEASURED])
def test_every_claim_can_hold_and_can_fail(claim: dict, form: str) -> None:
    good, bad = inside_and_outside(claim)
    verdicts = [
        claims.judge([claim], measured(claim, *values, form), "x", scale_of(claim)).verdict[0]
        for values in ((good, bad), (bad, good))
    ]
    assert verdicts == [claims.REPRODUCED, claims.NOT]


# the others have no interval of a mean
OF_MEANS = [c for c in MEASURED if "each" not in c and c["quantity"] not in claims.INDICATORS]


@pytest.mark.parametrize("claim", OF_MEANS, ids=[c["id"] for c in OF_MEANS])
def test_every_claim_is_partly_reproduced_by_an_interval_across_its_bound(claim: dict) -> None:
    good, bad = inside_and_outside(claim)
    table = measured(claim, good, bad, "pooled")
    mine = table.panel == str(claim["panel"])
    low, high = sorted((good, bad))
    for end, value in (("low", low), ("high", high)):
        table.loc[mine & (table.quantity == f"{claim['quantity']}_{end}"), "value"] = value
    row = claims.judge([claim], table, "x", scale_of(claim)).iloc[0]
    assert (row.low, row.high) == (low, high)
    assert row.verdict == claims.PARTLY


@pytest.mark.parametrize("claim", MEASURED, ids=[c["id"] for c in MEASURED])
def test_no_claim_is_judged_below_any_of_its_needs(claim: dict) -> None:
    table = measured(claim, *inside_and_outside(claim), "exact")
    assert claim["needs"]
    for path, least in claim["needs"].items():
        section, source = scale_of(claim), "directory"
        if path == "data":
            source = "stand_in"
        else:
            short = {"needs": claim["needs"] | {path: least - 1}}
            section = scale_of(claim | short)
        row = claims.judge([claim], table, "x", section, source).iloc[0]
        assert row.verdict == claims.UNJUDGED
        assert ("stand-in" if path == "data" else f"needs {path} >= {least}") in row.reason


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


def test_mean_interval_is_scipys() -> None:
    x = np.random.default_rng(1).normal(size=12)
    low, high = stats.ttest_1samp(x, 0).confidence_interval()
    assert mean_interval(x) == pytest.approx((x.mean(), low, high), rel=1e-12)


def test_mean_interval_covers_at_its_level() -> None:
    draws = np.random.default_rng(2).normal(size=(2000, 5))
    covered = np.mean([i.low <= 0 <= i.high for i in map(mean_interval, draws)])
    # binomial standard deviation 0.005
    assert covered == pytest.approx(0.95, abs=0.02)


def test_claims_are_chosen_by_the_beginnings_of_their_names() -> None:
    listed = [{"id": name} for name in ("fig08-rate", "fig08-slope-a", "fig08-slope-b")]
    assert beginning_with(listed, [], "x") == listed
    assert beginning_with(listed, ["fig08-slope"], "x") == listed[1:]
    with pytest.raises(InnerlrError) as error:
        beginning_with(listed, ["fig08-slope", "fig08-rat-"], "fig08.specifications.claims")
    said = "fig08.specifications.claims: no claim on it begins with 'fig08-rat-'. Did you mean"
    assert f"{said} 'fig08-rate'?" in str(error.value)
