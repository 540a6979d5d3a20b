"""The figure of the theorems and its closing numbers, on small tables worked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from innerlr.intervals import Interval
from replication.figures.theory import draw as figure
from replication.figures.theory.closing import closing
from replication.figures.theory.experiment import STATEMENTS, Theory
from replication.figures.theory.panel import Panel, plain_ticks
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.statements import lemmas

CFG = TheorySection()
# Student's t of two repetitions: the 97.5% quantile with one degree of freedom
T = 12.706204736


@pytest.fixture
def axes() -> Iterator[Axes]:
    made, one = plt.subplots()
    yield one
    plt.close(made)


def curves(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["series", "seed", "x", "value"]).assign(panel="?")


def scalars(values: dict[tuple[str, str], float | list[float] | tuple[float, float, float]]):
    """An estimates table: a float is exact, a list over seeds, a tuple a mean with its interval."""
    rows = []
    for (panel, name), value in values.items():
        if isinstance(value, list):
            rows += [(panel, seed, name, v) for seed, v in enumerate(value)]
        elif isinstance(value, tuple):
            ends = ("", "_low", "_high")
            rows += [(panel, -1, name + end, v) for end, v in zip(ends, value, strict=True)]
        else:
            rows.append((panel, -1, name, value))
    return pd.DataFrame(rows, columns=["panel", "seed", "quantity", "value"])


def panel_of(
    axes: Axes, letter: str, sweep: pd.DataFrame, estimates: dict | None = None, **change: object
) -> Panel:
    table = scalars({(letter, name): v for name, v in (estimates or {}).items()})
    return Panel(letter, axes, sweep, table, CFG.model_copy(update=change))


def line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    (found,) = (made for made in axes.lines if made.get_label() == label)
    return list(found.get_xdata()), list(found.get_ydata())


def bars(axes: Axes, label: str) -> np.ndarray:
    """An error bar's points: (points, 4): x, middle, low, high (of x where the bars lie flat)."""
    (found,) = (made for made in axes.containers if made.get_label() == label)
    points, _, (stems,) = found.lines
    ends = np.array([path.vertices for path in stems.get_paths()])
    along = 1 if found.has_yerr else 0
    return np.column_stack([points.get_xdata(), points.get_ydata(), ends[:, :, along]])


def test_a_series_is_a_mean_with_its_interval(axes: Axes) -> None:
    sweep = curves(("s", 0, 1, 2.0), ("s", 1, 1, 4.0), ("s", 0, 3, 5.0), ("s", 1, 3, 5.0))
    panel = panel_of(axes, "a", sweep)
    curve = panel.series("s", "label", "red")
    assert line(axes, "label") == ([1, 3], [3.0, 5.0])
    half = T * np.sqrt(2) / np.sqrt(2)  # the spread of 2 and 4 is sqrt(2), of two repetitions
    assert curve.low.to_list() == pytest.approx([3 - half, 5])
    assert curve.high.to_list() == pytest.approx([3 + half, 5])
    (shown,) = panel.shown
    assert shown.to_dict("list") == curve.assign(panel="a", series="s").to_dict("list")
    assert shown.n.to_list() == [2, 2]


def test_an_exact_series_has_no_interval(axes: Axes) -> None:
    curve = panel_of(axes, "h", curves(("s", -1, 1, 2.0), ("s", -1, 2, 7.0))).series("s", "l", "k")
    assert curve["mean"].to_list() == [2, 7]
    assert curve[["low", "high"]].isna().all(axis=None)


def test_every_other_tick_of_more_than_six(axes: Axes) -> None:
    plain_ticks(axes.xaxis, [1, 2, 4, 8, 16, 32])
    assert list(axes.xaxis.get_majorticklocs()) == [1, 2, 4, 8, 16, 32]
    plain_ticks(axes.xaxis, [1, 2, 4, 8, 16, 32, 64])
    assert list(axes.xaxis.get_majorticklocs()) == [1, 4, 16, 64]


def test_the_error_of_the_limit_stands_beside_one_over_n(axes: Axes) -> None:
    rows = [
        (kind, seed, n, 0.8 / n)
        for kind in ("commuting", "rotated", "split")
        for seed in (0, 1)
        for n in (4, 16)
    ]
    figure.limit(panel_of(axes, "a", curves(*rows), log2_tasks=[2, 4]))
    assert line(axes, r"$\propto 1/N$") == ([4, 16], pytest.approx([0.2, 0.05]))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_the_excluded_interval_is_shaded(axes: Axes) -> None:
    sweep = curves(*((f"N = {n}", s, 1.0, 2.0) for n in (4, 32) for s in (0, 1)))
    ends = {"excluded_from": 0.25, "excluded_to": 8.0}
    figure.proof(panel_of(axes, "b", sweep, ends, log2_tasks=[2, 3, 5]))
    (span,) = axes.patches
    assert (span.get_x(), span.get_width()) == (0.25, 7.75)
    assert {"N = 4", "N = 32", r"$\alpha_{\lim}$"} <= {made.get_label() for made in axes.lines}


