"""The error against the number of tasks, Fig. 8, at a small scale."""

from __future__ import annotations

import pytest
from small import experiment, pooled, stages


def test_the_shrinking_of_the_spread_has_an_interval_over_trials() -> None:
    _, _, sweep, estimates = stages(experiment("fig08", seeds=10))
    for panel, curves in sweep.groupby("panel"):
        spread = curves.groupby("tasks").error.std()
        found = pooled(estimates, str(panel))
        low, high = found.spread_last_to_first_low, found.spread_last_to_first_high
        assert found.spread_last_to_first == pytest.approx(spread.iloc[-1] / spread.iloc[0])
        assert low < found.spread_last_to_first < high


def test_a_capped_search_is_counted() -> None:
    made = experiment("fig08", search_cap=0.5)
    _, _, sweep, estimates = stages(made)
    # the minimum is near the limit, so half of it is always too low a cap
    of_a = sweep[sweep.panel == "a"]
    assert of_a.capped.all()
    counted = estimates[(estimates.panel == "a") & (estimates.quantity == "capped_trials")]
    assert counted.value.iloc[0] == len(of_a)
