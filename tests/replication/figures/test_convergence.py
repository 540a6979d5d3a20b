"""The error against the number of tasks, Fig. 8, at a small scale."""

from __future__ import annotations

from small import experiment, stages

from replication.figures.convergence import quantities as q
from replication.measuring import measure


def test_a_capped_search_is_counted() -> None:
    made = experiment("fig08", search_cap=0.5)
    _, _, sweep, estimates = stages(made)
    # the minimum is near the limit, so half of it is always too low a cap
    of_a = sweep[sweep.panel == "a"]
    assert of_a.capped.all()
    assert measure(estimates, q.capped_trials, "a").mean == len(of_a)
