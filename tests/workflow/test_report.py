"""When the report is due, and what is left behind where it cannot be made."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from project import Project

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.verify import SUFFIX
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


def written(
    monkeypatch: pytest.MonkeyPatch, code: int = 0, said: str = "disk full"
) -> list[list[str]]:
    """Snakemake's calls, which write what they are asked for unless they fail."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        calls.append(command)
        target = Path(command[command.index("--report") + 1])
        target.write_text("half" if code else "whole")
        return SimpleNamespace(returncode=code, stdout="out", stderr=said)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_the_report_shows_what_is_whole(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = written(monkeypatch)
    said = report.write(targets)
    (command,) = calls
    shown = command[command.index("--") + 1 :]
    assert set(shown) == {str(f) for f in [*targets.figure("fig08"), *targets.table("table1")]}
    assert report.path(targets).read_text() == "whole"
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
        (lambda file, record: record.write_text("{"), r"pdf\.provenance\.json: damaged: expected"),
        (lambda file, record: record.write_text("[]"), r"pdf\.provenance\.json: damaged: expected"),
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
    record.write_text(json.dumps({"sha256": digest(file)}))
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
    report.write(targets)
    assert not mark.exists()
    assert report.due(targets) == []
    shown = targets.figure("fig08")[0]
    later = report.path(targets).stat().st_mtime + 10
    os.utime(shown, (later, later))
    assert report.due(targets) == [mark]


def test_the_users_stop_is_noted_and_still_stops() -> None:
    stopped = report.Stopped()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        handled: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: handled.append(number))
        stopped.watch()
        assert not stopped.by_user
        signal.raise_signal(signal.SIGTERM)
        assert stopped.by_user
        assert handled == [signal.SIGTERM]
        # a test run in the background ignores it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        again = report.Stopped()
        again.watch()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert again.by_user
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


@pytest.mark.workflow
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_report_is_made_of_a_run_that_the_user_stops(tmp_path: Path, number: int) -> None:
    project = Project(tmp_path)
    smoke = ("--configfile", "workflow/presets/smoke.yaml")
    project.snakemake(*smoke, "--", "fig06")
    (project.results() / "report.html").unlink()
    run = subprocess.Popen(
        project.command(*smoke, "--", "fig06", "fig11"),
        cwd=project.folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a test run in the background ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    first = project.results() / "data/fig11.csv"
    for _ in range(600):
        if first.exists():
            break
        time.sleep(0.1)
    if number == signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(run.pid, number)
    else:
        os.kill(run.pid, number)
    said, _ = run.communicate(timeout=120)
    assert run.returncode
    assert "the report is" not in said
    # though Fig. 6 is whole
    assert not (project.results() / "report.html").exists()
