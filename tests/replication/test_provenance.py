"""Which code, which machine and how much time a record names."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from innerlr.io.records import SUFFIX, read_record
from replication.pipeline import clock as clocks
from replication.pipeline import job as jobs
from replication.pipeline.clock import Clock
from replication.pipeline.provenance import Revision, code_revision, machine
from replication.training.checkpoint import Checkpoint


@pytest.fixture(autouse=True)
def plain_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git with the settings of nobody."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def unpacked(folder: Path) -> Path:
    """What a release holds."""
    (folder / "src").mkdir(parents=True)
    (folder / "src/module.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    return folder


def committed(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> tuple[Path, str]:
    """A clone, and its commit."""
    folder = unpacked(tmp_path / "clone")
    return folder, committed(folder)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        (None, False),
        ("src/module.py", True),
        ("src/added.py", True),
        ("workflow/rules/added.smk", True),
        ("mine.py", True),  # features of the user's own
        ("mine.yaml", False),
        ("data/mine.py", False),
        ("src/__pycache__/module.pyc", False),
    ],
)
def test_what_makes_a_checkout_another_than_its_commit(
    checkout: tuple[Path, str], path: str | None, counts: bool
) -> None:
    folder, commit = checkout
    if path:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x = 2\n")
    assert code_revision(folder) == Revision(commit + ("-dirty" if counts else ""))
    assert code_revision(folder).warning == ""


def test_a_release_inside_another_repository_has_not_its_commit(tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    release = unpacked(tmp_path / "outer/release")
    commit = committed(tmp_path / "outer")
    found = code_revision(release)
    assert found.name == "unknown"
    assert str(tmp_path / "outer") in found.why_unknown
    assert found.warning.startswith("The revision of the code is unknown: ")
    assert commit not in found.warning


def test_a_linked_worktree_is_a_checkout(checkout: tuple[Path, str], tmp_path: Path) -> None:
    folder, commit = checkout
    git(folder, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    (tmp_path / "link").symlink_to(tmp_path / "tree")
    assert code_revision(tmp_path / "link") == Revision(commit)


def test_another_repository_that_is_set_is_not_asked(
    checkout: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, commit = checkout
    other = unpacked(tmp_path / "other")
    (other / "src/more.py").write_text("")
    assert committed(other) != commit
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert code_revision(folder) == Revision(commit)
    alone = code_revision(unpacked(tmp_path / "alone"))
    assert alone.name == "unknown"
    assert "not a git repository" in alone.why_unknown
    assert "GIT_DIR is not followed" in alone.why_unknown


def test_without_git_and_of_another_owner_the_revision_is_unknown_and_why_is_said(
    checkout: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = checkout
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        found = code_revision(folder)
        assert found.name == "unknown"
        assert "dubious ownership" in found.why_unknown
    monkeypatch.setenv("PATH", "")
    assert code_revision(folder) == Revision(
        "unknown", "git could not be run (No such file or directory)"
    )


def test_the_machine_has_a_host_and_a_processor() -> None:
    found = machine()
    assert found["host"] == platform.node()
    assert found["machine"] == platform.machine()
    assert found["cpu"]
    assert "\n" not in found["cpu"]


class Time:
    """Seconds that pass as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = self.cpu = 100.0
        monkeypatch.setattr(clocks.time, "perf_counter", lambda: self.wall)
        monkeypatch.setattr(clocks.os, "times", lambda: (self.cpu, 0.0, 0.0, 0.0, 0.0))

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.cpu += seconds / 2


def test_a_clock_adds_up_its_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = Time(monkeypatch)
    first = Clock()
    now.passes(10)
    saved = first.spent()
    now.passes(1000)  # lost, and the pause
    second = Clock()
    second.resume(saved)
    now.passes(4)
    later = second.spent()
    assert later == {
        "started": saved["started"],
        "wall_seconds": 14.0,
        "cpu_seconds": 7.0,
        "resumed": 1,
    }
    third = Clock()
    for spent in (saved, later, saved):  # of several checkpoints the last counts
        third.resume(spent)
    now.passes(1)
    assert third.spent() == {**later, "wall_seconds": 15.0, "cpu_seconds": 7.5, "resumed": 2}


def test_child_processes_that_have_ended_count() -> None:
    clock = Clock()
    began = time.process_time()
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run(["python", "-c", busy], check=True)
    own = time.process_time() - began
    assert clock.spent()["cpu_seconds"] >= own + 0.4


def run_job(out: Path, body: Any) -> None:
    snakemake = SimpleNamespace(
        log=["log"],
        input=[],
        output=[f"{out}{SUFFIX}"],
        rule="training",
        params={},
        config={"seed": 1, "preset": "x"},
        threads=2,
    )
    with jobs.job(snakemake) as facts:
        body(facts)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("made", encoding="utf-8")


def test_a_job_that_was_cut_off_and_goes_on_records_the_time_of_both_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs.os, "dup2", lambda *_: None)  # the log is not what is tested
    now = Time(monkeypatch)
    out = Path("results/x/run.npz")

    def trains(facts: dict[str, Any], *, cut_off: bool) -> None:
        checkpoint = Checkpoint("run.pt", {}, clock=facts["clock"])
        state = checkpoint.load() or {"done": 0}
        now.passes(60)
        checkpoint.save({"done": state["done"] + 1})
        now.passes(5)
        if cut_off:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_job(out, lambda facts: trains(facts, cut_off=True))
        assert not out.exists()
    run_job(out, lambda facts: trains(facts, cut_off=False))
    record = read_record(f"{out}{SUFFIX}")
    # the five seconds after a checkpoint are done again
    assert (record["wall_seconds"], record["cpu_seconds"]) == (185.0, 92.5)
    assert record["resumed"] == 2
    assert record["threads"] == 2
    assert datetime.fromisoformat(record["started"]) <= datetime.fromisoformat(record["ended"])
    assert {"host", "cpu", "machine"} <= set(record)
    assert "clock" not in record
    run_job(out, lambda facts: now.passes(3))
    assert read_record(f"{out}{SUFFIX}")["wall_seconds"] == 3.0
    assert read_record(f"{out}{SUFFIX}")["resumed"] == 0


def test_a_record_that_cannot_be_read_ends_a_job_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jobs.os, "dup2", lambda *_: None)
    Path("bank.npz").write_text("", encoding="utf-8")
    Path(f"bank.npz{SUFFIX}").write_text("{", encoding="utf-8")
    snakemake = SimpleNamespace(
        log=["log"],
        input=["bank.npz"],
        output=[],
        rule="x",
        params={},
        config={"preset": "x"},
        threads=1,
    )
    with pytest.raises(SystemExit), jobs.job(snakemake):
        pytest.fail("the body does not run")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"innerlr: bank.npz{SUFFIX}: not a provenance record")
