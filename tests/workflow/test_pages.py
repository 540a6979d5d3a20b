"""The code that README.md and the pages of docs/ show."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docstrings import of_name

ROOT = Path(__file__).resolve().parents[2]


def code(page: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("page", "blocks", "rate"), [("README.md", 1, "online"), ("docs/own-models.md", 3, "rate")]
)
def test_the_code_of_the_pages_runs(page: str, blocks: int, rate: str) -> None:
    found = code(page)
    assert len(found) == blocks
    names: dict[str, Any] = {}
    for block in found:
        exec(block, names)
    assert 0 < names[rate].value < np.inf


def shown() -> dict[str, str]:
    """Names that the pages import from modules of the library, and their modules."""
    found = {}
    for page in ("README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))):
        for node in ast.walk(ast.parse("".join(code(page)))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("innerlr"):
                found |= {alias.name: str(node.module) for alias in node.names}
    return found


@pytest.mark.parametrize(("name", "module"), shown().items())
def test_every_name_that_a_page_imports_is_documented(name: str, module: str) -> None:
    assert of_name(getattr(import_module(module), name), name) == []


def test_the_pages_import_from_modules() -> None:
    assert {"alpha_lim_gram", "TwoLayerNTK"} <= set(shown())
