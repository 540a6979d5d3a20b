"""Drawing of Fig. 4, on tables made by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import TWO, estimated

from replication.figures.variance import quantities as q
from replication.figures.variance.draw import (
    basis_findings,
    draw,
    fit_table,
    tangent_findings,
)

LAWS = ["normal", "uniform"]
SECTION: dict[str, Any] = {
    "laws": LAWS,
    "width_rule": "data",
    "gaussian_input": "scalar",
    "variance": {"last": 50.0},
    "dim": 7,
    "shots": 9,
}
# of every reading: a + b / variance rises where b is below zero
AFFINE = {"fixed/entrywise": -2.0, "fixed/scalar": -1.0, "data/entrywise": 1.0, "data/scalar": 2.0}
# shares of the grid's steps that go down, by law
DOWN = {
    "fixed/entrywise": (0, 0),
    "fixed/scalar": (0, 1),
    "data/entrywise": (1, 0.5),
    "data/scalar": (1, 1),
}


def basis() -> pd.DataFrame:
    frames = []
    for rule, argument, law in product(("fixed", "data"), ("entrywise", "scalar"), LAWS):
        curve = pd.DataFrame({"variance": [1.0, 2.0, 4.0], "alpha_lim": [0.2, 0.3, 0.5]})
        curve["alpha_lim"] *= 10 if rule == "data" else 1
        frames.append(curve.assign(width_rule=rule, gaussian_input=argument, law=law))
    return pd.concat(frames)


def estimates(shares: dict[str, tuple[float, float]] = DOWN) -> pd.DataFrame:
    tables = []
    for i, law in enumerate(LAWS):
        panels: dict[str, Any] = {
            name: {
                q.inverse_fit_c: 0.8,
                q.inverse_fit_r2: -1.5,
                q.affine_fit_a: 0.1,
                q.affine_fit_b: slope,
                q.affine_fit_r2: 0.98768,
                q.decreasing_share: shares[name][i],
            }
            for name, slope in AFFINE.items()
        }
        tables.append(estimated(panels | {"a": panels["data/scalar"]}, law=law))
    return pd.concat(tables)


def tangent() -> pd.DataFrame:
    """Two networks; those without biases have estimates of 3 and 5 over the variance."""
    frames = []
    for seed, law in product((0, 1), LAWS):
        variance = np.array([1.0, 2.0])
        for reading, values in {
            "all biases": np.array([2.0, 1.0]) + seed,
            "no biases": (3 + 2 * seed) / variance,
            "closed form": (3 + 2 * seed) / variance,
        }.items():
            frame = pd.DataFrame({"variance": variance, "alpha_lim": values, "reading": reading})
            frames.append(frame.assign(law=law, seed=seed, primary=reading == "all biases"))
    return pd.concat(frames)


@pytest.fixture
def drawn() -> Any:
    return draw(basis(), tangent(), estimates(), SECTION)


def test_all_that_figure_4_draws_is_returned(drawn: Any) -> None:
    _, shown = drawn
    columns = ["panel", "law", "series", "variance", "value", "low", "high", "n"]
    assert list(shown.columns) == columns
    assert shown.panel.drop_duplicates().tolist() == [
        *("a", "fixed/scalar", "data/entrywise", "fixed/entrywise"),
        *("b, all biases", "b, no biases"),
    ]
    curve = shown[(shown.panel == "a") & (shown.series == "alpha_lim") & (shown.law == "uniform")]
    np.testing.assert_allclose(curve.value, [2, 3, 5])


def test_the_fits_are_those_of_the_first_laws_curve(drawn: Any) -> None:
    _, shown = drawn
    fits = shown[shown.series.isin(["c / variance", "a + b / variance"])]
    assert set(fits.law) == {"normal"}
    inverse, affine = (
        fits[(fits.panel == "a") & (fits.series == series)].value
        for series in ("c / variance", "a + b / variance")
    )
    np.testing.assert_allclose(inverse, [0.8, 0.4, 0.2])
    np.testing.assert_allclose(affine, [2.1, 1.1, 0.6])
    # a curve that rises has no such fit
    assert set(fits.panel[fits.series == "a + b / variance"]) == {"a", "data/entrywise"}


def test_the_primary_reading_is_lettered_and_stands_first(drawn: Any) -> None:
    figure, _ = drawn
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        r"(a)  widths $\propto \sigma$, one scalar input",
        "fixed widths, one scalar input",
        r"widths $\propto \sigma$, entry by entry",
        "fixed widths, entry by entry",
        "(b)  tangent features, all biases",
        "tangent features, no biases; dots: closed form",
    ]
    notes = [text.get_text() for axes in figure.axes for text in axes.texts]
    inverse, affine = r"$R^2$ of $c/\sigma^2$: −1.5", r"$R^2$ of $a + b/\sigma^2$: 0.99"
    assert notes == [f"{inverse}\n{affine}", inverse, f"{inverse}\n{affine}", inverse]


def test_tangent_features_are_means_over_networks(drawn: Any) -> None:
    _, shown = drawn
    biased, bare = (shown[shown.panel == f"b, {biases} biases"] for biases in ("all", "no"))
    assert set(biased.series) == {"alpha_lim"}
    curve = biased[biased.law == "normal"]
    np.testing.assert_allclose(curve.value, [2.5, 1.5])
    np.testing.assert_allclose(curve.high - curve.value, TWO / 2)
    np.testing.assert_allclose(curve.value - curve.low, TWO / 2)
    closed = bare[(bare.series == "closed form") & (bare.law == "uniform")]
    np.testing.assert_allclose(closed.value, [4, 2])
    assert closed.n.tolist() == [2, 2]


def test_the_words_about_the_basis() -> None:
    found = basis_findings(basis(), estimates(), SECTION)
    # "a" is data/scalar; the others fall or rise for one law alone, or for both
    assert (found.primary, found.falling, found.rising) == ("data/scalar", "a", "fixed/entrywise")
    assert (found.fixed_widths, found.growing_widths) == ("0.2 to 0.5", "2 to 5")
    assert (found.axis_low, found.axis_high) == (0.2, 0.375)
    # c / variance is at 0.375 at the first and at 0.2 at the second
    assert found.fit_from == pytest.approx(0.9333, rel=1e-4)
    assert found.fit_to == pytest.approx(1.75)
    assert (found.paper_fit, found.last_variance, found.dim, found.shots) == (0.35, 50, 7, 9)


def test_no_reading_that_falls_is_said() -> None:
    of_normal = {name: (0.99, of_uniform) for name, (_, of_uniform) in DOWN.items()}
    found = basis_findings(basis(), estimates(of_normal), SECTION)
    assert (found.falling, found.rising) == ("none", "none")


def test_the_table_of_fits_has_every_reading_once() -> None:
    table = fit_table(estimates(), SECTION)
    assert list(table.columns) == [
        *("panel", "law", "inverse_fit_c", "inverse_fit_r2"),
        *("affine_fit_a", "affine_fit_b", "affine_fit_r2"),
    ]
    assert table.panel.tolist() == [
        *["a", "a", "data/entrywise", "data/entrywise"],
        *["fixed/entrywise", "fixed/entrywise", "fixed/scalar", "fixed/scalar"],
    ]
    assert table.affine_fit_b.tolist() == [2, 2, 1, 1, -2, -2, -1, -1]
    assert set(table.affine_fit_r2) == {0.9877}


def test_the_words_about_tangent_features() -> None:
    panels = {
        "b": {q.inverse_fit_r2: [0.4, 0.6], q.highest_alpha_lim_of_law: [1.0, 3.0]},
        "no biases": {q.inverse_fit_r2: [1.0, 1.0], q.closed_form_gap: [1e-9, 4e-9]},
    }
    others = {"b": {q.inverse_fit_r2: [9.0, 9.0], q.highest_alpha_lim_of_law: [9.0, 9.0]}}
    table = pd.concat([estimated(others, law="uniform"), estimated(panels, law="normal")])
    found = tangent_findings(table)
    # the gap on its logarithm
    assert found == pytest.approx((0.5, 1.0, 2e-9, 2.0))
