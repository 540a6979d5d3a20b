"""A finished run as a Workflow Run RO-Crate: results, settings, code and what is known of the run.

The profiles are those of RO-Crate 1.1: https://w3id.org/ro/wfrun/workflow/0.5 and the two that it
rests on.
"""

from __future__ import annotations

import mimetypes
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.person import Person
from rocrate.rocrate import ROCrate

from innerlr.errors import InnerlrError
from innerlr.io.files import digest
from innerlr.io.manifest import NAME as MANIFEST
from innerlr.io.manifest import covered
from innerlr.io.records import SUFFIX, read_record
from innerlr.io.verify import digest_or_missing, verify
from replication.checkout import ROOT
from replication.pipeline.files import atomic
from replication.pipeline.provenance import code_revision

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# RO-Crate 1.1 has no word for it
_SHA256 = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
# what mimetypes does not know, or not everywhere
_KINDS = {
    ".ipynb": "application/x-ipynb+json",
    ".md": "text/markdown",
    ".rst": "text/x-rst",
    ".smk": "text/plain",
    ".yaml": "application/yaml",
}
_TITLE = "Replication of Unraveling MAML via the Adaptation Learning Rate"
# what a run is made from; config.yaml is left out, since the run's own settings are there
_CODE = ("src", "scripts", "workflow", "notebooks", "profiles")
_FILES = ("LICENSE", "README.md", "pyproject.toml", "requirements.lock", "environment.yml")