def test_bounds_are_a_median_with_its_range(axes: Axes) -> None:
    rows = [("0.5", 25, 2, 0.5), ("0.5", 500, 2, 1.0), ("0.5", 975, 2, 1.75)]
    panel = panel_of(
        axes, "d", curves(*rows), feature_dims=[2], feature_spreads=[0.5], lemma_seeds=30
    )
    figure.bounds(panel)
    # the first of the spreads stands a little left of its d
    assert bars(axes, "spread 0.5").tolist() == [pytest.approx([1.86, 1.0, 0.5, 1.75])]
    (shown,) = panel.shown
    numbers = {"x": 2, "mean": 1.0, "low": 0.5, "high": 1.75, "n": 30}
    assert shown.iloc[0].to_dict() == numbers | {"panel": "d", "series": "spread 0.5"}
    assert line(axes, "$d$") == ([2], [2])
    assert line(axes, "$1/d$") == ([2], [0.5])


def test_the_guide_of_example_1_is_the_power_minus_one(axes: Axes) -> None:
    rows = [("d = 2", -1, x, 1.0) for x in (0.5, 1.0, 2.0, 5.0)]
    figure.polynomial(panel_of(axes, "h", curves(*rows), example_dims=[2]))
    assert line(axes, r"$\propto 1/\sigma^2$") == ([2, 5], [0.25, 0.1])


def test_shares_near_zero_have_their_intervals(axes: Axes) -> None:
    path = CFG.path.model_copy(update={"feature_scales": [2.0], "seeds": 7})
    estimates = {
        f"{law}_{what}_at_2": (share, share - 0.1, share + 0.25)
        for law, start in (("central", 0.2), ("uncentral", 0.4))
        for what, share in (("decreasing", start), ("convex", start + 0.1))
    }
    panel = panel_of(axes, "j", curves(), estimates, path=path)
    figure.near_zero(panel)
    for i, (series, share) in enumerate(
        (
            ("central, decreasing", 0.2),
            ("central, convex", 0.3),
            ("uncentral, decreasing", 0.4),
            ("uncentral, convex", 0.5),
        )
    ):
        expected = [2 * (0.9 + 0.07 * i), share, share - 0.1, share + 0.25]
        assert bars(axes, series).tolist() == [pytest.approx(expected)]
        assert panel.shown[i][["series", "x", "mean", "n"]].to_numpy().tolist() == [
            [series, 2.0, pytest.approx(share), 7]
        ]


def test_losses_stand_over_their_lowest(axes: Axes) -> None:
    rows = [("test loss", 0, x, loss) for x, loss in ((0, 6.0), (1, 3.0), (2, 4.5))]
    rows += [("test loss", 1, x, loss) for x, loss in ((0, 2.0), (1, 8.0), (2, 1.0))]
    panel = panel_of(axes, "k", curves(*rows))
    figure.overparameterised(panel)
    assert line(axes, "test loss, every draw") == ([0, 1, 2], [2, 1, 1.5])
    marks = [made.get_xydata() for made in axes.lines if len(made.get_xydata()) == 1]
    assert [tuple(mark[0]) for mark in marks] == [
        (1, 1),
        (2, 1),
        (1, 0),
    ]  # of both draws; then the star on the axis
    (shown,) = panel.shown
    assert shown["mean"].to_list() == [2, 1, 1.5, 2, 8, 1]
    assert panel.curves.value.max() == 8  # the table itself is as it was


def test_the_first_lemma_is_on_top(axes: Axes) -> None:
    estimates = {}
    for i, name in enumerate(figure.NAMES):
        estimates[f"{name}_as_stated"] = (0.0, 0.0, 0.1)
        estimates[f"{name}_changed"] = (0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.08)
    panel = panel_of(axes, "l", curves(), estimates, lemma_seeds=9)
    figure.lemmas(panel)
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert ticks[-1] == "Lemma 1\npointwise only"
    assert ticks[0] == "(G.22)\nnot commuting"
    # the last lemma has the labels of the legend, and its second series is the lower one
    assert bars(axes, "as stated").tolist() == [pytest.approx([0, 0.15, 0, 0.1])]
    assert bars(axes, "changed").tolist() == [pytest.approx([0.8, -0.15, 0.75, 0.88])]
    shown = pd.concat(panel.shown)
    top = shown[shown.x == len(figure.NAMES) - 1]
    assert top.series.to_list() == ["lemma_1_as_stated", "lemma_1_changed"]
    assert set(shown.n) == {9}


@pytest.fixture(scope="module")
def small() -> tuple[TheorySection, pd.DataFrame, pd.DataFrame]:
    change = {
        "seeds": 2,
        "seeds_per_group": 2,
        "lemma_seeds": 20,
        "grid_points": 12,
        "log2_tasks": [2, 3],
    }
    change |= {"path": {"tasks": 30, "seeds": 3}, "network": {"test_tasks": 4}}
    cfg = TheorySection.model_validate(change)
    made = Theory("theory", cfg, 3)
    features = made.features()
    sweep = made.sweep(features)
    return cfg, sweep, made.estimates(features, sweep)


