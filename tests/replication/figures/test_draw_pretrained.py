"""The drawing of Table 2 on tables made by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import TWO, estimated

from replication.figures.pretrained import draw
from replication.figures.pretrained import quantities as q

SECTION: dict[str, Any] = {
    "panels": {
        "a": {"title": "as printed: b ~ U(0, pi), MSE", "loss": "full"},
        "b": {"title": "b ~ U(0, 2 pi), MSE / 2", "loss": "half"},
    }
}
ALPHAS = [0.01, 0.1, 0.5]
ERRORS = {  # of two networks
    "a": {"pre": ([1.0, 1.2, 1.0], [1.0, 1.0, 0.8]), "post": ([0.9, 0.4, 9.0], [0.9, 0.6, 7.0])},
    "b": {"pre": ([1.0, 1.1, 1.2], [1.0, 1.1, 1.2]), "post": ([0.9, 0.8, 0.7], [0.9, 0.8, 0.7])},
}
SCALARS = {
    q.pre_level: [0.9, 1.1],
    q.alpha_lim_split: [0.05, 0.2],
    q.alpha_lim_weighted: [0.1, 0.4],
    q.alpha_empirical: [0.08, 0.18],
    q.best_is_nearest: [1.0, 0.0],
    q.best_is_nearest_weighted: [1.0, 1.0],
    q.ratio_lim_to_empirical: [0.4, 1.6],
    q.ratio_weighted_to_empirical: [0.6, 2.4],
    q.ratio_lim_to_isotropic: [0.55, 2.2],
    q.rank: [7.0, 9.0],
}


def sweep() -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"panel": panel, "seed": seed, "alpha": ALPHAS, "pre": pre, "post": post})
            for panel, errors in ERRORS.items()
            for seed, (pre, post) in enumerate(zip(errors["pre"], errors["post"], strict=True))
        ],
        ignore_index=True,
    )


def estimates() -> pd.DataFrame:
    return estimated(dict.fromkeys(SECTION["panels"], SCALARS))


@pytest.fixture
def drawn() -> Any:
    figure, shown = draw.errors_by_rate(sweep(), estimates(), SECTION)
    yield figure, shown
    plt.close(figure)


def test_panels_have_their_letters_titles_and_losses(drawn: Any) -> None:
    figure, shown = drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["(a)  b ~ U(0, pi), MSE", "(b)  b ~ U(0, 2 pi), MSE / 2"]
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "test error (MSE)",
        "test error (MSE / 2)",
    ]
    assert list(shown.columns) == ["panel", "series", "alpha", "mean", "low", "high", "n"]


def test_errors_are_means_over_networks_beside_the_papers(drawn: Any) -> None:
    figure, shown = drawn
    of_a = shown[shown.panel == "a"].set_index("series")
    assert of_a.loc["pre", "mean"].tolist() == pytest.approx([1.0, 1.1, 0.9])
    assert of_a.loc["post", "mean"].tolist() == pytest.approx([0.9, 0.5, 8.0])
    # the paper's errors at 0.001 and at 0.5
    assert of_a.loc["paper, pre", "mean"].iloc[[0, -1]].tolist() == [0.829, 0.826]
    assert of_a.loc["paper, post", "mean"].iloc[[0, -1]].tolist() == [0.829, 0.989]
    # ours at 0.5 is beyond the axis, in (a) alone
    crosses = [[line for line in axes.lines if line.get_marker() == "x"] for axes in figure.axes]
    assert [line.get_xdata().tolist() for line in crosses[0]] == [[0.5]]
    assert crosses[1] == []


def test_estimates_are_geometric_means_over_networks(drawn: Any) -> None:
    _, shown = drawn
    names = [of.name for of in draw.MARKS]
    marks = shown[(shown.panel == "b") & shown.series.isin(names)].set_index("series")
    assert marks.alpha.to_dict() == pytest.approx(
        {"alpha_lim_split": 0.1, "alpha_lim_weighted": 0.2, "alpha_empirical": 0.12}
    )
    assert (marks.low < marks["mean"]).all()
    assert (marks["mean"] < marks.high).all()
    assert marks.n.tolist() == [2, 2, 2]


def test_values_of_the_papers_table() -> None:
    paper = draw.paper_values()
    assert paper.pre == (0.821, 0.829)
    # 829 822 822 827 829 827 825 821 826 825 826: it turns at 822, 829, 821, 826 and 825
    assert paper.pre_turns == 5
    assert paper.pre_width == pytest.approx(829 / 821 - 1)
    assert (paper.lowest_post, paper.best_rate) == (0.797, 0.1)
    assert paper.limit == 0.10319


def test_values_of_a_panel() -> None:
    a, b = draw.panel_values(sweep(), estimates(), SECTION)
    assert (a.panel, a.title) == ("a", "as printed: b ~ U(0, pi), MSE")
    assert a.pre_level.mean == pytest.approx(1.0)
    # mean errors before the step: 1.0, 1.1, 0.9, and 1.0, 1.1, 1.2
    assert (a.pre_turns, b.pre_turns) == (1, 0)
    assert a.pre_width == pytest.approx(1.1 / 0.9 - 1)
    assert b.pre_width == pytest.approx(0.2)
    # mean errors after it: 0.9, 0.5, 8.0, and 0.9, 0.8, 0.7
    assert (a.lowest_post, a.best_rate) == (0.5, 0.1)
    assert (b.lowest_post, b.best_rate) == (pytest.approx(0.7), 0.5)
    # on the logarithm: 0.05 and 0.2 are a factor 2 to either side of 0.1
    assert a.limit == pytest.approx((0.1, 0.1 * 2**-TWO, 0.1 * 2**TWO))
    assert a.empirical.mean == pytest.approx(0.12)
    assert (a.nearest_to_limit, a.nearest_to_weighted) == (0.5, 1.0)
    assert a.limit_over_empirical.mean == pytest.approx(0.8)
    assert a.weighted_over_empirical.mean == pytest.approx(1.2)
    assert a.limit_over_isotropic.mean == pytest.approx(1.1)
    assert a.rank == 8.0


def test_level_stretches_are_no_turns() -> None:
    assert draw.turns(pd.Series([3.0, 2.0, 2.0, 1.0])) == 0
    assert draw.turns(pd.Series([3.0, 2.0, 2.0, 4.0])) == 1
