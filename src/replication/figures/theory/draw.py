"""The figure of all statements: a panel each, what it shows and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from replication import drawing
from replication.drawing import COLOURS
from replication.figures.theory import quantities as q
from replication.figures.theory.panel import LIMIT, RELATIVE, Panel, plain_ticks
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.spectral import KINDS, SHARED, numbers_of_tasks
from replication.figures.theory.statements.bounds import QUANTILES
from replication.figures.theory.statements.deviations import FACTORS
from replication.quantity import Quantity

# what is said of the mean distance near 0: its share, marker
NEAR_ZERO: dict[str, tuple[Quantity[Any], str]] = {
    "decreasing": (q.decreasing_share, "o"),
    "convex": (q.convex_share, "s"),
}
COLUMNS = ["panel", "series", "seed", "x", "mean", "low", "high", "n"]
STYLES = ("-", "--")
# lemma: its name, and what is changed in the second series
NAMES = {
    "lemma_1": ("Lemma 1", "pointwise only"),
    "lemma_2": ("Lemma 2", "one minimiser"),
    "lemma_4": ("Lemma 4", "indefinite"),
    "a_1": ("(A.1)", "indefinite"),
    "a_2": ("(A.2)", "indefinite"),
    "prop_3": ("Prop. 3", "signed x"),
    "prop_6": ("Prop. 6", "indefinite A"),
    "d_4": ("(D.4)", "p = 2, one task"),
    "g_22": ("(G.22)", "not commuting"),
}
# its two series: marker, colour, colour of the face, height above its tick
LOOKS = (
    ("as stated", "o", COLOURS[3], COLOURS[3], 0.15),
    ("changed", "s", COLOURS[0], "white", -0.15),
)


def limit(panel: Panel) -> None:
    """The error of alpha_lim against N, beside 1/N."""
    for kind, colour in zip(KINDS, COLOURS, strict=False):
        curve = panel.series(kind, kind, colour, marker="o")
    panel.guide(curve.x, curve["mean"].iloc[0] * curve.x.iloc[0] / curve.x, r"$\propto 1/N$")
    panel.axis_labels("number of tasks N", r"$|\alpha^*(N) / \alpha_{\lim} - 1|$")
    panel.log_log()
    plain_ticks(panel.axes.xaxis, numbers_of_tasks(panel.cfg))
    panel.legend("lower left")


def proof(panel: Panel) -> None:
    """The error of the risk against the rate, with the interval that the proof excludes."""
    tasks = numbers_of_tasks(panel.cfg)
    for n, colour in zip((tasks[0], tasks[-1]), COLOURS, strict=False):
        panel.series(f"N = {n}", f"N = {n}", colour)
    low, high = (panel.value(of).mean for of in (q.excluded_from, q.excluded_to))
    panel.axes.axvspan(low, high, color="0.88", linewidth=0, zorder=-1, label="excluded")
    panel.axis_labels(RELATIVE, r"$N\,|\bar L - L^{apx}|\,/\,L^{apx}(0)$")
    panel.log_log()
    panel.star()
    panel.legend("upper left")


def deviations(panel: Panel) -> None:
    """How far the risk is from its mean, against N, at some rates."""
    colours = (COLOURS[2], COLOURS[0], COLOURS[4], COLOURS[3])
    for factor, colour in zip(FACTORS, colours, strict=True):
        label = rf"{factor} $\alpha_{{\lim}}$" if factor else "0"
        panel.series(f"{factor}", label, colour, marker="o")
    panel.axis_labels("number of tasks N", r"$|L - \bar L|\,/\,L^{apx}(0)$, 95%")
    panel.log_log()
    plain_ticks(panel.axes.xaxis, numbers_of_tasks(panel.cfg))
    panel.legend("lower left")


def bounds(panel: Panel) -> None:
    """Median and 95% range of alpha_lim over random sets, between the printed bounds."""
    cfg, axes = panel.cfg, panel.axes
    for i, spread in enumerate(cfg.feature_spreads):
        curves = panel.curves.set_index("series")
        dims = curves.loc[[f"{spread:g}, median"], "x"]
        low, middle, high = (
            curves.loc[[f"{spread:g}, {name}"], "value"].to_numpy() for name in QUANTILES
        )
        axes.errorbar(
            dims.to_numpy() * (0.93 + 0.07 * i),
            middle,
            [middle - low, high - middle],
            fmt="o",
            markersize=2.5,
            linewidth=1,
            color=COLOURS[i],
            label=f"spread {spread:g}",
        )
        drawn = pd.DataFrame({"x": dims.to_numpy(), "mean": middle, "low": low, "high": high})
        panel.record(drawn, f"spread {spread:g}", cfg.lemma_seeds)
    every = np.array(cfg.feature_dims, dtype=float)
    panel.guide(every, every, "$d$", "-")
    panel.guide(every, 1 / every, "$1/d$", "--")
    panel.axis_labels("d", r"$2 \sigma^2 \alpha_{\lim}$")
    panel.log_log()
    plain_ticks(axes.xaxis, cfg.feature_dims)
    axes.set_ylim(top=200)
    panel.legend("upper left", ncols=2, frameon=True)


def gap(panel: Panel) -> None:
    """The gap against the rate, with its tangent at 0."""
    for kind, colour, style in zip(SHARED, COLOURS, STYLES, strict=False):
        panel.series(kind, kind, colour, style)
    panel.series("commuting, first order", "first order", "0.15", ":", band=False)
    panel.level(0, "-")
    panel.axis_labels(RELATIVE, r"gap / $E|w_r|^2$")
    panel.star()
    # below the line at zero
    panel.legend("upper right", bbox_to_anchor=(1.03, 0.88))


def gap_bound(panel: Panel) -> None:
    """The gap over its bound against d, for both powers of d."""
    for power, name, colour in ((1, "{d}", COLOURS[0]), (2, "{d}^2", COLOURS[3])):
        for kind, style in zip(SHARED, STYLES, strict=True):
            label = f"${name}$, {kind}"
            panel.series(f"d^{power}, {kind}", label, colour, style, "o")
    panel.level(1)
    panel.axis_labels("d", "gap / bound")
    panel.log_log()
    plain_ticks(panel.axes.xaxis, panel.cfg.gap_dims)
    plain_ticks(panel.axes.yaxis, [0.2, 0.5, 1, 2, 4])
    panel.legend("lower left")


def isotropy(panel: Panel) -> None:
    """The slope of the gap where tasks differ along one feature."""
    for series, colour in (("longest", COLOURS[0]), ("shortest", COLOURS[3])):
        panel.series(series, f"along {series}", colour, marker="o")
    panel.level(0, "-")
    panel.axis_labels("ratio of feature variances", "slope / isotropic slope")
    panel.axes.set_xscale("log")
    panel.axes.set_yscale("symlog", linthresh=1e-3)
    panel.axes.set_ylim(top=20)
    panel.legend("center left")


def polynomial(panel: Panel) -> None:
    """alpha_lim against the variance of the inputs, beside the power -1."""
    for d, colour in zip(panel.cfg.example_dims, COLOURS, strict=False):
        curve = panel.series(f"d = {d}", f"d = {d}", colour)
    large = curve.x[curve.x > 1]
    panel.guide(large, 0.5 / large, r"$\propto 1/\sigma^2$")
    panel.axis_labels(r"$\sigma^2$ of the inputs", LIMIT)
    panel.log_log()
    panel.legend("lower left")


def random_matrices(panel: Panel) -> None:
    """The printed values of Example 2 over the right ones."""
    for formula, style in zip(("(E.12)", "(E.13)"), STYLES, strict=True):
        for law, colour in zip(panel.cfg.matrix_laws, COLOURS, strict=False):
            panel.series(f"{formula}, {law}", f"{formula}, {law}", colour, style, "o")
    panel.level(1)
    panel.axis_labels("d", rf"printed / {LIMIT}")
    panel.log_log()
    panel.legend("upper left")


def near_zero(panel: Panel) -> None:
    """Share of draws in which the mean distance decreases, and in which it is convex."""
    path, axes = panel.cfg.path, panel.axes
    for i, law in enumerate(path.laws):
        for j, (what, (of, marker)) in enumerate(NEAR_ZERO.items()):
            found = [panel.value(of, law=law, scale=scale) for scale in path.feature_scales]
            rows = pd.DataFrame(found).assign(x=path.feature_scales)
            axes.errorbar(
                rows.x * (0.9 + 0.07 * (2 * i + j)),
                rows["mean"],
                np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy()),
                fmt=marker,
                color=COLOURS[i],
                markersize=3.2,
                linewidth=0.9,
                markerfacecolor=COLOURS[i] if j == 0 else "white",
                label=f"{law}, {what}",
            )
            panel.record(rows, f"{law}, {what}", path.seeds)
    panel.axis_labels("feature scale of new tasks", "share of draws")
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, path.feature_scales)
    axes.set_ylim(-0.05, 1.05)
    panel.legend("lower right", frameon=True)


def overparameterised(panel: Panel) -> None:
    """Test loss over its lowest against the rate, for every network."""
    axes, curves = panel.axes, panel.curves.copy()
    curves["value"] /= curves.groupby("seed").value.transform("min")
    for seed, curve in curves.groupby("seed"):
        first = seed == 0
        axes.plot(
            curve.x,
            curve.value,
            color=COLOURS[0],
            linewidth=0.6,
            alpha=0.6,
            label="test loss, every draw" if first else None,
        )
        best, label = curve.x[curve.value.idxmin()], "its minimum" if first else None
        axes.plot(best, 1, "D", color=COLOURS[0], markersize=2.5, label=label)
    panel.record(curves.rename(columns={"value": "mean"}), "test loss", n=1)
    panel.axis_labels(RELATIVE, "test loss / lowest")
    panel.star()
    panel.legend("upper left")


def lemmas(panel: Panel) -> None:
    """Share of random cases that violate each statement, as stated and changed."""
    axes, ticks = panel.axes, []
    for y, (key, names) in enumerate(reversed(NAMES.items())):
        for form, marker, colour, face, shift in LOOKS:
            found = panel.value(q.violated_share, statement=key, form=form)
            axes.errorbar(
                found.mean,
                y + shift,
                xerr=[[found.mean - found.low], [found.high - found.mean]],
                fmt=marker,
                color=colour,
                markerfacecolor=face,
                markersize=3.2,
                linewidth=0.9,
                label=form if y == 0 else None,
            )
            drawn = pd.DataFrame([found]).assign(x=y)
            panel.record(drawn, f"{key}_{form}".replace(" ", "_"), panel.cfg.lemma_seeds)
        ticks.append("\n".join(names))
    axes.set_yticks(range(len(ticks)), ticks, fontsize=4.7, linespacing=0.9)
    panel.axis_labels("share of cases that violate", "")
    axes.set_xlim(-0.03, 1)
    panel.legend("lower right", frameon=True)


class Drawn(NamedTuple):
    """A panel's letter, title and drawing."""

    letter: str
    title: str
    draw: Callable[[Panel], None]