Small = tuple[TheorySection, pd.DataFrame, pd.DataFrame]


def test_every_panel_is_drawn_and_recorded(small: Small) -> None:
    cfg, sweep, estimates = small
    made, shown = figure.draw(sweep, estimates, cfg.for_stage("figure"))
    try:
        titles = [at.get_title(loc="left") for at in made.axes]
        assert titles[0] == "(a)  Thm. 1, Cor. 2: the limit"
        assert [title[1] for title in titles] == list("abcdefghijkl")
        assert list(shown.columns) == figure.COLUMNS
        assert list(dict.fromkeys(shown.panel)) == list("abcdefghijkl")
        assert not shown.duplicated(["panel", "series", "seed", "x"]).any()
        assert shown["mean"].notna().all()
        assert all(at.get_legend() and at.get_xlabel() for at in made.axes)
    finally:
        plt.close(made)


def test_every_panel_of_the_sweep_is_drawn(small: Small) -> None:
    letters = [panel.letter for panel in figure.PANELS]
    assert letters == sorted(set(small[1].panel))
    assert letters == list(dict.fromkeys(statement.panel for statement in STATEMENTS))


def test_every_lemma_that_is_tried_has_a_name() -> None:
    assert tuple(figure.NAMES) == lemmas.LEMMAS


# ------------------------------------------------------------------ the closing numbers

MEASURED: dict[tuple[str, str], float | list[float] | tuple[float, float, float]] = {
    ("b", "excluded_from"): 0.5,
    ("b", "excluded_to"): 70.0,
    ("b", "far_error_order"): [1.0, 3.0],
    ("c", "large_to_lim_deviation"): [90.0, 110.0],
    ("d", "printed_lower_violated"): (0.5, 0.4, 0.6),
    ("d", "printed_upper_violated"): (0.0, 0.0, 0.1),
    ("e", "commuting_gap_at_lim"): [-0.4, -0.2],
    ("e", "commuting_negative_from"): [0.6, 0.8],
    ("f", "d_squared_commuting_lowest_ratio"): [0.2, 0.3],
    ("f", "d_commuting_lowest_ratio"): [3.0, 3.5],
    ("g", "shortest_slope_at_most_stretched"): [-0.1, -0.1],
    ("h", "d2_slope_at_large_variance"): -1.0,
    ("h", "d5_slope_at_large_variance"): -4.0,
    ("i", "power_of_moment_ratio"): 0.001,
    ("j", "uncentral_decreasing_at_1"): (0.6, 0.5, 0.7),
    ("j", "uncentral_decreasing_at_2"): (0.9, 0.8, 1.0),
    ("j", "central_convex_at_2"): (0.3, 0.2, 0.4),
    ("j", "central_convex_at_2_of_5"): (0.0, 0.0, 0.1),
    ("j", "central_convex_at_2_of_500"): (0.955, 0.9, 1.0),
    ("k", "ratio_lim_to_star"): [0.5, 0.5],
    ("k", "ratio_est_to_star"): [8.0, 8.0],
    ("k", "excess_loss_at_lim"): [0.02, 0.04],
}


def test_closing_numbers_by_hand() -> None:
    path = {"new_counts": [5, 500], "tasks": 40, "new_tasks": {"count": 7}}
    section = TheorySection.model_validate({"example_dims": [5, 2], "path": path})
    found = closing(scalars(MEASURED), section.model_dump())
    assert (found.excluded_from, found.excluded_to) == (0.5, 70)
    assert (found.far_order, found.growth, found.largest_factor) == (2, 100, 10)
    assert (found.lower_violated, found.upper_violated) == (0.5, 0)
    assert found.negative_from == pytest.approx(0.7)
    # a gap of -0.3 is 30% farther, and the interval turns round; the spread of two values that
    # are 0.2 apart is 0.1 for their mean
    half = 0.1 * T
    assert found.farther_at_lim == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert found.bound_over_gap == pytest.approx(4)
    assert found.gap_over_bound == pytest.approx(3.25)
    assert found.shortest_slope == Interval(-0.1, -0.1, -0.1)
    assert found.power_of_variance == -4  # of the largest d
    assert found.power_of_moments == 0.001
    assert (found.scaled_falls, found.equal_falls) == (0.9, 0.6)
    assert (found.convex, found.new_tasks, found.tasks) == (0.3, 7, 40)
    assert found.convex_listed == "0% with 5, 96% with 500"
    assert found.limit_over_minimiser == Interval(0.5, 0.5, 0.5)
    assert found.estimate_over_minimiser.mean == 8
    assert found.excess_loss == pytest.approx(0.03)


def test_the_experiment_measures_what_the_closing_words_need(small: Small) -> None:
    cfg, _, estimates = small
    found = closing(estimates, cfg.for_stage("figure"))
    assert set(found.convex_with) == set(cfg.path.new_counts)
