"""The drawing of Fig. 3: learning curves, and every scheme's accuracy against its rate."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter

from innerlr.intervals import Interval
from replication.drawing import COLOURS, band, legend_below, letter, panels, summary
from replication.figures.omniglot import quantities as q
from replication.figures.omniglot.experiment import PUBLISHED
from replication.measuring import measure, places
from replication.prose import between
from replication.quantity import Quantity

DASHES = ("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1)))  # the lines of the schemes
DOTS = (0, (1, 3))
STAND_IN = "STAND-IN IMAGES: letters of a font, not Omniglot"
# panel: title
TITLES = {
    "a": "test loss",
    "b": "test accuracy",
    "c": "adaptation rate in use",
    "d": "test error, whole run",
}


# --------------------------------------------------------------- learning curves


def learning_curves(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Test loss, test accuracy and rate over the iterations drawn, and test error over all.

    Args:
        sweep: columns panel (the scheme), seed, data, iteration, test_loss, test_accuracy, alpha.
        estimates: holds ideal_loss of the schemes that have it.
        section: of the configuration; keys schemes and drawn_iterations.

    Returns:
        The figure, and all that it shows: columns panel, scheme, series, iteration, mean, low,
        high (one standard deviation either way), n, data.
    """
    labels = labels_of(section)
    figure, grid = panels(2, 2, height=2.3)
    loss, accuracy, rate, error = grid.flat
    early = sweep[sweep.iteration <= section["drawn_iterations"]]
    whole = sweep.assign(test_error=1 - sweep.test_accuracy)
    shown = [
        *_curves(loss, "a", "test_loss", early, labels),
        *_curves(accuracy, "b", "test_accuracy", early, labels),
        *_curves(rate, "c", "alpha", early, labels),
        *_curves(error, "d", "test_error", whole, labels),
    ]
    ideal = _draw_ideal(loss, estimates, labels)
    shown += [*ideal, _draw_published(error)]
    if ideal:
        label = "loss of perfect features, in (a)"
        error.plot([], [], color="0.3", lw=0.8, ls=DOTS, label=label)
    for axes, (panel, title) in zip(grid.flat, TITLES.items(), strict=True):
        letter(axes, panel, title)
    loss.set(ylabel="cross-entropy", ylim=(0, None))
    accuracy.set(ylabel="share of queries", ylim=(0, 1))
    rate.set(ylabel=r"$\alpha$ (of the mean loss)", ylim=(0, None))
    _error_axes(error)
    if "stand_in" in set(sweep.data):
        figure.suptitle(STAND_IN, color="firebrick")
    legend_below(figure, error, columns=3)
    columns = ["panel", "scheme", "series", "iteration", "mean", "low", "high", "n"]
    return figure, pd.concat(shown)[columns].assign(data=sweep.data.iloc[0])


def labels_of(section: Mapping[str, Any]) -> dict[str, str]:
    """The schemes' titles by their names; a scheme without a title has its name."""
    return {name: scheme["title"] or name for name, scheme in section["schemes"].items()}


def _curves(
    axes: Axes, panel: str, column: str, rows: pd.DataFrame, labels: Mapping[str, str]
) -> list[pd.DataFrame]:
    """Of each scheme the mean of a column over seeds, shade one standard deviation."""
    drawn = []
    for i, (name, label) in enumerate(labels.items()):
        curve = summary(rows[rows.panel == name], ["iteration"], column, mean_sd)
        style = DASHES[i % len(DASHES)]
        band(axes, curve.iteration, curve, label=label, colour=COLOURS[i], linestyle=style)
        drawn.append(curve.assign(panel=panel, scheme=name, series=column))
    axes.set_xlabel("iteration")
    return drawn


def mean_sd(values: Any) -> Interval:
    """Mean, and one standard deviation either way.

    Args:
        values: (repetitions,), two at least.

    Example:
        >>> mean_sd([1.0, 3.0, 5.0])
        Interval(mean=3.0, low=1.0, high=5.0)
    """
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    return Interval(mean, mean - sd, mean + sd)


def _draw_ideal(
    axes: Axes, estimates: pd.DataFrame, labels: Mapping[str, str]
) -> list[pd.DataFrame]:
    """The loss that perfect features leave, of the schemes that have it."""
    schemes, drawn = list(labels), []
    for name, _ in places(estimates, q.ideal_loss):
        level = measure(estimates, q.ideal_loss, name).mean
        axes.axhline(level, color=COLOURS[schemes.index(name)], lw=0.8, ls=DOTS)
        row = {"panel": "a", "scheme": name, "series": "ideal_loss", "mean": level}
        drawn.append(pd.DataFrame([row]))
    return drawn


