"""Every place of the paper has a claim or says why not, and every claim has a place."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
import yaml

from innerlr.errors import InnerlrError
from replication.judging.entries import entries, places_of

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = entries()
PLACES = yaml.safe_load((ROOT / "docs/places.yaml").read_text())
KNOWN = [place["place"] for place in PLACES]
JUDGED = Counter(name for claim in ENTRIES for name in places_of(claim["place"], KNOWN))

# What the paper numbers, counted by hand: figures with their panels or rows, then the rest.
PANELS = {
    **{f"Fig. {n}": [" (a)", " (b)"] for n in (1, 2, 3, 4, 5, 10)},
    "Fig. 6": [", left", ", right"],
    "Fig. 7": [", first row", ", second row"],
    "Fig. 8": [" (a)", " (b)", " (c)"],
    "Fig. 9": [" (a)", " (b)", " (c)", " (d)"],
    "Fig. 11": [", first row", ", second row"],
    "Fig. 12": [", left", ", right"],
}
NUMBERED = {
    "Table": 2,
    "Theorem": 2,
    "Proposition": 6,
    "Lemma": 4,
    "Corollary": 2,
    "Example": 2,
    "Abstract, sentence": 8,
    "Introduction, contribution": 3,
    "Section": 6,
}


def test_the_list_holds_all_that_the_paper_numbers() -> None:
    panels = {figure + panel for figure, ends in PANELS.items() for panel in ends}
    assert {name for name in KNOWN if name.startswith("Fig.")} == panels
    for kind, count in NUMBERED.items():
        found = {re.sub(r"\.\d", "", name) for name in KNOWN if name.startswith(f"{kind} ")}
        # section 1 is the introduction
        wanted = range(2 if kind == "Section" else 1, count + 1)
        assert found == {f"{kind} {number}" for number in wanted}
    assert len(set(KNOWN)) == len(KNOWN)


@pytest.mark.parametrize("place", PLACES, ids=KNOWN)
def test_a_place_has_a_claim_or_says_why_not(place: dict) -> None:
    name = place["place"]
    assert set(place) == {"place", "says" if JUDGED[name] else "none"}, (
        f"docs/places.yaml: {name} is judged by {JUDGED[name]} claims; it needs `says` with some "
        "and `none` (why) without"
    )


def test_every_statement_is_spelt_out_by_claims_on_the_paper_s_terms() -> None:
    """Not by alternative readings, nor by estimates that are ours."""
    ours = re.compile("growing-widths|without-biases|-loss-lim|-pooled|-half|-level|weighted")
    for claim in ENTRIES:
        if "of" in claim:
            names = [c["id"] for c, p in product(ENTRIES, claim["of"]) if _fits(c["id"], p)]
            assert names
            assert not [name for name in names if ours.search(name)]


def _fits(name: str, pattern: str) -> bool:
    return bool(re.fullmatch(pattern.replace("?", ".").replace("*", ".*"), name))


@pytest.mark.parametrize("place", ["Fig. 2 (c)", "Theorem 1 b", "Theorem 1; Section 9"])
def test_a_claim_outside_the_list_is_one_clear_error(place: str) -> None:
    with pytest.raises(InnerlrError, match=r"expected one of docs/places.yaml"):
        places_of(place, KNOWN)


def test_the_longest_name_counts() -> None:
    assert places_of("Fig. 6, left, the axis; Section 6", KNOWN) == ["Fig. 6, left", "Section 6"]
    assert places_of("Introduction, contribution 1", KNOWN) == ["Introduction, contribution 1"]
