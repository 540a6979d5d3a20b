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
    *("input", "output", "log", "benchmark", "wildcard_constraints", "conda"),
    *("threads", "resources", "params", "message", "script"),
]
# image_bank and the readings read no file of the run
OPTIONAL = {"wildcard_constraints", "input"}
RULE = r"^(?:use rule (?P<base>\w+) as (?P<heir>\w+) with|rule (?P<name>\w+)):\n"


def written() -> tuple[dict[str, list[str]], dict[str, str]]:
    """The directives of each rule as they are written, and the rule that another inherits from."""
    directives, bases = {}, {}
    for path in FILES:
        for rule in re.finditer(rf"{RULE}(?P<body>(?:^(?:    .*)?\n)*)", path.read_text(), re.M):
            name = rule["name"] or rule["heir"]
            directives[name] = re.findall(r"^    (\w+):", rule["body"], re.M)
            if rule["base"]:
                bases[name] = rule["base"]
    return directives, bases


WRITTEN, BASES = written()
# those that run something; report_due makes a mark
RULES = [name for name in WRITTEN if "output" in WRITTEN[name] and name != "report_due"]


def test_the_parser_sees_the_rules() -> None:
    assert {"data", "features", "sweep", "estimates", "judge", "figure", "table"} <= set(RULES)
    assert BASES == {"figure_with_table": "figure"}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_carries_everything_in_one_order(name: str) -> None:
    """What it does not write itself it inherits."""
    here = WRITTEN[name]
    assert here == [directive for directive in ORDER if directive in here]
    all_of_it = {*here, *WRITTEN[BASES.get(name, name)]}
    assert all_of_it >= set(ORDER) - OPTIONAL


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_script_of_its_name(name: str) -> None:
    script = BASES.get(name, name)
    text = (ROOT / f"scripts/{script}.py").read_text()
    assert text.startswith(f'"""Rule {script}:')
    assert "with job(snakemake" in text


def test_there_is_no_script_without_a_rule() -> None:
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == set(RULES) - set(BASES)


def test_every_experiment_has_what_computes_it() -> None:
    for name, section in experiments().items():
        module, cls = section.computed_by.split(":")
        text = (family_of(name).folder / f"{module}.py").read_text()
        assert f"class {cls}(" in text, name


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OF_FIGURES = {"sweeps", "estimates", "claims", "sections", "stem", "preset"}
OF_TABLES = {"inputs", "tables"}


def parameters(notebook: Path) -> set[str]:
    """The names that a notebook's one cell of parameters gives values to."""
    cells = nbformat.read(notebook, as_version=4).cells
    (cell,) = (c for c in cells if "parameters" in c.metadata.get("tags", []))
    return set(re.findall(r"^(\w+) = ", cell.source, re.M))


def caption_of_figure(notebook: Path) -> list[Path]:
    return list((ROOT / "src/replication/figures").glob(f"*/captions/{notebook.stem}.rst"))


FIGURES = [path for path in NOTEBOOKS if caption_of_figure(path)]
TABLES = [path for path in NOTEBOOKS if not caption_of_figure(path)]


@pytest.mark.workflow
def test_every_figure_and_table_has_its_notebook() -> None:
    """The targets that are in no file: the Snakefile makes one for each figure and table."""
    command = [sys.executable, "-m", "snakemake", "--list-target-rules"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^\w+$", run.stdout, re.M)) - set(WRITTEN)
    assert targets >= {"fig01", "fig10", "theory", "table1", "table2", "claims"}
    # experiments of the user's own share one
    assert {path.stem for path in NOTEBOOKS} == targets | {"own_experiment"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_stored_clean_and_parametrised(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert parameters(path) >= (OF_TABLES if path in TABLES else OF_FIGURES)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    prose = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    assert prose
    # an experiment of one's own has no paper to differ from
    if path in FIGURES and path.stem != "own_experiment":
        assert any("What differs from the paper" in text for text in prose)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_has_a_caption(path: Path) -> None:
    of_table = ROOT / f"workflow/report/{path.stem}.rst"
    (caption,) = caption_of_figure(path) or [of_table]
    assert caption.read_text().strip()
    assert of_table.is_file() == (path in TABLES)


def test_a_figure_with_a_table_has_a_caption_for_each() -> None:
    for path in FIGURES:
        (caption,) = caption_of_figure(path)
        beside = caption.with_name(f"{path.stem}_table.rst")
        assert beside.is_file() == ("tables" in parameters(path)), path.stem


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
