"""The records beside artefacts, `<file>.provenance.json`: what made them, from what."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.verify import SUFFIX, digest_or_missing
from replication.checkout import ROOT
from replication.pipeline.files import atomic

PACKAGES = ("innerlr", "numpy", "scipy", "pandas", "matplotlib", "seaborn", "snakemake", "torch")
# where data come from; several are joined by a plus
SOURCES = frozenset({"generated", "directory", "download", "stand_in"})


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


def recorded(path: str | Path, key: str) -> Any:
    """What the record beside a file says; None where there is no record.

    Raises:
        InnerlrError: a record that cannot be read, or does not say it.
    """
    record = Path(f"{path}{SUFFIX}")
    try:
        return json.loads(record.read_bytes())[key]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InnerlrError(
            f"{record}: damaged: expected a record with {key!r} ({type(error).__name__}: {error}). "
            f"Delete it and {path}, and run again: both are made anew for what needs them."
        ) from error


def data_source(inputs: Iterable[str | Path]) -> str:
    """Where the data behind `inputs` come from, as their records say; generated where none does.

    Raises:
        InnerlrError: a record that cannot be read, or names another source than SOURCES.
    """
    found = {path: recorded(path, "data_source") for path in inputs}
    named = {path: str(source).split("+") for path, source in found.items() if source is not None}
    for path, sources in named.items():
        if not SOURCES.issuperset(sources):
            raise InnerlrError(
                f"{path}{SUFFIX}: damaged: expected a data source among "
                f"{', '.join(sorted(SOURCES))}, got {found[path]!r}. Delete it and {path}, and run "
                "again: both are made anew for what needs them."
            )
    return joined(source for sources in named.values() for source in sources)


def joined(sources: Iterable[str]) -> str:
    """Several data sources as one; generated data count only where there are no others."""
    return "+".join(sorted(set(sources) - {"generated"})) or "generated"


def origin(inputs: Iterable[str | Path], code: Iterable[str] = ()) -> dict[str, Any]:
    """What is run and read now: the revision, and the digests of `inputs` and `code`.

    Code is recorded but, unlike data, not held against later: the revision stands for it. Inputs
    that stand in the checkout's own folders, such as notebooks, count as code.

    Args:
        inputs: files that are read.
        code: modules, by their paths in the checkout.
    """
    digests = {str(path): digest_or_missing(path) for path in inputs}
    modules = {path: digest_or_missing(ROOT / path) for path in code}
    return {
        "revision": code_revision(),
        "inputs": {path: value for path, value in digests.items() if not _is_code(path)},
        "code": {path: value for path, value in digests.items() if _is_code(path)} | modules,
    }


def write(
    outputs: Iterable[str | Path],
    inputs: Iterable[str | Path],
    /,
    modules: Iterable[str] = (),
    **facts: Any,
) -> None:
    """One record beside each output.

    What :func:`origin` says now and did not say when the job began stands under
    `changed_meanwhile`.

    Args:
        outputs: files just written.
        inputs: files they were made from.
        modules: the code behind them, by their paths in the checkout.
        facts: rule, config digest, seed, threads, device, wall and CPU seconds, data source; of a
            job that took time, what :func:`origin` said when it began.
    """
    now = origin(inputs, modules)
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
