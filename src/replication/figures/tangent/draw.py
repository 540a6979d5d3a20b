"""The drawing of Fig. 2: test losses on tangent features, and estimates over their minimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from innerlr.intervals import geometric_interval
from replication.drawing import COLOURS, summary
from replication.judging.claims import measure


def adapted_losses(
    axes: Any,
    sweep: pd.DataFrame,
    estimates: pd.DataFrame,
    curves: dict[str, str],
    paper_top: float,
) -> pd.DataFrame:
    """Test loss against the learning rate: one draw with intervals over test tasks, all as a range.

    Each curve has a column of marks above its minimum: the minimiser, (3.3) and (H.6), with their
    intervals over draws. (H.15) is written out, since it may lie beyond the axis.

    Args:
        axes: where.
        sweep: columns panel, seed, alpha, mean, low, high (over test tasks).
        estimates: holds alpha_star, alpha_lim_sampled, alpha_lim_split, alpha_est and
            ratio_est_to_star of each panel.
        curves: panel to its label in the legend.
        paper_top: where the paper's axis ends.

    Returns:
        All that is drawn: columns panel, series, alpha, mean, low, high, n.
    """
    marks = {
        "alpha_star": ("o", 5, "minimiser"),
        "alpha_lim_sampled": ("*", 10, "(3.3)"),
        "alpha_lim_split": ("D", 5, "(H.6)"),
    }
    end, shown, notes = sweep.alpha.max(), [], []
    for i, panel in enumerate(curves):
        mine, colour = sweep[sweep.panel == panel], COLOURS[i]
        first = mine[mine.seed == mine.seed.min()]
        axes.errorbar(
            *(first.alpha, first["mean"], (first["mean"] - first.low, first.high - first["mean"])),
            **{"fmt": "-.^", "color": colour, "ms": 3.5, "lw": 0.9, "elinewidth": 0.8},
            label=curves[panel],
        )
        every = mine.groupby("alpha")["mean"].agg(["mean", "min", "max", "size"]).reset_index()
        every.columns = ["alpha", "mean", "low", "high", "n"]
        axes.fill_between(every.alpha, every.low, every.high, color=colour, alpha=0.18, lw=0)
        shown.append(first.assign(series="first draw, interval over test tasks", n=1))
        shown.append(every.assign(panel=panel, series="all draws, range of their means"))
    top = 1.45 * max(paper_top, *(frame["mean"].max() for frame in shown))
    for i, (panel, label) in enumerate(curves.items()):
        for j, quantity in enumerate((*marks, "alpha_est")):
            height = (0.52 - 0.2 * i - 0.06 * j) * top
            value = measure(estimates, panel, quantity)
            row = {"panel": panel, "series": quantity, "alpha": value.mean} | value._asdict()
            shown.append(pd.DataFrame([row | {"n": sweep.seed.nunique()}]))
            if quantity in marks and 0 < value.mean < end:
                marker, size, _ = marks[quantity]
                ends = (max(value.low, sweep.alpha.min()), min(value.high, end))
                axes.plot(ends, (height, height), color=COLOURS[i], lw=0.9, zorder=3)
                axes.plot(
                    *(value.mean, height),
                    **{"marker": marker, "ms": size, "color": COLOURS[i], "ls": "none"},
                    **{"markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 5},
                )
        est = measure(estimates, panel, "alpha_est").mean
        times = measure(estimates, panel, "ratio_est_to_star").mean
        arrow = " \N{RIGHTWARDS ARROW}" if est > end else ""
        notes.append(f"(H.15), {label}: {est:.1e}, {times:.0f} times the minimiser{arrow}")
        if not 0 < measure(estimates, panel, "alpha_star").mean < end:
            notes.append(f"{label}: no minimum at a positive rate on the axis")
    for marker, size, label in marks.values():
        axes.plot([], [], marker=marker, ms=size, color="0.3", ls="none", label=label)
    axes.axhline(paper_top, color="0.5", lw=0.8, ls=(0, (1, 3)), label="end of the paper's axis")
    axes.set(xlim=(sweep.alpha.min(), end), ylim=(0, top))
    axes.text(
        *(0.99, 0.99, "\n".join(notes)),
        **{"transform": axes.transAxes, "ha": "right", "va": "top", "fontsize": 6.5},
    )
    axes.ticklabel_format(axis="x", scilimits=(-4, -4), useMathText=True)
    axes.set_xlabel(r"adaptation learning rate $\alpha$")
    axes.set_ylabel("test loss")
    return pd.concat(shown)[["panel", "series", "alpha", "mean", "low", "high", "n"]]


# ratio to the minimiser: marker, size, colour, label
OVER_STAR = {
    "ratio_est_to_star": ("s", 4.5, COLOURS[3], "(H.15)"),
    "ratio_est_to_star_pooled_step": ("v", 4.0, "0.55", r"(H.15), step $2\alpha/(NK)$"),
    "ratio_dim_to_star": ("^", 4.5, COLOURS[1], r"$1/(2d\tilde\sigma^2)$"),
    "ratio_split_to_star": ("D", 5.0, COLOURS[2], "(H.6)"),
    "ratio_lim_to_star": ("o", 3.0, COLOURS[0], "(3.3)"),
}


def estimates_over_dim(
    axes: Any, estimates: pd.DataFrame, panel: str, curve: Any, scaling: Any
) -> pd.DataFrame:
    """Estimates over the minimiser of the test loss, against N K / d.

    Full marks: N is varied; hollow ones: d. Geometric means over draws with 95% intervals; lines
    are (H.15) over (3.3) where a task's rows are alike, d / (N K), and independent, d / (N K^2).
    The figure's own N and d are at the vertical line.

    Args:
        axes: where.
        estimates: holds samples_over_dim and OVER_STAR of the panel and of "panel|key=value".
        panel: of the curve.
        curve: its shots and tasks.
        scaling: keys tasks and widths, lists.

    Returns:
        All that is drawn: columns panel, series, samples_over_dim, mean, low, high, n.
    """
    values = estimates.pivot(index=["panel", "seed"], columns="quantity", values="value")
    at = values.samples_over_dim.groupby("panel").first()
    found = (values.ratio_est_to_star > 0).groupby("panel").all()  # a minimum, in every draw
    shown = []
    for key, varied, line in (("tasks", "tasks", "-"), ("width", "widths", "--")):
        # the curve's own value may be in the list, and is the panel itself
        names = {panel, *(f"{panel}|{key}={value}" for value in scaling[varied])}
        drawn = values.loc[[name for name in names & set(at.index) if found[name]]].reset_index()
        for series, (marker, size, colour, label) in OVER_STAR.items():
            points = summary(drawn, ["panel"], series, geometric_interval)
            points["samples_over_dim"] = points.panel.map(at)
            points = points.sort_values("samples_over_dim")
            axes.errorbar(
                *(points.samples_over_dim, points["mean"]),
                (points["mean"] - points.low, points.high - points["mean"]),
                **{"color": colour, "marker": marker, "ms": size, "ls": line, "lw": 0.8},
                mfc=colour if key == "tasks" else "white",
                label=label if key == "tasks" else None,
            )
            shown.append(points.assign(series=f"{series}, {key}"))
    of_curve = at[at.index.str.split("|").str[0] == panel]
    x = np.array([0.8 * of_curve.min(), 1.25 * max(of_curve.max(), 1.0)])
    laws = (("$d/(NK)$", 1, "--"), ("$d/(NK^2)$", curve["shots"], ":"))
    for law, rank, line in laws:
        y = 1 / (rank * x)
        axes.plot(x, y, color="black", lw=0.9, ls=line, label=law, zorder=1)
        ends = {"panel": panel, "series": law, "samples_over_dim": x, "mean": y}
        shown.append(pd.DataFrame(ends))
    for what, face, line in (("N varied", "0.3", "-"), ("d varied", "white", "--")):
        axes.plot([], [], "o", color="0.3", mfc=face, ms=4, lw=0.8, ls=line, label=what)
    grey = {"color": "0.6", "zorder": 0}
    axes.axhline(1, lw=0.6, **grey)
    axes.axvline(at[panel], lw=0.8, ls=(0, (1, 3)), **grey, label="as in (a), (b)")
    axes.set(xscale="log", yscale="log", xlim=x)
    axes.set_xlabel("training samples / features, $NK/d$")
    axes.set_ylabel("estimate / minimiser of the test loss")
    return pd.concat(shown)[["panel", "series", "samples_over_dim", "mean", "low", "high", "n"]]
