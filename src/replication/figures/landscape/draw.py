"""Drawing of the loss landscapes: Fig. 9 and the one of section H.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from innerlr.intervals import Interval, mean_interval
from replication import drawing
from replication.figures.landscape import quantities as q
from replication.loss_landscape import landscape_panel
from replication.measuring import measure
from replication.prose import between

# reading of alpha*(N) in the estimates: what it minimises
MINIMISERS = {"alpha_star": "training loss", "alpha_star_risk": "population risk"}


def draw_pairs(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 9: a landscape for each of four pairs of distributions.

    Args:
        sweep: columns panel, seed, alpha, training_loss, population_risk.
        estimates: as the experiment makes them.
        section: of the configuration; key panels, the title of each.

    Returns:
        The figure, and all that it shows: columns panel, series, alpha, mean, low, high, n.
    """
    figure, grid = drawing.panels(2, 2, height=2.1)
    shown = []
    for axes, (name, panel) in zip(grid.flat, section["panels"].items(), strict=True):
        shown.append(landscape_panel(axes, sweep, name, *_rates(estimates, name)))
        drawing.letter(axes, name, panel["title"])
    drawing.legend_below(figure, grid[0, 0], columns=4)
    return figure, pd.concat(shown)


def _rates(estimates: pd.DataFrame, panel: str) -> tuple[Interval, Interval]:
    """alpha_lim and the minimiser of the training loss of a panel."""
    return measure(estimates, q.alpha_lim, panel), measure(estimates, q.alpha_star, panel)


class PairsFindings(NamedTuple):
    """What the words below Fig. 9 say.

    Attributes:
        ratios: alpha_lim over the minimiser of the training loss, by panel, with its interval.
        limits: alpha_lim by panel.
        tasks: N; several where panels differ.
        draws: of all tasks.
    """

    ratios: str
    limits: dict[str, float]
    tasks: str
    draws: int


def pairs_findings(estimates: pd.DataFrame, section: Mapping[str, Any]) -> PairsFindings:
    """What the words below Fig. 9 say; arguments as for :func:`draw_pairs`."""
    panels = section["panels"]
    ratios = {name: measure(estimates, q.ratio_lim_to_star, name) for name in panels}
    return PairsFindings(
        ratios="; ".join(f"({name}) {between(ratio, '.4f')}" for name, ratio in ratios.items()),
        limits={name: measure(estimates, q.alpha_lim, name).mean for name in panels},
        tasks=", ".join(sorted({str(panel["tasks"]) for panel in panels.values()})),
        draws=section["seeds"],
    )


def draw_minimisers(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """The landscape of section H.3, and beside it the minimisers of every draw of all tasks.

    Args:
        sweep, estimates: as for :func:`draw_pairs`.
        section: of the configuration; key panels, with one panel and its title.

    Returns:
        The figure, and all that it shows: columns as of :func:`draw_pairs`; of series
        "..._over_alpha_lim", mean is the ratio.
    """
    ((name, panel),) = section["panels"].items()
    figure, grid = drawing.panels(1, 2, height=2.5, width_ratios=[1.6, 1])
    left, right = grid[0]
    landscape = landscape_panel(left, sweep, name, *_rates(estimates, name))
    drawing.letter(left, name, panel["title"])
    left.legend(loc="upper left", bbox_to_anchor=(0.4, 1.02))
    ratios = _minimisers(right, estimates, name)
    return figure, pd.concat([landscape, ratios])


def _minimisers(axes: Axes, estimates: pd.DataFrame, panel: str) -> pd.DataFrame:
    """A dot a draw for each reading of alpha*(N) over alpha_lim, and their means."""
    limit = measure(estimates, q.alpha_lim, panel).mean
    shown = []
    for x, quantity in enumerate(MINIMISERS):
        ratio = estimates[estimates.quantity == quantity].value.to_numpy() / limit
        mean, low, high = mean_interval(ratio)
        axes.plot(
            x + np.linspace(-0.2, 0.2, len(ratio)),
            ratio,
            "o",
            markersize=3,
            color=drawing.COLOURS[x],
            alpha=0.6,
            markeredgewidth=0,
        )
        error = np.array([[mean - low], [high - mean]])
        axes.errorbar(x + 0.36, mean, error, fmt="_", color="0.15", markersize=7, capsize=2)
        series = f"{quantity}_over_alpha_lim"
        every = {"series": series, "alpha": ratio * limit, "mean": ratio, "n": 1}
        whole = {"series": f"{series}_mean", "alpha": mean * limit, "n": len(ratio)}
        whole |= {"mean": mean, "low": low, "high": high}
        shown += [pd.DataFrame(every), pd.DataFrame([whole])]
    axes.axhline(1, color=drawing.COLOURS[3], linewidth=0.8, zorder=0)
    axes.set_xticks(range(len(MINIMISERS)), list(MINIMISERS.values()))
    axes.set_xlim(-0.5, len(MINIMISERS) - 0.3)
    axes.set_xlabel("minimiser of")
    axes.set_ylabel(r"$\alpha^*(N)\,/\,\alpha_{\lim}$")
    axes.set_title("Every draw", loc="left")
    return pd.concat(shown).assign(panel=panel)


class MinimisersFindings(NamedTuple):
    """What the words below the landscape of section H.3 say.

    Attributes:
        tasks, shots, dim: of the panel.
        draws: of all tasks.
        limit: alpha_lim.
        over_loss_minimiser: alpha_lim over the minimiser of the training loss.
        over_risk_minimiser: alpha_lim over the minimiser of the population risk.
        excess: training loss at alpha_lim over the lowest one, less 1.
    """

    tasks: int
    shots: int
    dim: int
    draws: int
    limit: float
    over_loss_minimiser: Interval
    over_risk_minimiser: Interval
    excess: Interval


def minimisers_findings(estimates: pd.DataFrame, section: Mapping[str, Any]) -> MinimisersFindings:
    """What the words below the landscape say; arguments as for :func:`draw_minimisers`."""
    ((name, panel),) = section["panels"].items()
    return MinimisersFindings(
        tasks=panel["tasks"],
        shots=panel["shots"],
        dim=panel["features"]["dim"],
        draws=section["seeds"],
        limit=measure(estimates, q.alpha_lim, name).mean,
        over_loss_minimiser=measure(estimates, q.ratio_lim_to_star, name),
        over_risk_minimiser=measure(estimates, q.ratio_lim_to_star_risk, name),
        excess=measure(estimates, q.excess_loss_at_lim, name),
    )
