"""A run's artefacts against their records and the folder's manifest."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from innerlr.cli import main
from innerlr.errors import InnerlrError
from innerlr.io.digests import digest_file, digest_line
from innerlr.io.manifest import NAME, manifest, read_manifest
from innerlr.io.records import SEAL, SUFFIX, read_record, sealed
from innerlr.io.verify import verify

FOLDER = Path("results/x")
# two names are the same but for the folder
TABLES = ["sweeps/a.csv", "sweeps/b.csv", "estimates/a.csv", "estimates/b.csv", "figures/a.csv"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record_of(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def facts(path: Path, *inputs: Path, **others: Any) -> dict[str, Any]:
    return {
        "file": path.relative_to(FOLDER).as_posix(),
        "sha256": sha256(path),
        "inputs": {str(file): sha256(file) for file in inputs},
        "revision": "0123456789abcdef",
        **others,
    }


def write(path: Path, text: str, *inputs: Path, **others: Any) -> None:
    """A file and its record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    record_of(path).write_text(sealed(facts(path, *inputs, **others)))


def list_all() -> None:
    (FOLDER / NAME).write_text(manifest(FOLDER))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with their records, a report, a snapshot of the settings, a manifest."""
    top = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        for i, name in enumerate(TABLES):
            inputs = [FOLDER / "sweeps/a.csv"] if name == "estimates/a.csv" else []
            write(FOLDER / name, f"x\n{i}.5\n", *inputs)
        for name in ("report.html", "config.yaml", "logs/a.log", ".hidden"):
            (FOLDER / name).parent.mkdir(exist_ok=True)
            (FOLDER / name).write_text("<p>\n")
        list_all()
    return top


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to be spoilt."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return FOLDER


def test_verify_accepts_what_was_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(run)]) == 0
    assert "verified" in capsys.readouterr().out


def test_verify_accepts_it_from_another_folder(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = run.resolve()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert verify(folder) == []
    (folder / "sweeps/a.csv").write_text("x\n")
    assert any("an input of" in line for line in verify(folder))


def test_the_manifest_is_what_sha256sum_reads(run: Path) -> None:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("needs sha256sum, of GNU coreutils")
    (run / "odd \\ na\nme.csv").write_text("x")
    list_all()
    command = [program, "-c", "--strict", NAME]
    checked = subprocess.run(command, cwd=run, capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK") == 2 * len(TABLES) + 3
    assert set(read_manifest(run)) >= {"odd \\ na\nme.csv", "report.html", "config.yaml"}
    (run / "config.yaml").write_text("<p >\n")
    assert subprocess.run(command, cwd=run, capture_output=True, check=False).returncode == 1


def test_verify_names_every_difference(run: Path) -> None:
    (run / "sweeps/a.csv").write_text("x\n2\n")
    (run / "estimates/a.csv").unlink()
    (run / "stray.csv").write_text("x\n")
    (run / "config.yaml").unlink()
    (run / "report.html").write_text("<p >\n")
    assert sorted(verify(run)) == sorted(
        [
            "results/x/sweeps/a.csv has changed since it was recorded",
            "results/x/sweeps/a.csv, an input of results/x/estimates/a.csv, has changed since it "
            "was recorded",
            "results/x/estimates/a.csv is missing since it was recorded",
            f"results/x/stray.csv: has no stray.csv{SUFFIX}",
            f"results/x/config.yaml is missing since {NAME} was written",
            f"results/x/report.html has changed since {NAME} was written",
        ]
    )
    assert main(["verify", str(run)]) == 1


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def each_flip(path: Path, rng: np.random.Generator) -> Iterator[None]:
    """A hundred single bits of a file flipped, one after the other."""
    kept = path.read_bytes()
    for bit in rng.choice(8 * len(kept), min(100, 8 * len(kept)), replace=False):
        flipped(path, int(bit))
        yield
        path.write_bytes(kept)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "by its seal alone"])
def test_every_flipped_bit_of_a_record_is_found(run: Path, listed: bool) -> None:
    record = record_of(run / "estimates/a.csv")
    for _ in each_flip(record, np.random.default_rng(0)):
        if listed:
            assert any(str(record) in line for line in verify(run))
        elif SEAL.encode() in record.read_bytes():  # else it looks like one of before the seal
            with pytest.raises(InnerlrError, match=r"estimates/a\.csv\.provenance\.json"):
                read_record(record)


@pytest.mark.parametrize("name", ["figures/a.csv", "report.html", "config.yaml", NAME])
def test_every_flipped_bit_of_a_file_and_of_the_manifest_is_found(run: Path, name: str) -> None:
    for _ in each_flip(run / name, np.random.default_rng(1)):
        assert verify(run)


@pytest.mark.parametrize("name", TABLES)
def test_a_deleted_pair_is_found(run: Path, name: str) -> None:
    (run / name).unlink()
    record_of(run / name).unlink()
    assert f"{run / name} is missing since {NAME} was written" in verify(run)


def exchange(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


@pytest.mark.parametrize(("first", "second"), list(combinations(TABLES, 2)))
def test_exchanged_pairs_are_found_even_if_they_are_listed_so(
    run: Path, first: str, second: str
) -> None:
    exchange(run / first, run / second)
    exchange(record_of(run / first), record_of(run / second))
    assert len(verify(run)) >= 2
    list_all()
    said = verify(run)
    for here, there in ((first, second), (second, first)):
        assert f"{record_of(run / here)}: is the record of {there}, not of {here}" in said


def test_an_extra_file_is_found_with_and_without_a_record(run: Path) -> None:
    write(run / "figures/fig99.csv", "x\n")
    (run / "deep").mkdir()
    (run / "deep/report.html").write_text("")
    (run / "nowhere").symlink_to("gone")
    os.mkfifo(run / "pipe")
    said = verify(run)
    for name in ("figures/fig99.csv", f"figures/fig99.csv{SUFFIX}"):
        assert f"{run / name}: is not in {NAME}, so no finished run left it here" in said
    assert f"{run / 'deep/report.html'}: has no report.html{SUFFIX}" in said
    for name in ("nowhere", "pipe"):
        assert f"{run / name}: is neither a file nor a folder" in said
    list_all()  # does not wait for the pipe to be written to
    assert "nowhere" not in read_manifest(run)


def test_a_run_may_lie_elsewhere_and_be_linked(
    run: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("scratch") / "long"
    run.rename(elsewhere)
    run.symlink_to(elsewhere)
    assert verify(run) == verify(run.absolute()) == []


def test_a_linked_folder_is_as_good_as_a_folder(run: Path, tmp_path: Path) -> None:
    (run / "sweeps").rename(tmp_path / "scratch")
    (run / "sweeps").symlink_to(tmp_path / "scratch")
    (run / "estimates/back").symlink_to(run.resolve())
    assert verify(run) == []


def test_a_record_of_before_the_seal_needs_the_manifest(run: Path) -> None:
    record = record_of(run / "sweeps/b.csv")
    old = {key: value for key, value in read_record(record).items() if key != SEAL}
    record.write_text(json.dumps({**old, "file": "b.csv"}))
    assert verify(run) == [f"{record} has changed since {NAME} was written"]
    list_all()
    assert verify(run) == []
    (run / NAME).unlink()
    (problem,) = verify(run)
    assert problem.startswith(f"{run / NAME}: cannot be read (No such file or directory)")


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "a brace": b"{",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "latin-1": b'{"sha256": "\xe4"}',
    "deep": b"[" * 100_000,
    "a long number": b"9" * 5000,
    "a revision that is a list": b'{"sha256": "0", "inputs": {}, "revision": []}',
    "a digest that is a number": b'{"sha256": 0, "inputs": {}, "revision": "0"}',
    "inputs that are a list": b'{"sha256": "0", "inputs": [], "revision": "0"}',
    "an input that is null": b'{"sha256": "0", "inputs": {"a": null}, "revision": "0"}',
    "changes that are text": (
        b'{"sha256": "0", "inputs": {}, "revision": "0", "changed_meanwhile": "x"}'
    ),
    "an odd seal": b'{"sha256": "0", "inputs": {}, "revision": "0", "record_sha256": {}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_one_line(
    run: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(run / "figures/a.csv")
    record.write_bytes(content)
    assert main(["verify", str(run)]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{record}: ")
    assert len(lines) == 1
    assert last == f"{run}: 1 differences"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["sha256", "inputs", "revision", "changed_meanwhile", "file", SEAL])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(KEYS, JSON) | JSON)
def test_no_record_of_any_kind_ends_in_a_traceback(run: Path, content: Any) -> None:
    record = record_of(run / "figures/a.csv")
    record.write_text(json.dumps(content))
    said = verify(run)
    assert said
    assert all(len(line.splitlines()) == 1 and line.isprintable() for line in said)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:100], f"{NAME}:2: expected a SHA-256, two spaces and a path"),
        (lambda text: text[: text.index("  ") + 5], f"{NAME}: is not as a run writes it"),
        (lambda text: text.removesuffix("\n"), f"{NAME}: is not as a run writes it"),
        (lambda text: text + text, f"{NAME}: is not as a run writes it"),
        (lambda text: text.replace("\n", "\r\n"), f"{NAME}: is not as a run writes it"),
        (lambda text: text + "\n", ": expected a SHA-256"),
        (lambda text: text.upper(), f"{NAME}:1: expected a SHA-256"),
        (lambda text: "", "is not in SHA256SUMS, so no finished run left it here"),
    ],
)
def test_a_broken_manifest_is_told_by_line(
    run: Path, spoil: Callable[[str], str], said: str
) -> None:
    path = run / NAME
    path.write_bytes(spoil(path.read_text()).encode())
    assert any(said in line for line in verify(run))


def test_verify_finds_mixed_revisions(run: Path) -> None:
    write(run / "sweeps/a.csv", "x\n0.5\n", revision="0" * 40)
    list_all()
    (problem,) = verify(run)
    assert "several code revisions" in problem


def test_an_empty_folder_does_not_verify(tmp_path: Path) -> None:
    assert verify(tmp_path)


def test_what_changed_while_a_file_was_made_counts_but_for_the_revision(run: Path) -> None:
    changed = {"revision": "f" * 40, "bank.npz": "0" * 64}
    made = run / "training/a.npz"
    write(made, "", changed_meanwhile=changed)
    list_all()
    (problem,) = verify(run)
    assert problem == f"bank.npz changed while {made} was made from it; make it again"


def test_what_no_job_makes_needs_no_record_and_references_keep_no_inputs(run: Path) -> None:
    (run / "sweeps/a.csv").unlink()
    record_of(run / "sweeps/a.csv").unlink()
    list_all()
    (problem,) = verify(run)
    assert "an input of results/x/estimates/a.csv, is missing" in problem
    (run / "runs.yaml").write_text("[]\n")  # reference results
    list_all()
    assert verify(run) == []
    (run / "runs.yaml").write_text("[ ]\n")
    assert verify(run) == [f"{run / 'runs.yaml'} has changed since {NAME} was written"]


def test_a_file_that_cannot_be_read_is_one_line(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:  # root, as whom the tests may run, reads everything
        if str(path).endswith("figures/a.csv"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return sha256(path)

    monkeypatch.setattr("innerlr.io.verify.digest", refused)
    assert verify(run) == [
        f"{run / 'figures/a.csv'} cannot be read (Permission denied), so may differ "
        "since it was recorded"
    ]


def test_a_digest_beside_an_artefact_is_held_against_it(run: Path) -> None:
    artefact = run / "sweeps/b.csv"
    beside = digest_file(artefact)
    right = digest_line(sha256(artefact), "sweeps/b.csv")
    beside.write_text(right)
    assert verify(run) == [f"{beside}: is not in {NAME}, so no finished run left it here"]
    list_all()
    assert verify(run) == []
    beside.write_text(digest_line("0" * 64, "sweeps/b.csv"))
    (problem,) = verify(run)
    assert problem.startswith(f"{artefact}: damaged or edited")
    list_all()  # a manifest that was written after the damage does not hide it
    assert verify(run) == [problem]
    beside.write_text(right)
    list_all()
    artefact.write_text("x\n")
    assert verify(run) == [f"{artefact} has changed since it was recorded"]


def test_a_digest_that_is_gone_is_one_line(run: Path) -> None:
    beside = digest_file(run / "sweeps/b.csv")
    beside.write_text(digest_line(sha256(run / "sweeps/b.csv"), "sweeps/b.csv"))
    list_all()
    beside.unlink()
    assert verify(run) == [f"{beside} is missing since {NAME} was written"]


def test_a_digest_without_its_file_is_one_line(run: Path) -> None:
    stray = digest_file(run / "sweeps/c.csv")
    stray.write_text(digest_line("0" * 64, "sweeps/c.csv"))
    assert verify(run) == [f"{stray}: has no {stray.name}{SUFFIX}"]