def write(folder: str | Path, to: str | Path, *, agent: str = "") -> Path:
    """Write the crate of a run as a zip file.

    Args:
        folder: of the results, such as results/default.
        to: the file to write; it takes the place of an earlier one.
        agent: name of the person who ran it; left out if empty.

    Raises:
        InnerlrError: a folder that does not verify or is no run's, a run of other code than this
            checkout's, or another suffix than .zip.
    """
    if Path(to).suffix != ".zip":
        raise InnerlrError(f"{to}: expected a name that ends in .zip for the crate.")
    records = _records(Path(folder))
    run = Path(os.path.abspath(folder))
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(_SHA256)
    _add_run(crate, _add_workflow(crate, records[0]), run, records, agent)
    with atomic(to) as temporary:
        crate.write_zip(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:  # the crate names the folder too
            archive.mkdir(_within(run))
    return Path(to)


def _within(run: Path) -> str:
    """Where the results stand in the crate, as where they were made."""
    return f"results/{run.name}/"


def _records(run: Path) -> list[dict[str, Any]]:
    """The records of a run that verifies, of the code of this checkout."""
    if not run.is_dir():
        raise InnerlrError(f"{run}: no such folder. Give one below results/.")
    if not (run / "config.yaml").is_file():
        raise InnerlrError(
            f"{run}: holds no config.yaml, so it is not what one run wrote. Give the folder of a "
            "run of a figure or of all, such as results/default."
        )
    problems = verify(run)
    if problems:
        raise InnerlrError(
            f"{run}: does not verify, so it is no finished run ({problems[0]}; {len(problems)} in "
            "all). Finish it, or make it afresh."
        )
    records = [read_record(path) for path in covered(run) if path.name.endswith(SUFFIX)]
    here, there = code_revision().name, records[0]["revision"]
    if here != there:
        raise InnerlrError(
            f"{run}: was made at revision {there}, this checkout is at {here}. Check that one out, "
            "so that the crate holds the code that ran."
        )
    for record in records:
        for path, value in record.get("code", {}).items():
            if digest_or_missing(ROOT / path) != value:
                raise InnerlrError(
                    f"{path}: differs from what made {run / record['file']}, and the crate would "
                    "not hold the code that ran. Put it back, or make the run afresh."
                )
    return records


def _code_files() -> Iterator[Path]:
    """The code that runs, relative to the checkout."""
    for name in _FILES:
        if (ROOT / name).is_file():
            yield Path(name)
    for top in _CODE:
        for place, folders, files in os.walk(ROOT / top):
            folders[:] = sorted(
                name for name in folders if name != "__pycache__" and not name.startswith(".")
            )
            for name in sorted(files):
                if not name.startswith(".") and not name.endswith(".pyc"):
                    yield (Path(place) / name).relative_to(ROOT)


def _add_workflow(crate: ROCrate, record: dict[str, Any]) -> Any:
    """The code, whose Snakefile is the main workflow, and the packages under it."""
    workflow = crate.add_workflow(
        ROOT / "Snakefile",
        dest_path="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=record["versions"].get("snakemake"),
        properties={
            "name": _TITLE,
            "version": record["revision"],
            "encodingFormat": "text/plain",
            "sha256": digest(ROOT / "Snakefile"),
            "hasPart": [_id(_add_file(crate, ROOT / path, path)) for path in _code_files()],
            "license": _id(_licence(crate)),
        },
    )
    packages = {name: text for name, text in record["versions"].items() if name != "innerlr"}
    workflow["softwareRequirements"] = [
        _entity(crate, _page(name), "SoftwareApplication", name=name, url=_page(name), version=text)
        for name, text in sorted(packages.items())
    ]
    return workflow


def _page(package: str) -> str:
    python = package == "python"
    return "https://www.python.org/" if python else f"https://pypi.org/project/{package}/"


def _licence(crate: ROCrate, *, alone: bool = True) -> Any:
    """The licence of the code, or of a crate that holds more than the code and what it made."""
    if alone:
        return _entity(crate, "https://spdx.org/licenses/MIT", "CreativeWork", name="MIT License")
    said = (
        "The code is under the MIT License. Whoever owns the data that it read decides on theirs."
    )
    return _entity(crate, "#licence", "CreativeWork", name=said)


def _add_run(
    crate: ROCrate, workflow: Any, run: Path, records: Sequence[dict[str, Any]], agent: str
) -> None:
    """The results and the action that they are of; of the crate itself what follows from them."""
    top, preset = _within(run), run.name
    parts = {
        path: _add_file(crate, path, top + path.relative_to(run).as_posix())
        for path in [*covered(run), run / MANIFEST]
    }
    for path, part in parts.items():
        if path.name.endswith(SUFFIX):
            part["about"] = parts[path.with_name(path.name.removesuffix(SUFFIX))]
    results = crate.add_dataset(dest_path=top, properties={"name": f"results of {preset}"})
    results["hasPart"] = list(parts.values())
    settings, inputs = parts[run / "config.yaml"], _inputs(crate, run, records)
    for name, kind, example in (("configfile", "File", settings), ("results", "Dataset", results)):
        slot = _entity(crate, f"#{name}", "FormalParameter", name=name, additionalType=kind)
        slot["workExample"], example["exampleOfWork"] = example, slot
        workflow["input" if example is settings else "output"] = slot

    jobs = {(r["started"], r["rule"], r["config_digest"]) for r in records}
    machines = sorted({f"{r['host']} ({r['cpu']})" for r in records})
    ended = max(r["ended"] for r in records)
    action = _entity(
        crate,
        "#run",
        "CreateAction",
        name=f"Run of the preset {preset}",
        description=f"{len(jobs)} jobs on {', '.join(machines)}",
        actionStatus="http://schema.org/CompletedActionStatus",
        startTime=min(r["started"] for r in records),
        endTime=ended,
    )
    action["instrument"], action["result"] = workflow, results
    action["object"] = [settings, *inputs] if inputs else settings
    if agent:
        action["agent"] = crate.add(Person(crate, "#agent", properties={"name": agent}))
    if run / "report.html" in parts:
        parts[run / "report.html"]["about"] = action

    root = crate.root_dataset
    root["name"] = f"{_TITLE}: a run of the preset {preset}"
    root["description"] = (
        "Results of a Snakemake workflow with the record of each, the settings and the code that "
        f"made them. {top}{MANIFEST} lists the results' digests."
    )
    root["conformsTo"] = [
        _entity(crate, url, "CreativeWork", name=name, version=url.rpartition("/")[2])
        for url, name in PROFILES.items()
    ]
    root["mentions"], crate.get("README.md")["about"] = action, root
    root["datePublished"] = ended
    root["license"] = _licence(crate, alone=not inputs)


def _inputs(crate: ROCrate, run: Path, records: Sequence[dict[str, Any]]) -> list[Any]:
    """What the run read besides its own results: files that lie where it ran, others by name."""
    mine = _within(run)
    read = {
        path: value
        for record in records
        for path, value in record["inputs"].items()
        if not path.startswith(mine)
    }
    found = []
    for path, value in sorted(read.items()):
        if Path(path).is_absolute() or ".." in Path(path).parts:
            name = Path(path).name
            found.append(_entity(crate, f"#{value}", "CreativeWork", name=name, sha256=value))
        else:
            found.append(_add_file(crate, run.parents[1] / path, path))
    return found


def _entity(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> Any:
    """An entity that is no file; the same one for the same identifier."""
    known = crate.get(identifier)
    facts = {"@type": kind, **properties}
    return known or crate.add(ContextEntity(crate, identifier, properties=facts))


def _id(entity: Any) -> dict[str, str]:
    return {"@id": entity.id}


def _add_file(crate: ROCrate, source: Path, within: str | Path) -> Any:
    name = Path(within).as_posix()
    kind = _KINDS.get(Path(within).suffix) or mimetypes.guess_type(name)[0]
    facts = {
        "name": Path(within).name,
        "encodingFormat": kind or "application/octet-stream",
        "contentSize": str(source.stat().st_size),
        "sha256": digest(source),
    }
    return crate.add_file(source, dest_path=name, properties=facts)
