"""A run's artefacts against their records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from innerlr.cli import main
from innerlr.io.digests import digest_file, digest_line
from innerlr.io.verify import SUFFIX, verify


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path: Path, text: str, *inputs: Path, **facts: object) -> None:
    """A file and its record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    record = {
        "sha256": sha256(path),
        "inputs": {str(file): sha256(file) for file in inputs},
        "revision": "0123456789abcdef",
        **facts,
    }
    path.with_name(path.name + SUFFIX).write_text(json.dumps(record))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder of results with their records."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/x")
    write(folder / "sweeps/a.csv", "x\n1\n")
    write(folder / "estimates/a.csv", "x\n3\n", folder / "sweeps/a.csv")
    return folder


def test_verify_accepts_what_was_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(run)]) == 0
    assert "verified" in capsys.readouterr().out


def test_verify_names_every_difference(run: Path) -> None:
    (run / "sweeps/a.csv").write_text("x\n2\n")
    (run / "estimates/a.csv").unlink()
    (run / "stray.csv").write_text("x\n")
    said = "\n".join(verify(run))
    assert "sweeps/a.csv has changed" in said
    assert "estimates/a.csv is missing" in said
    assert "an input of results/x/estimates/a.csv, has changed" in said
    assert f"stray.csv: has no stray.csv{SUFFIX}" in said
    assert main(["verify", str(run)]) == 1


def test_verify_finds_mixed_revisions_and_broken_records(run: Path) -> None:
    record = run / f"sweeps/a.csv{SUFFIX}"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "revision": "0" * 40}))
    assert any("several code revisions" in line for line in verify(run))
    record.write_text("{")
    assert any("not a provenance record" in line for line in verify(run))


def test_an_empty_folder_does_not_verify(tmp_path: Path) -> None:
    assert verify(tmp_path)


def test_what_changed_while_a_file_was_made_counts_but_for_the_revision(run: Path) -> None:
    changed = {"revision": "f" * 40, "bank.npz": "0" * 64}
    made = run / "training/a.npz"
    write(made, "", changed_meanwhile=changed)
    (problem,) = verify(run)
    assert problem == f"bank.npz changed while {made} was made from it; make it again"


def test_what_no_job_makes_needs_no_record_and_references_keep_no_inputs(run: Path) -> None:
    for name in ("report.html", "config.yaml", "logs/x.log", ".hidden"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("")
    assert verify(run) == []
    (run / "sweeps/a.csv").unlink()
    (run / f"sweeps/a.csv{SUFFIX}").unlink()
    assert len(verify(run)) == 1
    (run / "runs.yaml").write_text("[]\n")  # reference results
    assert verify(run) == []


def test_a_digest_beside_an_artefact_is_held_against_it(run: Path) -> None:
    beside = digest_file(run / "sweeps/a.csv")
    beside.write_text(digest_line(sha256(run / "sweeps/a.csv"), "sweeps/a.csv"))
    assert verify(run) == []
    beside.write_text(digest_line("0" * 64, "sweeps/a.csv"))
    (problem,) = verify(run)
    assert problem.startswith(f"{run}/sweeps/a.csv: damaged or edited")
    beside.rename(run / "sweeps/b.csv.sha256")
    assert verify(run) == [f"{run}/sweeps/b.csv.sha256: has no b.csv.sha256{SUFFIX}"]
