"""Tables for people: LaTeX with booktabs, and a plain page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from innerlr.intervals import Interval, geometric_interval, mean_interval
from replication.judging.claims import measure
from replication.pipeline.files import atomic, write_table

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1rem; color: #222; }}
h1 {{ font-size: 1.3rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }}
th, td {{ padding: .25rem .5rem; text-align: left; vertical-align: top; }}
thead tr {{ border-bottom: 1px solid; }}
tr {{ background: #fff; }}
tbody tr:nth-child(even) {{ background: #f3f3f3; }}
th:first-child, td:first-child {{ position: sticky; left: 0; background: inherit; }}
th:first-child, td:first-child {{ max-width: 9rem; }}
.told td:last-child {{ min-width: 18rem; }}
</style></head><body><h1>{title}</h1><div class="scroll">{table}</div></body></html>
"""

CLAIMS_TITLE = "The paper's claims and their verdicts"
ESTIMATORS_TITLE = "Every estimate of the adaptation learning rate"

# quantity of an estimates table: what it is
ESTIMATORS = {
    "alpha_lim": "alpha_lim, exact (3.3)",
    "alpha_lim_sampled": "alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
    "alpha_lim_split": "alpha_lim, support and query apart (H.6)",
    "alpha_pooled": "alpha_est before its simplification (H.14)",
    "alpha_star": "alpha*(N), argmin of the training loss",
    "alpha_star_risk": "alpha*(N), argmin of the population risk (3.2)",
    "alpha_est": "alpha_est (H.15)",
    "alpha_lim_weighted": "alpha_lim_split, weighted by the covariance of the task optima",
    "alpha_empirical": "argmin of the training loss",
    "alpha_lim_tangent_initial": "alpha_lim of the initial tangent features (3.3)",
    "alpha_lim_tangent_trained": "alpha_lim of the best network's tangent features (3.3)",
    "alpha_h18_initial": "(H.18) with the variance of the initial tangent features",
    "alpha_h18_trained": "(H.18) with the variance of the best network's tangent features",
    "range_low": "lower end of the range of (H.18), (H.19); N of a batch",
    "range_high": "upper end of the range of (H.18), (H.19); N of a batch",
    "range_all_low": "lower end of the range of (H.18), (H.19); N of all tasks",
    "range_all_high": "upper end of the range of (H.18), (H.19); N of all tasks",
    "corollary1_lower": "lower bound, right form of Corollary 1",
    "corollary1_upper": "upper bound, right form of Corollary 1",
    "corollary1_printed_lower": "lower bound as printed (3.5)",
    "corollary1_printed_upper": "upper bound as printed (3.5)",
    "corollary1_printed_upper_appendix": "upper bound as printed (D.6)",
}

# where a quantity is another thing than elsewhere: experiments, what it is
ELSEWHERE = {
    "alpha_lim": {
        **dict.fromkeys(("fig01", "fig07"), "alpha_lim, from the sampled tasks (3.3)"),
        "fig11": "alpha_lim of normal inputs, support and query apart, exact (H.1)",
    },
    "alpha_star": {
        "fig02": "argmin of the test loss",
        **dict.fromkeys(
            ("fig10a", "fig10b", "fig12", "table2"), "rate of the grid with the least test loss"
        ),
    },
}
# experiments whose rates come from trained networks and spread by factors
TRAINED = ("fig10a", "fig10b", "fig12", "table2")


def write_html(frame: pd.DataFrame, path: str, title: str) -> None:
    """A page with the table; its first column stays when the others are scrolled."""
    told = None if pd.api.types.is_numeric_dtype(frame.iloc[:, -1]) else "told"
    look = {"index": False, "border": 0, "classes": told, "na_rep": ""}
    body = frame.to_html(**look, float_format=lambda v: f"{v:.4g}")
    with atomic(path) as temporary:
        temporary.write_text(_PAGE.format(title=html.escape(title), table=body))


def write_formats(frame: pd.DataFrame, output: Any, title: str) -> None:
    """The same table as CSV, LaTeX (booktabs) and HTML; `output` has csv, tex and html."""
    write_table(frame, output.csv)
    with atomic(output.tex) as temporary:
        temporary.write_text(
            frame.to_latex(index=False, escape=True, float_format=lambda v: f"{v:.4g}", na_rep="")
        )
    write_html(frame, output.html, title)