def _draw_published(axes: Axes) -> pd.DataFrame:
    """The published test error of ANIL with its spread."""
    accuracy, spread = PUBLISHED
    low, high = 1 - accuracy - spread, 1 - accuracy + spread
    axes.axhspan(low, high, color="0.5", alpha=0.4, lw=0, label="published for ANIL at the end")
    row = {"panel": "d", "series": "published", "mean": 1 - accuracy, "low": low, "high": high}
    return pd.DataFrame([row])


def _error_axes(axes: Axes) -> None:
    axes.set(xscale="log", yscale="log", ylabel="share of queries")
    axes.set_yticks([0.03, 0.05, 0.1, 0.2, 0.5, 1.0])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_minor_formatter(NullFormatter())


# --------------------------------------------------- tables and closing paragraph

# quantity of a scheme: what it is
OF_SCHEME: dict[Quantity[Any], str] = {
    q.iterations_to_50: "iterations to 50% accuracy",
    q.iterations_to_80: "iterations to 80% accuracy",
    q.iterations_to_90: "iterations to 90% accuracy",
    q.accuracy_area: "mean accuracy over the iterations drawn",
    q.loss_area: "mean loss over the iterations drawn",
    q.final_accuracy: "final accuracy, other test tasks",
    q.final_loss: "final loss, other test tasks",
    q.ideal_loss: "loss of perfect features at that rate",
    q.peak_accuracy: "highest accuracy on the way",
    q.gap: "training less test accuracy, last tenth",
    q.alpha: "rate at the end",
    q.norm: "mean length of the features at the end",
}
# quantity of a pair: what it is
OF_PAIR: dict[Quantity[Any], str] = {
    q.accuracy_gain: "mean accuracy, more by",
    q.loss_gain: "mean loss, less by",
    q.final_gain: "final accuracy, more by",
    q.speedup_50: "times as fast to 50% (1: neither gets there)",
    q.speedup_80: "times as fast to 80% (1: neither gets there)",
    q.speedup_90: "times as fast to 90% (1: neither gets there)",
}


def schemes_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """OF_SCHEME with intervals over seeds, written; a column a scheme, empty where it has none.

    Args:
        estimates: as the experiment makes them; a panel is a scheme or a pair.
        section: of the configuration; key schemes.
    """
    table = {}
    for name, label in labels_of(section).items():
        known = set(estimates.quantity[estimates.panel == name])
        table[label] = {
            text: written(measure(estimates, of, name))
            for of, text in OF_SCHEME.items()
            if of.name in known
        }
    return pd.DataFrame(table)


def pairs_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """OF_PAIR with intervals over seeds, written; a column a pair of schemes.

    Args:
        estimates: as the experiment makes them; the panel of a pair is "scheme against scheme".
        section: of the configuration; key schemes.
    """
    labels, table = labels_of(section), {}
    for panel in estimates.panel.unique():
        name, _, base = panel.partition(" against ")
        if base:
            table[f"{labels[name]}; against {labels[base]}"] = {
                text: written(measure(estimates, of, panel)) for of, text in OF_PAIR.items()
            }
    return pd.DataFrame(table)


def written(value: Interval) -> str:
    """A mean with its interval; an infinite one was not reached by every seed.

    Example:
        >>> written(Interval(0.5, 0.25, 0.75))
        '0.5 (0.25 to 0.75)'
    """
    return "not reached by every seed" if np.isinf(value.mean) else between(value, ".4g")


class RunValues(NamedTuple):
    """What was run."""

    data: str  # where the images are from: directory, download, or a stand-in
    seeds: int
    iterations: int
    support: int  # images that a task adapts on: a sum over them is this many times their mean
    conventions: list[str]  # what each scheme is


def run_values(sweep: pd.DataFrame, section: Mapping[str, Any]) -> RunValues:
    """The numbers and names of the closing paragraph.

    Args:
        sweep: columns seed, data, iteration.
        section: of the configuration; keys schemes, ways, shots.
    """
    return RunValues(
        data=sweep.data.iloc[0],
        seeds=sweep.seed.nunique(),
        iterations=int(sweep.iteration.max()),
        support=section["ways"] * section["shots"],
        conventions=conventions(section),
    )


def conventions(section: Mapping[str, Any]) -> list[str]:
    """How each scheme reads what the paper compares.

    Args:
        section: of the configuration; key schemes, each with title, forward_norm, inner_loss,
            rate and sigma2.
    """
    labels = labels_of(section)
    return [
        f"{labels[name]}: features {scheme['forward_norm']}, loss {scheme['inner_loss']}"
        + (f", sigma^2 read as {scheme['sigma2']}" if scheme["alpha"] == "online" else "")
        for name, scheme in section["schemes"].items()
    ]


