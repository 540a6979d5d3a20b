"""The drawing of Fig. 2 on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import estimated

from replication.figures.tangent import draw
from replication.figures.tangent import quantities as q
from replication.measuring import as_estimates
from replication.quantity import FIRST, LAST, Estimated

SECTION: dict[str, Any] = {
    "panels": {
        "a": {
            "title": "uniform",
            "curves": {"one": {"shots": 2, "tasks": 10}, "two": {"shots": 5, "tasks": 4}},
        }
    },
    "width": 50,
    "scaling": {"curves": ["a/one"], "tasks": [5, 40, 10], "widths": [100]},
}
ALPHAS = [-1e-4, 1e-4, 3e-4]
# mean loss of two draws
LOSSES = {"a/one": ([9.0, 2.0, 4.0], [11.0, 4.0, 8.0]), "a/two": ([8.0, 3.0, 1.0], [8.0, 5.0, 1.0])}
# of a curve, two draws
CURVE: dict[Any, tuple[float, float]] = {
    q.alpha_star: (1e-4, 3e-4),
    q.alpha_est: (1e-2, 3e-2),
    q.alpha_lim_sampled: (1e-4, 1e-4),
    q.alpha_lim_split: (5e-5, 15e-5),
    q.alpha_pooled: (1e-3, 1e-3),
    q.alpha_dim: (2e-4, 2e-4),
    q.alpha_rms: (4e-4, 4e-4),
    q.rank: (3.0, 4.0),
}
# over the minimiser, by estimate
RATIOS = {
    "alpha_est": (100.0, 100.0),
    "alpha_dim": (2.0, 2.0),
    "alpha_lim_split": (0.5, 0.5),
    "alpha_lim_sampled": (0.25, 1.0),
}
ONE, TWO = {"shots": 2, "tasks": 10}, {"shots": 5, "tasks": 4}
# points of panel (c): N, width, N K / d, (H.15) over the minimiser
POINTS = [
    (10, 50, 0.2, (100.0, 100.0)),
    (5, 50, 0.1, (150.0, 250.0)),
    # without a minimum in one of the draws
    (40, 50, 0.8, (9.0, -1.0)),
    (10, 100, 2.0, (100.0, 100.0)),
]


def estimates() -> pd.DataFrame:
    second = CURVE | {q.alpha_star: (9e-4, 9e-4), q.rank: (2.0, 2.0)}
    tables = [
        estimated({"a": {q.highest_loss: (10.0, 12.0)}}),
        estimated({"a": CURVE | {q.est_right_at: (20.0, 22.0)}}, **ONE),
        estimated({"a": second}, **TWO),
        estimated({"c": {q.farthest: Estimated(2.5, 2.0, 3.0, "of points")}}, **LIMIT),
    ]
    for at, ratios in ((ONE, RATIOS), (TWO, RATIOS | {"alpha_est": (50.0, 50.0)})):
        tables += [
            estimated({"a": {q.ratio_to_star: values}}, **at, estimate=name)
            for name, values in ratios.items()
        ]
        tables.append(
            estimated({"a": {q.alpha_est_of_sigma2: (8e-4, 8e-4)}}, **at, sigma2="psi_variance")
        )
    for tasks, width, samples, est in POINTS:
        at = {"shots": 2, "tasks": tasks, "width": width}
        of_point: dict[Any, tuple[float, float]] = {
            q.samples_over_dim: (samples, samples),
            q.effective_rank: (1.5, 1.7),
            q.ratio_est_to_star_pooled_step: (10.0, 10.0),
        }
        tables.append(estimated({"a": of_point}, **at))
        tables += [
            estimated({"a": {q.ratio_to_star_varied: values}}, **at, estimate=name)
            for name, values in (RATIOS | {"alpha_est": est}).items()
        ]
    for varied, slopes, pooled in (
        ("tasks", (-1.2, -1.4), (-2.2, -2.4)),
        ("dim", (-1.0, -0.8), (-1.0, -1.0)),
    ):
        tables.append(estimated({"c": {q.slope: slopes}}, estimate="alpha_est", varied=varied))
        tables.append(estimated({"c": {q.slope_pooled_step: pooled}}, varied=varied))
    return as_estimates(
        pd.concat(tables)[
            [*FIRST, "shots", "tasks", "width", "estimate", "sigma2", "varied", *LAST]
        ],
        "by hand",
    )


LIMIT = {"estimate": "alpha_lim_sampled"}


def sweep() -> pd.DataFrame:
    frames = [
        pd.DataFrame({"panel": panel, "seed": seed, "alpha": ALPHAS, "mean": losses})
        for panel, draws in LOSSES.items()
        for seed, losses in enumerate(draws)
    ]
    frame = pd.concat(frames)
    return frame.assign(low=frame["mean"] - 0.5, high=frame["mean"] + 0.5)


@pytest.fixture
def drawn() -> Any:
    figure, shown = draw.losses_and_estimates(sweep(), estimates(), SECTION)
    yield figure, shown
    plt.close(figure)


def test_panels_have_their_letters_and_titles(drawn: Any) -> None:
    figure, _ = drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["(a)  uniform", "(c1)  uniform, K=2: N or d varied"]


def test_what_is_shown_has_every_column(drawn: Any) -> None:
    _, shown = drawn
    columns = ["panel", "series", "alpha", "mean", "low", "high", "n", "samples_over_dim"]
    assert list(shown.columns) == columns


def test_the_first_draw_and_the_range_of_all(drawn: Any) -> None:
    _, shown = drawn
    of_curve = shown[shown.panel == "a/one"].set_index("series")
    first = of_curve.loc["first draw, interval over test tasks"]
    assert first["mean"].tolist() == [9.0, 2.0, 4.0]
    assert first.low.tolist() == [8.5, 1.5, 3.5]
    every = of_curve.loc["all draws, range of their means"]
    assert every["mean"].tolist() == [10.0, 3.0, 6.0]
    assert every.low.tolist() == [9.0, 2.0, 4.0]
    assert every.high.tolist() == [11.0, 4.0, 8.0]
    assert every.n.tolist() == [2, 2, 2]


def test_estimates_on_the_axis_have_marks_and_h15_is_written(drawn: Any) -> None:
    figure, shown = drawn
    axes = figure.axes[0]
    assert axes.get_ylim() == (0, 1.45 * draw.PAPER_TOP["a"])
    lone = [line for line in axes.lines if len(line.get_xdata()) == 1]
    marks = {
        line.get_marker(): line.get_xdata()[0]
        for line in lone
        if line.get_color() == draw.COLOURS[0]
    }
    assert marks == pytest.approx({"o": 2e-4, "*": 1e-4, "D": 1e-4})
    # the minimiser of the second curve is beyond the axis
    others = {line.get_marker() for line in lone if line.get_color() == draw.COLOURS[1]}
    assert others == {"*", "D"}
    written = axes.texts[0].get_text().splitlines()
    assert written == [
        "(H.15), K=2, N=10: 2.0e-02, 100 times the minimiser \N{RIGHTWARDS ARROW}",
        "(H.15), K=5, N=4: 2.0e-02, 50 times the minimiser \N{RIGHTWARDS ARROW}",
        "K=5, N=4: no minimum at a positive rate on the axis",
    ]
    rates = shown[
        (shown.panel == "a/one") & shown.series.isin([of.name for of in (*draw.MARKS, q.alpha_est)])
    ]
    assert rates.alpha.tolist() == pytest.approx([2e-4, 1e-4, 1e-4, 2e-2])


def test_ratios_are_geometric_means_where_every_draw_has_a_minimum(drawn: Any) -> None:
    figure, shown = drawn
    of_h15 = shown[shown.series == "ratio_est_to_star, tasks"]
    assert of_h15.panel.tolist() == ["a/one|tasks=5", "a/one"]
    assert of_h15.samples_over_dim.tolist() == [0.1, 0.2]
    assert of_h15["mean"].tolist() == pytest.approx([np.sqrt(150 * 250), 100.0])
    of_limit = shown[shown.series == "ratio_lim_to_star, width"]
    assert of_limit.panel.tolist() == ["a/one", "a/one|width=100"]
    assert of_limit["mean"].tolist() == pytest.approx([0.5, 0.5])
    # full marks where N is varied, hollow ones where d is
    lines = [c.lines[0] for c in figure.axes[1].containers]
    hollow = [line.get_markerfacecolor() == "white" for line in lines]
    assert hollow == [False] * len(draw.OVER_STAR) + [True] * len(draw.OVER_STAR)


def test_the_laws_are_one_over_the_samples_and_over_k_times_them(drawn: Any) -> None:
    _, shown = drawn
    alike, apart = (shown[shown.series == law] for law in ("$d/(NK)$", "$d/(NK^2)$"))
    # N K / d goes from 0.1 to 2
    assert alike.samples_over_dim.tolist() == pytest.approx([0.08, 2.5])
    assert alike["mean"].tolist() == pytest.approx([12.5, 0.4])
    assert apart["mean"].tolist() == pytest.approx([6.25, 0.2])


def test_without_curves_to_vary_there_is_no_second_row() -> None:
    section = SECTION | {"scaling": {"curves": [], "tasks": [], "widths": []}}
    figure, shown = draw.losses_and_estimates(sweep(), estimates(), section)
    assert [axes.get_visible() for axes in figure.axes] == [True, False]
    assert set(shown.panel) == {"a/one", "a/two"}
    plt.close(figure)
    assert draw.scaling_values(estimates(), section) is None


def test_tables_hold_means_over_draws_and_their_ratio_to_the_mean_minimiser() -> None:
    table = draw.estimates_table(estimates(), SECTION)
    assert table.index.tolist() == list(draw.ESTIMATES.values())
    assert table.columns.tolist() == ["a/one", "a/one, ratio", "a/two", "a/two, ratio"]
    assert table.loc["(H.15), 1 / (2 N K var)"].tolist() == ["0.02", "100", "0.02", "22.2"]
    assert table.loc["1 / (2 rms of Psi Psi')"].tolist() == ["0.0004", "2", "0.0004", "0.444"]
    h15 = draw.h15_table(estimates(), SECTION)
    assert h15.index.tolist() == ["psi_variance"]
    assert h15.loc["psi_variance"].tolist() == ["0.0008", "4", "0.0008", "0.889"]


def test_values_of_the_closing_paragraph_on_the_curves() -> None:
    values = draw.curve_values(estimates(), SECTION)
    assert {name: value.mean for name, value in values.est.items()} == {"a/one": 100, "a/two": 50}
    assert values.limit["a/one"].mean == pytest.approx(0.625)
    # N is 10 and 4
    assert values.est_of_pooled_step == {"a/one": 10.0, "a/two": 12.5}
    assert values.ranks == (2.0, 3.5)


def test_values_of_the_closing_paragraph_on_n_and_d() -> None:
    values = draw.scaling_values(estimates(), SECTION)
    assert values is not None
    assert values.samples_over_dim == (0.1, 2.0)
    assert list(values.effective_rank) == list(values.est_right_at) == ["a/one"]
    assert values.effective_rank["a/one"].mean == pytest.approx(1.6)
    assert values.est_right_at["a/one"].mean == pytest.approx(21.0)
    assert values.est_power_of_tasks.mean == pytest.approx(-1.3)
    assert values.est_power_of_dim.mean == pytest.approx(-0.9)
    assert values.limit_farthest == (2.5, 2.0, 3.0)
    assert values.est_power_of_pooled_step.mean == pytest.approx(-2.3)


def test_highest_losses_are_of_the_panels_drawn() -> None:
    highest = draw.highest_losses(estimates(), SECTION)
    assert highest["a"] == 11.0
    assert np.isnan(highest["b"])
