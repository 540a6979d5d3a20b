"""Which modules are behind a file: against what Python itself imports, and by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from innerlr.experiments import EXPERIMENTS, OWN
from innerlr.io.imports import PACKAGE, behind

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted({module for module, _ in [*EXPERIMENTS.values(), OWN]})


def names(path: Path) -> set[str]:
    return {file.relative_to(PACKAGE).with_suffix("").as_posix() for file in behind(path)}


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_an_experiment_imports_is_left_out(module: str) -> None:
    """Imports in functions are made too late for this; what is found may hold more."""
    code = (
        "import sys, types\n"
        # the package's own imports are not the module's
        "for name in ('innerlr', 'innerlr.experiments'):\n"
        "    sys.modules[name] = bare = types.ModuleType(name)\n"
        f"    bare.__path__ = [{str(PACKAGE.parent)!r} + '/' + name.replace('.', '/')]\n"
        f"import innerlr.experiments.{module}\n"
        "ours = [m for n, m in sys.modules.items() if n.startswith('innerlr.')]\n"
        "print(*(m.__file__ for m in ours if getattr(m, '__file__', None)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {Path(file).resolve() for file in run.stdout.split()}
    found = set(behind(PACKAGE / f"experiments/{module}.py"))
    assert imported - found <= {PACKAGE / "config.py"}
    assert PACKAGE / f"experiments/{module}.py" in imported


def test_imports_in_functions_count_and_those_for_typing_do_not() -> None:
    omniglot = names(PACKAGE / "experiments/omniglot.py")
    assert {"training/anil", "training/device", "models", "dual", "omniglot"} <= omniglot
    assert "training/checkpoint" not in omniglot
    assert "training/maml" in names(PACKAGE / "experiments/rate_sweep.py")


def test_what_only_some_experiments_use_is_behind_those_alone() -> None:
    using = {m for m in MODULES if "adaptation" in names(PACKAGE / f"experiments/{m}.py")}
    assert using == {"adaptation_gap"}
    for module in ("convergence", "own", "theory"):
        assert "experiments/landscape" in names(PACKAGE / f"experiments/{module}.py")


def test_a_notebook_is_read_as_its_code(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["from innerlr import ntk"]},
        {"cell_type": "code", "source": ["import numpy as np\n", "from innerlr import dual"]},
        {"cell_type": "code", "source": ["import innerlr.intervals"]},
    ]
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert names(path) == {"dual", "errors", "intervals"}
    assert {"claims", "plotting", "io/tables"} <= names(ROOT / "notebooks/table2.ipynb")
    assert "experiments/convergence" in names(ROOT / "notebooks/fig08.ipynb")
