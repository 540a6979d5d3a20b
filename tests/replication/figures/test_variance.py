"""The estimate against the variance of the inputs, Fig. 4, against sampling and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import experiment, stages

from replication.figures.variance import quantities as q
from replication.figures.variance.basis import law_of_variance
from replication.measuring import select
from replication.registry import registry
from replication.settings.config import Config


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential"])
def test_the_laws_of_figure_4_have_the_variance_on_the_axis(name: str) -> None:
    law = law_of_variance(name, 7.0)
    assert law.moment(2) - law.moment(1) ** 2 == pytest.approx(7.0, rel=1e-13)


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Sweep and estimates of both halves."""
    return {name: stages(experiment(name))[2:] for name in ("fig04a", "fig04b")}


@pytest.mark.parametrize(("name", "panel"), [("fig04a", "a"), ("fig04b", "b")])
def test_the_ends_of_the_axis_of_figure_4_are_those_of_all_laws(
    name: str, panel: str, measured: dict
) -> None:
    sweep, estimates = measured[name]
    mine = sweep[sweep.primary & (sweep.seed == 0)] if "seed" in sweep else sweep[sweep.primary]
    assert mine.law.nunique() == 3
    first = estimates[estimates.seed.isna() | (estimates.seed == 0)]
    for quantity, end in ((q.highest_alpha_lim, "max"), (q.lowest_alpha_lim, "min")):
        (row,) = select(first, quantity.name, panel).itertuples()
        assert row.value == mine.alpha_lim.agg(end)
        assert np.isnan([row.low, row.high]).all()
    for quantity, end in ((q.highest_alpha_lim_of_law, "max"), (q.lowest_alpha_lim_of_law, "min")):
        for law, curve in mine.groupby("law"):
            (row,) = select(first, quantity.name, panel, {"law": law}).itertuples()
            assert row.value == curve.alpha_lim.agg(end)


def test_every_quantity_of_figure_4_is_measured(measured: dict) -> None:
    found = {name for _, estimates in measured.values() for name in estimates.quantity}
    assert found == set(registry("fig04a"))


def test_the_primary_reading_stands_under_its_panel_and_under_its_name(measured: dict) -> None:
    for name, panel, reading in (("fig04a", "a", "fixed/entrywise"), ("fig04b", "b", "all biases")):
        of_panel, of_reading = (
            measured[name][1].query("panel == @it").drop(columns="panel").reset_index(drop=True)
            for it in (panel, reading)
        )
        pd.testing.assert_frame_equal(of_panel, of_reading)
        assert len(of_panel)


def test_figure_4_agrees_with_sampling() -> None:
    made = experiment("fig04a")
    sweep = made.sweep(made.features())
    cfg = Config().fig04a
    rng = np.random.default_rng(0)
    for variance in (sweep.variance.iloc[0], sweep.variance.iloc[-1]):
        row = sweep[(sweep.variance == variance) & (sweep.law == "normal") & sweep.primary]
        centres = np.linspace(cfg.centres.first, cfg.centres.last, cfg.dim)
        x = rng.normal(0, np.sqrt(variance), (40_000, cfg.shots, cfg.dim))
        phi = np.exp(-((x - centres) ** 2) / (2 * cfg.width**2))
        gram = phi.swapaxes(1, 2) @ phi
        second = np.einsum("nij,nij->n", gram, gram)
        third = np.einsum("nij,nij->n", gram, gram @ gram)
        sampled = cfg.shots * second.mean() / (2 * third.mean())
        error = (
            sampled
            * np.hypot(second.std() / second.mean(), third.std() / third.mean())
            / np.sqrt(len(x))
        )
        assert abs(row.alpha_lim.iloc[0] - sampled) < 5 * error


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential"])
def test_without_biases_figure_4b_is_the_closed_form(name: str) -> None:
    made = experiment("fig04b", hidden_bias=False, output_bias=False)
    sweep = made.sweep(made.features())
    of_law = sweep[sweep.law == name]
    curve, closed = (
        of_law[of_law.reading == reading].alpha_lim.to_numpy()
        for reading in ("no biases", "closed form")
    )
    np.testing.assert_allclose(curve, closed, rtol=1e-11)  # 2 panels: the normal's tails
    grid = of_law[of_law.reading == "closed form"].variance.to_numpy()
    product = closed * grid
    np.testing.assert_allclose(product[grid == grid[0]][0], product.reshape(2, -1)[0], rtol=1e-12)


def test_figure_4b_does_not_depend_on_the_quadrature() -> None:
    limits = []
    for panels in (8, 16):
        made = experiment("fig04b", width=10_240, seeds=1, quadrature_panels=panels)
        sweep = made.sweep(made.features())
        limits.append(sweep[sweep.reading == "all biases"].alpha_lim.to_numpy())
    # the kernel has 10,240 kinks of relative size 1e-4 v^2
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-5)


def test_figure_4b_agrees_with_sampling() -> None:
    made = experiment("fig04b", seeds=1, shots=5)
    sweep = made.sweep(made.features())
    row = sweep[(sweep.reading == "all biases") & (sweep.law == "normal")].iloc[3]
    model = made._model(0, (True, True))  # type: ignore[attr-defined]
    x = np.random.default_rng(0).normal(0, np.sqrt(row.variance), (20_000, 5))
    grams = np.stack([model.gram(task) for task in x])
    second = np.einsum("nij,nij->n", grams, grams)
    third = np.einsum("nij,nij->n", grams, grams @ grams)
    sampled = 5 * second.mean() / (2 * third.mean())
    error = (second / second.mean() - third / third.mean()).std() / np.sqrt(len(x))
    assert abs(row.alpha_lim / sampled - 1) < 5 * error
