"""The drawing of Fig. 3 on tables made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import estimated

from replication.figures.omniglot import draw
from replication.figures.omniglot import quantities as q
from replication.figures.omniglot.experiment import PUBLISHED
from replication.quantity import Quantity

SCHEME = {"forward_norm": "l2sqrtd", "inner_loss": "mean", "alpha": 0.1, "sigma2": "covsum"}
SECTION: dict[str, Any] = {
    "ways": 20,
    "shots": 3,
    "drawn_iterations": 10,
    "schemes": {
        "default": SCHEME | {"title": "0.1 on the mean"},
        "online": SCHEME | {"title": "", "alpha": "online", "sigma2": "cov", "inner_loss": "sum"},
    },
}
ACCURACIES = {
    "default": ([0.2, 0.5, 0.8], [0.4, 0.7, 0.8]),
    "online": ([0.3, 0.6, 0.9], [0.3, 0.6, 0.9]),
}


def sweep_of(data: str = "download") -> pd.DataFrame:
    frames = [
        pd.DataFrame({"iteration": [0, 10, 20], "test_accuracy": values}).assign(
            panel=scheme, seed=seed, test_loss=3.0 - seed, alpha=0.1
        )
        for scheme, seeds in ACCURACIES.items()
        for seed, values in enumerate(seeds)
    ]
    return pd.concat(frames, ignore_index=True).assign(data=data)


def estimates_of(changed: Mapping[Quantity[Any], list[float]] | None = None) -> pd.DataFrame:
    default = {of: [0.25, 0.75] for of in draw.OF_SCHEME} | (changed or {})
    online = {of: values for of, values in default.items() if of is not q.ideal_loss}
    pair = {of: [float(i), i + 2.0] for i, of in enumerate(draw.OF_PAIR, start=1)}
    return estimated({"default": default, "online": online, "online against default": pair})


@pytest.fixture
def drawn() -> Any:
    figure, shown = draw.learning_curves(sweep_of(), estimates_of(), SECTION)
    yield figure, shown
    plt.close(figure)


def test_panels_have_their_letters_and_titles(drawn: Any) -> None:
    figure, _ = drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        *("(a)  test loss", "(b)  test accuracy"),
        *("(c)  adaptation rate in use", "(d)  test error, whole run"),
    ]
    assert figure.get_suptitle() == ""


def test_a_stand_in_is_said_above_the_figure() -> None:
    figure, shown = draw.learning_curves(sweep_of("stand_in"), estimates_of(), SECTION)
    assert figure.get_suptitle().startswith("STAND-IN")
    assert set(shown.data) == {"stand_in"}
    plt.close(figure)


def test_what_is_shown_are_means_and_standard_deviations_over_seeds(drawn: Any) -> None:
    _, shown = drawn
    columns = ["panel", "scheme", "series", "iteration", "mean", "low", "high", "n", "data"]
    assert list(shown.columns) == columns
    of_default = shown[shown.scheme == "default"].set_index("panel")
    accuracy = of_default.loc["b"]
    assert accuracy.iteration.tolist() == [0, 10]  # the iterations drawn
    assert accuracy["mean"].tolist() == pytest.approx([0.3, 0.6])
    assert accuracy.low.tolist() == pytest.approx([0.3 - 0.02**0.5, 0.6 - 0.02**0.5])
    assert accuracy.high.tolist() == pytest.approx([0.3 + 0.02**0.5, 0.6 + 0.02**0.5])
    error = of_default.loc["d"]
    assert error.iteration.tolist() == [0, 10, 20]
    assert error["mean"].tolist() == pytest.approx([0.7, 0.4, 0.2])


def test_the_loss_of_perfect_features_is_drawn_for_those_that_have_one(drawn: Any) -> None:
    figure, shown = drawn
    ideal = shown[shown.series == "ideal_loss"]
    assert ideal[["panel", "scheme", "mean"]].to_numpy().tolist() == [["a", "default", 0.5]]
    dotted = [line for line in figure.axes[0].lines if line.get_ydata()[0] == 0.5]
    assert [line.get_color() for line in dotted] == [draw.COLOURS[0]]


def test_the_published_error_is_one_less_the_published_accuracy(drawn: Any) -> None:
    _, shown = drawn
    row = shown[shown.series == "published"].iloc[0]
    assert PUBLISHED == (0.962, 0.005)
    assert row[["mean", "low", "high"]].tolist() == pytest.approx([0.038, 0.033, 0.043])


def test_tables_have_the_schemes_and_the_pairs_by_their_titles() -> None:
    estimates = estimates_of({q.iterations_to_90: [np.inf, 100.0], q.final_loss: [1.0, 1.0]})
    schemes = draw.schemes_table(estimates, SECTION)
    assert schemes.columns.tolist() == ["0.1 on the mean", "online"]
    assert schemes.index.tolist() == list(draw.OF_SCHEME.values())
    assert schemes.online["iterations to 90% accuracy"] == "not reached by every seed"
    assert schemes.online["final loss, other test tasks"] == "1 (1 to 1)"
    perfect = schemes.loc["loss of perfect features at that rate"]
    assert perfect["0.1 on the mean"].startswith("0.5 (")
    assert pd.isna(perfect["online"])
    pairs = draw.pairs_table(estimates, SECTION)
    assert pairs.columns.tolist() == ["online; against 0.1 on the mean"]
    # gains are means, speedups are geometric means: of 4 and 6, 5 and 7, 6 and 8
    means = [cell.split()[0] for cell in pairs.iloc[:, 0]]
    assert means == ["2", "3", "4", "4.899", "5.916", "6.928"]


def test_what_the_closing_paragraph_says_was_run() -> None:
    run = draw.run_values(sweep_of(), SECTION)
    assert (run.data, run.seeds, run.iterations) == ("download", 2, 20)
    assert run.support == 60
    assert run.conventions == [
        "0.1 on the mean: features l2sqrtd, loss mean",
        "online: features l2sqrtd, loss sum, sigma^2 read as cov",
    ]


def rates_of(settings: bool) -> pd.DataFrame:
    rows = [
        ("none_0.1", "", "none", 0.1, "covsum", 0.1, 0.5),
        ("none_0.02", "", "none", 0.02, "covsum", 0.02, 0.4),
        ("none_cov", "", "none", "online", "cov", 0.3, 0.6),
        ("none_learned", "", "none", "learned", "covsum", 0.2, 0.55),
        ("l2_0.1", "", "l2", 0.1, "covsum", 0.1, 0.2),
        ("l2_alpha_lim", "", "l2", "alpha_lim", "covsum", 5.0, 0.3),
    ]
    if settings:
        rows.append(("steps_1_online", "steps = 1", "none", "online", "cov", 0.7, 0.65))
    names = ["scheme", "setting", "forward_norm", "rate", "sigma2", "alpha", "accuracy_area"]
    return pd.DataFrame(rows, columns=names).assign(data="download")


def test_the_readings_have_a_panel_for_each_normalisation_and_one_for_the_settings() -> None:
    figure, shown = draw.rates_and_accuracy(rates_of(settings=True))
    used = [axes for axes in figure.axes if axes.axison]
    titles = [axes.get_title(loc="left") for axes in used]
    assert titles == ["(a)  features none", "(b)  features l2", "(c)  other settings"]
    assert list(shown.columns) == ["panel", "series", "scheme", "alpha", "accuracy_area", "data"]
    found = {(row.panel, row.series): row.scheme for row in shown.itertuples()}
    assert found == {
        ("none", "fixed rate"): "none_0.1",  # the last of them
        ("none", "cov"): "none_cov",
        ("none", "learned"): "none_learned",
        ("l2", "fixed rate"): "l2_0.1",
        ("l2", "(H.6), cross-entropy"): "l2_alpha_lim",
        ("other settings", "online"): "steps_1_online",
    }
    fixed = used[0].lines[0]
    assert fixed.get_xdata().tolist() == [0.02, 0.1]
    assert fixed.get_ydata().tolist() == [0.4, 0.5]
    learned = used[0].lines[2]
    assert (learned.get_xdata().tolist(), learned.get_ydata().tolist()) == ([0.2], [0.55])
    # accuracy is across in the panel of the settings
    assert used[2].lines[0].get_xdata().tolist() == [0.65]
    plt.close(figure)


def test_without_other_settings_their_panel_is_empty() -> None:
    figure, shown = draw.rates_and_accuracy(rates_of(settings=False))
    assert [axes.axison for axes in figure.axes] == [True, True, False, False]
    assert "other settings" not in set(shown.panel)
    plt.close(figure)
