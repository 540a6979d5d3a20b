"""The figure of the theorems and its closing numbers, on small tables worked by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from small import CLAIMS

from innerlr.intervals import Interval
from replication.figures.theory import draw as figure
from replication.figures.theory import quantities as q
from replication.figures.theory.closing import closing
from replication.figures.theory.experiment import STATEMENTS, Theory
from replication.figures.theory.panel import Panel, plain_ticks
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.statements import lemmas
from replication.judging.claims import measured
from replication.quantity import Estimated, Estimates, Quantity, registered

CFG = TheorySection()
# Student's t of two repetitions: the 97.5% quantile with one degree of freedom
T = 12.706204736


@pytest.fixture
def axes() -> Iterator[Axes]:
    made, one = plt.subplots()
    yield one
    plt.close(made)


def curves(*rows: tuple[str, int | None, float, float]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["series", "seed", "x", "value"]).assign(panel="?")
    return made.astype({"seed": "Int64"})


def exact(mean: float, low: float, high: float) -> Estimated:
    return Estimated(mean, low, high, "by hand")


# a quantity of a panel at keys: a number or an interval is of all repetitions, a list of each
Value = float | list[float] | Estimated
Rows = Sequence[tuple[str, Quantity[Any], dict[str, Any], Value]]


def table_of(rows: Rows) -> pd.DataFrame:
    """An estimates table; keys that only other quantities vary by are empty."""
    found = Estimates()
    for panel, of, at, given in rows:
        kept = replace(of, function=lambda value: value)
        each = dict(enumerate(given)) if isinstance(given, list) else {None: given}
        for seed, one in each.items():
            found.at(panel, seed, **at)(kept, one)
    return found.table()


def panel_of(
    axes: Axes, letter: str, sweep: pd.DataFrame, rows: Rows = (), **change: object
) -> Panel:
    return Panel(letter, axes, sweep, table_of(rows), CFG.model_copy(update=change))


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
    sweep = curves(("s", None, 1, 2.0), ("s", None, 2, 7.0))
    curve = panel_of(axes, "h", sweep).series("s", "l", "k")
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
    ends: Rows = [("b", q.excluded_from, {}, 0.25), ("b", q.excluded_to, {}, 8.0)]
    figure.proof(panel_of(axes, "b", sweep, ends, log2_tasks=[2, 3, 5]))
    (span,) = axes.patches
    assert (span.get_x(), span.get_width()) == (0.25, 7.75)
    assert {"N = 4", "N = 32", r"$\alpha_{\lim}$"} <= {made.get_label() for made in axes.lines}


def test_bounds_are_a_median_with_its_range(axes: Axes) -> None:
    rows = [
        ("0.5, low", None, 2, 0.5),
        ("0.5, median", None, 2, 1.0),
        ("0.5, high", None, 2, 1.75),
    ]
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
    rows = [("d = 2", None, x, 1.0) for x in (0.5, 1.0, 2.0, 5.0)]
    figure.polynomial(panel_of(axes, "h", curves(*rows), example_dims=[2]))
    assert line(axes, r"$\propto 1/\sigma^2$") == ([2, 5], [0.25, 0.1])


def test_shares_near_zero_have_their_intervals(axes: Axes) -> None:
    path = CFG.path.model_copy(update={"feature_scales": [2.0], "seeds": 7})
    estimates: Rows = [
        ("j", of, {"law": law, "scale": 2.0}, exact(share, share - 0.1, share + 0.25))
        for law, start in (("central", 0.2), ("uncentral", 0.4))
        for of, share in ((q.decreasing_share, start), (q.convex_share, start + 0.1))
    ]
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
    estimates = []
    for i, name in enumerate(figure.NAMES):
        stated, changed = ({"statement": name, "form": form} for form in ("as stated", "changed"))
        found = exact(0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.08)
        estimates.append(("l", q.violated_share, stated, exact(0.0, 0.0, 0.1)))
        estimates.append(("l", q.violated_share, changed, found))
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
        "log2_tasks": [2, 3, 4],
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

UNCENTRAL, CENTRAL = {"law": "uncentral"}, {"law": "central"}
COMMUTING = {"grams": "commuting"}
MEASURED: Rows = [
    ("b", q.excluded_from, {}, 0.5),
    ("b", q.excluded_to, {}, 70.0),
    ("b", q.far_error_order, {}, [1.0, 3.0]),
    ("c", q.large_to_lim_deviation, {}, [50.0, 200.0]),
    ("d", q.printed_lower_violated, {}, exact(0.5, 0.4, 0.6)),
    ("d", q.printed_upper_violated, {}, exact(0.0, 0.0, 0.1)),
    ("e", q.gap_at_lim, COMMUTING, [-0.4, -0.2]),
    ("e", q.negative_from, COMMUTING, [0.6, 0.8]),
    ("f", q.lowest_gap_over_bound, COMMUTING | {"power": 2}, [0.2, 0.3]),
    ("f", q.lowest_gap_over_bound, COMMUTING | {"power": 1}, [3.0, 3.5]),
    ("g", q.shortest_slope_at_most_stretched, {}, [-0.1, -0.1]),
    ("h", q.slope_at_large_variance, {"dim": 2}, -1.0),
    ("h", q.slope_at_large_variance, {"dim": 5}, -4.0),
    ("i", q.power_of_moment_ratio, {}, 0.001),
    ("j", q.decreasing_share, UNCENTRAL | {"scale": 1.0}, exact(0.6, 0.5, 0.7)),
    ("j", q.decreasing_share, UNCENTRAL | {"scale": 2.0}, exact(0.9, 0.8, 1.0)),
    ("j", q.convex_share, CENTRAL | {"scale": 2.0}, exact(0.3, 0.2, 0.4)),
    ("j", q.convex_share_of_count, CENTRAL | {"count": 5}, exact(0.0, 0.0, 0.1)),
    ("j", q.convex_share_of_count, CENTRAL | {"count": 500}, exact(0.955, 0.9, 1.0)),
    ("k", q.ratio_lim_to_star, {}, [0.25, 1.0]),
    ("k", q.ratio_est_to_star, {}, [4.0, 16.0]),
    ("k", q.excess_loss_at_lim, {}, [0.02, 0.08]),
]


def test_closing_numbers_by_hand() -> None:
    path = {"new_counts": [5, 500], "tasks": 40, "new_tasks": {"count": 7}}
    section = TheorySection.model_validate({"example_dims": [5, 2], "path": path})
    found = closing(table_of(MEASURED), section.model_dump())
    assert (found.excluded_from, found.excluded_to) == (0.5, 70)
    assert (found.far_order, found.largest_factor) == (2, 10)
    assert found.growth == pytest.approx(100)  # geometric, of 50 and 200
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
    # on the logarithm: a factor of 2 to either side, so 2 to the power T
    assert found.limit_over_minimiser == pytest.approx((0.5, 0.5 * 2**-T, 0.5 * 2**T))
    assert found.estimate_over_minimiser.mean == pytest.approx(8)
    assert found.excess_loss == pytest.approx(0.04)


def test_the_experiment_measures_what_the_closing_words_need(small: Small) -> None:
    cfg, _, estimates = small
    found = closing(estimates, cfg.for_stage("figure"))
    assert set(found.convex_with) == set(cfg.path.new_counts)


def test_every_quantity_is_measured_and_every_claim_finds_its_own(small: Small) -> None:
    *_, estimates = small
    assert set(estimates.quantity) == set(registered(q))
    for claim in CLAIMS:
        if claim.get("experiment") == "theory":
            measured(claim, estimates, registered(q))
