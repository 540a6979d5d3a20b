"""A new family is one folder and one notebook: nothing else is edited."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat.v4 as nb
import pandas as pd
import pytest
from project import Project, counts

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SETTINGS = '''
"""Settings of Fig. 13."""

from typing import ClassVar

from pydantic import PositiveInt

from replication.settings.section import OpenSection
from replication.settings.sources import Source, ours


class Fig13(OpenSection):
    """Squares of the first numbers (Fig. 13)."""

    computed_by: ClassVar[str] = "experiment:Squares"
    numbers: PositiveInt = 5
    sources: ClassVar[dict[str, Source]] = {"numbers": ours("how many")}


EXPERIMENTS = {"fig13": Fig13}
'''
EXPERIMENT = '''
"""Squares."""

import numpy as np
import pandas as pd

from replication.experiment import Experiment
from replication.figures.squares import quantities as q
from replication.figures.squares.settings import Fig13
from replication.quantity import Estimates


class Squares(Experiment):
    cfg: Fig13

    def data(self):
        return pd.DataFrame({"number": range(self.cfg.numbers)})

    def features(self):
        return {"square": np.arange(self.cfg.numbers) ** 2.0}

    def sweep(self, features):
        return pd.DataFrame({"panel": "a", "seed": 0, "square": features["square"]})

    def estimates(self, features, sweep):
        found = Estimates()
        found.at("a")(q.largest, sweep.square)
        return found.table()
'''
QUANTITIES = '''
"""What Fig. 13 measures."""

from replication.quantity import quantity


@quantity(unit="1", place="Fig. 13", kind="exact")
def largest(squares):
    """The largest square."""
    return squares.max()
'''
DRAW = '''
"""Drawing of Fig. 13."""

from replication.drawing import panels


def squares(sweep):
    figure, grid = panels(1, 1)
    grid[0, 0].plot(sweep.square)
    return figure, sweep
'''
CLAIMS = """
- id: fig13-largest
  place: Fig. 9
  claim: The largest square of the first five numbers is 16.
  experiment: fig13
  panel: a
  quantity: largest
  expected: {between: [16, 16]}
  needs: {}
  reason: Arithmetic.
"""
PARAMETERS = """
sweeps = {}
estimates = {}
claims = {}
sections = {}
stem = ""
preset = ""
"""
CELL = """
from innerlr.io.files import read_table
from replication import drawing
from replication.figures.squares import draw

drawing.setup()
figure, shown = draw.squares(read_table(sweeps["fig13"]))
drawing.save(figure, stem, shown)
drawing.verdicts(list(claims.values()))
"""
SMALL = ("--configfile", "workflow/presets/smoke.yaml")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    family = made.folder / "src/replication/figures/squares"
    (family / "captions").mkdir(parents=True)
    for name, text in (
        ("__init__.py", ""),
        ("settings.py", SETTINGS),
        ("experiment.py", EXPERIMENT),
        ("quantities.py", QUANTITIES),
        ("draw.py", DRAW),
        ("claims.yaml", CLAIMS),
        ("captions/fig13.rst", "**Fig. 13.** Squares.\n"),
    ):
        (family / name).write_text(text)
    cells = [nb.new_code_cell(text.strip()) for text in (PARAMETERS, CELL)]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nb.new_notebook(cells=cells, metadata=kernel)
    (made.folder / "notebooks/fig13.ipynb").write_text(json.dumps(notebook))
    return made


def test_it_is_in_everything_that_is_made_of_all_experiments(project: Project) -> None:
    for table, stage in (("claims", "claims"), ("estimators", "estimates")):
        planned = project.snakemake("-n", *SMALL, "--", table)
        assert f"{stage}/fig13.csv" in planned


def test_it_is_a_target_and_in_the_figure_the_claims_and_the_report(project: Project) -> None:
    said = project.snakemake(*SMALL, "--", "fig13")
    folder = project.results()
    assert "1 of 16 figures are in results/smoke/figures" in said
    for kind in ("pdf", "svg", "png"):
        assert (folder / f"figures/fig13.{kind}").stat().st_size > 1000
    assert list(pd.read_csv(folder / "figures/fig13.csv").square) == [0, 1, 4, 9, 16]
    (verdict,) = pd.read_csv(folder / "claims/fig13.csv").itertuples()
    assert verdict.id == "fig13-largest"
    assert verdict.verdict == "reproduced"
    report = (folder / "report.html").read_text()
    assert "fig13.svg" in report
    assert "fig13-largest" in report


def test_its_settings_are_in_the_configuration(project: Project) -> None:
    (project.folder / "change.yaml").write_text("fig13: {numbers: 7}\n")
    jobs = counts(project.snakemake("-n", *SMALL, "change.yaml", "--", "fig13"))
    assert jobs == {
        **dict.fromkeys(("data", "features", "sweep", "estimates", "judge", "figure"), 1),
        "fig13": 1,
        "total": 7,
    }
    (project.folder / "change.yaml").write_text("fig13: {nubmers: 7}\n")
    said = project.snakemake("-n", *SMALL, "change.yaml", "--", "fig13", ok=False)
    assert "fig13.nubmers: unknown key. Did you mean 'numbers'?" in said


def test_names_of_its_files_do_not_leave_the_copy() -> None:
    assert not (Path(__file__).resolve().parents[2] / "notebooks/fig13.ipynb").exists()
