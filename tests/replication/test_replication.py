"""README.md and REPLICATION.md say what the reference results say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from innerlr.errors import InnerlrError
from innerlr.io.verify import verify
from replication.cli import main
from replication.families import Family
from replication.figures.omniglot.report import paragraphs
from replication.judging import report as replication
from replication.judging.entries import entries
from replication.judging.markdown import cell, rows, wrapped
from replication.judging.reference import compute
from replication.pipeline.provenance import write
from replication.settings.config import Config

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = "src/replication/judging/summary.yaml"


@pytest.mark.parametrize("name", replication.FILES)
def test_generated_pages_have_not_drifted(name: str) -> None:
    made = replication.FILES[name](ROOT)
    assert (ROOT / name).read_text() == made, "run `python -m replication replication --write`"


def test_the_reference_results_are_what_their_records_say(tmp_path: Path) -> None:
    """Though their inputs are not kept, and they are of several revisions."""
    assert verify(ROOT / replication.REFERENCE) == []
    copy = tmp_path / "reference"
    shutil.copytree(ROOT / replication.REFERENCE, copy)
    with (copy / "figures/fig08.csv").open("a") as table:
        table.write("\n")
    (problem,) = verify(copy)
    assert "fig08.csv has changed" in problem


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two of the claims, one of them judged, and two pictures."""
    listed = entries()
    two = [entry for entry in listed if entry["id"] in ("fig08a-vanishes", "fig01-away")]
    of_both = {"id": "all", "place": "Section 6", "claim": "Both.", "of": ["fig0*"], "reason": "x"}
    file = tmp_path / CLAIMS
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump([of_both, *two]))
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/places.yaml", tmp_path / "docs")
    (tmp_path / "docs/errata.md").write_text("# x\n\n### one\n\n### two\n")
    (tmp_path / "README.md").write_text(f"before\n{replication.START}\n{replication.END}\nafter\n")
    figures = tmp_path / replication.REFERENCE / "figures"
    figures.mkdir(parents=True)
    for name in ("fig08", "theory"):
        (figures / f"{name}.png").write_bytes(b"")
    judged = pd.read_csv(ROOT / replication.REFERENCE / "claims.csv")
    judged[judged.id == "fig08a-vanishes"].assign(measured=-0.515, low=-0.75, high=0.25).to_csv(
        tmp_path / replication.REFERENCE / "claims.csv", index=False
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_keeps_what_is_around_the_block(root: Path) -> None:
    text = replication.readme(root)
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "Of 2 claims: 1 reproduced, 1 not evaluated." in text
    assert "![Fig. 8](results/reference/figures/fig08.png)" in text
    assert "![Theory](results/reference/figures/theory.png)" in text
    (root / "README.md").write_text(text)
    assert replication.readme(root) == text
    (root / "README.md").write_text("no block")
    with pytest.raises(InnerlrError, match="once each"):
        replication.readme(root)


def test_the_report_has_every_claim_with_its_numbers(root: Path) -> None:
    text = replication.report(root)
    (line,) = [line for line in text.splitlines() if "(`fig08a-vanishes`)" in line]
    assert "| -0.515 | -0.75 to 0.25 | reproduced |" in line
    (line,) = [line for line in text.splitlines() if "(`fig01-away`)" in line]
    assert line.endswith("|  |  |  | not evaluated |  |")
    assert "has 2 entries" in text
    # the one of the two that was evaluated; not counted among the claims
    assert "| Both. (`all`) | Section 6 | all | 1 |  | reproduced |" in text
    assert "judges 2 claims in 2 experiments" in " ".join(text.split())
    assert "`fig02.input_dim` | 1 |" in text
    assert "hold no times" in text


@pytest.mark.parametrize(
    "change", [{"quantity": "slope_error_risk"}, {"expected": {"between": [-1.0, -0.25]}}]
)
def test_a_verdict_on_another_quantity_or_bound_does_not_count(root: Path, change: dict) -> None:
    listed = yaml.safe_load((root / CLAIMS).read_text())
    changed = [e | change if e["id"] == "fig08a-vanishes" else e for e in listed]
    (root / CLAIMS).write_text(yaml.safe_dump(changed))
    assert "Of 2 claims: 2 not evaluated." in replication.readme(root)


def test_the_report_has_the_time_of_the_run(root: Path) -> None:
    run = root / "results/x"
    run.mkdir()
    for name in ("a.csv", "b.csv", "c.csv"):
        (run / name).write_text(name)
    # two files of one job, and one of another
    facts = {"rule": "sweep", "device": "cpu"}
    write(run, [run / "a.csv", run / "b.csv"], [], **facts, wall_seconds=3.0, cpu_seconds=2.0)
    write(run, [run / "c.csv"], [], **facts, wall_seconds=40.0, cpu_seconds=5.0)
    times = compute(run)
    assert times.to_dict("records") == [
        {**facts, "jobs": 2, "wall_seconds": 43.0, "cpu_seconds": 7.0}
    ]
    times.to_csv(root / replication.REFERENCE / "compute.csv", index=False)
    text = replication.report(root)
    assert "| sweep | cpu | 2 | 43 | 7 |" in text
    assert "| all |  | 2 | 43 | 7 |" in text
    several = pd.concat([times.assign(run="default"), times.assign(run="fig03", jobs=5)])
    several.to_csv(root / replication.REFERENCE / "compute.csv", index=False)
    text = replication.report(root)
    assert "| fig03 | sweep | cpu | 5 | 43 | 7 |" in text
    assert "|  | all |  | 7 | 86 | 14 |" in text


def test_the_report_says_which_run_made_what_and_where_it_differs(root: Path) -> None:
    assert "do not say how they were made" in replication.report(root)
    folder = root / replication.REFERENCE
    usual, longer = Config().model_dump(mode="json"), Config().model_dump(mode="json")
    longer["fig03"]["iterations"] = usual["fig03"]["iterations"] * 10
    longer["fig03"]["images"]["directory"] = "pictures"
    # not made by that run, and shown of none
    longer["fig08"]["seeds"] = 99
    longer["fig03"]["specifications"]["iterations"] = 99
    # a key of that time
    longer["fig03"]["gone"] = 1
    about = {"revision": "0123456789abcdef", "machines": ["x86_64"], "data": ["directory"]}
    about |= {"versions": {"python": "3.12.1"}}
    runs = []
    for name, config, experiments, shown in (
        ("default", usual, ["fig08"], ["fig08", "table2"]),
        ("fig03", longer, ["fig03"], ["fig03"]),
    ):
        (folder / f"config-{name}.yaml").write_text(yaml.safe_dump(config))
        made = {"run": name, "config": f"config-{name}.yaml"}
        runs.append(about | made | {"experiments": experiments, "shown": shown})
    (folder / "runs.yaml").write_text(yaml.safe_dump(runs))
    text = replication.report(root)
    link = "[config-{0}.yaml](results/reference/config-{0}.yaml) | 0123456789ab |"
    assert f"| `default` | Fig. 8, Table 2 | nothing | {link.format('default')}" in text
    n = usual["fig03"]["iterations"]
    told = f"`fig03.images.directory` pictures (None); `fig03.iterations` {10 * n} ({n})"
    (line,) = [line for line in text.splitlines() if line.startswith("| `fig03` |")]
    assert set(told.split("; ")) == set(line.split(" | ")[2].split("; "))
    assert line.endswith(link.format("fig03"))
    assert "- `fig03`: on x86_64 with python 3.12.1; data: directory." in text


def test_the_command_finds_and_mends_drift(root: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["replication"]) == 1
    assert "REPLICATION.md is not what" in capsys.readouterr().out
    assert main(["replication", "--write"]) == 0
    assert main(["replication"]) == 0
    (root / replication.REFERENCE / "claims.csv").unlink()
    assert main(["replication"]) == 2
    assert "python -m replication reference" in capsys.readouterr().err


def test_the_report_says_where_each_place_is_judged(root: Path) -> None:
    text = replication.report(root)
    assert "| Fig. 1 (a) | Solutions, tasks and trajectory. | not evaluated: `fig01-away` |" in text
    assert "| Abstract, sentence 3 |  | On the literature before the paper. |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| Theorem 1 |")]
    assert line.endswith("| reproduced: `fig08a-vanishes` |")