PANELS = (
    Drawn("a", "Thm. 1, Cor. 2: the limit", limit),
    Drawn("b", "Thm. 1: its proof", proof),
    Drawn("c", "Proposition 1", deviations),
    Drawn("d", "Corollary 1", bounds),
    Drawn("e", "Thm. 2: the gap", gap),
    Drawn("f", "Thm. 2: the bound", gap_bound),
    Drawn("g", "Thm. 2: isotropic tasks", isotropy),
    Drawn("h", "Example 1", polynomial),
    Drawn("i", "Example 2", random_matrices),
    Drawn("j", r"H.4.1: near $\alpha = 0$", near_zero),
    Drawn("k", "H.4.3: N K < d", overparameterised),
    Drawn("l", "Lemmas, propositions", lemmas),
)


def draw(
    sweep: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Any, pd.DataFrame]:
    """The figure.

    Args:
        sweep: curves of the experiment: columns panel, series, seed, x, value.
        estimates: as the experiment makes them.
        section: its section of the configuration, as plain values.

    Returns:
        The figure, and all that it shows: COLUMNS.
    """
    cfg = TheorySection.model_validate(section)
    figure, grid = drawing.panels(4, 3, height=1.95)
    shown = []
    for axes, (letter, title, make) in zip(grid.flat, PANELS, strict=True):
        drawing.letter(axes, letter, title)
        panel = Panel(letter, axes, sweep[sweep.panel == letter], estimates, cfg)
        make(panel)
        shown += panel.shown
    return figure, pd.concat(shown)[COLUMNS]
