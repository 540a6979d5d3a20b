"""The loss landscapes of Fig. 9 and section H.3, at a small scale."""

from __future__ import annotations

import pytest
from small import experiment, section, stages

from replication.experiment import unprefixed


def test_repetitions_are_different_draws() -> None:
    estimates = stages(experiment("h3"))[3]
    stars = estimates[estimates.quantity == "alpha_star"].value
    assert stars.nunique() == 2


def test_the_landscapes_minimum_is_alpha_star() -> None:
    made = experiment("h3", grid_points=601)
    _, _, sweep, estimates = stages(made)
    for seed, curve in sweep.groupby("seed"):
        at = curve.alpha.iloc[curve.training_loss.argmin()]
        mine = estimates[(estimates.seed == seed) & (estimates.quantity == "alpha_star")]
        step = curve.alpha.iloc[1] - curve.alpha.iloc[0]
        assert abs(at - mine.value.iloc[0]) <= step


def test_h15_of_the_landscape_has_the_panels_number_of_tasks() -> None:
    made = experiment("h3", panels={"a": section("h3")["panels"]["a"] | {"tasks": 600}})
    found = stages(made)[3]
    spec = made.cfg.panels["a"]
    variance = 100 / 12  # U(-5, 5), identity features
    expected = 1 / (2 * 600 * spec.shots * variance)
    # the relative error of a variance over 600 x 50 x 20 entries
    assert found[found.quantity == "alpha_est"].value.to_numpy() == pytest.approx(
        expected, rel=0.01
    )


def test_ratios_and_the_excess_are_those_of_each_draw() -> None:
    _, features, _, estimates = stages(experiment("h3"))
    values = estimates.pivot(index="seed", columns="quantity", values="value")
    for seed, row in values.iterrows():
        assert row.ratio_lim_to_star == pytest.approx(row.alpha_lim / row.alpha_star)
        assert row.ratio_lim_to_star_risk == pytest.approx(row.alpha_lim / row.alpha_star_risk)
        lowest, at_limit = (
            unprefixed(f"a/{seed}", features).training_loss(rate)
            for rate in (row.alpha_star, row.alpha_lim)
        )
        assert row.excess_loss_at_lim == pytest.approx(at_limit / lowest - 1)
        assert row.excess_loss_at_lim > 0


def test_shifted_optima_change_nothing_in_panel_c() -> None:
    """Panels (a) and (c) of Fig. 9 differ by a shift and a scale of the optima only."""
    estimates = stages(experiment("fig09"))[3]
    limits = estimates[estimates.quantity == "alpha_lim"].groupby("panel").value.first()
    assert limits["a"] == pytest.approx(limits["c"], rel=1e-13)
