"""Which of the package's modules a file runs, read from its imports without running it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# What it says reaches a job as parameters, and all import it: a new default or comment would rerun
# every experiment.
_APART = "config.py"


def behind(path: str | Path, package: Path = PACKAGE) -> list[Path]:
    """The modules that a module of ours or a notebook runs, itself among them if it is one.

    Imports in functions count, those for type checking alone do not. Of a package only that is
    followed which is imported from it: `innerlr/__init__.py` imports more than most need.

    Args:
        path: a .py file, or an .ipynb, of which all code cells are read.
        package: the folder of `innerlr`.
    """
    found: set[Path] = set()
    new = [Path(path)]
    while new:
        file = new.pop()
        if file not in found and file != package / _APART:
            found.add(file)
            new += _imported(file, package)
    return sorted(file for file in found if file.suffix == ".py")


@cache
def _imported(file: Path, package: Path) -> tuple[Path, ...]:
    text = file.read_text()
    if file.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    return tuple(_modules(ast.parse(text, str(file)), package))


def _modules(node: ast.AST, package: Path) -> Iterator[Path]:
    """Files of the package that the code below `node` imports."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (file for alias in node.names if (file := _file(alias.name, package)))
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            file = _file(f"{node.module}.{alias.name}", package) or _file(node.module, package)
            if file:
                yield file
    for inner in ast.iter_child_nodes(node):
        yield from _modules(inner, package)


def _file(name: str, package: Path) -> Path | None:
    """The file of a dotted module name of ours, or None."""
    first, *rest = name.split(".")
    if first != package.name:
        return None
    path = package.joinpath(*rest)
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)
