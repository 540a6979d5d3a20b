"""Drawing of the loss landscapes, on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import TWO, estimated

from innerlr.intervals import Interval
from replication.figures.landscape import quantities as q
from replication.figures.landscape.draw import (
    draw_minimisers,
    draw_pairs,
    minimisers_findings,
    pairs_findings,
)
from replication.loss_landscape import landscape_panel

COLUMNS = ["panel", "series", "alpha", "mean", "low", "high", "n"]
PANEL = {"title": "A title", "tasks": 80, "shots": 5, "features": {"dim": 3}}


def sweep_of(*panels: str) -> pd.DataFrame:
    """Two draws at three rates, whose training losses are 1 apart; the risk is of both."""
    frames = []
    for panel in panels:
        for seed in (0, 1):
            curve = {"alpha": [0.0, 1.0, 2.0], "training_loss": np.array([4.0, 2.0, 3.0]) + seed}
            frame = pd.DataFrame(curve | {"population_risk": [9.0, 6.0, 8.0]})
            frames.append(frame.assign(panel=panel, seed=seed))
    return pd.concat(frames)


def estimates_of(*panels: str, limit: float = 0.5) -> pd.DataFrame:
    of_panel = {
        q.alpha_lim: [limit, limit],
        q.alpha_star: [0.4, 0.6],
        q.alpha_star_risk: [0.25, 1.0],
        q.ratio_lim_to_star: [0.9, 1.1],
        q.ratio_lim_to_star_risk: [1.9, 2.1],
        q.excess_loss_at_lim: [0.1, 0.4],
    }
    return estimated(dict.fromkeys(panels, of_panel))


LIMIT, STAR = Interval(0.5, np.nan, np.nan), Interval(0.6, 0.4, 0.9)


def only(shown: pd.DataFrame, **of: Any) -> pd.DataFrame:
    for column, value in of.items():
        shown = shown[shown[column] == value]
    return shown


def test_the_panel_shows_both_losses_and_both_rates_with_their_intervals() -> None:
    _, axes = plt.subplots()
    shown = landscape_panel(axes, sweep_of("a", "b"), "b", LIMIT, STAR)
    assert list(shown.columns) == COLUMNS
    assert set(shown.panel) == {"b"}
    loss = only(shown, series="training_loss")
    assert loss["mean"].tolist() == [4.5, 2.5, 3.5]
    np.testing.assert_allclose(loss.high - loss["mean"], TWO / 2)
    assert only(shown, series="population_risk")["mean"].tolist() == [9, 6, 8]
    ((limit,), (star,)) = (
        only(shown, series=name).to_dict("records") for name in ("alpha_lim", "alpha_star")
    )
    assert (limit["alpha"], limit["n"]) == (0.5, 2)
    assert np.isnan([limit["low"], limit["high"]]).all()  # exact
    assert (star["alpha"], star["low"], star["high"]) == (0.6, 0.4, 0.9)


def test_the_height_of_the_panel_follows_the_means_not_a_wide_interval() -> None:
    _, axes = plt.subplots()
    landscape_panel(axes, sweep_of("a"), "a", LIMIT, STAR)
    # means from 2.5 to 9; the interval of the training loss ends at 10.9
    assert axes.get_ylim() == pytest.approx((2.5 - 0.08 * 6.5, 9 + 0.25 * 6.5))
    flat = sweep_of("a").assign(training_loss=lambda table: table.training_loss - table.seed)
    _, axes = plt.subplots()
    landscape_panel(axes, flat, "a", LIMIT, STAR)
    assert axes.get_ylim() == pytest.approx((2 - 0.08 * 7, 9 + 0.04 * 7))
    assert axes.get_xlim() == (0, 2)


def test_a_sweep_without_a_risk_has_one_curve() -> None:
    _, axes = plt.subplots()
    sweep = sweep_of("a").drop(columns="population_risk")
    shown = landscape_panel(axes, sweep, "a", LIMIT, STAR)
    assert set(shown.series) == {"training_loss", "alpha_lim", "alpha_star"}


def test_figure_9_has_a_lettered_panel_for_each_pair() -> None:
    panels = {name: {"title": f"Title {name}"} for name in "abcd"}
    figure, shown = draw_pairs(sweep_of(*"abcd"), estimates_of(*"abcd"), {"panels": panels})
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [f"({name})  Title {name}" for name in "abcd"]
    assert list(shown.columns) == COLUMNS
    assert shown.panel.drop_duplicates().tolist() == list("abcd")


def test_the_words_below_figure_9() -> None:
    panels = {"a": PANEL, "c": PANEL | {"tasks": 60}}
    table = pd.concat([estimates_of("a"), estimates_of("c", limit=0.7)])
    found = pairs_findings(table, {"panels": panels, "seeds": 2})
    ratio = "1.0000 (-0.2706 to 2.2706)"  # 1 +- 12.706 x 0.1
    assert found.ratios == f"(a) {ratio}; (c) {ratio}"
    assert found.limits == {"a": 0.5, "c": pytest.approx(0.7)}
    assert (found.tasks, found.draws) == ("60, 80", 2)


def test_every_draws_minimisers_are_shown_over_alpha_lim() -> None:
    section = {"panels": {"a": PANEL}}
    figure, shown = draw_minimisers(sweep_of("a"), estimates_of("a"), section)
    left, right = figure.axes
    assert left.get_title(loc="left") == "(a)  A title"
    assert right.get_title(loc="left") == "Every draw"
    assert [text.get_text() for text in right.get_xticklabels()] == [
        "training loss",
        "population risk",
    ]
    assert list(shown.columns) == COLUMNS
    risks = only(shown, series="alpha_star_risk_over_alpha_lim")
    assert risks["mean"].tolist() == [0.5, 2.0]
    assert risks.alpha.tolist() == [0.25, 1.0]
    assert risks.low.isna().all()
    ((mean),) = only(shown, series="alpha_star_risk_over_alpha_lim_mean").to_dict("records")
    assert (mean["mean"], mean["alpha"], mean["n"]) == (1.25, 0.625, 2)
    assert mean["low"] == pytest.approx(1.25 - 0.75 * TWO)
    assert mean["high"] == pytest.approx(1.25 + 0.75 * TWO)


def test_the_words_below_the_landscape_of_h3() -> None:
    found = minimisers_findings(estimates_of("a"), {"panels": {"a": PANEL}, "seeds": 2})
    assert (found.tasks, found.shots, found.dim, found.draws) == (80, 5, 3, 2)
    assert found.limit == 0.5
    assert found.over_loss_minimiser == pytest.approx((1, 1 - 0.1 * TWO, 1 + 0.1 * TWO))
    assert found.over_risk_minimiser == pytest.approx((2, 2 - 0.1 * TWO, 2 + 0.1 * TWO))
    # on the logarithm: the geometric mean of 0.1 and 0.4, a factor 2 ** +-TWO around it
    assert found.excess == pytest.approx((0.2, 0.2 * 2**-TWO, 0.2 * 2**TWO))
