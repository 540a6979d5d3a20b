"""The checkout that this package stands in, and the names that its workflow has taken."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# tables that no family has: the notation, every estimate, every verdict
GENERAL_TABLES = ("table1", "estimators", "claims")
_RULE = re.compile(r"^ *(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:$", re.M)


def results_of(preset: str) -> Path:
    """Where a run's results stand, relative to the working directory."""
    return Path("results") / preset


def from_here(path: str | Path) -> str:
    """A file of the checkout by its path from the working directory, which may be another folder.

    Args:
        path: in the checkout, or absolute.
    """
    return os.path.relpath(ROOT / path)


@cache
def taken_names() -> frozenset[str]:
    """Names of rules, figures and tables: no experiment of the user's own may have one."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    rules = {name for file in files for name in _RULE.findall(file.read_text(encoding="utf-8"))}
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    return frozenset({*rules, *notebooks, *GENERAL_TABLES})
