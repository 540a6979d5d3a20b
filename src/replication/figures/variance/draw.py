"""Drawing of Fig. 4: the estimate against the variance of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication import drawing
from replication.drawing import COLOURS
from replication.figures.variance import quantities as q
from replication.measuring import measure

# law of the inputs: label, colour, line
LAWS = {
    "normal": (r"$N(0, \sigma)$", COLOURS[0], "-"),
    "uniform": (r"$U(-\sqrt{12}\sigma/2, \sqrt{12}\sigma/2)$", COLOURS[1], "--"),
    "exponential": (r"$Exp(1/\sigma)$", COLOURS[2], "-."),
}
# reading of the basis' widths, and of what each function of it sees: title
WIDTHS = {"fixed": "fixed widths", "data": r"widths $\propto \sigma$"}
ARGUMENTS = {"entrywise": "entry by entry", "scalar": "one scalar input"}

PAPER_AXIS = (0.2, 0.375)  # tick labels at the ends of the paper's axis of (a)
PAPER_AXIS_TANGENT = (0.0, 2e-4)  # panel (b)
PAPER_FIT = 0.35  # its example of a fit, 0.35 / sigma^2

FITS = (q.inverse_fit_c, q.inverse_fit_r2, q.affine_fit_a, q.affine_fit_b, q.affine_fit_r2)


def draw(
    basis: pd.DataFrame, tangent: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> tuple[Figure, pd.DataFrame]:
    """Fig. 4: every reading of the Gaussian basis, and tangent features with and without biases.

    Args:
        basis: sweep of the basis; columns law, width_rule, gaussian_input, variance, alpha_lim.
        tangent: sweep of the tangent features; columns reading, primary, law, seed, variance,
            alpha_lim.
        estimates: of the basis; holds FITS of each law, by reading.
        section: of the basis; keys laws, width_rule, gaussian_input.

    Returns:
        The figure, and all that it shows: columns panel, law, series, variance, value and, of
        the tangent features, low, high, n.
    """
    figure, grid = drawing.panels(3, 2, height=2.1)
    rules, arguments = _primary_first(section)
    shown = []
    for row, argument in zip(grid[:2], arguments, strict=True):
        for axes, rule in zip(row, rules, strict=True):
            curves = basis[(basis.width_rule == rule) & (basis.gaussian_input == argument)]
            panel = "a" if (rule, argument) == _primary(section) else f"{rule}/{argument}"
            fit = _fit(estimates, panel, section["laws"][0])
            shown.append(_basis_panel(axes, curves, section["laws"], fit).assign(panel=panel))
            title = f"{WIDTHS[rule]}, {ARGUMENTS[argument]}"
            axes.set_title(f"(a)  {title}" if panel == "a" else title, loc="left")
    for axes in grid[1]:
        axes.set_xlabel(r"variance of the inputs $\sigma^2$")
    for axes in grid[:2, 0]:
        axes.set_ylabel(r"$\alpha_{\lim}$")
    primary, bare = grid[2]
    reading = tangent[tangent.primary].reading.iloc[0]
    shown.append(_tangent_panel(primary, tangent, reading, PAPER_AXIS_TANGENT))
    primary.set_title(f"(b)  tangent features, {reading}", loc="left")
    shown.append(_tangent_panel(bare, tangent, "no biases", log=True))
    bare.set_title("tangent features, no biases; dots: closed form", loc="left")
    # not every panel has every line
    fullest = max(grid[:2].flat, key=lambda axes: len(axes.get_legend_handles_labels()[1]))
    drawing.legend_below(figure, fullest, columns=3)
    columns = ["panel", "law", "series", "variance", "value", "low", "high", "n"]
    return figure, pd.concat(shown)[columns]


def _primary(section: Mapping[str, Any]) -> tuple[str, str]:
    """The rule of the widths and the basis' argument of panel (a)."""
    return section["width_rule"], section["gaussian_input"]


