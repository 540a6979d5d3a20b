"""A finished run as a Workflow Run RO-Crate."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import rocrate
import urllib3
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from rocrate_validator import services
from rocrate_validator.models import ValidationResult

from innerlr.io.files import digest
from innerlr.io.manifest import NAME
from innerlr.io.records import SUFFIX, read_record, sealed
from innerlr.io.verify import verify
from replication.checkout import ROOT
from replication.cli import main
from replication.pipeline import crate as crates
from replication.pipeline.files import write_manifest
from replication.pipeline.provenance import Revision, write

RUN = Path("results/x")
METADATA = "ro-crate-metadata.json"


def make_run(inputs: dict[str, list[str]]) -> None:
    """Files with their records, as jobs write them, and what the run itself writes."""
    for hour, (name, read) in enumerate(inputs.items()):
        path = RUN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x\n{hour}\n")
        facts = {"rule": path.parent.name, "config_digest": "0" * 64, "data_source": "generated"}
        facts |= {"started": f"2026-01-01T0{hour}:00:00+00:00"}
        facts |= {"ended": f"2026-01-01T0{hour}:30:00+00:00"}
        write(RUN, [path], read, ["src/innerlr/io/verify.py"], **facts)
    (RUN / "config.yaml").write_text("preset: x\n")
    (RUN / "report.html").write_text("<p>\n")
    write_manifest(RUN)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.npz").write_text("features", encoding="utf-8")
    Path(tmp_path / "outside").mkdir()
    (tmp_path / "outside/other.npz").write_text("others")
    make_run(
        {
            "data/mine.csv": ["mine.npz", str(tmp_path / "outside/other.npz")],
            "figures/mine.csv": ["results/x/data/mine.csv"],
        }
    )
    return RUN


def entities(path: str | Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return {entity["@id"]: entity for entity in json.loads(archive.read(METADATA))["@graph"]}


def test_a_crate_holds_the_run_the_code_and_what_is_known_of_both(run: Path) -> None:
    assert main(["crate", "results/x", "--agent", "A. Person"]) == 0
    found = entities("results/x-crate.zip")
    action = found["#run"]
    assert action["instrument"] == {"@id": "Snakefile"} == found["./"]["mainEntity"]
    assert action["startTime"] == "2026-01-01T00:00:00+00:00"
    assert action["endTime"] == found["./"]["datePublished"] == "2026-01-01T01:30:00+00:00"
    assert action["description"].startswith("2 jobs on ")
    outside = f"#{digest('outside/other.npz')}"
    assert [entity["@id"] for entity in action["object"]] == [
        "results/x/config.yaml",
        outside,
        "mine.npz",
    ]
    assert found[outside]["name"] == "other.npz"  # by its name alone, for it lies elsewhere
    assert found[action["agent"]["@id"]]["name"] == "A. Person"
    assert found["Snakefile"]["version"] == read_record(run / f"data/mine.csv{SUFFIX}")["revision"]
    record = found[f"results/x/data/mine.csv{SUFFIX}"]
    assert record["about"] == {"@id": "results/x/data/mine.csv"}
    # the data are somebody's
    assert "owns the data" in found[found["./"]["license"]["@id"]]["name"]

    for entity in found.values():
        if "File" in entity["@type"] and "sha256" in entity:
            with zipfile.ZipFile("results/x-crate.zip") as archive:
                content = archive.read(entity["@id"])
            assert entity["sha256"] == digest_of(content)
    assert {"src/replication/cli.py", "workflow/rules/common.smk", "LICENSE"} < set(found)
    assert not [name for name in found if "__pycache__" in name or name == "config.yaml"]


def digest_of(content: bytes) -> str:
    Path("content").write_bytes(content)
    return digest("content")


def test_an_unpacked_crate_verifies(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["crate", "results/x", "--to", "x.zip"])
    with zipfile.ZipFile("x.zip") as archive:
        archive.extractall("unpacked")
        assert set(archive.namelist()) == {
            *(name for name in entities("x.zip") if not name.startswith(("#", "http", "./"))),
        }
    Path("unpacked/outside").mkdir()
    assert verify("unpacked/results/x") == []
    assert Path(f"unpacked/results/x/{NAME}").read_bytes() == (run / NAME).read_bytes()


class Contexts(BaseAdapter):
    """Answers with the context of RO-Crate 1.1; nothing is asked of the network."""

    def __init__(self) -> None:
        super().__init__()
        file = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"  # 1.3
        found = json.loads(file.read_text(encoding="utf-8"))
        schemas = "https://bioschemas.org"
        # all that 1.3 changed of the words used here
        found["@context"] |= {
            "ComputationalWorkflow": f"{schemas}/ComputationalWorkflow",
            "FormalParameter": f"{schemas}/FormalParameter",
            "input": f"{schemas}/ComputationalWorkflow#input",
            "output": f"{schemas}/ComputationalWorkflow#output",
        }
        self.content = json.dumps(found).encode()

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(self.content), response.headers, 200, preload_content=False
        )
        return response

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], ValidationResult]:
    """What the validator says with the profiles that it ships, without the network."""
    cache = tmp_path_factory.mktemp("validator") / "cache"
    with CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", Contexts())
        session.get("https://w3id.org/ro/crate/1.1/context")
    settings = {"profile_identifier": "workflow-run-crate", "offline": True, "cache_path": cache}

    def validate(given: Path | dict[str, Any], severity: str = "REQUIRED") -> ValidationResult:
        asked = settings | {"requirement_severity": severity}
        if isinstance(given, Path):
            return services.validate(asked | {"rocrate_uri": str(given)})
        return services.validate_metadata_as_dict(given, asked | {"metadata_only": True})

    return validate


# what is recommended and cannot be said of a project without an address or an institution; the last
# is of the shapes themselves: it is told of the classes, whatever the crate holds
LEFT_OUT = {
    "ro-crate-1.1_22.2": "an author",
    "ro-crate-1.1_22.3": "a publisher",
    "process-run-crate-0.5_3.2": "a page of the workflow",
    "workflow-ro-crate-1.0_8.1": "Bioschemas' profile, which asks for that page",
    "process-run-crate-0.5_5.1": "an absolute identifier",
}


@pytest.mark.slow
def test_a_crate_meets_its_profile(run: Path, validated: Any) -> None:
    """Workflow Run Crate 0.5, and the profiles that it rests on."""
    main(["crate", "results/x", "--to", "x.zip", "--agent", "A. Person"])
    result = validated(Path("x.zip"), "RECOMMENDED")
    told = {issue.check.identifier: issue.message for issue in result.get_issues()}
    assert set(told) == set(LEFT_OUT), told


def test_the_shapes_find_what_is_missing(
    run: Path, validated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crates, "_CODE", ["profiles"])  # less to check
    main(["crate", "results/x", "--to", "x.zip"])
    with zipfile.ZipFile("x.zip") as archive:
        metadata = json.loads(archive.read(METADATA))
    assert validated(metadata).passed()
    missing = {
        "#run": ("instrument", "reference the root data entity's mainEntity as its instrument"),
        "./": ("conformsTo", "permalink of the Workflow Run Crate profile"),
        "#results": ("additionalType", "FormalParameter MUST have an additionalType"),
    }
    for entity in metadata["@graph"]:
        if entity["@id"] in missing:
            del entity[missing[entity["@id"]][0]]
    told = [issue.message for issue in validated(metadata).get_issues()]
    for _, said in missing.values():
        assert any(said in message for message in told), told


def with_a_changed_file(run: Path) -> None:
    (run / "data/mine.csv").write_text("y\n")


def of_other_code(run: Path) -> None:
    path = run / f"data/mine.csv{SUFFIX}"
    record = read_record(path)
    record["code"]["src/innerlr/io/verify.py"] = "0" * 64
    path.write_text(sealed(record))
    write_manifest(run)


def of_a_reference(run: Path) -> None:
    (run / "config.yaml").rename(run / "config-x.yaml")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (with_a_changed_file, "results/x: does not verify, so it is no finished run"),
        (of_other_code, "src/innerlr/io/verify.py: differs from what made results/x/data/mine.csv"),
        (of_a_reference, "results/x: holds no config.yaml"),
    ],
)
def test_what_is_no_finished_run_of_this_code_is_refused(
    run: Path, spoil: Callable[[Path], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.zip").write_text("an earlier one", encoding="utf-8")
    spoil(run)
    assert main(["crate", "results/x", "--to", "x.zip"]) == 2
    assert said in capsys.readouterr().err
    assert Path("x.zip").read_text(encoding="utf-8") == "an earlier one"


def test_a_run_of_another_revision_and_another_suffix_are_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crate", "results/x", "--to", "x.tar"]) == 2
    assert main(["crate", "results/none"]) == 2
    monkeypatch.setattr(crates, "code_revision", lambda: Revision("f" * 40))
    assert main(["crate", "results/x"]) == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert "x.tar: expected a name that ends in .zip" in first
    assert "results/none: no such folder" in second
    assert f"this checkout is at {'f' * 40}" in third
    assert sorted(path.name for path in Path("results").iterdir()) == ["x"]


def test_the_code_is_what_git_has_of_it() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = ["git", "-C", str(ROOT), "ls-files", "--", *crates._CODE, *crates._FILES]
    committed = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    assert {path.as_posix() for path in crates._code_files()} >= set(committed)
