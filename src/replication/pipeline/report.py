"""Snakemake's report of a run: when it is due, and how it is written.

Snakemake's own `--report-after-run` was tried and does not serve: it makes no report after a failed
run, rewrites one after "nothing to be done" and even with -n, replaces the whole report by one
target's, and has one path for all presets.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from replication.checkout import ROOT
from replication.images.choice import unasked_stand_in
from replication.pipeline.files import atomic, full_disk, write_text
from replication.pipeline.provenance import data_source, recorded
from replication.pipeline.targets import Targets

# A run that has nothing to do calls no handler. Where the report is missing or older than what it
# shows, this file is a target as well, and writing the report removes it.
DUE = "report.due"


def path(targets: Targets) -> Path:
    """Where the report of a run stands."""
    return targets.results / "report.html"


def _groups(targets: Targets) -> list[list[Path]]:
    """The files of each figure, table and page of readings."""
    return [
        *(targets.figure(name) for name in targets.figures),
        *targets.tables.values(),
        *(targets.picture(name) for name in targets.curves),
        *(targets.rates(name) for name in targets.shared),
    ]


def complete(targets: Targets) -> list[Path]:
    """What the report can show: the files of every figure, table and page that is whole."""
    whole = [group for group in _groups(targets) if all(file.exists() for file in group)]
    return [file for group in whole for file in group]


def due(targets: Targets) -> list[Path]:
    """A file to ask for if the report is missing or older than what it shows; else none."""
    report = path(targets)
    shown = [file.stat().st_mtime for group in _groups(targets) for file in group if file.exists()]
    current = report.exists() and report.stat().st_mtime >= max(shown, default=0.0)
    return [] if current else [targets.logs / DUE]


def write(targets: Targets) -> str:
    """Write the report of all that is whole, and the run's configuration beside it.

    A report cannot be a rule of its own run: Snakemake makes it in a second call. It gets its name
    when it is whole.

    Returns:
        What to say: where the figures and the report are; empty if there is nothing to report.

    Raises:
        InnerlrError: a file that it would show is damaged, the disk is full, or Snakemake could not
            make it.
    """
    shown = complete(targets)
    if not shown:
        return ""
    for file in shown:
        _check(file)
    snapshot = targets.results / "config.yaml"
    write_text(snapshot, yaml.safe_dump(targets.config.model_dump(), sort_keys=False))
    with atomic(path(targets)) as unfinished:
        made = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--nolock"),
                *("--snakefile", str(ROOT / "Snakefile")),
                *("--configfile", str(snapshot), "--report", str(unfinished), "--"),
                *map(str, shown),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"{made.stdout}\n{made.stderr}"
        if os.strerror(errno.ENOSPC) in said:
            raise full_disk(path(targets))
        if made.returncode:
            raise InnerlrError(f"the report could not be made:\n{said}")
    (targets.logs / DUE).unlink(missing_ok=True)
    return _said(targets)


def _check(file: Path) -> None:
    """Hold a file that the report shows against its record, if it has one."""
    if recorded(file, "sha256") not in (None, digest(file)):
        raise InnerlrError(
            f"{file}: damaged or edited since it was written, so that no report is made of it. "
            f"Delete {file} and run again: it is then made anew."
        )


def _said(targets: Targets) -> str:
    drawn = [name for name in targets.figures if targets.picture(name)[0].exists()]
    lines = [
        f"{len(drawn)} of {len(targets.figures)} figures are in {targets.results / 'figures'}; "
        f"the report is {path(targets)}",
    ]
    if targets.experiments_on_images:
        shows = [
            name
            for name, experiments in targets.figures.items()
            if set(experiments) & set(targets.experiments_on_images)
        ]
        source = targets.images.source
        log = targets.logs / "image_bank.log"
        had = data_source([targets.image_bank])
        lines.append(unasked_stand_in(had, source, log, " and ".join(shows)))
    return "\n".join(lines).rstrip("\n")


class Stopped:
    """Whether the user has stopped the run, by Ctrl-C or SIGTERM; then no report is made.

    Snakemake tells its handler of errors nothing about it.
    """

    def __init__(self) -> None:
        self.by_user = False

    def watch(self) -> None:
        """Note the signals that arrive from now on; what handled them still does."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._noting(signal.getsignal(number)))

    def _noting(self, before: Any) -> Callable[[int, FrameType | None], None]:
        def note(number: int, frame: FrameType | None) -> None:
            self.by_user = True
            if callable(before):
                before(number, frame)
            elif before == signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        return note
