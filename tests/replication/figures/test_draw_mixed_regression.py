"""Drawing of Fig. 11, on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import TWO, scalars

from replication.figures.mixed_regression.draw import (
    draw,
    findings,
    paired_differences,
    risks_at,
    risks_by_strategy,
)

RATES = [0.0, 0.2, 0.4, 0.8]
# by strategy and trial, at each rate; at alpha_lim = 0.1 the shared risks are 1.5 and 3
RISKS = {
    ("shared", 0): [2.0, 1.0, 3.0, 50.0],
    ("shared", 1): [4.0, 2.0, 6.0, 50.0],
    ("fixed", 0): [1.5, 1.2, 1.8, 15.0],
    ("fixed", 1): [3.3, 3.0, 3.6, 30.0],
}
SECTION = {"fixed_test_alpha": 0.2, "other_test_alphas": [0.4, 0.125]}


def sweep() -> pd.DataFrame:
    curve = {"rate_b": RATES}
    return pd.concat(
        pd.DataFrame(curve | {"test_risk": risks, "strategy": strategy, "trial": trial})
        for (strategy, trial), risks in RISKS.items()
    )


def estimates() -> pd.DataFrame:
    panels: dict[str, dict[str, Any]] = {
        "shared": {
            "best_rate_b": [0.2, 0.2],
            "best_rate_b_theory": 0.12,
            "regret_at_lim": [0.4, 0.6],
        },
        "fixed": {
            "best_rate_b": [-0.1, 0.2, 0.8],
            "best_rate_b_theory": 0.3,
            "best_rate_b_of_mean": 0.25,
            "best_rate_b_of_mean_low": 0.1,
            "best_rate_b_of_mean_high": 0.4,
        },
        "both": {
            "alpha_lim_b": 0.1,
            "fixed_over_shared": [0.1, -0.2, 0.4],
            "fixed_over_shared_at_0.125": [-0.01, -0.03],
            "fixed_over_shared_at_0.2": [0.05, 0.15],
            "fixed_over_shared_at_0.4": [0.3, 0.5],
            "spread_over_test_rates": [0.2, 0.4],
        },
    }
    return scalars(panels)


def of(shown: pd.DataFrame, panel: str, series: str) -> pd.DataFrame:
    return shown[(shown.panel == panel) & (shown.series == series)]


def test_risks_are_interpolated_trial_by_trial() -> None:
    shared = risks_by_strategy(sweep())["shared"]
    assert shared.shape == (2, 4)
    assert risks_at(shared, 0.1).tolist() == pytest.approx([1.5, 3.0])
    assert risks_at(shared, 0.4).tolist() == pytest.approx([3.0, 6.0])


def test_differences_are_percent_of_the_same_sets_shared_risk() -> None:
    paired = paired_differences(risks_by_strategy(sweep()), 0.1)
    np.testing.assert_allclose(paired["fixed"], [[0, -20, 20, 900], [10, 0, 20, 900]], atol=1e-12)
    np.testing.assert_allclose(paired["shared"].iloc[:, 1], [-100 / 3, -100 / 3])


def test_all_that_figure_11_draws_is_returned() -> None:
    _, shown = draw(sweep(), estimates(), SECTION)
    assert list(shown.columns) == ["panel", "series", "rate_b", "mean", "low", "high", "n"]
    assert set(shown.panel) == {
        *("first row, shared", "first row, fixed"),
        *("second row, risk", "second row, paired"),
    }
    for panel in ("first row, fixed", "second row, risk"):
        curve = of(shown, panel, "fixed")
        assert curve.rate_b.tolist() == RATES
        np.testing.assert_allclose(curve["mean"], [2.4, 2.1, 2.7, 22.5])
        np.testing.assert_allclose(curve.high - curve["mean"], TWO * np.array([0.9, 0.9, 0.9, 7.5]))
    np.testing.assert_allclose(
        of(shown, "second row, paired", "fixed")["mean"], [5, -10, 20, 900], atol=1e-12
    )


def test_suggested_rates_stand_on_the_curves_of_their_strategies() -> None:
    _, shown = draw(sweep(), estimates(), SECTION)
    where = {
        # between the points of the grid
        "alpha_lim": (0.1, (1.5 + 3) / 2, 0),
        "theory_shared": (0.12, (1.4 + 2.8) / 2, 100 * (1.4 / 1.5 - 1)),
        "theory_fixed": (0.3, (1.5 + 3.3) / 2, 5),
    }
    for series, (rate, risk, difference) in where.items():
        ((at_risk,), (at_difference,)) = (
            of(shown, f"second row, {panel}", series).to_dict("records")
            for panel in ("risk", "paired")
        )
        assert at_risk["rate_b"] == at_difference["rate_b"] == rate
        assert at_risk["mean"] == pytest.approx(risk)
        assert at_difference["mean"] == pytest.approx(difference, abs=1e-12)
        assert at_risk["n"] == 2
    # of 0 and 10 percent
    assert at_difference["low"] == pytest.approx(5 - 5 * TWO)
    assert at_difference["high"] == pytest.approx(5 + 5 * TWO)


def test_the_second_row_shows_the_fixed_strategy_and_the_suggested_rates() -> None:
    figure, _ = draw(sweep(), estimates(), SECTION)
    first, _, both, difference = figure.axes
    assert first.get_title(loc="left") == r"shared, $\alpha_r = \alpha_t$"
    # the mean risks from 1.5, shared, to 22.5, fixed
    assert both.get_ylim() == pytest.approx((1.5 - 0.06 * 21, 22.5 + 0.06 * 21))
    assert difference.get_xlim() == pytest.approx((0.1 - 0.17, 0.3 + 0.17))
    # the highest mean difference of the fixed strategy there; 900 lies beyond
    assert difference.get_ylim() == pytest.approx((-4, 24))
    assert difference.get_ylabel() == "difference in test risk (%)"
    (ours,) = first.child_axes
    assert ours.get_xlabel() == "in our convention"
    figure.canvas.draw()
    np.testing.assert_allclose(ours.get_xlim(), np.array(first.get_xlim()) / 2)


def test_the_words_below_figure_11() -> None:
    found = findings(sweep(), estimates(), SECTION)
    assert found.sets == 2
    assert (found.limit, found.limit_ours) == (0.1, 0.05)
    assert found.regret == pytest.approx((0.5, 0.5 - 0.1 * TWO, 0.5 + 0.1 * TWO))
    assert found.shared_best.mean == pytest.approx(0.2)
    assert found.theory_fixed == 0.3
    assert found.gap == pytest.approx((5, 5 - 5 * TWO, 5 + 5 * TWO))
    assert found.fixed_over_shared.mean == pytest.approx(0.1)
    assert found.fixed_is_better == pytest.approx(1 / 3)
    assert found.test_rate == 0.2
    assert found.other_rates == "0.125: -2.00%; 0.2: +10.00%; 0.4: +40.00%"
    assert found.spread.mean == pytest.approx(0.3)
    assert found.fixed_best_of_mean == pytest.approx((0.25, 0.1, 0.4))
    assert found.fixed_best.mean == pytest.approx(0.3)
    assert found.fixed_best_median == pytest.approx(0.2)
    assert found.fixed_best_positive == pytest.approx(2 / 3)
