"""Drawing of Fig. 8, on tables made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import TWO, estimated

from replication.figures.convergence import quantities as q
from replication.figures.convergence.draw import draw, findings
from replication.quantity import Estimated

SECTION = {
    "panels": {"a": {"title": "First"}, "b": {"title": "Second"}},
    "log2_tasks": [2, 4, 6],
    "seeds": 3,
    "search_cap": 30,
}
# mean error by N of panel a, a power of N with exponent -1/2 from N = 16 on; b's is twice that
ERROR = {4: 3.0, 16: 0.4, 64: 0.2}
# mean error over that of the other reading
GAIN = {4: 1, 16: 2, 64: 4}


def sweep() -> pd.DataFrame:
    """Three trials at every N, with errors of a third, two thirds and twice their mean."""
    rows = []
    for panel, scale in (("a", 1), ("b", 2)):
        for tasks, mean in ERROR.items():
            for trial, share in enumerate((1 / 3, 2 / 3, 2)):
                error = scale * mean * share
                rows.append((panel, tasks, trial, error, error / GAIN[tasks] / scale))
    table = pd.DataFrame(rows, columns=["panel", "tasks", "trial", "error", "error_risk"])
    return table.assign(capped=(table.tasks < 64) & (table.trial == 2) & (table.panel == "b"))


def estimates(*, fitted: bool = True) -> pd.DataFrame:
    values: dict = {q.relative_error_at_last: [0.1, 0.4]}
    if fitted:
        values[q.slope_error] = Estimated(-0.5, -0.6, -0.4, "by hand")
        values[q.slope_error_risk] = Estimated(-1, -2, 0, "by hand")
    return estimated({"a": values, "b": values})


def drawn(shown: pd.DataFrame, panel: str, reading: str, series: str) -> pd.DataFrame:
    of = (shown.panel == panel) & (shown.reading == reading) & (shown.series == series)
    return shown[of]


def test_all_that_figure_8_draws_is_returned() -> None:
    _, shown = draw(sweep(), estimates(), SECTION)
    assert list(shown.columns) == [
        *("panel", "reading", "series", "tasks", "trial", "value", "low", "high", "capped"),
    ]
    mean = drawn(shown, "b", "error", "mean")
    np.testing.assert_allclose(mean.value, [6.0, 0.8, 0.4])
    # of a third, two thirds and two the standard deviation is sqrt(7) / 3
    np.testing.assert_allclose(mean.high / mean.value - 1, np.sqrt(7) / 3)
    np.testing.assert_allclose(1 - mean.low / mean.value, np.sqrt(7) / 3)
    np.testing.assert_allclose(drawn(shown, "b", "error", "median").value, [4.0, 1.6 / 3, 0.8 / 3])
    np.testing.assert_allclose(drawn(shown, "b", "error_risk", "mean").value, [3.0, 0.2, 0.05])
    assert len(drawn(shown, "a", "error", "trial")) == 9
    assert drawn(shown, "b", "error", "trial").capped.sum() == 2


def test_the_fitted_power_goes_through_the_mean_error_where_it_was_fitted() -> None:
    _, shown = draw(sweep(), estimates(), SECTION)
    fit = drawn(shown, "a", "error", "fit")
    assert fit.tasks.tolist() == [16, 64]
    np.testing.assert_allclose(fit.value, [0.4, 0.2])
    # means 0.2 and 0.05, whose geometric mean is 0.1, with slope -1: a factor of 4 in N
    np.testing.assert_allclose(drawn(shown, "a", "error_risk", "fit").value, [0.2, 0.05])


def test_without_a_fit_there_is_no_slope() -> None:
    figure, shown = draw(sweep(), estimates(fitted=False), SECTION)
    assert set(shown.series) == {"mean", "median", "trial"}
    assert not any("slope" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_panels_are_lettered_and_say_what_was_capped_and_fitted() -> None:
    figure, _ = draw(sweep(), estimates(), SECTION)
    first, second, below, _ = figure.axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["(a)  First", "(b)  Second"]
    assert [text.get_text().split("\n")[1] for axes in (first, second) for text in axes.texts] == [
        "0 of 9 trials",
        "2 of 9 trials",
    ]
    assert [text.get_text() for text in below.texts] == [
        "slope −0.50 (−0.60 to −0.40)",
        "slope −1.00 (−2.00 to 0.00)",
    ]


def test_the_words_below_figure_8() -> None:
    found = findings(sweep(), estimates(), SECTION)
    assert found.at_first == (
        "(a) 3 at N = 4, where the paper's axis goes to 0.025; "
        "(b) 6 at N = 4, where the paper's axis goes to 0.25"
    )
    # the geometric mean of 0.1 and 0.4
    low, high = (f"{0.2 * 2 ** (side * TWO):.2%}" for side in (-1, 1))
    assert found.at_last == f"(a) 20.00% ({low} to {high}), (b) 20.00% ({low} to {high})"
    # b: the error is doubled, that of the other reading is not
    assert found.gain == "(a) 4, (b) 8"
    assert (found.last, found.trials, found.searches, found.cap) == (64, 3, 18, 30)
    assert (found.capped, found.largest_capped, found.slope_from) == (2, 16, 16)


def test_without_a_capped_search_there_is_no_largest_one() -> None:
    found = findings(sweep().assign(capped=False), estimates(), SECTION)
    assert (found.capped, found.largest_capped) == (0, None)
    assert found.at_last.startswith("(a) 20.00%")


@pytest.mark.parametrize("exponents", [[2, 4, 6], list(range(2, 18))])
def test_at_most_nine_powers_of_two_are_ticked(exponents: list[int]) -> None:
    figure, _ = draw(sweep(), estimates(), SECTION | {"log2_tasks": exponents})
    ticks = figure.axes[0].xaxis.get_major_locator()()
    assert len(ticks) <= 9
    assert ticks[0] == 4
