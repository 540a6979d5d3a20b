"""A run's artefacts against the records beside them, `<file>.provenance.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError
from innerlr.io import digests as beside
from innerlr.io.files import digest

SUFFIX = ".provenance.json"
# Made by Snakemake or by the run itself, not by a job.
_EXEMPT_FILES = ("report.html", "config.yaml")
_EXEMPT_FOLDERS = ("logs", "benchmarks", "checkpoints")


def digest_or_missing(path: str | Path) -> str:
    """Digest of a file, or the word 'missing'."""
    return digest(path) if Path(path).is_file() else "missing"


def verify(root: str | Path) -> list[str]:
    """What does not agree below `root`: an empty list means that everything does.

    Every artefact must have a record with its digest, and agree with the `.sha256` beside it where
    jobs read it; the inputs that a record names must still
    have the digests with which it was made; all records must come from one code revision. Of
    reference results, which are of several runs and keep no inputs, the artefacts alone are held
    against their records.
    """
    folder = Path(root)
    kept = (folder / "runs.yaml").is_file()
    problems: list[str] = []
    revisions: dict[str, list[str]] = {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    records = [path for path in files if path.name.endswith(SUFFIX)]
    if not records:
        return [f"{folder}: holds no artefact with a {SUFFIX} record"]
    known = {path.with_name(path.name.removesuffix(SUFFIX)) for path in records}
    known |= {beside.digest_file(path) for path in {*known, *files}}
    for path in files:
        within = path.relative_to(folder)
        exempt = _exempt(within) or (kept and len(within.parts) == 1)
        if path not in known and path not in records and not exempt:
            problems.append(f"{path}: has no {path.name}{SUFFIX}")
    for path in files:
        artefact = path.with_name(path.name.removesuffix(beside.SUFFIX))
        if path.name.endswith(beside.SUFFIX) and artefact.is_file():
            try:
                beside.check(artefact, artefact.relative_to(folder).as_posix(), digest(artefact))
            except InnerlrError as error:
                problems.append(str(error))
    digests: dict[str, str] = {}
    for record_path in records:
        artefact = record_path.with_name(record_path.name.removesuffix(SUFFIX))
        try:
            record: Mapping[str, Any] = json.loads(record_path.read_text())
            expected = {str(artefact): record["sha256"]} | ({} if kept else record["inputs"])
            revisions.setdefault(record["revision"], []).append(artefact.name)
        except (json.JSONDecodeError, KeyError) as error:
            problems.append(f"{record_path}: not a provenance record ({error!r})")
            continue
        # a commit alone changes nothing that ran
        for path in sorted(set(record.get("changed_meanwhile", ())) - {"revision"}):
            problems.append(f"{path} changed while {artefact} was made from it; make it again")
        for path, value in expected.items():
            if path not in digests:
                digests[path] = digest_or_missing(path)
            if digests[path] != value:
                state = "is missing" if digests[path] == "missing" else "has changed"
                role = "" if path == str(artefact) else f", an input of {artefact},"
                problems.append(f"{path}{role} {state} since it was recorded")
    if len(revisions) > 1 and not kept:
        counts = ", ".join(f"{key[:12]} ({len(names)})" for key, names in revisions.items())
        problems.append(f"{folder}: made by several code revisions: {counts}; run it afresh")
    return problems


def _exempt(path: Path) -> bool:
    if path.name in _EXEMPT_FILES and len(path.parts) == 1:
        return True
    return path.parts[0] in _EXEMPT_FOLDERS or path.name.startswith(".")
