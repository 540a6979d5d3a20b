"""Notebooks are thin: words, parameters, and calls of their family's drawing."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from replication.checkout import GENERAL_TABLES

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
# what computes and draws belongs to the family, where it is typed and tested
COMPUTING = {"matplotlib", "numpy", "pandas", "scipy", "seaborn", "torch"}
# beside the parameters and the texts displayed: imports, tables read, and calls
MOST_LINES = 40
MOST_LINES_OF_FUNCTION = 3


def code_of(path: Path) -> str:
    """The code cells but for the parameters."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    others = [cell for cell in code if "parameters" not in cell["metadata"].get("tags", [])]
    return "\n".join("".join(cell["source"]) for cell in others)


def lines_of_code(code: str) -> list[str]:
    """Lines that are neither empty nor a comment, nor within a text of several lines."""
    text: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            text |= set(range(node.lineno + 1, node.end_lineno + 1))
    lines = (line.strip() for i, line in enumerate(code.splitlines(), 1) if i not in text)
    return [line for line in lines if line and not line.startswith("#")]


def imported(code: str) -> Iterator[str]:
    """Dotted names of the modules that the code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def code(request: pytest.FixtureRequest) -> str:
    return code_of(request.param)


def test_a_notebook_has_few_lines_of_code(code: str) -> None:
    assert len(lines_of_code(code)) <= MOST_LINES


def test_a_notebook_defines_no_function_of_more_than_a_few_lines(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < MOST_LINES_OF_FUNCTION, node.name


def test_a_notebook_computes_nothing(code: str) -> None:
    assert not COMPUTING & {name.partition(".")[0] for name in imported(code)}
    for node in ast.walk(ast.parse(code)):
        assert not isinstance(node, ast.BinOp | ast.For | ast.While), ast.unparse(node)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_draws_with_one_family(path: Path) -> None:
    names = [name.split(".") for name in imported(code_of(path))]
    families = {name[2] for name in names if name[:2] == ["replication", "figures"]}
    assert len(families) == (0 if path.stem in GENERAL_TABLES else 1)


def test_texts_of_several_lines_are_no_code() -> None:
    code = 'x = 1\n\n# why\ny = f"""a\n{x}\nb"""\nz = (\n    2\n)\n'
    assert lines_of_code(code) == ["x = 1", 'y = f"""a', "z = (", "2", ")"]
