"""When the report is due, and what is left behind where it cannot be made."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.manifest import NAME, read_manifest
from innerlr.io.records import SUFFIX, sealed
from replication.pipeline import report
from replication.pipeline.targets import Targets
from replication.settings.config import load


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    """A run in which only Fig. 8 and Table 1 are whole, and Fig. 9 in part."""
    monkeypatch.chdir(tmp_path)
    made = Targets(load({"preset": "small"}))
    for file in [*made.files("fig08"), *made.files("table1"), *made.files("fig09")[:2]]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return made


def embedding(text: str) -> str:
    """A report, as far as it matters here, with that text in its data."""
    scripts = (
        f'<script id="{name}">\n    var x = "{text}";\n    </script>\n'
        for name in sorted(report.MAY_HOLD_TEXT)
    )
    return "".join(scripts)


def written(
    monkeypatch: pytest.MonkeyPatch, code: int = 0, said: str = "disk full"
) -> list[list[str]]:
    """Snakemake's calls, which write what they are asked for unless they fail."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        calls.append(command)
        target = Path(command[command.index("--report") + 1])
        target.write_text("half" if code else embedding("</script>"), encoding="utf-8")
        return SimpleNamespace(returncode=code, stdout="out", stderr=said)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_the_report_shows_what_is_whole(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = written(monkeypatch)
    said = report.write(targets)
    (command,) = calls
    shown = command[command.index("--") + 1 :]
    assert set(shown) == {str(f) for f in [*targets.figure("fig08"), *targets.table("table1")]}
    assert report.path(targets).read_text() == embedding(r"\u003c/script>")
    assert said.startswith("2 of 15 figures are in results/small/figures; the report is")
    assert load_snapshot(targets) == targets.config


def load_snapshot(targets: Targets) -> Any:
    return load(yaml.safe_load((targets.results / "config.yaml").read_text()))


def test_half_a_report_gets_no_name_and_replaces_none(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.path(targets).write_text("the last one")
    written(monkeypatch, code=1)
    with pytest.raises(InnerlrError, match=r"could not be made:\nout\ndisk full"):
        report.write(targets)
    assert report.path(targets).read_text() == "the last one"
    assert not list(targets.results.glob(".report*"))


def test_a_full_disk_is_called_that(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    written(monkeypatch, code=1, said="OSError: [Errno 28] No space left on device")
    with pytest.raises(InnerlrError, match=r"report\.html: not written, because the disk is full"):
        report.write(targets)
    assert not report.path(targets).exists()


def test_the_settings_beside_the_results_are_the_old_ones_or_the_new_ones(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(monkeypatch)
    report.write(targets)
    kept = (targets.results / "config.yaml").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InnerlrError, match=r"config\.yaml: not written, because the disk is full"):
        report.write(targets)
    assert (targets.results / "config.yaml").read_bytes() == kept
    assert not list(targets.results.glob(".*"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file, record: file.write_text("x"), r"fig08\.pdf: damaged or edited since"),
        (lambda file, record: record.write_text("{"), r"pdf\.provenance\.json: not a provenance"),
        (lambda file, record: record.write_text("[]"), r"pdf\.provenance\.json: not a provenance"),
    ],
)
def test_no_report_is_made_of_damaged_files(
    targets: Targets,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path, Path], int],
    said: str,
) -> None:
    calls = written(monkeypatch)
    file = targets.figure("fig08")[0]
    record = Path(f"{file}{SUFFIX}")
    record.write_text(
        sealed({"sha256": digest(file), "revision": "1", "inputs": {}}), encoding="utf-8"
    )
    report.write(targets)
    damage(file, record)
    with pytest.raises(InnerlrError, match=said) as error:
        report.write(targets)
    assert "and run again" in str(error.value)
    assert len(calls) == 1


def test_without_anything_to_show_no_report_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    calls = written(monkeypatch)
    assert report.write(Targets(load({}))) == ""
    assert not calls


def test_the_report_is_due_where_it_is_missing_or_older_than_what_it_shows(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = targets.logs / report.DUE
    assert report.due(targets) == [mark]
    mark.parent.mkdir(parents=True)
    mark.touch()
    written(monkeypatch)
    report.close(targets)
    assert not mark.exists()
    assert report.due(targets) == []
    shown = targets.figure("fig08")[0]
    later = report.path(targets).stat().st_mtime + 10
    os.utime(shown, (later, later))
    assert report.due(targets) == [mark]


def test_the_manifest_lists_the_report_and_is_due_where_it_is_missing_or_older(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(monkeypatch)
    report.close(targets)
    listed = read_manifest(targets.results)
    assert {"report.html", "config.yaml"} < set(listed)
    assert {str(targets.results / name) for name in listed} >= set(map(str, targets.files("fig08")))
    later = report.path(targets).stat().st_mtime + 10
    os.utime(report.path(targets), (later, later))
    assert report.due(targets) == [targets.logs / report.DUE]
    report.close(targets)
    assert report.due(targets) == []
    (targets.results / NAME).unlink()
    assert report.due(targets) == [targets.logs / report.DUE]


def test_a_stopped_run_has_a_manifest_and_no_report(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = written(monkeypatch)
    assert report.close(targets, stopped=True) == ""
    assert not calls
    assert "figures/fig08.png" in read_manifest(targets.results)


def test_without_results_no_manifest_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert report.close(Targets(load({}))) == ""
    assert not (tmp_path / "results").exists()
