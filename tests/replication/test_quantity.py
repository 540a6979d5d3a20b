"""Quantities, the rows of a table of estimates, and the number that a claim is judged by."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import TWO, estimated

from innerlr.errors import InnerlrError
from innerlr.intervals import Interval
from replication.common_quantities import (
    alpha_lim,
    alpha_star,
    excess_loss_at_lim,
    ratio_lim_to_star,
)
from replication.measuring import (
    as_estimates,
    measure,
    places,
    read_estimates,
    select,
    write_estimates,
)
from replication.quantity import (
    Estimated,
    Estimates,
    quantity,
    recorded,
    registered,
    with_interval,
)

share = recorded("share", "Whether it is so.", unit="1", place="Fig. 1", kind="share")
slope = recorded("slope", "A slope.", unit="1", place="Fig. 1", kind="slope", by=("tasks",))
best = recorded("best", "The best.", unit="alpha", place="Fig. 1", kind="grid minimiser")


@quantity(unit="1", place="Fig. 1", kind="mean over seeds", by=("tasks", "law"))
def spread(x: float) -> float:
    """Twice a number."""
    return 2 * x


def test_a_quantity_has_the_name_and_the_words_of_its_function() -> None:
    assert (spread.name, spread.definition, spread(3.0)) == ("spread", "Twice a number.", 6.0)
    assert ratio_lim_to_star(3.0, 2.0) == 1.5
    assert excess_loss_at_lim(2.5, 2.0) == 0.25
    assert alpha_lim(0.3) == 0.3


def test_a_quantity_without_words_or_of_no_kind_is_refused() -> None:
    with pytest.raises(InnerlrError, match="silent: a quantity needs a docstring"):

        @quantity(unit="1", place="Fig. 1", kind="exact")
        def silent() -> float:
            return 1.0

    with pytest.raises(InnerlrError, match=r"unknown kind 'exakt'.*'exact'"):
        quantity(unit="1", place="Fig. 1", kind="exakt")(lambda: 1.0)  # type: ignore[arg-type]


def test_a_module_registers_its_quantities_by_their_names() -> None:
    module = types.ModuleType("mine")
    module.share, module.other = share, 3  # type: ignore[attr-defined]
    assert registered(module) == {"share": share}
    module.wrong = slope  # type: ignore[attr-defined]
    with pytest.raises(InnerlrError, match="mine: wrong is the quantity 'slope'"):
        registered(module)


def test_rows_survive_a_write_and_a_read(tmp_path: Path) -> None:
    rows = Estimates()
    rows.at("1", 1, tasks=8, law="normal")(spread, 0.1)
    rows.at("1", 0, tasks=8, law="normal")(spread, 1 / 3)
    rows.at("1")(alpha_lim, 0.25)
    made = rows.table()
    assert list(made.columns) == [
        *("panel", "seed", "tasks", "law"),
        *("quantity", "value", "low", "high", "interval"),
    ]
    assert made.seed.tolist() == [pd.NA, 0, 1]
    write_estimates(made, tmp_path / "made.csv")
    pd.testing.assert_frame_equal(read_estimates(tmp_path / "made.csv"), made)


def test_keys_that_are_whole_numbers_stay_whole(tmp_path: Path) -> None:
    rows = Estimates()
    rows.at("a", tasks=8)(slope, 0.5)
    rows.at("a")(alpha_lim, 1.0)
    made = rows.table()
    assert made.tasks.tolist() == [8, pd.NA]
    write_estimates(made, tmp_path / "made.csv")
    assert "a,,8,slope" in (tmp_path / "made.csv").read_text(encoding="utf-8")
    found = read_estimates(tmp_path / "made.csv")
    pd.testing.assert_frame_equal(found, made)
    assert measure(found, slope, "a", {"tasks": 8}).mean == 0.5
    assert measure(found, alpha_lim, "a").mean == 1.0


def test_an_estimate_keeps_its_interval_and_its_method() -> None:
    fitted = recorded("fitted", "A fit.", unit="1", place="Fig. 8", kind="slope")
    made = estimated({"a": {fitted: with_interval(Interval(-0.5, -0.6, -0.4), "least squares")}})
    assert made.iloc[0][["value", "low", "high", "interval"]].tolist() == [
        *(-0.5, -0.6, -0.4),
        "least squares",
    ]
    assert measure(made, fitted, "a") == (-0.5, -0.6, -0.4)


def test_a_cell_must_have_the_keys_that_the_quantity_varies_by() -> None:
    with pytest.raises(InnerlrError, match=r"slope: varies by \['tasks'\], but the cell has \[\]"):
        Estimates().at("a")(slope, 1.0)
    with pytest.raises(InnerlrError, match=r"share: varies by \[\], but the cell has \['tasks'\]"):
        Estimates().at("a", 0, tasks=3)(share, 1.0)


def test_two_values_in_one_place_are_refused() -> None:
    rows = Estimates()
    for value in (1.0, 2.0):
        rows.at("a", 0)(alpha_star, value)
    with pytest.raises(InnerlrError, match="alpha_star stands twice at panel a, seed 0"):
        rows.table()


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    made = estimated({"a": {alpha_star: [1.0]}})
    for wrong in (made.drop(columns="seed"), made[made.columns[::-1]]):
        with pytest.raises(InnerlrError, match=r"x.csv: expected the columns"):
            write_estimates(wrong, tmp_path / "x.csv")
        with pytest.raises(InnerlrError, match=r"x.csv: expected the columns"):
            as_estimates(wrong, "x.csv")
    assert not list(tmp_path.iterdir())


def test_rows_are_selected_by_panel_quantity_and_keys() -> None:
    made = pd.concat([estimated({"a": {slope: n / 100}}, tasks=n) for n in (8, 16)])
    assert select(made, "slope", "a", {"tasks": 16}).value.tolist() == [0.16]
    assert places(made, slope) == [("a", {"tasks": 8}), ("a", {"tasks": 16})]
    with pytest.raises(InnerlrError, match=r"slope in panel 'a': no value at tasks 4.*\[8, 16\]"):
        select(made, "slope", "a", {"tasks": 4})
    with pytest.raises(InnerlrError, match=r"no value at tasks 'none'"):
        select(made, "slope", "a")
    with pytest.raises(InnerlrError, match=r"no key 'task'. Did you mean 'tasks'"):
        select(made, "slope", "a", {"task": 8})
    with pytest.raises(InnerlrError, match=r"no 'slop' in panel 'a'. Did you mean 'slope'"):
        select(made, "slop", "a", {"tasks": 8})
    with pytest.raises(InnerlrError, match="no panel 'b'"):
        select(made, "slope", "b", {"tasks": 8})


def test_a_mean_over_seeds_has_students_interval() -> None:
    made = estimated({"a": {alpha_star: [0.4, 0.6]}})
    assert measure(made, alpha_star, "a") == pytest.approx((0.5, 0.5 - TWO / 10, 0.5 + TWO / 10))


def test_a_positive_quantity_is_averaged_on_its_logarithm() -> None:
    made = estimated({"a": {excess_loss_at_lim: [0.1, 0.4]}})
    found = measure(made, excess_loss_at_lim, "a")
    assert found == pytest.approx((0.2, 0.2 * 2**-TWO, 0.2 * 2**TWO))


def test_a_positive_quantity_that_is_0_at_a_seed_is_averaged_as_it_is_and_never_below_0() -> None:
    made = estimated({"a": {excess_loss_at_lim: [0.0, 0.4], alpha_star: [0.0, 0.4]}})
    assert measure(made, excess_loss_at_lim, "a") == pytest.approx((0.2, 0, 0.2 + 0.2 * TWO))
    # what may be negative keeps its interval
    assert measure(made, alpha_star, "a").low == pytest.approx(0.2 - 0.2 * TWO)


def test_a_share_has_the_exact_binomial_interval() -> None:
    # Clopper and Pearson (1934): 1 of 2 has the interval 1 - sqrt(0.975), sqrt(0.975)
    made = estimated({"a": {share: [0.0, 1.0]}})
    expected = (0.5, 1 - np.sqrt(0.975), np.sqrt(0.975))
    assert measure(made, share, "a") == pytest.approx(expected)
    with pytest.raises(InnerlrError, match="share: expected 0 or 1 for each seed"):
        measure(estimated({"a": {share: [0.5, 1.0]}}), share, "a")


def test_an_exact_value_has_no_interval_and_may_not_differ() -> None:
    found = measure(estimated({"a": {alpha_lim: [0.3, 0.3]}}), alpha_lim, "a")
    assert found.mean == 0.3
    assert np.isnan(found[1:]).all()
    with pytest.raises(InnerlrError, match="alpha_lim: exact, but it differs from seed to seed"):
        measure(estimated({"a": {alpha_lim: [0.3, 0.31]}}), alpha_lim, "a")


def test_a_minimiser_on_a_grid_lies_between_the_neighbours() -> None:
    neighbours = [Estimated(2.0, 1.0, 3.0, "grid"), Estimated(4.0, 3.0, 5.0, "grid")]
    found = measure(estimated({"a": {best: neighbours}}), best, "a")
    assert found == pytest.approx((3.0, 2.0 - TWO, 4.0 + TWO))
    edge = [neighbours[0], Estimated(4.0, 3.0, np.inf, "grid")]
    assert measure(estimated({"a": {best: edge}}), best, "a").high == np.inf


def test_what_is_never_reached_is_beyond_any_bound() -> None:
    found = measure(estimated({"a": {alpha_star: [2.0, np.inf]}}), alpha_star, "a")
    assert found == (np.inf, 2.0, np.inf)
    nothing = measure(estimated({"a": {alpha_star: [2.0, np.nan]}}), alpha_star, "a")
    assert np.isnan(nothing.mean)
    assert nothing[1:] == (-np.inf, np.inf)
