"""Tables for people: LaTeX with booktabs, and a plain page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

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


_TEX = {
    **{letter: f"\\{letter}" for letter in "{}$&%#_"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def as_tex(text: str) -> str:
    """Text of a cell for LaTeX, on one line, in which nothing is a command.

    Example:
        >>> print(as_tex("50% of x_1"))
        50\\% of x\\_1
    """
    return "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))


def page(title: str, table: str) -> str:
    """A page that needs no network.

    Args:
        title: its heading, as plain text.
        table: the table's HTML. Its first column stays when the others are scrolled.
    """
    return _PAGE.format(title=html.escape(title), table=table)


def as_html(frame: pd.DataFrame) -> str:
    """The whole frame as an HTML table, numbers to four digits; nothing where one is missing."""
    told = None if pd.api.types.is_numeric_dtype(frame.iloc[:, -1]) else "told"
    look = {"index": False, "border": 0, "classes": told, "na_rep": ""}
    return str(frame.to_html(**look, float_format=lambda v: f"{v:.4g}"))


def write_html(frame: pd.DataFrame, path: str | Path, title: str) -> None:
    """A page with the table."""
    with atomic(path) as temporary:
        temporary.write_text(page(title, as_html(frame)), encoding="utf-8")


def write_formats(frame: pd.DataFrame, files: Mapping[str, str | Path], title: str) -> None:
    """The same table as CSV, LaTeX (booktabs) and HTML.

    Args:
        frame: the table.
        files: where each of csv, tex and html is written.
        title: of the page.
    """
    write_table(frame, files["csv"])
    with atomic(files["tex"]) as temporary:
        temporary.write_text(
            frame.to_latex(index=False, escape=True, float_format=lambda v: f"{v:.4g}", na_rep=""),
            encoding="utf-8",
        )
    write_html(frame, files["html"], title)
