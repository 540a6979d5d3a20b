"""The drawing of Figs. 1 and 7 on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import estimated

from replication.figures.trajectory import draw
from replication.figures.trajectory import quantities as q
from replication.quantity import Estimated

RATES = [0.0, 0.5, 1.0, 1.5, 2.0]
DISTANCES = {0: [6.0, 3.0, 4.0, 7.0, 8.0], 1: [6.0, 5.0, 6.0, 9.0, 10.0]}
SECTION: dict[str, Any] = {
    "rows": {"1": {"title": "x ~ N(0, 2), a ~ N(0, 3I)"}},
    "tasks": 4,
    "new_tasks": {"centre": [4.0, 4.0], "count": 1, "feature_scale": 2.0},
    "shots": 10,
    "variations": {"feature_scale": [1.0], "count": [2], "centre": [[8.0, 8.0]], "shots": [3]},
}
# in each of two draws
SCALARS: dict[Any, Any] = {
    q.alpha_lim_sampled: [0.1, 0.1],
    q.distance_erm: [6.0, 6.0],
    q.distance_at_lim: [4.0, 6.0],
    q.distance_lowest: [3.0, 5.0],
    q.tangent_at_0: [-20.0, -40.0],
    q.relative_tangent_at_0: [-0.4, -0.6],
    q.share_of_reduction_at_lim: [0.5, 0.7],
}
NEAREST = (0.4, 0.6)
OWN = {"feature_scale": 2.0, "count": 1, "centre": [4.0, 4.0], "shots": 10}
VARIED: list[tuple[dict[str, Any], tuple[float, float]]] = [
    ({"feature_scale": 1.0}, (0.9, 0.9)),
    ({"count": 2}, (0.3, 0.5)),
    ({"centre": [8.0, 8.0]}, (1.5, 1.5)),
    ({"shots": 3}, (1.0, 1.0)),
]


def sweep_of(panel: str = "1") -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for seed, distances in DISTANCES.items():
        for rate, distance in zip(RATES, distances, strict=True):
            place = {"w1": rate, "w2": 2 * rate, "mean_distance": distance}
            rows.append({"seed": seed, "kind": "path", "alpha_over_lim": rate, **place})
    for kind, places in (("optimum", [(0, 0), (1, -1)]), ("new_task", [(3, 4), (5, 4)])):
        rows += [{"seed": 0, "kind": kind, "w1": w1, "w2": w2} for w1, w2 in places]
    return pd.DataFrame(rows).assign(panel=panel)


def estimates_of(panel: str = "1") -> pd.DataFrame:
    def on_grid(*rates: float) -> list[Estimated]:
        return [Estimated(rate, rate - 0.1, rate + 0.1, "by hand") for rate in rates]

    tables = [estimated({panel: SCALARS | {q.ratio_nearest_to_lim: on_grid(*NEAREST)}})]
    for change, rates in VARIED:
        values = {panel: {q.ratio_nearest_to_lim_varied: on_grid(*rates)}}
        tables.append(estimated(values, **q.varied_at(**(OWN | change))))
    # a table with keys first, since its columns are all that the others have
    return pd.concat(tables[::-1], ignore_index=True)


@pytest.fixture
def drawn() -> Any:
    figure, shown = draw.paths(sweep_of(), estimates_of(), SECTION, lettered=True)
    yield figure, shown
    plt.close(figure)


def test_panels_are_lettered_in_fig_1_alone(drawn: Any) -> None:
    figure, _ = drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["(a)  x ~ N(0, 2), a ~ N(0, 3I)", "(b)", "(c)"]
    plain, _ = draw.paths(sweep_of(), estimates_of(), SECTION, lettered=False)
    titles = [axes.get_title(loc="left") for axes in plain.axes]
    assert titles == ["x ~ N(0, 2), a ~ N(0, 3I)", "", ""]
    plt.close(plain)


def test_two_rows_have_four_panels_and_share_the_readings() -> None:
    section = SECTION | {"rows": {"1": {"title": "first"}, "2": {"title": "second"}}}
    sweep = pd.concat([sweep_of("1"), sweep_of("2")])
    estimates = pd.concat([estimates_of("1"), estimates_of("2")])
    figure, shown = draw.paths(sweep, estimates, section, lettered=False)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["first", "", "second", "", ""]
    assert sorted(set(shown.panel)) == ["1", "2", draw.NEW_TASKS_ALONE]
    legend = figure.axes[-1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["row 1", "row 2"]
    plt.close(figure)


def test_what_is_shown_has_every_column_and_ends_where_the_axes_do(drawn: Any) -> None:
    _, shown = drawn
    columns = ["panel", "axes", "series", "alpha_over_lim", "w1", "w2", "mean", "low", "high", "n"]
    assert list(shown.columns) == [*columns, "reading", "seed"]
    assert shown.alpha_over_lim.max() == 1.0 < draw.END < 1.5


def test_the_plane_has_the_path_up_to_the_nearest_point_and_beyond(drawn: Any) -> None:
    _, shown = drawn
    plane = shown[shown["axes"] == "plane"]
    found = {name: rows.alpha_over_lim.dropna().tolist() for name, rows in plane.groupby("series")}
    assert found == {
        "circle": [],
        "task optima": [],
        "new tasks": [],
        r"$w_m(\alpha)$ up to the nearest": [0.0, 0.5],
        r"$w_m(\alpha)$ beyond": [0.5, 1.0],
        r"$w_r$ ($\alpha = 0$)": [0.0],
        "nearest to all optima": [0.5],
        r"$w_m(\alpha_{\lim})$": [1.0],
    }
    circle = plane[plane.series == "circle"].iloc[0]
    # the new tasks are at (3, 4) and (5, 4)
    assert (circle.w1, circle.w2) == (4.0, 4.0)
    assert circle["mean"] == pytest.approx(1.1)


def test_distances_are_means_over_the_draws(drawn: Any) -> None:
    _, shown = drawn
    found = shown[shown["axes"] == "distance"]
    curve = found[found.series == "mean distance"]
    assert curve["mean"].tolist() == [6.0, 4.0, 5.0]
    first = found[found.series == "mean distance of the path shown"]
    assert first["mean"].tolist() == [6.0, 3.0, 4.0]
    points = found.set_index("series")[["alpha_over_lim", "mean"]]
    assert points.loc["distance at 0"].tolist() == [0.0, 6.0]
    assert points.loc["distance at lim"].tolist() == [1.0, 5.0]
    assert points.loc["lowest distance"].tolist() == [0.5, 4.0]
    # (-20 - 40) / 2 for each unit of alpha, 0.1 units are alpha_lim
    assert points.loc["tangent at 0"].tolist() == pytest.approx([0.0, -3.0])


def test_the_tangent_points_downwards_from_erm(drawn: Any) -> None:
    figure, _ = drawn
    arrow = figure.axes[1].texts[0]
    assert arrow.xyann == (0, 6.0)
    assert arrow.xy == pytest.approx((0.3, 6.0 - 0.3 * 3.0))


def test_every_reading_is_shown_with_its_draws(drawn: Any) -> None:
    figure, shown = drawn
    found = shown[(shown["axes"] == "readings") & (shown.panel == "1")]
    means = found[found.seed.isna()].set_index(["series", "reading"])["mean"].to_dict()
    assert means == pytest.approx(
        {
            ("feature_scale", "1"): 0.9,
            ("feature_scale", "2"): 0.5,
            ("count", "1"): 0.5,
            ("count", "2"): 0.4,
            ("centre", "(4, 4)"): 0.5,
            ("centre", "(8, 8)"): 1.5,
            ("shots", "3"): 1.0,
            ("shots", "10"): 0.5,
        }
    )
    assert found.seed.notna().sum() == 2 * len(means)
    labels = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert labels == [reading for _, reading in means]
    # full where the section has the value, hollow elsewhere
    marks = [line for line in figure.axes[2].lines if line.get_marker() == "o"]
    hollow = [line.get_markerfacecolor() == "white" for line in marks]
    assert hollow == [True, False, False, True, False, True, True, False]


def test_alpha_lim_of_the_new_tasks_alone_over_that_of_all() -> None:
    # Grams of 1 and of s^2: alpha_lim is their mean square over twice their mean cube
    for tasks, new, scale in ((4, 1, 2.0), (500, 50, 1.25), (3, 30, 0.5)):
        grams = np.array([1.0] * tasks + [scale**2] * new)
        of_all = np.mean(grams**2) / (2 * np.mean(grams**3))
        assert draw.alone_over_all(tasks, new, scale) == pytest.approx(1 / (2 * scale**2) / of_all)
    assert draw.alone_over_all(4, 1, 2.0) == pytest.approx((4 + 64) / (4 + 16) / 4)


def test_values_of_the_closing_paragraph() -> None:
    other = sweep_of("2").assign(mean_distance=99.0)
    values = draw.path_values(pd.concat([sweep_of(), other]), estimates_of(), "1")
    assert values.tangent_at_0.mean == pytest.approx(-0.5)
    assert values.nearest.mean == pytest.approx(0.5)
    assert values.nearest.low < 0.4 < 0.6 < values.nearest.high
    assert values.nearest_of_draws == (0.4, 0.6)
    assert values.reduction_at_lim.mean == pytest.approx(0.6)
    # up to alpha_lim the mean curve is 6, 4, 5, which is convex; beyond, it bends downwards
    assert values.convex_share == 1.0
    assert (values.last_rate, values.distance_at_last) == (2.0, 9.0)
    assert values.distance_of_erm == 6.0


def test_a_curve_is_convex_where_its_second_difference_is_not_negative() -> None:
    # second differences 1, 0, -2, 3
    assert draw.convex_share(pd.Series([5.0, 3.0, 2.0, 1.0, -2.0, -2.0])) == 0.75
    assert draw.convex_share(pd.Series([0.0, 1.0, 1.5])) == 0.0


def readings_table(rows: list[tuple[str, str, str, float, float, float]]) -> pd.DataFrame:
    columns = ["panel", "series", "reading", "mean", "low", "high"]
    means = pd.DataFrame(rows, columns=columns).assign(axes="readings", seed=np.nan)
    # one draw and a point of the path, which are no means of readings
    draws = means[:1].assign(seed=0, mean=1.0, low=1.0, high=1.0)
    path = means[:1].assign(axes="distance", mean=1.0, low=1.0, high=1.0)
    return pd.concat([draws, path, means])


def test_a_reading_is_at_alpha_lim_with_its_whole_interval() -> None:
    shown = readings_table(
        [
            ("1", "count", "5", 1.0, 0.95, 1.05),
            ("1", "count", "15", 0.95, 0.85, 1.05),
            ("1", "count", "50", 1.05, 1.0, 1.15),
            ("2", "shots", "3", 0.93, 0.91, 0.95),
            (draw.NEW_TASKS_ALONE, "count", "5", 1.0, np.nan, np.nan),
        ]
    )
    rows = {
        "1": {"title": "x ~ N(0, 2), a ~ N(0, 3I)"},
        "2": {"title": "x ~ U(0, 5), a ~ N(0, 3I)"},
    }
    assert draw.readings_at_limit(shown, {"rows": rows}) == [
        ("1", "x ~ N(0, 2)", "count", "5", 1.0),
        ("2", "x ~ U(0, 5)", "shots", "3", 0.93),
    ]
    assert [r.value for r in draw.readings_at_limit(shown, {"rows": rows}, tolerance=0.15)] == [
        *("5", "15", "50", "3")
    ]


def test_how_far_the_nearest_point_is_from_that_of_the_new_tasks() -> None:
    alone = draw.NEW_TASKS_ALONE
    shown = readings_table(
        [
            ("1", "count", "5", 0.8, 0.0, 0.0),
            ("1", "count", "15", 0.6, 0.0, 0.0),
            ("1", "shots", "3", 0.5, 0.0, 0.0),
            ("2", "count", "5", 9.0, 0.0, 0.0),
            (alone, "count", "5", 0.7, np.nan, np.nan),
            (alone, "count", "15", 0.9, np.nan, np.nan),
            (alone, "shots", "3", 0.3, np.nan, np.nan),
        ]
    )
    found = draw.from_new_tasks(shown, "1")
    assert found.median == pytest.approx(0.2)
    assert found.largest == pytest.approx(0.3)
    assert found.farthest == "count 15"