# --------------------------------------------------------------- the readings

FIXED: dict[str, Any] = {"color": "0.3", "marker": "o", "ms": 3.5}
OTHER_RATES = {"alpha_lim": "(H.6), cross-entropy", "learned": "learned"}


def rates_and_accuracy(rates: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Mean test accuracy of every scheme of Fig. 3's readings against the rate it ends with.

    A panel a forward normalisation: fixed rates as a line, the readings of sigma^2, (H.6) for the
    cross-entropy and the learned rate as marks. The last panel has the figure's schemes in other
    settings.

    Args:
        rates: columns scheme, setting, forward_norm, rate, sigma2, alpha, accuracy_area, data;
            those with a setting are the last panel's.

    Returns:
        The figure, and all that it shows: panel, series, scheme, alpha, accuracy_area, data.
    """
    plain = rates.setting.fillna("") == ""
    norms = list(dict.fromkeys(rates.forward_norm[plain]))
    figure, grid = panels(2, -(-(len(norms) + 1) // 2), height=2.3)
    shown: list[pd.DataFrame] = []
    looks: dict[str, dict[str, Any]] = {}
    for i, (axes, norm) in enumerate(zip(grid.flat, norms, strict=False)):
        rows = rates[plain & (rates.forward_norm == norm)]
        of_norm = _looks(rows)
        shown += [frame.assign(panel=norm) for frame in _rates_panel(axes, rows, of_norm)]
        letter(axes, ascii_lowercase[i], f"features {norm}")
        looks |= of_norm
    others = rates[~plain]
    if len(others):
        axes = grid.flat[-1]
        _settings_panel(axes, others, looks)
        for text in axes.get_yticklabels():  # over the free panel to the left, if there is one
            text.set(fontsize=6.5, in_layout=grid.size == len(norms) + 1)
        shown.append(others.assign(panel="other settings", series=others.rate.astype(str)))
        letter(axes, ascii_lowercase[len(norms)], "other settings")
    for axes in grid.flat[len(norms) : grid.size - bool(len(others))]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("mean test accuracy")
    legend_below(figure, grid[0, 0], columns=4)
    return figure, pd.concat(shown)[["panel", "series", "scheme", "alpha", "accuracy_area", "data"]]


def _chosen(rows: pd.DataFrame) -> pd.Series:
    """Which schemes choose their rate as they run."""
    return rows.rate.astype(str).isin(["online", *OTHER_RATES])


def _series(row: Any) -> str:
    return row.sigma2 if row.rate == "online" else OTHER_RATES[row.rate]


def _looks(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of each series of rates that are chosen; hollow, and smaller the later, so that none hides
    another of the same rate."""
    return {
        _series(row): {
            "marker": "X^Dsv*P"[j % 7],
            "ms": 8 - 0.5 * j,
            "mfc": "none",
            "mew": 1.3,
            "color": COLOURS[j],
            "ls": "none",
            "zorder": 5,
        }
        for j, row in enumerate(rows[_chosen(rows)].itertuples())
    }


def _rates_panel(
    axes: Axes, rows: pd.DataFrame, looks: Mapping[str, dict[str, Any]]
) -> list[pd.DataFrame]:
    """Accuracy against the rate at the end: fixed rates as a line, each other scheme as a mark."""
    fixed = rows[~_chosen(rows)].sort_values("alpha")
    axes.plot(fixed.alpha, fixed.accuracy_area, **FIXED, label="fixed rate")
    shown = [fixed.assign(series="fixed rate")]
    for row in rows[_chosen(rows)].itertuples():
        series = _series(row)
        axes.plot(row.alpha, row.accuracy_area, **looks[series], label=series)
        shown.append(rows[rows.scheme == row.scheme].assign(series=series))
    axes.set(xscale="log", xlabel=r"$\alpha$ at the end", ylim=(0, 1))
    return shown


def _settings_panel(axes: Axes, others: pd.DataFrame, looks: Mapping[str, dict[str, Any]]) -> None:
    """The accuracy of every scheme, a line a setting."""
    settings = list(dict.fromkeys(others.setting))
    for row in others.itertuples():
        look = looks.get(row.sigma2, {}) if row.rate == "online" else FIXED
        axes.plot(row.accuracy_area, settings.index(row.setting), **look)
    axes.set_yticks(range(len(settings)), [name.replace("_", " ") for name in settings])
    axes.set(xlabel="mean test accuracy", xlim=(0, 1), ylim=(len(settings) - 0.5, -0.5))
    axes.grid(axis="y", color="0.9")
