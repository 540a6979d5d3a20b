"""Tables for people: LaTeX with booktabs, and a plain page."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd

from innerlr.io.files import atomic, write_table

PAGE = """<!doctype html>
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


def write_html(frame: pd.DataFrame, path: str, title: str) -> None:
    """A page with the table; its first column stays when the others are scrolled."""
    told = None if pd.api.types.is_numeric_dtype(frame.iloc[:, -1]) else "told"
    look = {"index": False, "border": 0, "classes": told, "na_rep": ""}
    body = frame.to_html(**look, float_format=lambda v: f"{v:.4g}")
    with atomic(path) as temporary:
        temporary.write_text(PAGE.format(title=html.escape(title), table=body))


def write_formats(frame: pd.DataFrame, output: Any, title: str) -> None:
    """The same table as CSV, LaTeX (booktabs) and HTML; `output` has csv, tex and html."""
    write_table(frame, output.csv)
    with atomic(output.tex) as temporary:
        temporary.write_text(
            frame.to_latex(index=False, escape=True, float_format=lambda v: f"{v:.4g}", na_rep="")
        )
    write_html(frame, output.html, title)