def _primary_first(section: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The rules and the arguments, panel (a)'s first: it is at the upper left."""
    rule, argument = _primary(section)
    rules = sorted(WIDTHS, key=lambda name: name != rule)
    return rules, sorted(ARGUMENTS, key=lambda name: name != argument)


def _fit(estimates: pd.DataFrame, panel: str, law: str) -> dict[str, float]:
    """FITS of a curve, by name: c / sigma^2 and a + b / sigma^2, with their R^2."""
    return {fit.name: measure(estimates, fit, panel, {"law": law}).mean for fit in FITS}


def _basis_panel(
    axes: Axes, curves: pd.DataFrame, laws: list[str], fit: Mapping[str, float]
) -> pd.DataFrame:
    """The curve of each law under one reading, and the fits of the first law's curve.

    Returns:
        Columns law, series, variance, value.
    """
    axes.axhspan(
        *PAPER_AXIS, color="0.5", alpha=0.15, linewidth=0, label="range of the paper's axis"
    )
    shown = []
    for law in laws:
        label, colour, style = LAWS[law]
        curve = curves[curves.law == law]
        axes.plot(curve.variance, curve.alpha_lim, color=colour, linestyle=style, label=label)
        shown.append(curve[["law", "variance"]].assign(series="alpha_lim", value=curve.alpha_lim))
    shown += _fitted_lines(axes, shown[0][["law", "variance"]], fit)
    axes.set_ylim(bottom=0)
    return pd.concat(shown)


def _fitted_lines(axes: Axes, at: pd.DataFrame, fit: Mapping[str, float]) -> list[pd.DataFrame]:
    """The fits of one curve, with their R^2 in words.

    Args:
        axes: where.
        at: columns law, variance.
        fit: FITS by name.

    Returns:
        Of each line drawn, columns law, variance, series, value.
    """
    inverse = fit["inverse_fit_c"] / at.variance
    lines: list[tuple[str, Any, Any, str]] = [
        ("c / variance", inverse, ":", r"$c/\sigma^2$, fitted")
    ]
    height, notes = 0.18, [rf"$R^2$ of $c/\sigma^2$: {fit['inverse_fit_r2']:.1f}"]
    # a curve that rises is no a + b / sigma^2 with b > 0
    if fit["affine_fit_b"] > 0:
        affine = fit["affine_fit_a"] + fit["affine_fit_b"] / at.variance
        dashes = (0, (1, 1, 4, 1))
        lines.append(("a + b / variance", affine, dashes, r"$a + b/\sigma^2$, fitted"))
        height = 0.46
        notes.append(rf"$R^2$ of $a + b/\sigma^2$: {fit['affine_fit_r2']:.2f}")
    for _, values, style, label in lines:
        axes.plot(at.variance, values, color="0.15", linewidth=0.9, linestyle=style, label=label)
    axes.text(
        0.98,
        height,
        "\n".join(notes).replace("-", "\N{MINUS SIGN}"),
        transform=axes.transAxes,
        fontsize=7,
        ha="right",
        va="top",
    )
    return [at.assign(series=series, value=values) for series, values, *_ in lines]


def _tangent_panel(
    axes: Axes,
    sweep: pd.DataFrame,
    reading: str,
    paper_axis: tuple[float, float] | None = None,
    *,
    log: bool = False,
) -> pd.DataFrame:
    """alpha_lim of tangent features against the variance of the inputs, by law, over networks.

    The closed form c / sigma^2 of a network without biases is dotted where it is the one drawn.

    Args:
        axes: where.
        sweep: columns reading, law, seed, variance, alpha_lim.
        reading: which biases, as named in the table.
        paper_axis: range of the paper's axis, shaded.
        log: logarithmic axes, on which c / sigma^2 is a straight line.

    Returns:
        Columns panel, law, series, variance, value, low, high, n.
    """
    shown = []
    if paper_axis is not None:
        axes.axhspan(*paper_axis, color="0.5", alpha=0.15, lw=0, label="range of the paper's axis")
    for law, (label, colour, style) in LAWS.items():
        of_law = sweep[sweep.law == law]
        mine = of_law[of_law.reading == reading]
        if mine.empty:
            continue
        curve = drawing.summary(mine, ["variance"], "alpha_lim")
        drawing.band(axes, curve.variance, curve, label=label, colour=colour, linestyle=style)
        shown.append(curve.assign(law=law, series="alpha_lim"))
        if reading == "no biases":
            closed = of_law[of_law.reading == "closed form"]
            shown.append(_closed_form(axes, closed, labelled=law == "normal").assign(law=law))
    if log:
        axes.set(xscale="log", yscale="log")
    else:
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", scilimits=(-4, -4), useMathText=True)
    axes.set_xlabel(r"variance of the inputs $\sigma^2$")
    axes.set_ylabel(r"$\alpha_{\lim}$")
    frame = pd.concat(shown).rename(columns={"mean": "value"})
    return frame.assign(panel=f"b, {reading}")


def _closed_form(axes: Axes, closed: pd.DataFrame, *, labelled: bool) -> pd.DataFrame:
    """Dots of c / sigma^2, the mean over networks; columns series, variance, mean, low, high, n."""
    curve = drawing.summary(closed, ["variance"], "alpha_lim")
    axes.plot(
        curve.variance,
        curve["mean"],
        color="0.1",
        linestyle="none",
        marker=".",
        markersize=2.5,
        zorder=4,
        label=r"closed form $c/\sigma^2$" if labelled else None,
    )
    return curve.assign(series="closed form")


def _readings(estimates: pd.DataFrame, section: Mapping[str, Any]) -> list[str]:
    """Every reading of the basis once: the primary one is "a" and stands under its own name too."""
    return sorted(set(estimates.panel) - {"/".join(_primary(section))})


def fit_table(estimates: pd.DataFrame, section: Mapping[str, Any]) -> pd.DataFrame:
    """The fits of every curve of the basis, to four decimals: columns panel, law and FITS.

    Args:
        estimates, section: as for :func:`draw`.
    """
    rows = [
        {"panel": panel, "law": law} | _fit(estimates, panel, law)
        for panel in _readings(estimates, section)
        for law in section["laws"]
    ]
    return pd.DataFrame(rows).round(4)


class BasisFindings(NamedTuple):
    """What the words about the basis report.

    Attributes:
        primary: the reading that is panel "a".
        falling, rising: readings in which every step of the grid goes down, or up, for every law.
        fixed_widths, growing_widths: the lowest and the highest estimate with such widths.
        axis_low, axis_high: ends of the paper's axis.
        paper_fit: c of its example c / sigma^2.
        fit_from, fit_to: the variances between which that is on its axis.
        last_variance: where the curves end.
        dim, shots: of the basis and of a task.
    """

    primary: str
    falling: str
    rising: str
    fixed_widths: str
    growing_widths: str
    axis_low: float
    axis_high: float
    paper_fit: float
    fit_from: float
    fit_to: float
    last_variance: float
    dim: int
    shots: int


def basis_findings(
    basis: pd.DataFrame, estimates: pd.DataFrame, section: Mapping[str, Any]
) -> BasisFindings:
    """What the words about the basis report.

    Args:
        basis: as for :func:`draw`.
        estimates: holds decreasing_share of each law, by reading.
        section: keys laws, width_rule, gaussian_input, variance, dim, shots.
    """
    ends = basis.groupby("width_rule").alpha_lim.agg(["min", "max"])
    span = {rule: f"{row['min']:.2g} to {row['max']:.2g}" for rule, row in ends.iterrows()}
    low, high = PAPER_AXIS
    return BasisFindings(
        primary="/".join(_primary(section)),
        falling=_readings_that_go_down(estimates, section, share=1),
        rising=_readings_that_go_down(estimates, section, share=0),
        fixed_widths=span["fixed"],
        growing_widths=span["data"],
        axis_low=low,
        axis_high=high,
        paper_fit=PAPER_FIT,
        fit_from=PAPER_FIT / high,
        fit_to=PAPER_FIT / low,
        last_variance=section["variance"]["last"],
        dim=section["dim"],
        shots=section["shots"],
    )


def _readings_that_go_down(
    estimates: pd.DataFrame, section: Mapping[str, Any], *, share: float
) -> str:
    """Readings in which this share of the grid's steps goes down, whatever the law."""
    found = [
        panel
        for panel in _readings(estimates, section)
        if all(
            measure(estimates, q.decreasing_share, panel, {"law": law}).mean == share
            for law in section["laws"]
        )
    ]
    return ", ".join(found) or "none"


class TangentFindings(NamedTuple):
    """What the words about the tangent features report, of normal inputs.

    Attributes:
        r2_with_biases, r2_without_biases: of c / sigma^2.
        closed_form_gap: largest relative distance of the curve without biases from its closed form.
        highest: the largest estimate with biases.
    """

    r2_with_biases: float
    r2_without_biases: float
    closed_form_gap: float
    highest: float


def tangent_findings(estimates: pd.DataFrame) -> TangentFindings:
    """What the words about the tangent features report.

    Args:
        estimates: of the tangent features; panels "b" (the primary biases) and "no biases".
    """
    bare, normal = "no biases", {"law": "normal"}
    return TangentFindings(
        r2_with_biases=measure(estimates, q.inverse_fit_r2, "b", normal).mean,
        r2_without_biases=measure(estimates, q.inverse_fit_r2, bare, normal).mean,
        closed_form_gap=measure(estimates, q.closed_form_gap, bare, normal).mean,
        highest=measure(estimates, q.highest_alpha_lim_of_law, "b", normal).mean,
    )
