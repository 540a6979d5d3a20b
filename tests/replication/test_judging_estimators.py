"""The table of estimators, with what families declare for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import estimated

from replication.figures.rate_sweep import quantities as rate_sweep
from replication.judging import estimators
from replication.judging.estimators import (
    ESTIMATORS,
    Declared,
    estimators_table,
    every_estimate,
    rate_interval,
)
from replication.pipeline.files import write_table
from replication.quantity import recorded

NOTHING = Declared({}, False)
SPREAD = Declared({"alpha_mine": "an estimate of its own"}, True)
# Student's t for two repetitions, 97.5%
T = 12.706204736432095


def table(quantity: str, *values: float) -> pd.DataFrame:
    """Estimates of one quantity in panel b, a value a seed."""
    seeds = range(len(values))
    return pd.DataFrame({"panel": "b", "seed": seeds, "quantity": quantity, "value": values})


def test_exact_values_have_no_interval_and_repetitions_have_students() -> None:
    estimates = pd.concat(
        [table("alpha_lim", 1, 1), table("alpha_star", 1, 2), table("no estimate", 9)]
    )
    made = estimators_table("x", estimates, NOTHING)
    assert list(made.columns) == ["experiment", "panel", "estimator", "alpha", "low", "high"]
    assert made[["experiment", "panel"]].to_numpy().tolist() == [["x", "b"]] * 2
    exact, star = (
        made.set_index("estimator")
        .loc[[ESTIMATORS[f"alpha_{x}"] for x in ("lim", "star")]]
        .itertuples()
    )
    assert exact.alpha == 1
    assert np.isnan([exact.low, exact.high]).all()
    # mean 1.5, standard error 1/2
    assert [star.alpha, star.low, star.high] == pytest.approx([1.5, 1.5 - T / 2, 1.5 + T / 2])


def test_draws_that_agree_are_not_exact() -> None:
    (row,) = estimators_table("x", table("alpha_star", 0.02, 0.02), NOTHING).itertuples()
    assert (row.alpha, row.low, row.high) == (0.02, 0.02, 0.02)


def test_a_family_s_words_take_the_place_of_the_general_ones() -> None:
    family = Declared({"alpha_lim": "alpha_lim of the draws", "alpha_mine": "mine"}, False)
    estimates = pd.concat([table("alpha_lim", 1, 2), table("alpha_mine", 3, 3)])
    made = estimators_table("x", estimates, family).set_index("estimator")
    # no longer exact, by its own words
    assert made.loc["alpha_lim of the draws", "high"] == pytest.approx(1.5 + T / 2)
    assert made.loc["mine", "alpha"] == 3
    assert list(estimators_table("x", estimates, NOTHING).estimator) == [ESTIMATORS["alpha_lim"]]


def test_rates_that_spread_by_factors_have_geometric_means() -> None:
    estimates = table("alpha_mine", 1, 100)
    (row,) = estimators_table("x", estimates, SPREAD).itertuples()
    # logarithms to base 10: 0 and 2, mean 1, standard error 1
    assert np.log10([row.alpha, row.low, row.high]) == pytest.approx([1, 1 - T, 1 + T])
    (row,) = estimators_table("x", estimates, SPREAD._replace(geometric=False)).itertuples()
    assert [row.alpha, row.high] == pytest.approx([50.5, 50.5 + 49.5 * T])
    # a point of a grid is no such rate
    (row,) = estimators_table("x", table("alpha_star", 1, 100), SPREAD).itertuples()
    assert row.alpha == 50.5
    # of all repetitions together
    (row,) = estimators_table("x", estimates[:1].assign(seed=-1), SPREAD).itertuples()
    assert row.alpha == 1
    assert np.isnan([row.low, row.high]).all()


def test_a_rate_may_be_infinite_or_zero() -> None:
    """A network none of whose units fires has no finite one."""
    assert rate_interval(table("rate", 1, 4), "b", "rate").mean == pytest.approx(2)
    assert rate_interval(table("rate", 1, np.inf), "b", "rate") == (np.inf, 1, np.inf)
    assert rate_interval(table("rate", 0, 4), "b", "rate").mean == 2


def test_experiments_stand_below_each_other(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("fig12", "fig08")}
    write_table(estimated({"b": {rate_sweep.alpha_star: 4}}, progress=1.0), files["fig12"])
    write_table(table("alpha_star", 5), files["fig08"])
    made = every_estimate(files)
    assert list(made.index) == [0, 1]
    assert list(made.experiment) == ["fig12", "fig08"]
    assert list(made.panel) == ["b, progress 1", "b"]
    assert list(made.alpha) == [4, 5]
    assert list(made.estimator) == [
        "rate of the grid with the least test loss",
        ESTIMATORS["alpha_star"],
    ]


def test_a_row_says_where_it_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = recorded(
        "rate",
        "A rate.",
        unit="alpha",
        place="Fig. 1",
        kind="mean over seeds",
        by=("tasks", "law"),
        estimator="mine",
    )
    monkeypatch.setattr(estimators, "registered", lambda module: {"rate": rate})
    made = pd.concat([estimated({"a": {rate: [n / 2] * 2}}, tasks=n, law="normal") for n in (8, 2)])
    found = estimators_table("fig12", made, NOTHING)
    assert found[["panel", "estimator", "alpha"]].to_numpy().tolist() == [
        ["a, tasks 2, law normal", "mine", 1.0],
        ["a, tasks 8, law normal", "mine", 4.0],
    ]
