"""What Fig. 4 measures of its curves, on curves of a few points worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import experiment

from replication.figures.variance import quantities as q
from replication.measuring import select
from replication.quantity import Quantity

# lowest and highest inside, so that neither is the first or the last
CURVE = np.array([3.0, 4.0, 1.0, 1.5, 1.2])


def test_the_share_of_steps_that_fall() -> None:
    assert q.decreasing_share(CURVE) == 0.5
    # three of four steps fall, seen from the other side one
    assert q.decreasing_share(np.array([5.0, 4.0, 4.5, 3.0, 2.0])) == 0.75
    # a step that is level does not fall
    assert q.decreasing_share(np.array([2.0, 2.0, 1.0, 5.0])) == pytest.approx(1 / 3)


def test_the_last_over_the_first() -> None:
    assert q.last_to_first(CURVE) == pytest.approx(0.4)


def test_the_ends_of_a_curve_are_its_lowest_and_its_highest() -> None:
    assert q.lowest_alpha_lim(CURVE) == q.lowest_alpha_lim_of_law(CURVE) == 1.0
    assert q.highest_alpha_lim(CURVE) == q.highest_alpha_lim_of_law(CURVE) == 4.0


def test_the_inverse_fit_has_its_residuals_over_the_squares_around_the_mean() -> None:
    # c = (3/1 + 1/2) / (1 + 1/4) = 2.8; residuals 0.2 and -0.4; around the mean 2: 1 + 1
    variances, limits = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    assert q.inverse_fit_c(variances, limits) == pytest.approx(2.8)
    assert q.inverse_fit_r2(variances, limits) == pytest.approx(1 - 0.2 / 2)


def test_an_inverse_fit_may_be_worse_than_a_constant() -> None:
    # c = (1/1 + 3/2) / (1 + 1/4) = 2; residuals -1 and 2
    variances, limits = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    assert q.inverse_fit_c(variances, limits) == pytest.approx(2)
    assert q.inverse_fit_r2(variances, limits) == pytest.approx(1 - 5 / 2)


def test_an_exact_inverse_has_all_of_its_variance_explained() -> None:
    variances = np.array([0.5, 1.0, 3.0])
    assert q.inverse_fit_c(variances, 0.35 / variances) == pytest.approx(0.35)
    assert q.inverse_fit_r2(variances, 0.35 / variances) == pytest.approx(1)


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda x: np.ptp(x) > 0.1),
    st.floats(-2, 2),
)
def test_no_other_coefficient_fits_better(limits: list[float], other: float) -> None:
    x, y = np.array([0.5, 1.0, 3.0]), np.array(limits)
    left = 1 - q.inverse_fit_r2(x, y)
    # 1e-12: rounding of numbers of order 1
    assert left <= ((y - other / x) ** 2).sum() / ((y - y.mean()) ** 2).sum() + 1e-12


def test_the_affine_fit() -> None:
    # against 1, 2, 3: S_xy = 5, S_xx = 2, S_yy = 14 around the means 2 and 4
    variances, limits = 1 / np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 7.0])
    assert q.affine_fit_b(variances, limits) == pytest.approx(2.5)
    assert q.affine_fit_a(variances, limits) == pytest.approx(4 - 2.5 * 2)
    assert q.affine_fit_r2(variances, limits) == pytest.approx(25 / 28)


def test_the_gap_to_the_closed_form_is_the_largest_and_relative_to_it() -> None:
    limits, closed = np.array([1.0, 1.1, 2.0, 3.0]), np.array([1.0, 1.0, 2.5, 3.0])
    assert q.closed_form_gap(limits, closed) == pytest.approx(0.2)


def value(table: pd.DataFrame, quantity: Quantity[Any], panel: str, **at: str) -> float:
    (row,) = select(table, quantity.name, panel, at).itertuples()
    return float(row.value)


# c / sigma^2 with c = 2.8 and 2, worked above; two laws
CURVES = {"normal": [3.0, 1.0], "uniform": [1.0, 3.0]}


def test_a_curve_of_the_basis_is_measured_as_it_is_given() -> None:
    frames = [
        pd.DataFrame({"law": law, "variance": [1.0, 2.0], "alpha_lim": limits})
        for law, limits in CURVES.items()
    ]
    sweep = pd.concat(frames).assign(width_rule="data", gaussian_input="scalar", primary=True)
    table = experiment("fig04a").estimates({}, sweep)
    assert set(table.panel) == {"a", "data/scalar"}
    for law, c, r2, share, ratio in (
        ("normal", 2.8, 0.9, 1, 1 / 3),
        ("uniform", 2.0, -1.5, 0, 3),
    ):
        assert value(table, q.inverse_fit_c, "a", law=law) == pytest.approx(c)
        assert value(table, q.inverse_fit_r2, "a", law=law) == pytest.approx(r2)
        assert value(table, q.decreasing_share, "a", law=law) == share
        assert value(table, q.last_to_first, "a", law=law) == pytest.approx(ratio)
        assert value(table, q.affine_fit_r2, "a", law=law) == pytest.approx(1)
    # through (1, 3) and (1/2, 1)
    assert value(table, q.affine_fit_a, "a", law="normal") == pytest.approx(-1)
    assert value(table, q.affine_fit_b, "a", law="normal") == pytest.approx(4)
    assert (table.low.isna() & table.high.isna() & table.seed.isna()).all()


def test_a_curve_of_tangent_features_is_measured_as_it_is_given() -> None:
    frames = [
        pd.DataFrame({"law": law, "variance": [1.0, 2.0], "alpha_lim": limits, "reading": reading})
        for law, limits in CURVES.items()
        for reading in ("all biases", "no biases")
    ]
    closed = {
        "closed form/normal/4": np.array([3.0, 0.8]),
        "closed form/uniform/4": np.array([1.1, 3.0]),
    }
    table = experiment("fig04b").estimates(closed, pd.concat(frames).assign(seed=4))
    assert table.seed.tolist() == [4] * len(table)
    assert set(table.panel) == {"b", "all biases", "no biases"}
    assert value(table, q.inverse_fit_r2, "b", law="uniform") == pytest.approx(-1.5)
    assert value(table, q.inverse_fit_c, "b", law="normal") == pytest.approx(2.8)
    assert value(table, q.closed_form_gap, "no biases", law="normal") == pytest.approx(0.25)
    assert value(table, q.closed_form_gap, "no biases", law="uniform") == pytest.approx(1 / 11)
    assert set(table.panel[table.quantity == "closed_form_gap"]) == {"no biases"}
