"""What Fig. 6 measures of its coefficients, for d = 3, where they are multiplied out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small import CLAIMS, experiment, stages

from replication.figures.coefficients import quantities as q
from replication.judging.claims import judge
from replication.measuring import measure
from replication.quantity import Quantity
from replication.registry import registry

# (1 + x + x^2)^2
G1 = np.array([1.0, 2, 3, 2, 1])
# (1 + x^3 + x^6) (1 + x + x^2) (1 + x^2 + x^4)
G2 = np.array([1.0, 1, 2, 2, 3, 3, 3, 3, 3, 2, 2, 1, 1])
# (1 + x^2 + x^4)^3
RIGHT = np.array([1.0, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1])
# (1 + x + x^2)^3
G3 = np.array([1.0, 3, 6, 7, 6, 3, 1])
# (E x^2j)^3 for j = 0, 1, 2
CUBES = np.array([1.0, 0, 1, 0, 1, 0, 0])

# quantity, panel, series: what it is for d = 3
EXPECTED: list[tuple[Quantity[Any], str, str, float]] = [
    (q.peak, "a", "g1", 3),
    (q.peak, "b", "g1", 3),
    (q.peak, "a", "g2", 3),
    (q.peak, "a", "g2_right", 7),
    (q.peak, "b", "g3", 7),
    # j + m <= 4, 3j + m + 2l <= 12, 2 (j + m + l) <= 12, j + m + l <= 6
    (q.last_index, "a", "g1", 4),
    (q.last_index, "b", "g1", 4),
    (q.last_index, "a", "g2", 12),
    (q.last_index, "a", "g2_right", 12),
    (q.last_index, "b", "g3", 6),
    # d^2 and d^3
    (q.total, "a", "g1", 9),
    (q.total, "b", "g1", 9),
    (q.total, "a", "g2", 27),
    (q.total, "a", "g2_right", 27),
    (q.total, "b", "g3", 27),
    (q.peak_to_g1_peak, "a", "g2", 1),
    (q.peak_to_g1_peak, "b", "g3", 7 / 3),
    # equal at 0 and at 12 alone
    (q.wrong_share, "a", "g2", 11 / 13),
    (q.wrong_share, "b", "g3", 6 / 7),
]


def test_the_quantities_of_coefficients_given_by_hand() -> None:
    assert [q.peak(x) for x in (G1, G2, RIGHT, G3)] == [3, 3, 7, 7]
    assert [q.last_index(x) for x in (G1, G2, RIGHT, G3)] == [4, 12, 12, 6]
    assert [q.total(x) for x in (G1, G2, RIGHT, G3)] == [9, 27, 27, 27]
    assert q.peak_to_g1_peak(G3, G1) == pytest.approx(7 / 3)
    assert q.wrong_share(G2, RIGHT) == pytest.approx(11 / 13)
    assert q.wrong_share(G3, CUBES) == pytest.approx(6 / 7)


def test_a_moment_is_dominated_if_the_denominator_has_it_more_often() -> None:
    # g2 at 0, 2, 4, 6, 8 is 1, 2, 3, 3, 3 and g1 is 1, 2, 3, 2, 1: larger at 6 and 8 alone
    assert q.g2_dominates_share(G2, G1) == pytest.approx(2 / 5)
    assert q.g2_dominates_share(G2 + 1, G1) == 1
    assert q.g2_dominates_share(G2 - 1, G1) == pytest.approx(1 / 5)


def test_every_quantity_is_measured_where_it_is_drawn() -> None:
    estimates = stages(experiment("fig06", dim=3))[3]
    for quantity, panel, series, value in EXPECTED:
        found = measure(estimates, quantity, panel, {"series": series})
        assert found.mean == pytest.approx(value), (quantity.name, panel, series)
        assert np.isnan([found.low, found.high]).all()
    assert measure(estimates, q.g2_dominates_share, "a").mean == pytest.approx(2 / 5)
    assert len(estimates) == len(EXPECTED) + 1
    assert set(estimates.quantity) == set(registry("fig06"))


def test_every_claim_on_figure_6_finds_its_quantity() -> None:
    claims = [claim for claim in CLAIMS if claim.get("experiment") == "fig06"]
    verdicts = judge(claims, stages(experiment("fig06", dim=3))[3], "fig06", {"dim": 3})
    assert verdicts.set_index("id").measured.to_dict() == pytest.approx(
        {
            "fig06-g2-dominates": 1,
            "fig06-g3-dominates": 7 / 3,
            "fig06-every-coefficient": 2 / 5,
            "fig06-more-terms": 27,
            "fig06-higher-order": 12,
            "fig06-left-axis": 3,
            "fig06-right-axis": 7,
            "fig06-g2-is-the-count": 11 / 13,
            "fig06-g3-is-the-count": 6 / 7,
        }
    )
