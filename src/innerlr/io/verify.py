"""A run's artefacts against their records and the folder's manifest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError
from innerlr.io import digests
from innerlr.io.files import digest
from innerlr.io.manifest import NAME, covered, read_manifest
from innerlr.io.records import SEAL, SUFFIX, read_record

# made by the run itself, not by a job
_OF_THE_RUN = ("report.html", "config.yaml")


def digest_or_missing(path: str | Path) -> str:
    """Digest of a file, or the word 'missing'."""
    return digest(path) if Path(path).is_file() else "missing"


def verify(root: str | Path) -> list[str]:
    """What does not agree below `root`, a line each: an empty list means that everything does.

    The folder must hold what its manifest lists and nothing else (but for what
    :func:`~innerlr.io.manifest.covered` leaves out). Every artefact must have a record with its
    digest, which names the place where it lies; it must agree with the `.sha256` beside it, if jobs
    read it; the inputs that a record names must still have the digests with which it was made; all
    records must come from one code revision. Of reference results, which are of several runs and
    keep no inputs, the artefacts alone are held against their records. Damage is found, not
    forgery: who writes a file, its digest, its record and the manifest anew is believed.
    """
    found = _Verification(Path(root)).problems
    return [line if line.isprintable() else repr(line)[1:-1] for line in found]


class _Verification:
    """One folder's; at most one problem is told of each file's own content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = (folder / "runs.yaml").is_file()
        self.problems: list[str] = []
        self._named: set[Path] = set()
        self._digests: dict[str, str] = {}
        # in results/<run> records name inputs from where Snakemake ran
        above = Path(os.path.abspath(folder)).parent
        self._ran_in = above.parent if above.name == "results" else Path()

        files = covered(folder)
        records = [path for path in files if path.name.endswith(SUFFIX)]
        if not records:
            self.problems.append(f"{folder}: holds no artefact with a {SUFFIX} record")
            return
        for path in files:
            if not path.is_file():
                self._tell(path, f"{path}: is neither a file nor a folder")
        self._hold_against_records(files, records)
        self._hold_against_digests(files)
        self._hold_against_manifest(files)

    def _tell(self, path: Path, problem: str) -> None:
        if path not in self._named:
            self._named.add(path)
            self.problems.append(problem)

    def _hold_against_records(self, files: list[Path], records: list[Path]) -> None:
        known = {path.with_name(path.name.removesuffix(SUFFIX)) for path in records}
        known |= {digests.digest_file(path) for path in {*known, *files}}
        for path in files:
            if path not in known and path not in records and not self._of_the_run(path):
                self._tell(path, f"{path}: has no {path.name}{SUFFIX}")
        revisions: dict[str, list[str]] = {}
        for path in records:
            artefact = path.with_name(path.name.removesuffix(SUFFIX))
            try:
                record = read_record(path) if path.is_file() else None
            except InnerlrError as error:
                self._tell(path, str(error))
                continue
            if record is None:
                continue
            self._hold_against_record(artefact, record)
            revisions.setdefault(record["revision"], []).append(artefact.name)
        if len(revisions) > 1 and not self.kept:
            counts = ", ".join(f"{key[:12]} ({len(names)})" for key, names in revisions.items())
            self.problems.append(
                f"{self.folder}: made by several code revisions: {counts}; run it afresh"
            )

    def _of_the_run(self, path: Path) -> bool:
        """Whether no job made it; at the top of reference results nothing is of a job alone."""
        return path.parent == self.folder and (self.kept or path.name in _OF_THE_RUN)

    def _hold_against_record(self, artefact: Path, record: dict[str, Any]) -> None:
        # records without a seal name no folder
        within = artefact.relative_to(self.folder).as_posix()
        place = within if SEAL in record else artefact.name
        if record.get("file", place) != place:
            path = artefact.with_name(artefact.name + SUFFIX)
            self._tell(path, f"{path}: is the record of {record['file']}, not of {place}")
            return
        state = self._differs(artefact, record["sha256"])
        if state:
            self._tell(artefact, f"{artefact} {state} since it was recorded")
        # a commit alone changes nothing that ran
        for name in sorted(set(record.get("changed_meanwhile", ())) - {"revision"}):
            self.problems.append(f"{name} changed while {artefact} was made from it; make it again")
        for name, value in {} if self.kept else record["inputs"].items():
            state = self._differs(self._ran_in / name, value)
            if state:
                self.problems.append(
                    f"{name}, an input of {artefact}, {state} since it was recorded"
                )

    def _hold_against_digests(self, files: list[Path]) -> None:
        for path in files:
            artefact = path.with_name(path.name.removesuffix(digests.SUFFIX))
            if path == artefact or artefact in self._named or not artefact.is_file():
                continue
            try:
                within = artefact.relative_to(self.folder).as_posix()
                digests.check(artefact, within, self._digest(artefact))
            except InnerlrError as error:
                self._tell(path, str(error))

    def _hold_against_manifest(self, files: list[Path]) -> None:
        try:
            listed = read_manifest(self.folder)
        except InnerlrError as error:
            self.problems.append(str(error))
            return
        for path in files:
            expected = listed.pop(path.relative_to(self.folder).as_posix(), None)
            if expected is None:
                self._tell(path, f"{path}: is not in {NAME}, so no finished run left it here")
                continue
            state = self._differs(path, expected)
            if state:
                self._tell(path, f"{path} {state} since {NAME} was written")
        for name in listed:
            path = self.folder / name
            self._tell(path, f"{path} is missing since {NAME} was written")

    def _differs(self, path: Path, expected: str) -> str:
        """How a file differs from its digest; empty if it does not."""
        got = self._digest(path)
        if got == expected:
            return ""
        return {"missing": "is missing"}.get(got, got if " " in got else "has changed")

    def _digest(self, path: Path) -> str:
        """The digest of a file, or in words why there is none."""
        key = os.path.abspath(path)
        if key not in self._digests:
            try:
                self._digests[key] = digest_or_missing(path)
            except OSError as error:
                self._digests[key] = f"cannot be read ({error.strerror}), so may differ"
        return self._digests[key]
