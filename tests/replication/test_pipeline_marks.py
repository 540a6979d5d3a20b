"""Marks of runs: which of them are gone, and whose locks are removed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr.errors import InnerlrError
from replication.pipeline import marks
from replication.pipeline.marks import LOCKS, Mark, enter, hold, host, started


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(marks.RUN, "none")  # so that it is put back
    return tmp_path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    process = asleep()
    yield process
    process.kill()
    process.wait()


def asleep(run: str = "none") -> subprocess.Popen:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return subprocess.Popen(command, env=os.environ | {marks.RUN: run})


def mark_of(pid: int, **change: object) -> Mark:
    made = Mark("other", host(), pid, started(pid) or "", "noon", "-- fig11")
    return replace(made, **change)


def dead_mark(**change: object) -> Mark:
    """Of a process that has just been killed."""
    process = asleep()
    made = mark_of(process.pid, **change)
    process.kill()
    process.wait()
    return made


def lock(*names: str) -> None:
    LOCKS.mkdir(parents=True, exist_ok=True)
    for name in names:
        (LOCKS / name).write_text("results/x\n")


def locks() -> set[str]:
    return {path.name for path in LOCKS.glob("*.lock")}


def test_a_process_is_told_from_another_with_its_number(sleeper: subprocess.Popen) -> None:
    assert started(sleeper.pid) == started(sleeper.pid) != started(os.getpid())
    assert not mark_of(sleeper.pid).gone
    assert mark_of(sleeper.pid, started=started(os.getpid())).gone
    # a boot before this one
    assert mark_of(sleeper.pid, started="0-0 " + str(started(sleeper.pid)).split()[-1]).gone
    assert not mark_of(sleeper.pid, started="1", host="elsewhere").gone


def test_a_killed_process_is_gone_whether_or_not_its_parent_has_noticed() -> None:
    process = asleep()
    made = mark_of(process.pid)
    process.kill()
    psutil.Process(process.pid).status()  # not waited for: a zombie, or soon one
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert made.gone
    process.wait()
    assert made.gone


def test_a_mark_reads_back_and_a_damaged_one_is_named() -> None:
    made = mark_of(os.getpid(), locks=("0.input.lock",))
    made.write()
    assert Mark.read(made.path) == made
    whole = json.loads(made.path.read_text())
    for text in ("", "{", "[]", "3", "null", json.dumps(whole | {"more": 1})):
        made.path.write_text(text)
        with pytest.raises(InnerlrError, match=r"damaged.*--unlock"):
            Mark.read(made.path)
    for key, value in {"pid": -1, "host": " ", "locks": 3}.items():
        made.path.write_text(json.dumps(whole | {key: value}))
        with pytest.raises(InnerlrError, match=r"damaged.*--unlock"):
            Mark.read(made.path)


def test_the_locks_of_a_killed_run_are_removed_and_it_is_said() -> None:
    old = dead_mark()
    old.write()
    lock("0.input.lock", "0.output.lock")
    mark, said = enter("-- fig02")
    assert not locks()
    assert not old.path.exists()
    (line,) = said
    assert "cut off" in line
    assert "-- fig11" in line
    assert str(old.pid) in line
    assert Mark.read(mark.path) == mark
    assert os.environ[marks.RUN] == mark.run


def test_a_run_that_was_killed_before_it_locked_is_not_spoken_of() -> None:
    old = dead_mark()
    old.write()
    assert enter("")[1] == []
    assert not old.path.exists()


def test_a_number_that_is_in_use_again_protects_no_lock() -> None:
    mark_of(os.getpid(), started="long ago").write()
    lock("0.output.lock")
    assert "cut off" in enter("")[1][0]
    assert not locks()


def test_a_run_at_work_keeps_its_locks(sleeper: subprocess.Popen) -> None:
    mark_of(sleeper.pid, locks=("0.output.lock",)).write()
    lock("0.output.lock")
    _, said = enter("")
    assert locks() == {"0.output.lock"}
    (line,) = said
    assert "another run is at work" in line
    assert str(sleeper.pid) in line


def test_another_machines_run_keeps_its_locks_and_is_named() -> None:
    dead_mark(host="mountain pid:[1]").write()
    lock("0.output.lock")
    _, said = enter("")
    assert locks() == {"0.output.lock"}
    (line,) = said
    assert "mountain" in line
    assert "--unlock" in line


@pytest.mark.parametrize("what", ["gethostname", "readlink", "getuid"])
def test_a_process_that_cannot_be_seen_from_here_is_not_called_gone(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another machine, another container, and another user."""
    made = dead_mark()
    assert made.gone
    monkeypatch.setattr(socket if what == "gethostname" else os, what, lambda *_: "other")
    assert not made.gone


def test_a_damaged_mark_protects_all_locks() -> None:
    dead_mark().write()
    lock("0.output.lock")
    (LOCKS / "run-x.json").write_text("{")
    _, said = enter("")
    assert locks() == {"0.output.lock"}
    assert "damaged" in said[0]


def test_no_mark_where_the_folder_cannot_be_written() -> None:
    LOCKS.parent.write_text("no folder")
    assert enter("")[1] == []


MARKS = st.lists(
    st.tuples(
        st.sampled_from(["gone", "at work", "elsewhere"]),
        st.none() | st.sets(st.integers(0, 5), max_size=3),
    ),
    max_size=4,
)


@given(MARKS, st.sets(st.integers(0, 5)))
def test_only_locks_that_nobody_holds_are_removed(
    found: list[tuple[str, set[int] | None]], files: set[int]
) -> None:
    pid = os.getpid()
    kinds = {
        "gone": mark_of(pid, started="long ago"),
        "at work": mark_of(pid),
        "elsewhere": mark_of(pid, host="elsewhere"),
    }
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        lock(*(f"{i}.output.lock" for i in files))
        for i, (kind, numbers) in enumerate(found):
            held = None if numbers is None else tuple(f"{n}.output.lock" for n in numbers)
            replace(kinds[kind], run=str(i), locks=held).write()
        mark, _ = enter("")
        at_work = [numbers for kind, numbers in found if kind != "gone"]
        known = [numbers for numbers in at_work if numbers is not None]
        stay = files & set().union(*known)
        if len(known) < len(at_work) or all(kind != "gone" for kind, _ in found):
            stay = files
        assert locks() == {f"{i}.output.lock" for i in stay}
        hold(mark, [LOCKS / "9.output.lock"])
        assert Mark.read(mark.path).locks == ("9.output.lock",)
        hold(mark, [])  # another backend of Snakemake's, say
        assert Mark.read(mark.path).locks is None


def test_the_jobs_that_a_killed_run_left_are_ended_and_no_others() -> None:
    old = dead_mark(run="old")
    old.write()
    left, other = asleep("old"), asleep("new")
    _, said = enter("")
    ended = left.poll(), other.poll()
    for process in (left, other):
        process.kill()
        process.wait()
    assert ended[0] is not None
    assert ended[1] is None
    assert any("ended: 1" in line for line in said)


def test_a_process_that_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is within a long matrix product."""
    monkeypatch.setattr(marks, "_GRACE", 0.1)
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    deaf = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == b"ready\n"
    marks.end([psutil.Process(deaf.pid)])
    deaf.stdout.close()
    assert deaf.wait() == -signal.SIGKILL
