"""The table of estimators: which quantities are in it, where they were measured, how precisely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import TWO, estimated

from replication.figures.convergence import quantities as convergence
from replication.figures.rate_sweep import quantities as rate_sweep
from replication.judging.estimators import COLUMNS, estimators_table, every_estimate
from replication.measuring import write_estimates
from replication.quantity import recorded

EXACT = recorded(
    "exact", "Exact.", unit="alpha", place="(3.3)", kind="exact", estimator="exact (3.3)"
)
STAR = recorded(
    "star", "A minimiser.", unit="alpha", place="", kind="mean over seeds", estimator="the star"
)
RATE = recorded(
    "rate",
    "Of networks.",
    unit="alpha",
    place="",
    kind="mean over seeds",
    by=("tasks", "law"),
    positive=True,
    estimator="mine",
)
LOSS = recorded("loss", "No rate.", unit="1", place="", kind="mean over seeds")
KNOWN = {quantity.name: quantity for quantity in (EXACT, STAR, RATE, LOSS)}


def test_exact_values_have_no_interval_and_repetitions_have_students() -> None:
    estimates = estimated({"b": {EXACT: [1.0, 1.0], STAR: [1.0, 2.0], LOSS: [9.0, 9.0]}})
    made = estimators_table("x", estimates, KNOWN)
    assert list(made.columns) == COLUMNS
    assert made[["experiment", "panel"]].to_numpy().tolist() == [["x", "b"]] * 2
    exact, star = made.set_index("estimator").loc[["exact (3.3)", "the star"]].itertuples()
    assert exact.alpha == 1
    assert np.isnan([exact.low, exact.high]).all()
    # mean 1.5, standard error 1/2
    assert [star.alpha, star.low, star.high] == pytest.approx([1.5, 1.5 - TWO / 2, 1.5 + TWO / 2])


def test_draws_that_agree_are_not_exact() -> None:
    (row,) = estimators_table("x", estimated({"b": {STAR: [0.02, 0.02]}}), KNOWN).itertuples()
    assert (row.alpha, row.low, row.high) == (0.02, 0.02, 0.02)


def test_a_row_says_where_it_was_measured_and_rates_that_spread_have_geometric_means() -> None:
    tables = [estimated({"a": {RATE: [n, 4 * n]}}, tasks=n, law="normal") for n in (8, 2)]
    found = estimators_table("x", pd.concat(tables), KNOWN)
    assert found[["panel", "estimator"]].to_numpy().tolist() == [
        ["a, tasks 2, law normal", "mine"],
        ["a, tasks 8, law normal", "mine"],
    ]
    assert found.alpha.tolist() == pytest.approx([4.0, 16.0])
    assert found.high.tolist() == pytest.approx([4.0 * 2**TWO, 16.0 * 2**TWO])


def test_experiments_stand_below_each_other(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("fig12", "fig08")}
    write_estimates(estimated({"b": {rate_sweep.alpha_star: 4}}, progress=1.0), files["fig12"])
    write_estimates(estimated({"b": {convergence.alpha_star: [5.0, 5.0]}}), files["fig08"])
    made = every_estimate(files)
    assert list(made.index) == [0, 1]
    assert list(made.experiment) == ["fig12", "fig08"]
    assert list(made.panel) == ["b, progress 1", "b"]
    assert list(made.alpha) == [4, 5]
    assert list(made.estimator) == [
        "rate of the grid with the least test loss",
        convergence.alpha_star.estimator,
    ]
