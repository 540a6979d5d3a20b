"""Drawing of an experiment of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.intervals import Interval, bootstrap_interval, mean_interval
from replication import drawing
from replication.figures.own import quantities as q
from replication.loss_landscape import landscape_panel
from replication.measuring import measure
from replication.prose import between
from replication.quantity import Quantity

# the rates, in the order of the table
RATES = (
    q.alpha_lim_sampled,
    q.alpha_star,
    q.alpha_est,
    q.corollary1_lower,
    q.corollary1_upper,
)
# estimate that is drawn where there are no losses: its look
LOOKS = {q.alpha_lim_sampled: drawing.STAR, q.alpha_est: drawing.DIAMOND}


def draw(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any], name: str
) -> tuple[Figure, pd.DataFrame]:
    """The training loss with the estimates; the estimates alone where there are no losses.

    Args:
        sweep: columns panel, seed, alpha, training_loss (NaN where there is none).
        estimates: as the experiment makes them.
        section: of the configuration; keys file, seeds, title.
        name: of the experiment, for one without a title.

    Returns:
        The figure, and all that it shows: columns panel, series, alpha, mean, low, high, n, but
        no alpha where there are no losses.
    """
    figure, ((axes,),) = drawing.panels(1, 1, height=2.7)
    if has_losses(sweep):
        interval = mean_interval if section["file"] is None else bootstrap_interval
        limit = measure(estimates, q.alpha_lim_sampled, "a")
        star = measure(estimates, q.alpha_star, "a")
        shown = landscape_panel(axes, sweep, "a", limit, star, interval)
        drawing.legend_below(figure, axes, columns=3)
    else:
        shown = _estimates_alone(axes, measured(estimates), section["seeds"])
    drawing.letter(axes, "a", section["title"] or name)
    return figure, shown


def has_losses(sweep: pd.DataFrame) -> bool:
    """Whether there were targets or optima, and so a loss to sweep."""
    return bool(sweep.training_loss.notna().any())


def measured(estimates: pd.DataFrame) -> dict[Quantity[Any], Interval]:
    """Every estimate of the rate that was made, with its interval."""
    made = set(estimates.quantity)
    return {of: measure(estimates, of, "a") for of in RATES if of.name in made}


def _estimates_alone(
    axes: Axes, values: Mapping[Quantity[Any], Interval], seeds: int
) -> pd.DataFrame:
    """One estimate above the other on an axis of rates, the bounds of Corollary 1 lowest.

    Returns:
        Columns panel, series, n, mean, low, high; a row for each of `values`.
    """
    if q.corollary1_lower in values:
        ends = [values[end].mean for end in (q.corollary1_lower, q.corollary1_upper)]
        axes.plot(ends, [0, 0], color="0.6", linewidth=5, solid_capstyle="butt")
    for height, (of, look) in enumerate(LOOKS.items(), start=1):
        if of in values:
            mean, low, high = values[of]
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [height, height], color=look["color"], linewidth=3)
            axes.plot(mean, height, **look)
    axes.set_yticks(range(3), ["bounds\n(Corollary 1)", r"$\alpha_{\lim}$", r"$\alpha_{est}$"])
    axes.set_ylim(-0.7, 2.7)
    axes.set_xscale("log")
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    return pd.DataFrame(
        {"panel": "a", "series": of.name, "n": seeds} | value._asdict()
        for of, value in values.items()
    )


def estimates_table(estimates: pd.DataFrame) -> pd.DataFrame:
    """Every estimate in words: columns estimate, mean, low, high."""
    values = measured(estimates)
    table = pd.DataFrame([value._asdict() for value in values.values()])
    table.insert(0, "estimate", [of.estimator for of in values])
    return table


class Findings(NamedTuple):
    """What the words below the figure report.

    Attributes:
        source: where the tasks are from, and what intervals are over.
        limit: alpha_lim with its interval.
        result: sentences on the minimiser of the training loss, or on why there is none.
    """

    source: str
    limit: str
    result: str


def findings(sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]) -> Findings:
    """What the words below the figure report.

    Args:
        sweep, estimates: as for :func:`draw`.
        section: of the configuration; keys file, function, seeds, search_cap.
    """
    if has_losses(sweep):
        result = _result(estimates, section["search_cap"])
    else:
        result = "There are neither targets nor optima, hence no loss to sweep."
    limit = measure(estimates, q.alpha_lim_sampled, "a")
    known = bool(np.isfinite(limit.high))
    return Findings(source=_source(section, known), limit=_written(limit), result=result)


def _source(section: Mapping[str, Any], known: bool) -> str:
    """Where the tasks are from, and what intervals are over, if they are known."""
    seeds = section["seeds"]
    if section["file"] is not None:
        source = f"`{section['file']}`"
        intervals = f"intervals are from {seeds - 1} bootstrap resamples of its tasks"
    else:
        source = f"{seeds} calls of `{section['function']}`"
        intervals = "intervals are those of their mean"
    if not known:
        intervals = "without intervals, for which `seeds` is too small"
    return f"{source}; {intervals}"


def _result(estimates: pd.DataFrame, cap: float) -> str:
    """Where the training loss is lowest, and what training at alpha_lim costs."""
    excess = measure(estimates, q.excess_loss_at_lim, "a").mean
    capped = measure(estimates, q.alpha_star_capped, "a").mean
    star = _written(measure(estimates, q.alpha_star, "a"))
    ratio = _written(measure(estimates, q.ratio_star_to_lim, "a"))
    limit = r"$\alpha_{\lim}$"
    result = (
        f"The training loss is lowest at {star}, which is\n{ratio} times {limit}; training at "
        f"{limit} costs\n{excess:.2%} of the lowest loss."
    )
    if capped:
        result += (
            f" In {capped:.0%} of the repetitions there is no minimum below the search cap,\n"
            f"{cap:g} {limit}, which then stands for it."
        )
    return result


def _written(value: Interval) -> str:
    """A number with its interval, if that is known."""
    return between(value, ".4g") if np.isfinite(value.high) else f"{value.mean:.4g}"
