"""Which modules are behind a file: against what Python itself imports, and by hand."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from replication.families import experiments, family_of, own_section
from replication.pipeline.imports import APART, SOURCE, _imports, behind

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    f"{family_of(name).name}.{section.computed_by.partition(':')[0]}"
    for name, section in {**experiments(), "mine": own_section()}.items()
)


def names(path: Path) -> set[str]:
    return {file.relative_to(SOURCE).with_suffix("").as_posix() for file in behind(path)}


def path_of(module: str) -> Path:
    return SOURCE / "replication/figures" / f"{module.replace('.', '/')}.py"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_an_experiment_imports_is_left_out(module: str) -> None:
    """Imports in functions are made too late for this; what is found may hold more."""
    code = (
        "import sys, types\n"
        # the package's own imports are not the module's
        "sys.modules['innerlr'] = bare = types.ModuleType('innerlr')\n"
        f"bare.__path__ = [{str(SOURCE / 'innerlr')!r}]\n"
        f"import replication.figures.{module}\n"
        "ours = [m for n, m in sys.modules.items() if n.startswith(('innerlr.', 'replication.'))]\n"
        "print(*(m.__file__ for m in ours if getattr(m, '__file__', None)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {Path(file).resolve() for file in run.stdout.split()}
    imported = {file for file in imported if file.name != "__init__.py"}
    assert imported - set(behind(path_of(module))) <= {SOURCE / name for name in APART}
    assert path_of(module) in imported


def test_imports_in_functions_count_and_those_for_typing_do_not() -> None:
    omniglot = names(path_of("omniglot.experiment"))
    assert {"replication/training/anil", "replication/training/device"} <= omniglot
    assert {"innerlr/models", "innerlr/modes", "replication/images/bank"} <= omniglot
    assert "replication/training/checkpoint" not in omniglot
    assert "replication/training/maml" in names(path_of("rate_sweep.experiment"))


def test_what_only_some_experiments_use_is_behind_those_alone() -> None:
    using = {m for m in MODULES if "innerlr/adaptation" in names(path_of(m))}
    assert using == {"gaps.experiment"}


def test_what_a_package_gives_when_asked_is_followed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    cell = {"cell_type": "code", "source": ["from innerlr import RowMoments"]}
    path.write_text(json.dumps({"cells": [cell]}))
    expected = ("__init__", "checks", "errors", "rows", "traces")
    assert names(path) == {f"innerlr/{name}" for name in expected}


def test_a_notebook_is_read_as_its_code(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["from innerlr import ntk"]},
        {"cell_type": "code", "source": ["import numpy as np\n", "from innerlr import modes"]},
        {"cell_type": "code", "source": ["import innerlr.intervals"]},
    ]
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert names(path) == {
        f"innerlr/{name}" for name in ("checks", "errors", "intervals", "modes", "traces")
    }
    table2 = names(ROOT / "notebooks/table2.ipynb")
    assert {"replication/measuring", "replication/drawing"} <= table2
    fig08 = names(ROOT / "notebooks/fig08.ipynb")
    assert "replication/figures/convergence/quantities" in fig08


def parsed(file: Path) -> set[tuple[str, str]]:
    """What a file imports, by parsing it: (module, name), but for type checking."""

    def below(node: ast.AST) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        for inner in ast.iter_child_nodes(node):
            yield from below(inner)

    return set(below(ast.parse(file.read_text(encoding="utf-8"))))


OURS = sorted([*SOURCE.rglob("*.py"), *(ROOT / "scripts").glob("*.py")])


@pytest.mark.parametrize("file", OURS, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_file_imports_is_what_parsing_it_finds(file: Path) -> None:
    found = {(module, name) for module, names in _imports(file) for name in names}
    assert found == parsed(file)