def estimators_table(experiment: str, estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates of one experiment: panel, estimator, mean, low, high over repetitions.

    Exact ones have no low and high; means of trained networks are geometric.
    """
    rows = []
    kept = estimates[estimates.quantity.isin(ESTIMATORS)]
    for (panel, quantity), group in kept.groupby(["panel", "quantity"]):
        label = ELSEWHERE.get(str(quantity), {}).get(experiment, ESTIMATORS[str(quantity)])
        if quantity == "alpha_lim" and "exact" in label:
            # of the law, not of its draws
            interval = Interval(float(group.value.iloc[0]), np.nan, np.nan)
        elif experiment in TRAINED and quantity != "alpha_star" and (group.seed >= 0).all():
            interval = rate_interval(estimates, str(panel), str(quantity))
        else:
            interval = measure(estimates, str(panel), str(quantity))
        rows.append((experiment, panel, label, *interval))
    return pd.DataFrame(rows, columns=["experiment", "panel", "estimator", "alpha", "low", "high"])


def rate_interval(estimates: pd.DataFrame, panel: str, quantity: str) -> Interval:
    """The geometric mean of a rate over networks, with its interval; one may be infinite."""
    of_panel = estimates[(estimates.panel == panel) & (estimates.quantity == quantity)]
    values = of_panel.value.to_numpy()
    if np.isfinite(values).all() and values.min() > 0:
        return geometric_interval(values)
    return measure(estimates, panel, quantity)


# Table 2 as the paper prints it, alpha: (before adaptation, after); entries there are the digits
# after the decimal point.
PAPER_TABLE2 = {
    0.001: (0.829, 0.829),
    0.005: (0.822, 0.820),
    0.01: (0.822, 0.817),
    0.05: (0.827, 0.807),
    0.08: (0.829, 0.800),
    0.1: (0.827, 0.797),
    0.15: (0.825, 0.805),
    0.2: (0.821, 0.820),
    0.3: (0.826, 0.861),
    0.4: (0.825, 0.955),
    0.5: (0.826, 0.989),
}
# the paper's estimate for it, section H.4.3
PAPER_ALPHA_LIM = 0.10319


def table2(sweep: pd.DataFrame, estimates: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Table 2: errors at each rate, with intervals over networks and marks at the best ones.

    Args:
        sweep: columns panel, seed, alpha, pre, post.
        estimates: holds alpha_lim_split and alpha_lim_weighted.
        titles: heading of each panel.

    Returns:
        Columns reading, alpha, pre, post and "post - pre" with low and high of each, and note.
    """
    frames = []
    for panel, title in titles.items():
        mine = sweep[sweep.panel == panel]
        rows = []
        for alpha, group in mine.groupby("alpha"):
            row: dict[str, Any] = {"reading": title, "alpha": alpha}
            for name, values in (
                ("pre", group.pre),
                ("post", group.post),
                ("post - pre", group.post - group.pre),
            ):
                interval = mean_interval(values.to_numpy())
                row |= {name: interval.mean, f"{name}, low": interval.low}
                row |= {f"{name}, high": interval.high}
            rows.append(row)
        frame = pd.DataFrame(rows)
        notes = pd.Series("", index=frame.index)
        notes[frame.post.idxmin()] = "lowest error"
        for name, said in (
            ("alpha_lim_split", "alpha_lim"),
            ("alpha_lim_weighted", "the weighted estimate"),
        ):
            value = rate_interval(estimates, panel, name).mean
            at = (frame.alpha - value).abs().idxmin()
            inside = frame.alpha.min() <= value <= frame.alpha.max()
            text = (
                f"nearest to {said}, {value:.4g}" if inside else f"{said}, {value:.4g}, is beyond"
            )
            notes[at] += f"{'; ' if notes[at] else ''}{text}"
        frames.append(frame.assign(note=notes))
    return pd.concat(frames, ignore_index=True)


def paper_table2() -> pd.DataFrame:
    """PAPER_TABLE2 as columns alpha, pre, post."""
    rows = [(alpha, *errors) for alpha, errors in PAPER_TABLE2.items()]
    return pd.DataFrame(rows, columns=["alpha", "pre", "post"])


def write_table2(frame: pd.DataFrame, output: Any, title: str) -> None:
    """Table 2 in the paper's form, rates across, as LaTeX and HTML; the tidy table as CSV.

    Args:
        frame: what :func:`table2` returned.
        output: has csv, tex and html.
        title: of the page.
    """
    write_table(frame, output.csv)
    wide = _in_the_papers_form(frame)
    bold = {"tex": r"\textbf{%s}", "html": "<b>%s</b>"}
    texts = {}
    for kind, mark in bold.items():
        marked = wide.map(lambda cell, mark=mark: mark % cell[1:] if cell.startswith("*") else cell)
        if kind == "tex":
            marked = marked.replace(
                {"+-": r"$\pm$ (95\%)", "post - pre": "post $-$ pre"}, regex=False
            )
            texts[kind] = marked.to_latex(index=False, escape=False)
        else:
            marked = marked.replace({"+-": "\N{PLUS-MINUS SIGN} (95%)"})
            table = marked.to_html(index=False, border=0, escape=False)
            texts[kind] = _PAGE.format(title=html.escape(title), table=table)
    for kind, text in texts.items():
        with atomic(getattr(output, kind)) as temporary:
            temporary.write_text(text)


def _in_the_papers_form(frame: pd.DataFrame) -> pd.DataFrame:
    """Text cells: a row a quantity, a column a rate; the lowest error has a star before it."""
    rows = []
    groups = [("the paper", paper_table2()), *frame.groupby("reading", sort=False)]
    for reading, group in groups:
        for name in ("pre", "post", "post - pre"):
            if name not in group:
                continue
            best = group[name].idxmin() if name == "post" else None
            cells = {
                f"{alpha:g}": f"{'*' if i == best else ''}{value:.3f}"
                for i, alpha, value in zip(group.index, group.alpha, group[name], strict=True)
            }
            rows.append({"reading": reading, "": name} | cells)
            if f"{name}, high" in group:
                widths = zip(group.alpha, group[f"{name}, high"] - group[name], strict=True)
                cells = {f"{alpha:g}": f"{half:.3f}" for alpha, half in widths}
                rows.append({"reading": "", "": "+-"} | cells)
    # a reading's name stands at its first row
    made = pd.DataFrame(rows)
    named = made.reading.where(made.reading != made.reading.replace("", pd.NA).ffill().shift(), "")
    return made.assign(reading=named).fillna("")
