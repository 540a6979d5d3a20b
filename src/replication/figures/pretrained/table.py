"""Table 2 with intervals over pretrained networks, beside the paper's."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from innerlr.intervals import mean_interval
from replication.figures.pretrained import quantities as q
from replication.measuring import measure
from replication.pipeline.files import atomic, write_table
from replication.pipeline.tables import as_tex, page

TITLE = "Test errors of one-step sinusoid regression with network features (Table 2)"

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
        for of, said in (
            (q.alpha_lim_split, "alpha_lim"),
            (q.alpha_lim_weighted, "the weighted estimate"),
        ):
            value = measure(estimates, of, panel).mean
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


def write_table2(frame: pd.DataFrame, files: Mapping[str, str | Path]) -> None:
    """Table 2 in the paper's form, rates across, as LaTeX and HTML; the tidy table as CSV.

    Args:
        frame: what :func:`table2` returned.
        files: where each of csv, tex and html is written.
    """
    write_table(frame, files["csv"])
    wide = _in_the_papers_form(frame)
    names = {"+-": r"$\pm$ (95\%)", "post - pre": "post $-$ pre"}
    tex = _marked(wide, as_tex, names, r"\textbf{%s}").to_latex(index=False, escape=False)
    names = {"+-": "\N{PLUS-MINUS SIGN} (95%)"}
    shown = _marked(wide, html.escape, names, "<b>%s</b>")
    table = page(TITLE, shown.to_html(index=False, border=0, escape=False))
    for kind, text in (("tex", tex), ("html", table)):
        with atomic(files[kind]) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _marked(
    wide: pd.DataFrame, escaped: Callable[[str], str], names: Mapping[str, str], bold: str
) -> pd.DataFrame:
    """The cells in one language: titles, which are the user's, as plain text; stars as bold."""
    rates = wide.columns.drop(["reading", ""])
    marked = wide.assign(reading=wide.reading.map(escaped))
    marked[""] = wide[""].replace(names)
    marked[rates] = wide[rates].map(lambda cell: bold % cell[1:] if cell[:1] == "*" else cell)
    return marked


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
