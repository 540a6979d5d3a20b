"""Which of our modules a file runs, read from its imports without running it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = ("innerlr", "replication")
# They find what is run, and record it. What they find and pass on is an input or a parameter.
APART = frozenset(
    f"replication/{name}.py"
    for name in (
        *("checkout", "families", "pipeline/imports", "pipeline/job", "pipeline/targets"),
        *("settings/config", "training/checkpoint"),
    )
)


@cache
def behind(path: Path, source: Path = SOURCE) -> tuple[Path, ...]:
    """The modules that a module of ours or a notebook runs, itself among them if it is one.

    Imports in functions count, those for type checking alone do not. Of a package only that is
    followed which is imported from it, though `innerlr/__init__.py` imports it at its first use.

    Args:
        path: a .py file, or an .ipynb, of which all code cells are read.
        source: the folder of our packages.
    """
    found: set[Path] = set()
    new = [path]
    while new:
        file = new.pop()
        apart = file.is_relative_to(source) and file.relative_to(source).as_posix() in APART
        if file not in found and not apart:
            found.add(file)
            new += _imported(file, source)
    return tuple(sorted(file for file in found if file.suffix == ".py"))


@cache
def _imported(file: Path, source: Path) -> tuple[Path, ...]:
    text = file.read_text()
    if file.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    return tuple(_modules(ast.parse(text, str(file)), source))


def _modules(node: ast.AST, source: Path) -> Iterator[Path]:
    """Files of ours that the code below `node` imports."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (file for alias in node.names if (file := _file(alias.name, source)))
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            file = _file(f"{node.module}.{alias.name}", source) or _file(node.module, source)
            if file:
                yield file
            if file and file.name == "__init__.py":
                yield from _given(file, alias.name, source)
    for inner in ast.iter_child_nodes(node):
        yield from _modules(inner, source)


def _given(package: Path, name: str, source: Path) -> Iterator[Path]:
    """The module from which a package has a name, whether it imports it at once or when asked."""
    for node in ast.walk(ast.parse(package.read_text(), str(package))):
        if isinstance(node, ast.ImportFrom) and node.module:
            file = _file(node.module, source)
            if file and name in (alias.name for alias in node.names):
                yield file


def _file(name: str, source: Path) -> Path | None:
    """The file of a dotted module name of ours, or None."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return None
    path = source.joinpath(*parts)
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)