def test_markdown() -> None:
    assert cell("a\nb|c") == "a b\\|c"
    assert rows(["x", ""], [[1, "a|b"]]) == ["| x |  |", "| --- | --- |", "| 1 | a\\|b |"]
    text = f"{'x' * 60} {'y' * 60}-z {'z' * 120}"
    # a word is never cut, not even one that is longer than a line
    assert wrapped(text) == text.split()


def test_labels_and_numbers() -> None:
    names = ("fig08", "fig04a", "table2", "h3", "theory", "fig10a_readings")
    assert [replication.label(name) for name in names] == [
        *("Fig. 8", "Fig. 4a", "Table 2", "Section H.3", "Theory"),
        "Fig. 10a (readings)",
    ]
    values = (1 / 3, float("inf"), float("-inf"), float("nan"))
    assert [replication.number(v) for v in values] == ["0.3333", "infinite", "-infinite", ""]
    nothing = float("nan")
    assert replication.interval(1.0, nothing, nothing) == "exact"
    # repetitions that agree are no proof of a value
    assert replication.interval(1.0, 1.0, 1.0) == "1 to 1"
    assert replication.interval(nothing, nothing, nothing) == ""


def test_a_family_speaks_once_below_the_last_of_its_experiments(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = SimpleNamespace(paragraphs=lambda reference: [[f"Said of {reference.name}."]])
    monkeypatch.setattr(
        Family, "has", lambda self, module: (self.name, module) == ("trajectory", "report")
    )
    monkeypatch.setattr(Family, "module", lambda self, module: said)
    listed = yaml.safe_load((root / CLAIMS).read_text())
    listed.append(listed[-1] | {"id": "fig07-x", "experiment": "fig07"})
    listed.append(listed[-1] | {"id": "fig01-x", "experiment": "fig01"})
    (root / CLAIMS).write_text(yaml.safe_dump(listed))
    text = replication.report(root)
    assert text.count("Said of reference.") == 1
    titles = {name: f"### {replication.title(name)}" for name in ("fig01", "fig07")}
    sections = re.split(r"^(?=##)", text, flags=re.M)
    (section,) = (part for part in sections if "Said of" in part)
    order = [part.splitlines()[0] for part in sections]
    assert section.startswith(titles["fig07"])
    assert order.index(titles["fig01"]) < order.index(titles["fig07"])
    assert section.rstrip().endswith("Said of reference.")


def test_fig_3_has_the_rates_beside_the_best_fixed_one(root: Path) -> None:
    listed = yaml.safe_load((root / CLAIMS).read_text())
    listed.append(listed[-1] | {"id": "fig03-x", "experiment": "fig03"})
    (root / CLAIMS).write_text(yaml.safe_dump(listed))
    assert "best fixed rate" not in replication.report(root)
    reference = root / replication.REFERENCE
    assert paragraphs(reference) == []
    folder = reference / "tables"
    folder.mkdir()
    rows = [("0.1", 0.3, "covsum"), ("2.0", 0.5, "covsum"), ("learned", 0.4, "covsum")]
    rows += [("alpha_lim", 0.6, "covsum"), ("online", 0.2, "gram"), ("online", 0.45, "cov")]
    table = pd.DataFrame(rows, columns=["rate", "accuracy_area", "sigma2"])
    table["alpha"] = [0.1, 2.0, 0.3, 1.25, 0.05, 3.0]
    table = table.assign(setting="", forward_norm="l2", iterations=100, seeds=2)
    changed = table[:1].assign(setting="steps = 1", accuracy_area=0.9)
    pd.concat([table, changed]).to_csv(folder / "fig03_rates.csv", index=False)
    text = replication.report(root)
    cells = "0.500 (2) | 0.600 (1.2) | 0.400 (0.3) | 0.450 (cov, 3) | 0.200 (gram, 0.05)"
    assert f"| l2 | {cells} |" in text
    about, rates = paragraphs(reference)
    assert len(rates) == 3
    assert "\n".join([*about, "", *rates]) in text
    assert "first 100 iterations, 2 seeds" in " ".join(text.split())
    table[table.rate != "alpha_lim"].to_csv(folder / "fig03_rates.csv", index=False)
    assert "best fixed rate" not in replication.report(root)


def test_readings_are_counted_by_claim(root: Path) -> None:
    folder = root / replication.REFERENCE / "tables"
    assert "have no readings" in replication.report(root)
    folder.mkdir()
    rows = [
        *(("fig08a-vanishes", reading, "reproduced") for reading in ("primary", "x", "y")),
        ("fig01-away", "primary", "not reproduced"),
        ("fig01-away", "x", "reproduced"),
        ("fig01-away", "y", "partly"),
    ]
    table = pd.DataFrame(rows, columns=["id", "reading", "verdict"])
    table["measured"] = [1.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    table = table.assign(low=table.measured, high=np.inf)
    table[:3].to_csv(folder / "fig08_readings.csv", index=False)
    table[3:].to_csv(folder / "fig01_readings.csv", index=False)
    found = replication.robustness(root)
    # x repeats the primary number of the first to the last digit
    assert dict(found.readings) == {"fig08a-vanishes": 1, "fig01-away": 2}
    assert found.loc["fig01-away", ["reproduced", "partly", "not reproduced"]].to_list() == [
        1,
        1,
        0,
    ]
    (root / replication.REFERENCE / "figures/fig08_readings-1.png").write_bytes(b"")
    text = replication.report(root)
    said = " ".join(text.split())
    assert "Of the 2 claims" in said
    assert "no reading changes what is measured of 0. Of the other 2, 1 have one verdict" in said
    assert "and 1 go from reproduced" in said
    assert "| 1 reproduced, 1 partly |" in text
    assert "[fig08_readings-1](results/reference/figures/fig08_readings-1.png)" in text
    assert "readings-1" not in replication.readme(root)
    table[:3].assign(measured=1.0, low=1.0).to_csv(folder / "fig08_readings.csv", index=False)
    said = " ".join(replication.report(root).split())
    assert "measured of 1. Of the other 1, 0 have one verdict" in said


def test_reasons_are_those_of_the_claims_but_for_what_a_run_falls_short_of(root: Path) -> None:
    path = root / replication.REFERENCE / "claims.csv"
    judged = pd.read_csv(path).assign(reason="as it was")
    judged.to_csv(path, index=False)
    found = replication.claims(root).set_index("id").reason
    by_id = {e["id"]: e for e in yaml.safe_load((root / CLAIMS).read_text())}
    assert found["fig08a-vanishes"] == " ".join(by_id["fig08a-vanishes"]["reason"].split())
    judged.assign(verdict="not evaluated", reason="needs x").to_csv(path, index=False)
    assert replication.claims(root).set_index("id").reason["fig08a-vanishes"] == "needs x"
