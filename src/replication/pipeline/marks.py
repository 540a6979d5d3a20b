"""Marks of the runs at work in a folder, so that a killed run's locks can be told from others'.

Snakemake's locks name no process: after `kill -9` or a power cut they stay, and every later run is
refused. A run of ours therefore leaves a mark beside the locks before it locks anything. A later
run that finds the mark of a process that is gone removes that run's locks and goes on.

The marks stand in Snakemake's folder of locks, so that `snakemake --unlock` removes them as well.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import sys
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import psutil

from innerlr.errors import InnerlrError
from replication.pipeline.files import atomic

LOCKS = Path(".snakemake/locks")
# in the environment of a run's jobs: the name of the run
RUN = "INNERLR_RUN"
_GRACE = 10.0  # seconds between asking a process to end and killing it


def host() -> str:
    """What this process can tell others' ends on: the machine, the container and the user.

    A container may have process numbers of its own, and a machine may hide other users' processes.
    """
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        namespace = "pid"
    return f"{socket.gethostname()} {namespace} {os.getuid()}"


def started(pid: int) -> str | None:
    """When a process of this machine started; None if there is no such process.

    On Linux this is the boot and the ticks since it, since the clock may be set while a run lasts.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if not sys.platform.startswith("linux"):
            return str(process.create_time())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # its name, in parentheses, may hold spaces and parentheses
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None
    return f"{boot} {int(fields[19])}"


@dataclass(frozen=True)
class Mark:
    """What a run says of itself.

    Attributes:
        run: its name, which no other run has.
        host: of :func:`host`.
        pid: of its main process.
        started: of :func:`started`.
        since: date and time of the start, for people.
        command: what was asked for.
        locks: the names of the lock files it holds; None as long as they are not known.
    """

    run: str
    host: str
    pid: int
    started: str
    since: str
    command: str
    locks: tuple[str, ...] | None = None

    @classmethod
    def own(cls, command: str) -> Mark:
        """The mark of this process."""
        pid = os.getpid()
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        start = started(pid) or ""
        return cls(uuid.uuid4().hex, host(), pid, start, since, command)

    @classmethod
    def read(cls, path: Path) -> Mark:
        """The mark in a file.

        Raises:
            InnerlrError: it is damaged.
        """
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            held["locks"] = None if held["locks"] is None else tuple(map(str, held["locks"]))
            mark = cls(**held)
            if not (isinstance(mark.pid, int) and mark.pid > 0 and str(mark.host).strip()):
                raise ValueError(f"no process: {mark.pid} of {mark.host!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise InnerlrError(
                f"{path}: the mark of a run is damaged ({error}). If no run is at work in this "
                "folder: snakemake --unlock."
            ) from error
        return mark

    @property
    def path(self) -> Path:
        """Where it stands."""
        return LOCKS / f"run-{self.run}.json"

    def write(self) -> None:
        """Write the mark, over what this run wrote before."""
        with atomic(self.path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def remove(self) -> None:
        """Remove the mark, if it is there."""
        self.path.unlink(missing_ok=True)

    @property
    def here(self) -> bool:
        """Whether the run is one of this machine, container and user."""
        return self.host == host()

    @property
    def gone(self) -> bool:
        """Whether the run was one of those here and has ended; its number may be in use again."""
        return self.here and started(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid}, since {self.since}: snakemake {self.command}"


def enter(command: str) -> tuple[Mark, list[str]]:
    """Mark this process as a run at work in this folder; clear away what killed runs have left.

    The mark is written before others are looked for. So of two runs that start at the same time at
    least one sees the other, and neither takes the other's fresh locks for old ones.

    Args:
        command: what is asked for, for people.

    Returns:
        The mark, which is removed when the process ends, and what to tell the user.
    """
    mark = Mark.own(command)
    try:
        mark.write()
    except OSError:  # Snakemake cannot lock there either, and says so
        return mark, []
    atexit.register(_leave, mark.path.absolute(), mark.pid)
    os.environ[RUN] = mark.run
    others, said = _others(mark)
    gone = [other for other in others if other.gone]
    at_work = [other for other in others if other not in gone]
    all_known = not said and all(other.locks is not None for other in at_work)
    said += [_told(other) for other in at_work]
    if gone and not all_known:
        said.append("the lock of a run that was cut off is kept as long as those above stand.")
    elif gone:
        ended = sum(end_jobs(other) for other in gone)
        removed = _remove_locks({lock for other in at_work for lock in other.locks or ()})
        for other in gone:
            other.remove()
            if removed:
                said.append(f"a run was cut off ({other}); its lock is removed.")
        if ended:
            said.append(f"processes that it had left at work are ended: {ended}.")
    return mark, said


def _others(mark: Mark) -> tuple[list[Mark], list[str]]:
    """The marks beside this one, and what is wrong with those that cannot be read."""
    others, wrong = [], []
    for path in sorted(LOCKS.glob("run-*.json")):
        try:
            if path != mark.path:
                others.append(Mark.read(path))
        except FileNotFoundError:  # that run has just ended
            continue
        except InnerlrError as error:
            wrong.append(str(error))
    return others, wrong


def _told(other: Mark) -> str:
    """What is said of a run that is at work, as far as one can see."""
    if other.here:
        return f"another run is at work in this folder ({other})."
    return (
        f"a run of another machine, container or user ({str(other.host).split()[0]}, {other}) has "
        "marked this folder. If it has ended: snakemake --unlock."
    )


def hold(mark: Mark, locks: Iterable[str | Path]) -> None:
    """Write into the mark which lock files its run holds, if that is known."""
    names = tuple(Path(lock).name for lock in locks)
    with contextlib.suppress(OSError):  # as long as they are not known, others keep all locks
        replace(mark, locks=names or None).write()


def _leave(path: Path, pid: int) -> None:
    if os.getpid() == pid:  # not in a fork of it
        path.unlink(missing_ok=True)


def _remove_locks(kept: Iterable[str]) -> int:
    """Remove Snakemake's lock files but for `kept`, each once; how many there were."""
    locks = [path for path in sorted(LOCKS.glob("*.lock")) if path.name not in set(kept)]
    for path in locks:
        path.unlink(missing_ok=True)
    return len(locks)


def end_jobs(mark: Mark) -> int:
    """End what a run that is gone has left at work; nobody would take its files.

    Returns:
        How many processes there were.
    """
    this = psutil.Process()
    spared = {this.pid, *(parent.pid for parent in this.parents())}
    left = [
        process
        for process in psutil.process_iter()
        if process.pid not in spared and _run_of(process) == mark.run
    ]
    end(left)
    return len(left)


def _run_of(process: psutil.Process) -> str | None:
    try:
        name: str | None = process.environ().get(RUN)
    except (psutil.Error, OSError):  # ended, or another user's
        return None
    return name


def end(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end, and kill those that have not ended some seconds later."""
    asked = list(processes)
    for process in asked:
        try:
            process.terminate()
        except psutil.Error:
            continue
    _, left = psutil.wait_procs(asked, timeout=_GRACE)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
