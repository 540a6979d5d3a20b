"""The drawing of Figs. 10 and 12 on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from small import TWO, estimated

from replication.figures.rate_sweep import draw
from replication.figures.rate_sweep import quantities as q

ALPHAS = [0.0, 0.001, 0.01, 0.1]
# of two seeds after 10 iterations
LOSSES = {
    "shared": ([2.0, np.inf, 1.0, 3.0], [2.0, 1.5, 1.21, 6.0]),
    "fixed": ([2.2, 1.4, 1.1, 3.0], [2.4, 1.452, 1.6, np.inf]),
}
SCALARS = {
    q.alpha_star: [0.01, 0.01],
    q.loss_at_star: [1.0, 1.21],
    q.loss_at_0: [2.0, 2.0],
    q.useless_share_of_range: [0.5, 0.7],
    q.share_in_unit_initial: [0.2, 0.4],
    q.share_in_unit_trained: [0.1, 0.1],
    q.alpha_lim_tangent_initial: [0.02, 0.04],
    q.alpha_lim_tangent_trained: [0.005, 0.005],
    q.alpha_h18_initial: [0.0025, 0.04],
    q.alpha_h18_trained: [0.02, 0.08],
}
RANGES = {
    q.range_low: 0.001,
    q.range_high: 0.1,
    q.range_decades: 2.0,
    q.range_all_low: 0.003,
    q.range_all_high: 30.0,
}
SECTION = {"iterations": 10, "meta_batch": 25, "seeds": 2, "fixed_test_alpha": 0.01}


def sweep_of(*strategies: str) -> pd.DataFrame:
    frames = [
        pd.DataFrame({"alpha": ALPHAS, "test_loss": losses}).assign(
            strategy=strategy, seed=seed, iteration=10, fold_sd=[0.1, 0.2, 0.3 + seed, np.nan]
        )
        for strategy in strategies
        for seed, losses in enumerate(LOSSES[strategy])
    ]
    last = pd.concat(frames, ignore_index=True)
    # the best rate was another one early on
    early = last.assign(
        iteration=5, test_loss=last.alpha.map(dict(zip(ALPHAS, [5, 3, 4, 6], strict=True)))
    )
    return pd.concat([early, last], ignore_index=True)


def estimates_of(*strategies: str) -> pd.DataFrame:
    at_end = estimated(dict.fromkeys(strategies, SCALARS), progress=1.0)
    # the best rate and the estimates were other ones early on
    early = at_end.assign(progress=0.5, value=7.0)
    return pd.concat([early, at_end, estimated({"ranges": RANGES})], ignore_index=True)


@pytest.fixture
def panel() -> Any:
    figure, axes = plt.subplots()
    yield axes, draw.rate_curves(axes, sweep_of("shared"), estimates_of("shared"), "shared")
    plt.close(figure)


def test_what_is_shown_has_every_column(panel: Any) -> None:
    _, shown = panel
    columns = ["panel", "series", "iteration", "alpha", "mean", "low", "high", "n", "lost"]
    assert list(shown.columns) == columns
    assert set(shown.panel) == {"shared"}


def test_a_curve_has_a_gap_where_a_network_diverged(panel: Any) -> None:
    axes, shown = panel
    line = next(line for line in axes.lines if line.get_label() == "after 100% of the training")
    assert list(line.get_xdata()) == ALPHAS
    # geometric means over the seeds
    expected = [2.0, np.nan, 1.1, 18**0.5]
    assert list(line.get_ydata()) == pytest.approx(expected, nan_ok=True)
    assert "after 50% of the training" in [line.get_label() for line in axes.lines]
    # the axis ends at 4, twice the loss without an inner step
    assert axes.get_ylim()[1] == 4.0
    crossed = shown[shown.series == "beyond the axis"]
    assert crossed.alpha.tolist() == [0.001, 0.1]
    assert crossed.lost.tolist() == [1.0, 0.0]
    assert crossed.n.tolist() == [2, 2]


def test_the_range_the_estimates_and_the_best_rate_are_marked(panel: Any) -> None:
    axes, shown = panel
    found = shown.set_index("series")
    assert found.loc["range", ["low", "high"]].tolist() == [0.001, 0.1]
    assert found.loc["best rate", ["alpha", "mean"]].tolist() == pytest.approx([0.01, 1.1])
    # geometric means over the seeds
    assert found.loc["alpha_h18_initial", "alpha"] == pytest.approx(0.01)
    assert found.loc["alpha_lim_tangent_initial", "alpha"] == pytest.approx(0.02 * 2**0.5)
    assert found.loc["alpha_h18_initial", "n"] == 2
    stars = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "*"]
    assert stars == [[0.01]]


def test_fig_10_has_a_letter_for_each_regression() -> None:
    names = list(draw.REGRESSIONS)
    figure, shown = draw.shared_rates(
        dict.fromkeys(names, sweep_of("shared")),
        dict.fromkeys(names, estimates_of("shared")),
        {"fig10a": {"iterations": 10}, "fig10b": {"iterations": 70000}},
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "(a)  quadratic regression, 2 layers, 10 iterations",
        "(b)  sine regression, 3 layers, 70,000 iterations",
    ]
    assert list(dict.fromkeys(shown.panel)) == ["a", "b"]
    plt.close(figure)


def test_fig_12_has_the_fixed_strategy_on_the_left() -> None:
    both = ("shared", "fixed")
    figure, shown = draw.two_strategies(sweep_of(*both), estimates_of(*both), SECTION)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        r"fixed $\alpha_r = 0.01$, 10 iterations",
        r"shared, $\alpha_r = \alpha_t$, 10 iterations",
    ]
    assert list(dict.fromkeys(shown.panel)) == ["fixed", "shared"]
    best = shown[shown.series == "best rate"].set_index("panel")
    # of 1.4 and 1.452 their geometric mean is 1.4258; of 1.1 and 1.6 it is 1.3266
    assert best.alpha.to_dict() == {"fixed": 0.01, "shared": 0.01}
    assert best["mean"]["fixed"] == pytest.approx((1.1 * 1.6) ** 0.5)
    plt.close(figure)


def test_the_best_rate_at_every_iteration() -> None:
    sweeps = dict.fromkeys(draw.REGRESSIONS, sweep_of("shared"))
    found = draw.best_by_iteration(sweeps)
    assert found.columns.tolist() == ["experiment", "iteration", "alpha", "test_loss"]
    assert found.to_numpy().tolist() == [
        ["fig10a", 5, 0.001, 3.0],
        ["fig10a", 10, 0.01, 1.105],
        ["fig10b", 5, 0.001, 3.0],
        ["fig10b", 10, 0.01, 1.105],
    ]


def test_values_of_fig_10() -> None:
    values = draw.range_values("fig10b", sweep_of("shared"), estimates_of("shared"), SECTION)
    assert (values.letter, values.iterations, values.meta_batch, values.seeds) == ("b", 10, 25, 2)
    assert values.best_rate == 0.01
    assert (values.low, values.high, values.decades) == (0.001, 0.1, 2.0)
    assert (values.low_of_all, values.high_of_all) == (0.003, 30.0)
    assert values.useless_share == pytest.approx(0.6)
    assert values.in_unit_before == pytest.approx(0.3)
    assert values.in_unit_after == pytest.approx(0.1)
    # on the logarithm, as in the figure
    assert values.limit_before.mean == pytest.approx(0.02 * 2**0.5)
    assert values.limit_after.mean == pytest.approx(0.005)
    assert values.h18_before == pytest.approx((0.01, 0.01 * 4**-TWO, 0.01 * 4**TWO))
    assert values.h18_after.mean == pytest.approx(0.04)
    assert (values.diverged, values.networks) == (1, 8)


def test_values_of_a_strategy() -> None:
    sweep, estimates = sweep_of("shared", "fixed"), estimates_of("shared", "fixed")
    fixed = draw.strategy_values("fixed", sweep, estimates, 10)
    assert fixed.strategy == "fixed"
    assert (fixed.best_rate.mean, fixed.lowest_loss.mean) == pytest.approx((0.01, 1.1))
    # at 0.01 the folds spread by 0.3 and 1.3
    assert fixed.fold_sd == pytest.approx(0.8)
    assert (fixed.diverged, fixed.networks, fixed.diverged_rates) == (1, 8, [0.1])
    shared = draw.strategy_values("shared", sweep, estimates, 10)
    assert (shared.diverged, shared.diverged_rates) == (1, [0.001])


def test_the_strategies_are_compared_by_seed() -> None:
    estimates = estimates_of("shared", "fixed")
    values = draw.compared_values(sweep_of("shared", "fixed"), estimates, 10)
    # 1.1 / 1.0 and 1.452 / 1.21
    assert values.fixed_above_shared.mean == pytest.approx(0.15)
    assert values.limit_before == pytest.approx(0.02 * 2**0.5)
    assert values.first_diverged == 0.001


def test_the_first_diverged_rate_is_the_smallest() -> None:
    sweep = sweep_of("shared", "fixed")
    sweep.loc[(sweep.strategy == "shared") & (sweep.alpha == 0.1), "test_loss"] = np.inf
    values = draw.compared_values(sweep, estimates_of("shared", "fixed"), 10)
    assert values.first_diverged == 0.001


def test_without_divergence_there_is_no_first_diverged_rate() -> None:
    sweep = sweep_of("shared", "fixed")
    # a negative rate, and one of the other strategy, do not count
    sweep.loc[sweep.alpha == 0.001, "alpha"] = -0.001
    values = draw.compared_values(sweep, estimates_of("shared", "fixed"), 10)
    assert values.first_diverged is None
