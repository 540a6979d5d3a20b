"""alpha*(N) in both readings, against a scan of the curve that each minimises."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr.moments import GramMoments
from replication.minimisers import alpha_star, alpha_star_risk


def drawn(seed: int, tasks: int) -> GramMoments:
    """Moments of noiseless tasks with normal features and optima, 5 shots, 2 dimensions."""
    rng = np.random.default_rng(seed)
    sums = GramMoments()
    sums.update_optima(rng.normal(size=(tasks, 5, 2)), rng.normal(size=(tasks, 2)))
    return sums


def test_each_reading_is_the_minimum_of_its_own_curve() -> None:
    sums, population = drawn(0, 6), drawn(1, 2000)
    rates = np.linspace(0, 1.5, 3001)
    at = {
        "training": rates[sums.training_loss(rates).argmin()],
        "risk": rates[sums.population_risk(rates, population).argmin()],
    }
    assert at["training"] != at["risk"]
    star, at_an_edge = alpha_star(sums, 1.5)
    assert not at_an_edge
    step = rates[1]
    assert star == pytest.approx(at["training"], abs=step)
    assert alpha_star_risk(sums, population, 1.5) == pytest.approx(at["risk"], abs=step)


def test_a_minimum_beyond_the_cap_is_the_cap_and_said() -> None:
    star, at_an_edge = alpha_star(drawn(0, 6), 1e-3)
    assert at_an_edge
    assert star == 1e-3


def test_a_risk_that_only_falls_is_least_at_the_cap() -> None:
    assert alpha_star_risk(drawn(0, 6), drawn(1, 2000), 1e-3) == pytest.approx(1e-3, rel=1e-5)
