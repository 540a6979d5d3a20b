"""Snakemake's report of a run: when it is due, and how it is written.

Snakemake's own `--report-after-run` was tried and does not serve: it makes no report after a failed
run, rewrites one after "nothing to be done" and even with -n, replaces the whole report by one
target's, and has one path for all presets.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.manifest import NAME as MANIFEST
from replication.checkout import ROOT
from replication.images.choice import unasked_stand_in
from replication.pipeline.files import atomic, full_disk, write_manifest, write_text
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
    """A file to ask for if the report or the manifest is missing or older than what it tells of."""
    shown = [file.stat().st_mtime for group in _groups(targets) for file in group if file.exists()]
    last = max(shown, default=0.0)
    for file in (path(targets), targets.results / MANIFEST):  # the manifest lists the report
        if not file.exists() or file.stat().st_mtime < last:
            return [targets.logs / DUE]
        last = file.stat().st_mtime
    return []


def close(targets: Targets, *, stopped: bool = False) -> str:
    """End a run: write the report, then the manifest of all that the results hold.

    Args:
        targets: of the run.
        stopped: by the user, who asks for no report then.

    Returns:
        What to say (see :func:`write`).

    Raises:
        InnerlrError: one of them could not be written.
    """
    said = "" if stopped else write(targets)
    try:
        if targets.results.is_dir():
            write_manifest(targets.results)
    except OSError as error:
        raise InnerlrError(
            f"{targets.results / MANIFEST}: could not be written ({error}). Mend that, and run "
            "again: what is made stays."
        ) from error
    return said


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
        shown_only = closed(unfinished.read_text(encoding="utf-8"))
        unfinished.write_text(shown_only, encoding="utf-8")
    (targets.logs / DUE).unlink(missing_ok=True)
    return _said(targets)


def _check(file: Path) -> None:
    """Hold a file that the report shows against its record, if it has one."""
    if recorded(file, "sha256") not in (None, digest(file)):
        raise InnerlrError(
            f"{file}: damaged or edited since it was written, so that no report is made of it. "
            f"Delete {file} and run again: it is then made anew."
        )


# what Snakemake embeds, as JSON on one line
_EMBEDDED = re.compile(r'(<script id="([\w-]+)">\n *var \w+ = )(.*)(;\n *</script>)')
MAY_HOLD_TEXT = {"workflow-desc", "results", "categories", "rules", "metadata"}


def closed(report: str) -> str:
    """A report in whose scripts no text ends the script.

    Snakemake embeds parameters, such as titles, captions and labels as they are: one with
    `</script>` in it is run. Within JSON a `<` may as well be written as its code.

    Raises:
        InnerlrError: the report has another form than the one known.
    """
    names = {found[2] for found in _EMBEDDED.finditer(report)}
    if not names >= MAY_HOLD_TEXT:
        raise InnerlrError(
            "the report: this version of Snakemake embeds its data in another form, so they cannot "
            f"be made safe (no script {', '.join(sorted(MAY_HOLD_TEXT - names))}). Take the "
            "version in requirements.lock."
        )
    return _EMBEDDED.sub(
        lambda found: found[1] + found[3].replace("<", r"\u003c") + found[4], report
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
