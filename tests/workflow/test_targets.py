"""What the workflow makes, from what and with which code; and what a parse of its rules costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from innerlr.errors import InnerlrError
from replication.families import families
from replication.images.choice import ENVIRONMENT
from replication.pipeline.targets import Targets, digests, provenance
from replication.settings.config import load

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path("results/default")


def targets(**change: Any) -> Targets:
    return Targets(load(change))


def test_every_figure_and_table_is_a_target_with_its_files() -> None:
    made = targets()
    assert {"fig01", "fig12", "h3", "theory", "table1", "table2", "estimators", "claims"} <= set(
        made.names
    )
    files = made.files("fig08")
    assert RESULTS / "figures/fig08.pdf" in files
    assert RESULTS / "notebooks/fig08.html" in files
    assert made.files("claims") == [
        *(RESULTS / name for name in ("claims.csv", "tables/claims.html")),
        *(RESULTS / f"notebooks/claims.{kind}" for kind in ("ipynb", "html")),
    ]
    # Table 2 is drawn as well, by one notebook
    assert {RESULTS / "figures/table2.png", RESULTS / "tables/table2.tex"} <= set(
        made.files("table2")
    )
    assert len(made.files("table2")) == len(set(made.files("table2")))
    assert provenance("a.csv") == ["a.csv.provenance.json"]
    assert digests("a.csv") == ["a.csv.sha256"]


def test_what_no_job_makes_has_no_digest() -> None:
    made = targets(experiments={"mine": {"file": "mine.npz"}})
    files = [
        *made.inputs_of("fig04", "sweeps"),
        *made.own_file("mine"),
        *made.data_of_table("table1"),
    ]
    assert made.digests_of(files) == [f"{RESULTS}/sweeps/fig04{panel}.csv.sha256" for panel in "ab"]


def test_a_figure_of_two_experiments_reads_both() -> None:
    assert targets().inputs_of("fig04", "sweeps") == [
        RESULTS / "sweeps/fig04a.csv",
        RESULTS / "sweeps/fig04b.csv",
    ]


def test_an_experiment_of_the_users_own_is_a_target_too() -> None:
    made = targets(experiments={"mine": {"file": "mine.npz"}})
    assert made.figures["mine"] == ["mine"]
    assert made.notebook("mine") == "notebooks/own_experiment.ipynb"
    assert made.caption("mine").endswith("figures/own/captions/own_experiment.rst")
    assert made.own_file("mine") == ["mine.npz"]
    assert made.own_file("fig08") == []
    assert made.claims("mine") == []
    assert made.runs("mine") == []


def test_the_kinds_of_readings_do_not_overlap() -> None:
    made = targets()
    assert sorted([*made.shared, *made.trained_apart, *made.closed]) == made.open
    assert made.shared == made.experiments_on_images == ["fig03"]
    assert {"fig10a", "fig12", "table2"} <= set(made.trained_apart)
    assert "fig06" not in made.open
    assert made.tables_of_readings("fig08") == [RESULTS / "readings/fig08.csv"]
    assert RESULTS / "readings/table2/primary.csv" in made.tables_of_readings("table2")
    assert (
        len(made.trained_for_specifications("fig03")) == len(made.specification_runs("fig03")) > 50
    )


def test_every_claim_on_an_open_experiment_is_on_one_page() -> None:
    made = targets()
    for name in made.open:
        shown = [
            claim["id"]
            for curve in made.curves.values()
            for claim in curve.claims
            if curve.experiment == name
        ]
        assert sorted(shown) == sorted(claim["id"] for claim in made.claims_of_readings(name))
    assert made.readings[0] == RESULTS / f"tables/{made.open[0]}_readings.csv"
    assert RESULTS / "tables/fig03_rates.csv" in made.readings


def test_readings_on_claims_that_do_not_exist_are_one_clear_error() -> None:
    specifications = {"claims": ["fig08-rat"], "named": {"few": {"seeds": 3}}}
    made = targets(fig08={"specifications": specifications})
    with pytest.raises(InnerlrError, match=r"fig08.specifications.claims: no claim .* 'fig08-rat'"):
        made.claims_of_readings("fig08")


def test_images_that_are_named_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    auto = targets()
    assert not auto.images_are_named
    assert auto.images_wanted() == "either"
    assert "STAND-IN" in auto.images_message()
    assert targets(fig03={"images": {"source": "stand_in"}}).images_wanted() == "stand_in"
    monkeypatch.setenv(ENVIRONMENT, "somewhere")
    assert auto.images_wanted() == "omniglot"
    assert "STAND-IN" not in auto.images_message()
    assert auto.images_of("fig03") == [RESULTS / "data/omniglot.npz"]
    assert auto.images_of("fig08") == []


def code(made: list[str]) -> set[str]:
    return {os.path.relpath(file, ROOT) for file in made}


def test_the_code_behind_a_job_is_that_of_its_script_and_its_family() -> None:
    made = targets()
    behind = code(made.code("sweep", "fig08"))
    family = "src/replication/figures/convergence"
    assert {"scripts/sweep.py", f"{family}/experiment.py", f"{family}/settings.py"} <= behind
    assert "src/replication/settings/section.py" in behind
    assert not any("figures/" in file and "convergence" not in file for file in behind)
    assert f"{family}/draw.py" not in behind
    # records are no results
    assert "src/replication/pipeline/job.py" not in behind
    assert not any("training/" in file for file in code(made.code("features", "fig08")))
    assert "src/replication/training/device.py" in code(made.code("features", "table2"))


def test_the_code_behind_a_figure_is_its_familys_drawing() -> None:
    behind = code(targets().code_of_notebook("figure", "notebooks/fig08.ipynb"))
    assert "src/replication/figures/convergence/draw.py" in behind
    assert "src/replication/drawing.py" in behind
    drawn = [file for file in behind if file.endswith("draw.py")]
    assert drawn == ["src/replication/figures/convergence/draw.py"]


def test_the_table_of_estimators_has_the_quantities_of_every_family_behind_it() -> None:
    """It looks them up by name, which no import shows."""
    with_quantities = {
        f"src/replication/figures/{family.name}/quantities.py"
        for family in families().values()
        if family.has("quantities")
    }
    assert "src/replication/figures/tangent/quantities.py" in with_quantities
    assert with_quantities <= set(targets().code_of_table("estimators"))
    assert not with_quantities & set(targets().code_of_table("table1"))


def test_families_do_not_read_each_others_code() -> None:
    made = targets()
    for family in families().values():
        for experiment in family.experiments:
            for file in code(made.code("estimates", experiment)):
                if file.startswith("src/replication/figures/"):
                    assert file.split("/")[3] in (family.name, "__init__.py"), file


PARSED = """
import sys
import snakemake.cli
HEAVY = ("pandas", "scipy", "matplotlib", "torch")
before = {name for name in HEAVY if name in sys.modules}
try:
    # of what is not made yet: on what is, Snakemake itself imports pandas
    snakemake.cli.main(["-n", "-q", "--config", "preset=parsed"])
except SystemExit as end:
    assert not end.code, end.code
print(sorted({name for name in HEAVY if name in sys.modules} - before))
"""


@pytest.mark.workflow
def test_parsing_the_workflow_imports_nothing_heavy() -> None:
    """Every job parses it anew."""
    run = subprocess.run(
        [sys.executable, "-c", PARSED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"
