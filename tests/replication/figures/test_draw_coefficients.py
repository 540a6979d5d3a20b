"""Drawing of Fig. 6 for d = 3, whose counts are multiplied out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from small import estimated

from replication.figures.coefficients import quantities as q
from replication.figures.coefficients.draw import draw, findings

COUNTS = {
    # (1 + x + x^2)^2
    ("a", "g1"): [1, 2, 3, 2, 1],
    # (1 + x^3 + x^6) (1 + x + x^2) (1 + x^2 + x^4)
    ("a", "g2"): [1, 1, 2, 2, 3, 3, 3, 3, 3, 2, 2, 1, 1],
    # (1 + x^2 + x^4)^3
    ("a", "g2_right"): [1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1],
    ("b", "g1"): [1, 2, 3, 2, 1],
    # (1 + x + x^2)^3
    ("b", "g3"): [1, 3, 6, 7, 6, 3, 1],
}
# by panel and series
ESTIMATES: dict[tuple[str, str], dict[Any, float]] = {
    ("a", "g1"): {q.peak: 3, q.last_index: 4},
    ("a", "g2"): {q.peak: 3, q.wrong_share: 11 / 13},
    ("a", "g2_right"): {q.peak: 7, q.total: 27, q.last_index: 12},
    ("b", "g3"): {q.peak: 7.5},
}


def estimates() -> pd.DataFrame:
    tables = [
        estimated({panel: values}, series=series) for (panel, series), values in ESTIMATES.items()
    ]
    return pd.concat(tables)


def sweep() -> pd.DataFrame:
    frames = [
        pd.DataFrame({"panel": panel, "series": series, "count": counts}).rename_axis("index")
        for (panel, series), counts in COUNTS.items()
    ]
    return pd.concat([frame.reset_index() for frame in frames])


def test_each_panel_names_its_series_at_their_peaks() -> None:
    figure, shown = draw(sweep(), 3)
    pd.testing.assert_frame_equal(shown, sweep())
    left, right = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["$K = 1$", r"$K \to \infty$"]
    assert left.get_xlabel() == "index i, (d=3)"
    named = [{text.get_text(): text.xy for text in axes.texts} for axes in (left, right)]
    assert named[0] == {
        "$g_1$": (2, 3),
        "$g_2$ as printed": (4, 3),
        "$g_2$ as it should be": (6, 7),
    }
    assert named[1] == {"$g_1$": (2, 3), "$g_3$": (3, 7)}


def test_counts_of_zero_are_not_drawn() -> None:
    figure, _ = draw(sweep(), 3)
    dots = figure.axes[0].lines[2]
    assert list(dots.get_xdata()) == [0, 2, 4, 6, 8, 10, 12]


def test_the_words_below_figure_6() -> None:
    found = findings(sweep(), estimates())
    assert (found.g1_peak, found.g2_peak, found.g3_peak) == (3, 3, 7.5)
    assert (found.g2_right_peak, found.g2_right_total) == (7, 27)
    # of 27 terms 3j + m + 2l those with j + m odd
    assert found.odd_share == pytest.approx(12 / 27)
    assert found.right_share == pytest.approx(2 / 13)
    # x^8 in tr E G^2, x^12 in tr E G^3
    assert (found.numerator_moment, found.denominator_moment, found.order) == (8, 12, -4)
