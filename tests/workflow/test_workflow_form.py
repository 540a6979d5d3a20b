"""The workflow's form: what every rule must carry, one script a rule, one notebook a figure."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from replication.families import experiments, family_of
from replication.judging.entries import entries

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]
ORDER = [
    *("input", "output", "log", "benchmark", "conda"),
    *("threads", "resources", "params", "message", "script"),
]


def rules() -> dict[str, list[str]]:
    """The directives of each rule that runs something, in their order."""
    found = {}
    for path in FILES:
        for name, body in re.findall(
            r"^rule (\w+):\n((?:^(?:    .*)?\n)*)", path.read_text(), re.M
        ):
            directives = re.findall(r"^    (\w+):", body, re.M)
            if "output" in directives and name != "report_due":  # a mark, no work
                found[name] = directives
    return found


RULES = rules()


def test_the_parser_sees_the_rules() -> None:
    assert {"data", "features", "sweep", "estimates", "judge", "figure"} <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_carries_everything_in_one_order(name: str) -> None:
    assert RULES[name] == ORDER


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_script_of_its_name(name: str) -> None:
    text = (ROOT / f"scripts/{name}.py").read_text()
    assert text.startswith(f'"""Rule {name}:')
    assert "with job(snakemake" in text


def test_there_is_no_script_without_a_rule() -> None:
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == set(RULES)


def test_every_experiment_has_what_computes_it() -> None:
    for name, section in experiments().items():
        module, cls = section.computed_by.split(":")
        text = (family_of(name).folder / f"{module}.py").read_text()
        assert f"class {cls}(" in text, name


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_stored_clean_and_parametrised(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    for name in ("sweeps", "estimates", "claims", "sections", "stem", "preset"):
        assert re.search(rf"^{name} = ", tagged[0].source, re.M), name
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    prose = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    if path.stem != "own_experiment":  # has no paper to differ from
        assert any("What differs from the paper" in text for text in prose)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_has_a_caption(path: Path) -> None:
    (caption,) = (ROOT / "src/replication/figures").glob(f"*/captions/{path.stem}.rst")
    assert caption.read_text().strip()


def test_nothing_below_the_package_imports_the_workflow() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) snakemake", path.read_text(), re.M), path


def test_the_estimators_need_neither_pandas_nor_torch() -> None:
    code = (
        "import sys, innerlr\n"
        "heavy = {'pandas', 'torch', 'matplotlib', 'pydantic', 'snakemake'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_claims_of_the_workflow_are_those_of_the_figures() -> None:
    listed = entries()
    assert {entry["experiment"] for entry in listed if "of" not in entry} <= set(experiments())


@pytest.mark.workflow
def test_snakemake_finds_nothing_to_lint() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr + run.stdout


def test_stages_that_train_nothing_import_no_torch() -> None:
    code = (
        "import sys\n"
        "from replication.settings.config import Config\n"
        "from replication.families import make\n"
        "for name in ('fig08', 'fig10b', 'table2', 'theory'):\n"
        "    make(name, getattr(Config(), name).model_dump(), 1)\n"
        "sys.exit('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
