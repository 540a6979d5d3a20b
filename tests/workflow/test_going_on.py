"""Runs that are killed, stopped or started twice: the plain command goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from project import Project

from replication.pipeline import marks
from replication.pipeline.marks import Mark
from replication.pipeline.targets import Targets
from replication.settings.config import load

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

# An experiment whose job, if it finds a file `wait`, waits for a file `go`.
WAITING = """
import os
import time
from pathlib import Path

import numpy as np


def features(rng):
    Path("begun").write_text(str(os.getpid()))
    for _ in range(600 if Path("wait").exists() else 0):
        if Path("go").exists():
            break
        time.sleep(0.1)
    return {"features": rng.normal(size=(20, 4, 2))}
"""
MINE = ("--configfile", "mine.yaml")
TARGET = "results/mine/data/mine.csv"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    (made.folder / "src/waiting.py").write_text(WAITING)
    text = "preset: mine\nexperiments: {mine: {function: 'waiting:features', seeds: 2}}\n"
    (made.folder / "mine.yaml").write_text(text)
    # what `make` has set up
    program = made.folder / ".venv/bin/snakemake"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m snakemake "$@"\n')
    program.chmod(0o755)
    (made.folder / ".venv/.ready").write_text(f"{made.folder}\n\n")
    return made


class Run:
    """A run in the background whose job waits."""

    def __init__(self, project: Project) -> None:
        self.project, self.begun = project, project.folder / "begun"
        self.begun.unlink(missing_ok=True)
        shutil.rmtree(project.results("mine"), ignore_errors=True)
        (project.folder / "wait").touch()
        (project.folder / "go").unlink(missing_ok=True)
        self.main = subprocess.Popen(
            project.command(*MINE, "--", TARGET),
            cwd=project.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # a test run in the background ignores it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        for _ in range(1200):
            if self.begun.exists() and self.begun.read_text():
                break
            time.sleep(0.05)
        self.job = psutil.Process(int(self.begun.read_text()))

    def let_go(self) -> None:
        """Let this job go on, and those that come."""
        (self.project.folder / "wait").unlink(missing_ok=True)
        (self.project.folder / "go").touch()

    def kill(self) -> None:
        os.killpg(self.main.pid, signal.SIGKILL)
        self.main.communicate()
        self.let_go()


@pytest.fixture
def run(project: Project) -> Iterator[Run]:
    made = Run(project)
    yield made
    if made.main.poll() is None:
        made.kill()
    made.let_go()


def whole(project: Project) -> bool:
    return (project.folder / TARGET).exists()


def left(project: Project) -> list[Path]:
    """Locks and marks."""
    return list((project.folder / marks.LOCKS).glob("*"))


@pytest.fixture(scope="module")
def kept(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """The number of a run that was killed with its job, and a copy of what it left."""
    run, copy = Run(project), tmp_path_factory.mktemp("kept")
    run.kill()
    assert len(left(project)) > 1
    for name in (".snakemake", "results/mine"):
        shutil.copytree(project.folder / name, copy / name)
    return run.main.pid, copy


@pytest.fixture
def killed(project: Project, kept: tuple[int, Path]) -> int:
    """The number of a run that has just been killed."""
    pid, copy = kept
    for name in (".snakemake", "results/mine"):
        shutil.rmtree(project.folder / name)
        shutil.copytree(copy / name, project.folder / name)
    assert not whole(project)
    return pid


def make(project: Project, *arguments: str) -> str:
    command = ["make", *arguments, f"SNAKEMAKE_ARGS={' '.join(MINE)}", "CORES=2"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.mark.parametrize("command", ["snakemake", pytest.param("make", marks=needs_make)])
def test_after_a_kill_the_plain_command_goes_on(
    project: Project, killed: int, command: str
) -> None:
    if command == "make":
        said = make(project, "figures", f"TARGETS={TARGET}")
    else:
        said = project.snakemake(*MINE, "--", TARGET)
    assert f"a run was cut off (process {killed}," in said
    assert whole(project)
    assert not left(project)


@needs_make
def test_a_run_of_another_machine_is_named_and_unlocked_by_hand(
    project: Project, killed: int
) -> None:
    (mark,) = (project.folder / marks.LOCKS).glob("run-*.json")
    mark.write_text(json.dumps(json.loads(mark.read_text()) | {"host": "mountain"}))
    said = project.snakemake(*MINE, "--", TARGET, ok=False)
    assert f"another machine, container or user (mountain, process {killed}," in said
    assert "cannot be locked" in said
    make(project, "unlock")
    assert not left(project)
    assert "mountain" not in project.snakemake(*MINE, "--", TARGET)
    assert whole(project)


def test_the_job_of_a_killed_main_process_is_ended(project: Project, run: Run) -> None:
    """It would go on, and write the files that the new run writes."""
    run.main.kill()
    run.main.wait()
    assert run.job.is_running()
    (project.folder / "wait").unlink()  # for the next; this one goes on waiting
    said = project.snakemake(*MINE, "--", TARGET)
    assert "processes that it had left at work are ended: 1" in said
    assert not run.job.is_running() or run.job.status() == psutil.STATUS_ZOMBIE
    assert whole(project)


def test_a_second_run_is_refused_while_the_first_is_at_work(project: Project, run: Run) -> None:
    before = left(project)
    (mark,) = (project.folder / marks.LOCKS).glob("run-*.json")
    # so that they stay if another run is killed meanwhile
    assert set(Mark.read(mark).locks or ()) == {path.name for path in before if path != mark}
    said = project.snakemake(*MINE, "--", TARGET, ok=False)
    assert f"another run is at work in this folder (process {run.main.pid}," in said
    assert "cannot be locked" in said
    assert left(project) == before
    run.let_go()
    assert "of 1 steps (100%) done" in run.main.communicate(timeout=120)[0]
    assert run.main.returncode == 0
    assert whole(project)


@pytest.mark.parametrize(
    ("number", "group"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["ctrl-c", "SIGINT", "SIGTERM"],
)
def test_a_run_that_the_user_stops_ends_its_job_and_says_no_more(
    project: Project, run: Run, number: int, group: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    # a figure that is whole, of which a report could be made
    for file in Targets(load({"preset": "mine"})).files("fig08"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if group:  # a terminal sends it to all of it
        os.killpg(run.main.pid, number)
    else:
        os.kill(run.main.pid, number)
    said, _ = run.main.communicate(timeout=120)
    assert run.main.returncode
    assert "innerlr: stopping, after" in said
    assert "Traceback" not in said
    assert "the report" not in said
    assert not (project.results("mine") / "report.html").exists()
    assert not run.job.is_running()
    assert (project.results("mine") / "logs/data/mine.log").read_text() == "innerlr: stopped\n"
    assert not whole(project)
    # nothing half-written
    assert not list((project.results("mine") / "data").glob("*"))
    assert not left(project)


def test_a_notebook_that_fails_shows_its_message_and_its_cell(project: Project) -> None:
    """And not the notebook, of a thousand lines."""
    path = project.folder / "notebooks/table1.ipynb"
    kept = path.read_text()
    notebook = json.loads(kept)
    notebook["cells"][-1]["source"] = ["1 / 0  # the slip"]
    path.write_text(json.dumps(notebook))
    said = project.snakemake(*MINE, "--", "results/mine/tables/table1.csv", ok=False)
    path.write_text(kept)
    n = len(notebook["cells"])
    assert f"innerlr: notebooks/table1.ipynb: cell {n} of {n} failed with ZeroDivisionError" in said
    assert "division by zero\n1 / 0  # the slip\n" in said
    assert '"cell_type"' not in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 100
    assert (project.results("mine") / "logs/table/table1.ipynb").is_file()
