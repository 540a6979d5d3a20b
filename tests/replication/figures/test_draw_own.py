"""Drawing of an experiment of the user's own, on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import TWO, estimated

from replication.figures.own import quantities as q
from replication.figures.own.draw import draw, estimates_table, findings
from replication.quantity import Estimated

FUNCTION: dict[str, Any] = {
    "file": None,
    "function": "robots:kitchen",
    "seeds": 2,
    "title": "Kitchen robots",
    "search_cap": 30.0,
}
FILE = FUNCTION | {"file": "data/kitchen.npz", "function": None, "seeds": 3, "title": ""}


def sweep(*losses: list[float]) -> pd.DataFrame:
    """A curve a seed at three rates; without losses one of NaN."""
    curves = losses or ([np.nan] * 3,)
    frames = [
        pd.DataFrame({"alpha": [0.0, 0.1, 0.2], "training_loss": curve}).assign(seed=seed)
        for seed, curve in enumerate(curves)
    ]
    return pd.concat(frames).assign(panel="a")


RATES: dict[Any, Any] = {
    q.alpha_lim_sampled: [0.1, 0.3],
    q.alpha_est: [0.01, 0.03],
    q.corollary1_lower: [0.05, 0.07],
    q.corollary1_upper: [0.5, 0.7],
}
STAR: dict[Any, Any] = {
    q.alpha_star: [0.4, 0.6],
    q.alpha_star_capped: [0.0, 0.0],
    q.ratio_star_to_lim: [2.0, 2.0],
    q.excess_loss_at_lim: [0.1, 0.4],
}
# a file has a value of all its tasks, with a bootstrap interval
OF_FILE: dict[Any, Any] = {
    **dict.fromkeys(
        (q.alpha_lim_sampled, q.alpha_star, q.ratio_star_to_lim),
        Estimated(0.5, 0.25, 0.75, q.BOOTSTRAP),
    ),
    q.alpha_star_capped: Estimated(0.0, 0.0, 0.0, q.BOOTSTRAP),
    q.excess_loss_at_lim: Estimated(0.2, 0.1, 0.3, q.BOOTSTRAP),
}


def test_with_losses_it_is_a_landscape() -> None:
    estimates = estimated({"a": RATES | STAR})
    figure, shown = draw(sweep([4, 2, 3], [6, 4, 5]), estimates, FUNCTION, "mine")
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "(a)  Kitchen robots"
    assert list(shown.columns) == ["panel", "series", "alpha", "mean", "low", "high", "n"]
    loss = shown[shown.series == "training_loss"]
    assert loss["mean"].tolist() == [5, 3, 4]
    np.testing.assert_allclose(loss.high - loss["mean"], TWO)
    limit = shown[shown.series == "alpha_lim"].iloc[0]
    assert (limit["mean"], limit["alpha"]) == pytest.approx((0.2, 0.2))


def test_a_files_curve_is_its_own_with_the_quantiles_of_the_resamples() -> None:
    # the first seed is the file as it is; resamples are 0, 1, ..., 40 above a curve
    losses = sweep([24, 22, 23], *([4 + i, 2 + i, 3 + i] for i in range(41)))
    _, shown = draw(losses, estimated({"a": OF_FILE}), FILE, "mine")
    loss = shown[shown.series == "training_loss"]
    assert loss["mean"].tolist() == [24, 22, 23]
    assert loss.low.tolist() == pytest.approx([5, 3, 4])
    assert loss.high.tolist() == pytest.approx([43, 41, 42])


def test_without_losses_the_estimates_stand_alone() -> None:
    figure, shown = draw(sweep(), estimated({"a": RATES}), FUNCTION | {"title": ""}, "mine")
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "(a)  mine"
    assert list(shown.columns) == ["panel", "series", "n", "mean", "low", "high"]
    assert shown.series.tolist() == [of.name for of in RATES]
    assert shown["mean"].tolist() == pytest.approx([0.2, 0.02, 0.06, 0.6])
    bounds, limit_ends, limit, *_ = axes.lines
    assert list(bounds.get_xdata()) == pytest.approx([0.06, 0.6])
    assert list(limit_ends.get_xdata()) == pytest.approx([0.2 - 0.1 * TWO, 0.2 + 0.1 * TWO])
    assert (limit.get_xdata()[0], limit.get_ydata()[0]) == (pytest.approx(0.2), 1)


def test_what_was_not_estimated_is_not_drawn() -> None:
    only = estimated({"a": {q.alpha_lim_sampled: [0.1]}})
    figure, shown = draw(sweep(), only, FUNCTION | {"seeds": 1}, "mine")
    assert shown.series.tolist() == ["alpha_lim_sampled"]
    # of a single repetition there is no interval
    assert len(figure.axes[0].lines) == 1


def test_the_table_names_every_estimate() -> None:
    table = estimates_table(estimated({"a": RATES | STAR}))
    assert list(table.columns) == ["estimate", "mean", "low", "high"]
    assert table.estimate.tolist() == [
        "alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
        "alpha*(N), argmin of the training loss",
        "alpha_est (H.15)",
        "lower bound, right form of Corollary 1",
        "upper bound, right form of Corollary 1",
    ]
    assert table["mean"].tolist() == pytest.approx([0.2, 0.5, 0.02, 0.06, 0.6])


def test_the_words_below_a_functions_figure() -> None:
    found = findings(sweep([4, 2, 3], [6, 4, 5]), estimated({"a": RATES | STAR}), FUNCTION)
    assert found.source == "2 calls of `robots:kitchen`; intervals are those of their mean"
    assert found.limit == f"0.2 ({0.2 - 0.1 * TWO:.4g} to {0.2 + 0.1 * TWO:.4g})"
    assert found.result == (
        f"The training loss is lowest at 0.5 ({0.5 - 0.1 * TWO:.4g} to {0.5 + 0.1 * TWO:.4g}), "
        "which is\n2 (2 to 2) times $\\alpha_{\\lim}$; training at $\\alpha_{\\lim}$ costs\n"
        "20.00% of the lowest loss."
    )


def test_the_words_below_a_files_figure() -> None:
    losses = sweep([4, 2, 3], [6, 4, 5], [8, 6, 7])
    found = findings(losses, estimated({"a": OF_FILE}), FILE)
    assert found.source == (
        "`data/kitchen.npz`; intervals are from 2 bootstrap resamples of its tasks"
    )
    assert found.limit == "0.5 (0.25 to 0.75)"


def test_a_capped_search_is_said() -> None:
    capped = STAR | {q.alpha_star_capped: [1.0, 0.0, 0.0, 0.0]}
    found = findings(sweep([4, 2, 3]), estimated({"a": RATES | capped}), FUNCTION)
    assert found.result.endswith(
        "20.00% of the lowest loss. In 25% of the repetitions there is no minimum below the search "
        "cap,\n30 $\\alpha_{\\lim}$, which then stands for it."
    )


@pytest.mark.parametrize(
    ("section", "limit", "source"),
    [
        (FUNCTION | {"seeds": 1}, [0.123456], "1 calls of `robots:kitchen`"),
        (FILE, Estimated(0.123456, -np.inf, np.inf, q.BOOTSTRAP), "`data/kitchen.npz`"),
    ],
)
def test_too_few_seeds_for_an_interval_are_said(section: dict, limit: Any, source: str) -> None:
    only = estimated({"a": {q.alpha_lim_sampled: limit}})
    found = findings(sweep(), only, section)
    assert found.source == f"{source}; without intervals, for which `seeds` is too small"
    assert found.limit == "0.1235"
    assert found.result == "There are neither targets nor optima, hence no loss to sweep."
