"""Markdown of the pages that are made from results."""

from __future__ import annotations

import textwrap
from typing import Any


def cell(text: Any) -> str:
    """Text that stays inside one cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def rows(header: list[str], body: list[list[Any]]) -> list[str]:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(cell(entry) for entry in line) + " |" for line in lines]


def wrapped(text: str) -> list[str]:
    """The lines of a paragraph; words and links stay whole."""
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
