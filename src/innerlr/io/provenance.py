"""`<file>.provenance.json` beside every artefact, and their verification."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from innerlr.io.files import atomic, digest

SUFFIX = ".provenance.json"
PACKAGES = ("innerlr", "numpy", "scipy", "pandas", "matplotlib", "seaborn", "snakemake", "torch")
# Made by Snakemake or by the run itself, not by a job.
_EXEMPT_FILES = ("report.html", "config.yaml")
_EXEMPT_FOLDERS = ("logs", "benchmarks", "checkpoints")


def config_digest(config: Any) -> str:
    """SHA-256 of a section of the configuration, independent of the order of its keys."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_revision() -> str:
    """The commit of the working tree, '-dirty' appended where it differs; 'unknown' without git."""
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    try:
        revision = _output([*git, "rev-parse", "HEAD"])
        changed = _output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + ("-dirty" if changed else "")


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """Python and the packages behind the numbers, as far as installed; no import is made."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def data_source(inputs: Iterable[str | Path]) -> str:
    """Where the data behind `inputs` come from, as their records say; generated where none does."""
    found = set()
    for path in inputs:
        record = Path(f"{path}{SUFFIX}")
        if record.is_file():
            found.add(json.loads(record.read_text())["data_source"])
    return joined(found)


def joined(sources: Iterable[str]) -> str:
    """Several data sources as one; generated data count only where there are no others."""
    return "+".join(sorted(set(sources) - {"generated"})) or "generated"


def origin(inputs: Iterable[str | Path]) -> dict[str, Any]:
    """What is run and read now: the revision, and the digests of `inputs` and of code among them.

    Code is recorded but, unlike data, not held against later: the revision stands for it.
    """
    digests = {str(path): _digest(path) for path in inputs}
    return {
        "revision": code_revision(),
        "inputs": {path: value for path, value in digests.items() if not _is_code(path)},
        "code": {path: value for path, value in digests.items() if _is_code(path)},
    }


def _digest(path: str | Path) -> str:
    return digest(path) if Path(path).is_file() else "missing"


def write(outputs: Iterable[str | Path], inputs: Iterable[str | Path], /, **facts: Any) -> None:
    """One record beside each output.

    What :func:`origin` says now and did not say when the job began stands under
    `changed_meanwhile`.

    Args:
        outputs: files just written.
        inputs: files they were made from, code among them.
        facts: rule, config digest, seed, threads, device, wall and CPU seconds, data source; of a
            job that took time, what :func:`origin` said when it began.
    """
    now = origin(inputs)
    shared = {**now, "versions": versions(), "machine": platform.machine(), **facts}
    then = {"revision": shared["revision"], **shared["inputs"], **shared["code"]}
    end = {"revision": now["revision"], **now["inputs"], **now["code"]}
    changed = {key: value for key, value in end.items() if then.get(key) != value}
    if changed:
        shared["changed_meanwhile"] = changed
    for path in outputs:
        record = {"file": Path(path).name, "sha256": digest(path), **shared}
        with atomic(f"{path}{SUFFIX}") as temporary:
            temporary.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def _is_code(path: str) -> bool:
    return path.startswith(("src/", "scripts/", "notebooks/", "workflow/"))


def verify(root: str | Path) -> list[str]:
    """What does not agree below `root`: an empty list means that everything does.

    Every artefact must have a record with its digest; the inputs that a record names must still
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
    for path in files:
        within = path.relative_to(folder)
        exempt = _exempt(within) or (kept and len(within.parts) == 1)
        if path not in known and path not in records and not exempt:
            problems.append(f"{path}: has no {path.name}{SUFFIX}")
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
                digests[path] = _digest(path)
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
