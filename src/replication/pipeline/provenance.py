"""The records beside artefacts, `<file>.provenance.json`: what made them, from what."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.records import SUFFIX, read_record, sealed
from innerlr.io.verify import digest_or_missing
from replication.checkout import ROOT
from replication.pipeline.files import atomic

# code outside the commit: what lies here counts, untracked data and settings do not
_CODE = ("src", "scripts", "workflow", "notebooks", "Snakefile", ":(glob)*.py")
_OF_A_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"),
)
PACKAGES = ("innerlr", "numpy", "scipy", "pandas", "matplotlib", "seaborn", "snakemake", "torch")
# where data come from; several are joined by a plus
SOURCES = frozenset({"generated", "directory", "download", "stand_in"})


def config_digest(config: Any) -> str:
    """SHA-256 of a section of the configuration, independent of the order of its keys."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Revision(NamedTuple):
    """Which code runs.

    Attributes:
        name: the commit, '-dirty' appended if the checkout differs from it or has modules that it
            does not know; or 'unknown'.
        why_unknown: empty if it is known.
    """

    name: str
    why_unknown: str = ""

    @property
    def warning(self) -> str:
        """What to say once, before anything is recorded; empty if the revision is known."""
        if not self.why_unknown:
            return ""
        return f"The revision of the code is unknown: {self.why_unknown}. The records say so."


def code_revision(root: Path = ROOT) -> Revision:
    """The revision of the checkout at `root`, whatever repository is around it or set by GIT_DIR.

    That of an unpacked release is unknown.
    """
    try:
        top, commit = _git(root, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        if not os.path.samefile(top, root):
            return Revision(
                "unknown", f"{root} is no git checkout; the one at {top}, around it, is another's"
            )
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        added = _git(root, "ls-files", "--others", "--exclude-standard", "--", *_CODE)
    except OSError as error:
        return Revision("unknown", f"git could not be run ({error.strerror})")
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().partition("\n")[0].removeprefix("fatal: ")
        ignored = ", and GIT_DIR is not followed" if os.environ.get("GIT_DIR") else ""
        return Revision("unknown", f"git says of {root}: {said}{ignored}")
    return Revision(commit + ("-dirty" if changed or added else ""))


def _git(root: Path, *arguments: str) -> str:
    """What git says of the repository that it finds from `root`, not of one that is set."""
    environment = {key: value for key, value in os.environ.items() if key not in _OF_A_REPOSITORY}
    return subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        # no lock is taken: jobs run side by side
        env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
    ).stdout.strip()


@cache
def machine() -> dict[str, str]:
    """What runs it: the kind of machine, the host's name and the processor's."""
    return {"machine": platform.machine(), "host": platform.node(), "cpu": _processor()}


def _processor() -> str:
    found = ""
    if sys.platform == "darwin":
        with suppress(OSError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)
            found = asked.stdout.strip()
    else:
        with suppress(OSError):
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
            models = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
            found = " + ".join(dict.fromkeys(models))
    return found or platform.processor() or platform.machine()


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
        InnerlrError: a record that cannot be read, was changed after it was written, or does not
            say it.
    """
    record = Path(f"{path}{SUFFIX}")
    if not record.exists():
        return None
    found = read_record(record)
    if key not in found:
        raise InnerlrError(
            f"{record}: damaged: expected a record with {key!r}. Delete it and {path}, and run "
            "again: both are made anew for what needs them."
        )
    return found[key]


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
    read = {str(path): _in_code(path) for path in inputs}
    modules = [path for path in read.values() if path] + list(code)
    revision = code_revision()
    why = {"revision_unknown": revision.why_unknown} if revision.why_unknown else {}
    return {
        "revision": revision.name,
        **why,
        "inputs": {path: digest_or_missing(path) for path, of_code in read.items() if not of_code},
        "code": {path: digest_or_missing(ROOT / path) for path in modules},
    }


def write(
    folder: str | Path,
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
        folder: of the results; a record names its file by the path within it.
        outputs: files just written, below `folder`.
        inputs: files they were made from.
        modules: the code behind them, by their paths in the checkout.
        facts: rule, config digest, seed, threads, device, data source, what the job's clock says;
            of a job that took time, what :func:`origin` said when it began.
    """
    now = origin(inputs, modules)
    shared = {**now, "versions": versions(), **machine(), **facts}
    then = {"revision": shared["revision"], **shared["inputs"], **shared["code"]}
    end = {"revision": now["revision"], **now["inputs"], **now["code"]}
    changed = {key: value for key, value in end.items() if then.get(key) != value}
    if changed:
        shared["changed_meanwhile"] = changed
    for path in outputs:
        within = Path(path).relative_to(folder).as_posix()
        with atomic(f"{path}{SUFFIX}") as temporary:
            record = sealed({"file": within, "sha256": digest(path), **shared})
            temporary.write_text(record, encoding="utf-8")


def _in_code(path: str | Path) -> str | None:
    """The path in the checkout of a file in one of its folders of code; None for any other."""
    found = os.path.relpath(path, ROOT)
    return found if found.startswith(("src/", "scripts/", "notebooks/", "workflow/")) else None
