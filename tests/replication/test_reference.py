"""The reference results, made of one verified run or of several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from small import estimated

from innerlr.errors import InnerlrError
from innerlr.io.files import digest, read_table
from innerlr.io.records import SUFFIX, read_record, sealed
from replication.cli import main
from replication.common_quantities import alpha_lim
from replication.judging.claims import COLUMNS
from replication.judging.estimators import every_estimate
from replication.judging.reference import keep
from replication.pipeline.files import write_manifest, write_table
from replication.pipeline.provenance import config_digest, write
from replication.settings.config import Config

EXPERIMENTS = {"fig03": ["fig03"], "fig04": ["fig04a", "fig04b"], "table2": ["table2"]}
IDS = ["fig04b-x", "fig03-x", "fig03-y", "fig04a-x", "table2-x"]
REFERENCE = Path("results/reference")


def claim(name: str) -> dict[str, Any]:
    experiment = name.split("-")[0]
    keys = ("place", "claim", "panel", "quantity", "reason")
    return {
        "id": name,
        "experiment": experiment,
        "expected": {"above": 0},
        "needs": {},
        **dict.fromkeys(keys, "a"),
    }


WHOLE = {"id": "all", "place": "a", "claim": "a", "of": ["fig03-*"], "reason": "a"}
ENTRIES = [WHOLE, *map(claim, IDS)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("replication.judging.entries.entries", lambda: ENTRIES)
    # every experiment here estimates the same rate
    monkeypatch.setattr(
        "replication.judging.estimators.registry", lambda name: {"alpha_lim": alpha_lim}
    )


def make(name: str, figures: list[str], verdict: str, **iterations: int) -> Path:
    """A run of some figures, with what Snakemake would have written."""
    folder = Path("results") / name
    config = Config().model_dump(mode="json") | {"preset": name}
    config["fig03"] |= iterations
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    checked = Config.model_validate(config)

    def table(path: str, frame: pd.DataFrame, inputs: list[str], **facts: Any) -> None:
        write_table(frame, folder / path)
        usual = {"rule": path.split("/")[0], "device": "cpu", "wall_seconds": 2.0}
        usual |= {"data_source": "generated"}
        write(folder, [folder / path], [folder / i for i in inputs], **(usual | facts))

    for figure in figures:
        for experiment in EXPERIMENTS[figure]:
            section = getattr(checked, experiment).for_stage("estimates")
            params = {"experiment": experiment, "section": section, "seed": checked.seed}
            estimates = f"estimates/{experiment}.csv"
            value = estimated({"a": {alpha_lim: float(len(name))}})
            table(estimates, value, [], config_digest=config_digest(params))
            rows = [
                dict.fromkeys(COLUMNS, name) | {"id": i, "verdict": verdict}
                for i in reversed(IDS)
                if i.startswith(experiment)
            ]
            judged = pd.DataFrame(rows, columns=COLUMNS).assign(measured=1.0, low=1.0, high=1.0)
            table(f"claims/{experiment}.csv", judged, [estimates])
        made = [f"claims/{experiment}.csv" for experiment in EXPERIMENTS[figure]]
        for kind in ("png", "csv"):
            table(f"figures/{figure}.{kind}", pd.DataFrame({"x": [name]}), made)
    if "table2" in figures:
        table("tables/table2.csv", pd.DataFrame({"x": [name]}), ["estimates/table2.csv"])
    if name == "default":
        table("tables/table1.csv", pd.DataFrame({"x": [name]}), [])
        found = sorted(folder.glob("estimates/*.csv"))
        whole = every_estimate({path.stem: path for path in found})
        for kind in ("csv", "tex", "html"):
            table(f"tables/estimators.{kind}", whole, [f"estimates/{p.name}" for p in found])
    write_manifest(folder)
    return folder


def content(path: str) -> str:
    return (REFERENCE / path).read_text()


def test_a_later_run_takes_the_place_of_an_earlier_one_for_what_it_made() -> None:
    runs = [make("default", list(EXPERIMENTS), "reproduced")]
    runs.append(make("fig03", ["fig03"], "not reproduced", iterations=15_000))
    assert main(["reference", *map(str, runs)]) == 0
    for path, run in (("fig03.csv", "fig03"), ("fig03.png", "fig03"), ("fig04.csv", "default")):
        assert content(f"figures/{path}") == f"x\n{run}\n"
        record = json.loads(content(f"figures/{path}{SUFFIX}"))
        assert record["sha256"] == digest(REFERENCE / "figures" / path)
        assert all(f"results/{run}/" in name for name in record["inputs"])
    assert content("tables/table2.csv") == content("tables/table1.csv") == "x\ndefault\n"
    verdicts = read_table(REFERENCE / "claims.csv").set_index("id").verdict
    assert list(verdicts.index) == ["all", *IDS]
    other = {"fig03-x": "not reproduced", "fig03-y": "not reproduced", "all": "not reproduced"}
    assert dict(verdicts) == dict.fromkeys(IDS, "reproduced") | other
    assert "not reproduced" in content("tables/claims.html")
    estimators = read_table(REFERENCE / "tables/estimators.csv").set_index("experiment").alpha
    assert dict(estimators) == {"fig03": 5, "fig04a": 7, "fig04b": 7, "table2": 7}
    for path in ("claims.csv", "tables/estimators.tex"):
        record = json.loads(content(path + SUFFIX))
        assert record["sha256"] == digest(REFERENCE / path)
        assert (
            f"results/fig03/{'claims' if path == 'claims.csv' else 'estimates'}/fig03.csv"
            in (record["inputs"])
        )


def test_pages_of_an_earlier_run_are_not_left_among_a_later_one_s() -> None:
    runs = [make("default", ["fig03", "fig04"], "reproduced"), make("fig03", ["fig03"], "partly")]
    pages = {
        0: ["fig03_readings-1", "fig03_readings-2", "fig04a_readings-1"],
        1: ["fig03_readings"],
    }
    for i, names in pages.items():
        for name in names:
            path = runs[i] / f"figures/{name}.png"
            path.write_text(name)
            write(runs[i], [path], [], rule="specification_curve", data_source="generated")
        write_manifest(runs[i])
    keep(runs, REFERENCE, ENTRIES)
    found = {path.stem for path in (REFERENCE / "figures").glob("*_readings*.png")}
    assert found == {"fig03_readings", "fig04a_readings-1"}
    first, second = yaml.safe_load(content("runs.yaml"))
    assert first["shown"] == ["fig04", "fig04a_readings", "table1"]
    assert second["shown"] == ["fig03", "fig03_readings"]


def test_the_reference_says_how_each_run_was_made() -> None:
    runs = [make("default", ["fig03", "fig04"], "reproduced")]
    runs.append(make("fig03", ["fig03"], "reproduced", iterations=15_000))
    keep(runs, REFERENCE, ENTRIES)
    first, second = yaml.safe_load(content("runs.yaml"))
    assert first["experiments"] == ["fig04a", "fig04b"]
    assert first["shown"] == ["fig04", "table1"]
    assert second["experiments"] == second["shown"] == ["fig03"]
    assert second["machines"]
    assert second["versions"]["python"]
    for name, run in (("default", runs[0]), ("fig03", runs[1])):
        assert content(f"config-{name}.yaml") == (run / "config.yaml").read_text()
    assert main(["config", str(REFERENCE / second["config"])]) == 0
    times = read_table(REFERENCE / "compute.csv")
    assert times.columns[0] == "run"
    jobs = times.set_index(["run", "rule"]).jobs
    assert (jobs["default", "estimates"], jobs["fig03", "estimates"]) == (3, 1)
    assert times.wall_seconds.sum() == 2.0 * times.jobs.sum()


def test_one_run_of_a_single_figure_is_a_reference_too() -> None:
    keep([make("fig03", ["fig03"], "partly")], REFERENCE, ENTRIES)
    assert list(read_table(REFERENCE / "claims.csv").id) == ["all", "fig03-x", "fig03-y"]
    assert not (REFERENCE / "tables/estimators.csv").exists()


def test_files_of_the_last_reference_do_not_stay() -> None:
    keep([make("default", list(EXPERIMENTS), "reproduced")], REFERENCE, ENTRIES)
    keep([make("fig03", ["fig03"], "reproduced")], REFERENCE, ENTRIES)
    names = {path.name for path in (REFERENCE / "figures").iterdir()}
    assert names == {f"fig03.{kind}{end}" for kind in ("png", "csv") for end in ("", SUFFIX)}
    assert not (REFERENCE / "config-default.yaml").exists()
    assert [path.name for path in Path("results").iterdir() if path.name.startswith(".")] == []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "figures",
    [
        [list(EXPERIMENTS), ["fig03"]],
        [["fig04", "table2"], ["fig03"]],
        [list(EXPERIMENTS), ["fig03"], ["table2"]],
    ],
)
def test_an_updated_reference_is_that_of_all_runs_at_once(figures: list[list[str]]) -> None:
    names = ["default", "long", "longer"]
    runs = [make(name, made, name) for name, made in zip(names, figures, strict=False)]
    keep(runs, "results/whole", ENTRIES)
    keep(runs[:1], REFERENCE, ENTRIES)
    for run in runs[1:]:
        assert main(["reference", "--update", str(run)]) == 0
    assert tree(REFERENCE) == tree(Path("results/whole"))


def test_a_run_of_which_an_update_leaves_nothing_is_not_named() -> None:
    keep(
        [make("default", ["fig04"], "partly"), make("long", ["fig03"], "partly")],
        REFERENCE,
        ENTRIES,
    )
    keep([make("longer", ["fig03"], "reproduced")], REFERENCE, ENTRIES, update=True)
    assert [run["run"] for run in yaml.safe_load(content("runs.yaml"))] == ["default", "longer"]
    assert sorted(p.name for p in REFERENCE.glob("config-*")) == [
        "config-default.yaml",
        "config-longer.yaml",
    ]
    assert set(read_table(REFERENCE / "compute.csv").run) == {"default", "longer"}
    verdicts = read_table(REFERENCE / "claims.csv").set_index("id").verdict
    assert verdicts["fig03-x"] == "reproduced"
    assert verdicts["fig04a-x"] == "partly"


def test_a_claim_renamed_since_needs_its_own_experiment_judged_again() -> None:
    keep([make("default", ["fig03", "fig04"], "partly")], REFERENCE, ENTRIES)
    renamed = yaml.safe_load(yaml.safe_dump(ENTRIES).replace("fig03-y", "fig03-z"))
    run = make("table", ["table2"], "partly")
    before = tree(REFERENCE)
    with pytest.raises(InnerlrError, match="no claim 'fig03-y', which was judged"):
        keep([run], REFERENCE, renamed, update=True)
    assert tree(REFERENCE) == before
    again = make("long", ["fig03"], "partly")
    rename(again, "fig03-y", "fig03-z")
    keep([again], REFERENCE, renamed, update=True)
    assert "fig03-z" in content("claims.csv")
    assert "fig03-y" not in content("claims.csv")


def test_an_update_needs_reference_results_that_verify(
    capsys: pytest.CaptureFixture,
) -> None:
    run = make("long", ["fig03"], "partly")
    assert main(["reference", "--update", str(run)]) == 2
    assert "results/reference/runs.yaml: no such file" in capsys.readouterr().err
    keep([make("default", list(EXPERIMENTS), "partly")], REFERENCE, ENTRIES)
    (REFERENCE / "figures/fig04.csv").write_text("x\n")
    before = tree(REFERENCE)
    assert main(["reference", "--update", str(run)]) == 2
    assert "does not verify, so it cannot be updated" in capsys.readouterr().err
    assert tree(REFERENCE) == before


def test_the_table_of_estimators_is_not_completed_from_nothing(
    capsys: pytest.CaptureFixture,
) -> None:
    keep([make("first", ["fig04"], "partly")], REFERENCE, ENTRIES)
    run = make("default", ["fig03"], "partly")
    assert main(["reference", "--update", str(run)]) == 2
    assert "the estimates of fig04a, fig04b would be missing" in capsys.readouterr().err
    assert not (REFERENCE / "tables").exists() or "default" not in content("runs.yaml")


def without_configuration(run: Path) -> None:
    (run / "config.yaml").unlink()
    write_manifest(run)


def with_another_configuration(run: Path) -> None:
    path = run / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values["fig03"]["seeds"] += 1
    path.write_text(yaml.safe_dump(values))
    write_manifest(run)


def with_a_changed_file(run: Path) -> None:
    (run / "figures/fig03.csv").write_text("x\n")


def without_its_figure(run: Path) -> None:
    for path in run.glob("figures/fig03.*"):
        path.unlink()
    write_manifest(run)


def with_an_unknown_claim(run: Path) -> None:
    rename(run, "fig03-x", "fig03-z")


def rename(run: Path, claim: str, name: str) -> None:
    path = run / "claims/fig03.csv"
    path.write_text(path.read_text().replace(claim, name))
    for made in (path, *run.glob("figures/*.???")):
        path = made.with_name(made.name + SUFFIX)
        inputs = {name: digest(name) for name in read_record(path)["inputs"]}
        path.write_text(sealed(read_record(path) | {"sha256": digest(made), "inputs": inputs}))
    write_manifest(run)


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (without_configuration, ["results/fig03/config.yaml: no such file", "a named target"]),
        (
            with_another_configuration,
            ["fig03/config.yaml: is not the configuration of", "estimates/fig03.csv", "preset:"],
        ),
        (with_a_changed_file, ["results/fig03: does not verify", "fig03.csv has changed"]),
        (without_its_figure, ["results/fig03: has the verdicts on fig03", "figures/fig03", "--"]),
        (with_an_unknown_claim, ["claims.yaml: no claim 'fig03-z'", "'fig03-"]),
    ],
)
def test_a_run_that_will_not_do_leaves_the_reference_as_it_was(
    spoil: Any, parts: list[str], capsys: pytest.CaptureFixture
) -> None:
    runs = [make("default", list(EXPERIMENTS), "reproduced"), make("fig03", ["fig03"], "partly")]
    keep(runs[:1], REFERENCE, ENTRIES)
    before = {path: path.read_bytes() for path in REFERENCE.rglob("*") if path.is_file()}
    spoil(runs[1])
    assert main(["reference", *map(str, runs)]) == 2
    said = capsys.readouterr().err
    for part in parts:
        assert part in said
    assert {p: p.read_bytes() for p in REFERENCE.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in Path("results").iterdir()) == ["default", "fig03", "reference"]


def test_a_table_is_not_left_to_another_run_than_its_figure() -> None:
    runs = [make("default", ["table2"], "reproduced"), make("more", ["table2"], "reproduced")]
    for path in runs[1].glob("tables/*"):
        path.unlink()
    write_manifest(runs[1])
    with pytest.raises(InnerlrError, match=r"verdicts on table2 but no tables/table2\.csv"):
        keep(runs, REFERENCE, ENTRIES)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["results/none"], "results/none: no such folder"),
        (["results/fig03", "results/../results/fig03"], "different names, got fig03, fig03"),
        (["results/fig03", "--to", "results/fig03"], "would replace the run"),
        (["results/fig03", "--to", "results"], "would replace the run"),
        (["results/fig03", "--to", "results/fig03/figures"], "would replace the run"),
        (["results/fig03", "--to", "precious"], "precious: expected earlier reference results"),
    ],
)
def test_nothing_else_is_replaced(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture
) -> None:
    make("fig03", ["fig03"], "reproduced")
    Path("precious").mkdir()
    Path("precious/letter.txt").write_text("x", encoding="utf-8")
    before = sorted(Path().rglob("*"))
    assert main(["reference", *arguments]) == 2
    assert part in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before
