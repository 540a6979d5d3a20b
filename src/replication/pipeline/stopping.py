"""Ctrl-C and SIGTERM: a run ends within seconds, and its jobs with it.

Left to itself, Snakemake waits for running jobs after SIGTERM, and after a Ctrl-C that did not
reach the jobs as well; a job of ours may take an hour.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

import psutil

from replication.pipeline.marks import end

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SCRIPTS = ".snakemake/scripts/"  # where Snakemake keeps the scripts that jobs run


class Stop:
    """Whether the user has stopped this run; then its jobs are ended, and no report is made.

    Attributes:
        by_user: whether a signal has arrived. Snakemake tells its handler of errors nothing of it.
    """

    def __init__(self) -> None:
        self.by_user = False

    def watch(self) -> None:
        """Handle the signals from now on, but for those that this process ignores (as by nohup)."""
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.by_user:
            return  # the first one is being obeyed
        self.by_user = True
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        print(f"\ninnerlr: stopping, after {name}. The same command goes on.", file=sys.stderr)
        threading.Thread(target=_end_jobs, daemon=True).start()
        # Snakemake takes it as its own way out
        raise SystemExit(128 + number)


def _end_jobs() -> None:
    """End the jobs that this process has started, and what they have; also one just starting."""
    while jobs := _jobs():
        end(jobs)


def _jobs() -> list[psutil.Process]:
    """This process's jobs and what is below them; another child may be a scheduler's `scancel`."""
    found = []
    for child in psutil.Process().children():
        try:
            if _SCRIPTS in " ".join(child.cmdline()):
                found += [child, *child.children(recursive=True)]
        except psutil.NoSuchProcess:  # it has ended meanwhile
            continue
    return found
