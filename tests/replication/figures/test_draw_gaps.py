"""Drawing of Fig. 5, on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from small import TWO, estimated

from replication.drawing import COLOURS
from replication.figures.gaps import quantities as q
from replication.figures.gaps.draw import crossing_step, draw, findings, written
from replication.quantity import Estimated

SECTION: dict[str, Any] = {
    "laws": {
        "normal": {"mean": 0.0, "spread": 2.0, "spread_is": "variance"},
        "exponential": {"scale": 1.0},
    },
    "alpha": 4e-4,
    "eta": 1e-4,
    "max_steps": 1000,
    "seeds": 2,
}
STEPS = [0, 1, 4, 5, 1000]


def sweep() -> pd.DataFrame:
    """Two draws whose loss gaps are 2 apart, and 4 apart in the distance."""
    frames = []
    for law, scale in (("normal", 1), ("exponential", 10)):
        for tasks, shift in (("training", 0), ("fresh", 100), ("expected", 200)):
            for seed in (0, 1):
                loss = scale * np.array([5.0, 3.0, -1.0, -2.0, 0.0]) + shift + 2 * seed
                curve = {"steps": STEPS, "loss_gap": loss, "distance_gap": -loss + 6 * seed}
                frames.append(pd.DataFrame(curve).assign(panel=law, tasks=tasks, seed=seed))
    return pd.concat(frames)


def of(shown: pd.DataFrame, law: str, series: str, tasks: str) -> pd.DataFrame:
    return shown[(shown.panel == law) & (shown.series == series) & (shown.tasks == tasks)]


def test_all_that_figure_5_draws_is_returned_once() -> None:
    _, shown = draw(sweep(), SECTION)
    assert list(shown.columns) == [
        *("panel", "series", "tasks", "steps", "mean", "low", "high", "n"),
    ]
    loss = of(shown, "exponential", "loss_gap", "training")
    assert loss.steps.tolist() == STEPS
    np.testing.assert_allclose(loss["mean"], [51, 31, -9, -19, 1])
    np.testing.assert_allclose(loss.high - loss["mean"], TWO)
    distance = of(shown, "normal", "distance_gap", "expected")
    np.testing.assert_allclose(distance["mean"], [-203, -201, -197, -196, -198])
    np.testing.assert_allclose(distance["mean"] - distance.low, 2 * TWO)


def test_the_rows_are_lettered_and_the_columns_titled() -> None:
    figure, _ = draw(sweep(), SECTION)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["(a)", "", "", "", "(b)", ""]
    titles = [axes.get_title(loc="center") for axes in figure.axes[:2]]
    assert titles == ["x ~ N(0, 2)", "x ~ Exp(1)"]


def test_the_second_row_has_the_first_steps_on_training_tasks_and_where_their_sign_changes() -> (
    None
):
    figure, _ = draw(sweep(), SECTION)
    above, enlarged = figure.axes[0], figure.axes[2]
    assert [line.get_label() for line in above.lines[:3]] == ["training", "fresh", "expected"]
    assert enlarged.lines[0].get_label() == "training"
    assert list(enlarged.lines[0].get_xdata()) == [0, 1, 4]  # up to 2.4 alpha / (2 eta)
    vertical = [line for line in enlarged.lines if list(line.get_xdata()) == [2, 2]]
    assert len(vertical) == 1


def test_what_is_expected_is_black_whatever_the_law() -> None:
    figure, _ = draw(sweep(), SECTION)
    for axes, colour in zip(figure.axes[:2], COLOURS, strict=False):
        colours = {line.get_label(): to_rgb(line.get_color()) for line in axes.lines}
        assert colours["fresh"] == colours["training"] == colour
        assert colours["expected"] == to_rgb("0.15")


def test_the_step_at_which_the_sign_changes() -> None:
    assert crossing_step(SECTION) == pytest.approx(2)
    assert crossing_step({"alpha": 1e-4, "eta": 1e-5}) == pytest.approx(5)


def test_laws_as_they_are_written() -> None:
    laws = SECTION["laws"] | {"uniform": {"low": -5.0, "high": 4.5}}
    assert [written(laws, law) for law in laws] == ["N(0, 2)", "Exp(1)", "U(-5, 4.5)"]


# quantity of the estimates: field of the findings
SAID = {
    q.training_loss_gap_at_0: "training_loss_gap",
    q.fresh_loss_gap_at_0: "fresh_loss_gap",
    q.expected_loss_gap_at_0: "expected_loss_gap",
    q.fresh_distance_gap_at_0: "fresh_distance_gap",
    q.expected_distance_gap_at_0: "expected_distance_gap",
    q.covariance_change_highest: "covariance_change",
}
# those whose mean is geometric
FACTORS = {
    q.training_steps_to_negative_loss_gap: "first_negative",
    q.fresh_distance_gap_last_to_first: "left",
}
# those of all draws together
TOGETHER = {
    q.fresh_distance_gap_negative_share: "always_negative",
    q.expected_distance_gap_highest: "highest_expected",
}


def estimates() -> pd.DataFrame:
    """Values that differ from quantity to quantity; the exponential law's, not between draws."""
    values: dict[str, dict[Any, Any]] = {"normal": {}, "exponential": {}}
    for i, of in enumerate(SAID, 1):
        values["normal"][of] = [float(i), i + 2.0]
        values["exponential"][of] = [-float(i), -float(i)]
    for i, of in enumerate(FACTORS, 1):
        values["normal"][of] = [float(i), 4.0 * i]
        values["exponential"][of] = [float(i), float(i)]
    for i, of in enumerate(TOGETHER, 1):
        values["normal"][of] = Estimated(i, i - 0.5, i + 0.25, "by hand")
        values["exponential"][of] = float(-i)
    return estimated(values)


def test_the_words_below_figure_5() -> None:
    found = findings(estimates(), SECTION)
    for i, field in enumerate(SAID.values(), 1):
        mean = i + 1
        # what is the same in every draw has no interval
        assert getattr(found, field) == (
            f"{mean} ({mean - TWO:.3g} to {mean + TWO:.3g}) for N(0, 2); {-i} for Exp(1)"
        )
    for i, field in enumerate(FACTORS.values(), 1):
        mean = 2 * i
        low, high = mean * 2**-TWO, mean * 2**TWO
        assert getattr(found, field) == (
            f"{mean} ({low:.3g} to {high:.3g}) for N(0, 2); {i} for Exp(1)"
        )
    assert found.always_negative == "1 (0.5 to 1.25) for N(0, 2); -1 for Exp(1)"
    assert found.highest_expected == "2 (1.5 to 2.25) for N(0, 2); -2 for Exp(1)"
    assert (found.draws, found.last, found.crossing) == (2, 1000, pytest.approx(2))
    assert (found.spread, found.spread_is) == (2, "variance")
