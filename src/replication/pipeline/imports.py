"""Which of our modules a file runs, read from its imports without running it."""

from __future__ import annotations

import json
import re
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


_IMPORT = re.compile(
    r"^[ ]*(?:from ([\w.]+) import (\([^)]*\)|[^\n]+)|import ([\w., ]+))", re.MULTILINE
)
_FOR_TYPING = re.compile(r"^([ ]*)if TYPE_CHECKING:\n(?:\1[ ]+.*\n|\n)*", re.MULTILINE)


@cache
def behind(path: Path, source: Path = SOURCE) -> tuple[Path, ...]:
    """The modules that a module of ours or a notebook runs, itself among them if it is one.

    Imports in functions count, those for type checking alone do not. Of a package only that is
    followed which is imported from it, though `innerlr/__init__.py` imports it at its first use.

    Args:
        path: a .py file, or an .ipynb; all its code cells are read.
        source: the folder of our packages.
    """
    apart = {source / name for name in APART}
    found: set[Path] = set()
    new = [path]
    while new:
        file = new.pop()
        if file not in found and file not in apart:
            found.add(file)
            new += _imported(file, source)
    return tuple(sorted(file for file in found if file.suffix == ".py"))


@cache
def _imported(file: Path, source: Path) -> tuple[Path, ...]:
    """The files of ours that a module or a notebook imports itself."""
    found: list[Path] = []
    for module, names in _imports(file):
        for name in names:
            imported = _file(f"{module}.{name}", source) or _file(module, source)
            if imported:
                found.append(imported)
                if imported.name == "__init__.py":
                    found += _given(imported, name, source)
    return tuple(found)


@cache
def _imports(file: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a file imports: dotted modules, and the names that are taken from each.

    Statements are found by how they look, which takes a tenth of the time of parsing: all rules are
    read anew by every job. A text that looks like one may add a module, and none is left out.
    """
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    found = []
    for module, names, plain in _IMPORT.findall(_FOR_TYPING.sub("", text)):
        bare = re.sub(r"#.*|[()]", "", names)
        taken = tuple(name.split()[0] for name in bare.split(",") if name.strip())
        found += [(module, taken)] if module else []
        found += [(name.split()[0], ("",)) for name in plain.split(",") if name.strip()]
    return tuple(found)


def _given(package: Path, name: str, source: Path) -> Iterator[Path]:
    """The module from which a package has a name, whether it imports it at once or when asked."""
    text = package.read_text(encoding="utf-8")
    for module, names, _ in _IMPORT.findall(text):  # those for typing say where a name is
        if re.search(rf"\b{re.escape(name)}\b", names) and (file := _file(module, source)):
            yield file


@cache
def _file(name: str, source: Path) -> Path | None:
    """The file of a dotted module name of ours, or None."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return None
    path = source.joinpath(*parts)
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)
