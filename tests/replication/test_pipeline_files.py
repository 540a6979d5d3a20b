"""What the pipeline writes: whole files, the same bytes, and their records."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from innerlr.errors import InnerlrError
from innerlr.io import digests
from innerlr.io.files import digest, load_arrays, read_table
from innerlr.io.manifest import manifest, read_manifest
from innerlr.io.records import SUFFIX, read_record
from innerlr.io.verify import verify
from replication.pipeline import job as jobs
from replication.pipeline import provenance
from replication.pipeline.files import (
    atomic,
    remove_abandoned,
    write_arrays,
    write_digest,
    write_manifest,
    write_table,
    write_text,
)
from replication.pipeline.provenance import Revision, config_digest


def test_atomic_leaves_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/table.csv"
    with atomic(path) as temporary:
        temporary.write_text("old")

    def interrupted() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["table.csv"]


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        done.append(f"synced {os.path.realpath(f'/proc/self/fd/{handle}')}")
        fsync(handle)

    def renamed(old: Path, new: Path) -> None:
        done.append(f"renamed {old}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    with atomic(tmp_path / "x.csv") as temporary:
        temporary.write_text("x")
    assert done == [f"synced {temporary}", f"renamed {temporary}"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_clear_error_and_leaves_the_old_file(
    tmp_path: Path, number: int
) -> None:
    path = tmp_path / "deep/x.csv"
    write_text(path, "old")

    def full() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError(number, "no room")

    with pytest.raises(
        InnerlrError, match=r"x\.csv: not written, because the disk is full"
    ) as error:
        full()
    assert f"MB are free in {path.parent}" in str(error.value)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["x.csv"]


def test_other_errors_of_the_system_are_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError), atomic(tmp_path / "file/x.csv"):
        pass


WRITER = """
import sys
from replication.pipeline.files import atomic
with atomic(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    sys.stdin.read()
"""


def test_temporaries_go_once_their_writer_is_killed_and_not_before(tmp_path: Path) -> None:
    target = tmp_path / "figures/fig08.csv"
    others = [tmp_path / name for name in (".gitignore", "figures-abcdefgh.csv", ".x-abc.csv")]
    for file in others:
        file.write_text("")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    temporary = target.parent / writer.stdout.readline().strip()
    assert remove_abandoned(tmp_path) == []
    writer.kill()
    writer.communicate()
    assert temporary.read_text() == "half"
    assert remove_abandoned(tmp_path) == [temporary]
    assert sorted(tmp_path.iterdir()) == sorted([*others, target.parent])
    assert not list(target.parent.iterdir())


def test_arrays_and_tables_are_written_the_same_byte_for_byte(tmp_path: Path) -> None:
    values = {"a": np.random.default_rng(0).normal(size=(3, 2))}
    frame = pd.DataFrame({"panel": ["1", "2"], "x": [0.1, 1 / 3]})
    for name in ("one", "two"):
        write_arrays(tmp_path / f"{name}.npz", values)
        write_table(frame, tmp_path / f"{name}.csv")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert np.array_equal(load_arrays(tmp_path / "one.npz")["a"], values["a"])
    pd.testing.assert_frame_equal(read_table(tmp_path / "two.csv"), frame, check_dtype=False)
    assert read_table(tmp_path / "two.csv").x[1] == 1 / 3


def test_a_manifest_is_written_whole_and_does_not_list_itself(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("x\n")
    for _ in range(2):
        write_manifest(tmp_path)
        assert read_manifest(tmp_path) == {"x.csv": digest(tmp_path / "x.csv")}
    assert sorted(os.listdir(tmp_path)) == ["SHA256SUMS", "x.csv"]
    assert (tmp_path / "SHA256SUMS").read_text() == manifest(tmp_path)


def a_job(inputs: list[str], outputs: list[str]) -> SimpleNamespace:
    """What Snakemake hands to a script."""
    return SimpleNamespace(
        log=["log"],
        input=inputs,
        output=outputs,
        rule="sweep",
        params={"experiment": "fig08"},
        config={"seed": 1, "preset": "x"},
        threads=1,
    )


SWEEP, FEATURES = "results/x/sweeps/fig08.csv", "results/x/features/fig08.npz"


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a job reads, with its digest."""
    monkeypatch.chdir(tmp_path)
    # a job's output stays where pytest sees it
    monkeypatch.setattr(jobs, "os", SimpleNamespace(**vars(os) | {"dup2": lambda *_: None}))
    write_arrays(FEATURES, {"x": np.arange(9.0)})
    write_digest(FEATURES, "features/fig08.npz")
    return Path(FEATURES)


def run_sweep(opened: list[str]) -> None:
    """A job that notes that it has read its inputs."""
    digest_of = digests.SUFFIX
    with jobs.job(
        a_job(
            [FEATURES, FEATURES + digest_of, "own.npz"], [SWEEP, SWEEP + digest_of, SWEEP + SUFFIX]
        )
    ):
        opened.append(FEATURES)
        write_text(SWEEP, "x\n1\n")


def test_a_job_checks_its_inputs_and_writes_digests_and_records(features: Path) -> None:
    Path("own.npz").write_text("of the user's own, without a digest", encoding="utf-8")
    run_sweep([])
    assert (
        Path(f"{SWEEP}.sha256").read_text(encoding="utf-8")
        == f"{digest(SWEEP)}  sweeps/fig08.csv\n"
    )
    record = read_record(f"{SWEEP}{SUFFIX}")
    assert record["file"] == "sweeps/fig08.csv"
    # digests are no data
    assert set(record["inputs"]) == {FEATURES, "own.npz"}
    write_manifest("results/x")
    assert set(read_manifest("results/x")) > {"sweeps/fig08.csv.sha256", "features/fig08.npz"}
    assert verify("results/x") == [f"{FEATURES}: has no fig08.npz{SUFFIX}"]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (FEATURES, b"x", f"innerlr: {FEATURES}: damaged or edited since it was written"),
        (f"{FEATURES}.sha256", b"x", f"{FEATURES}.sha256: damaged: expected one line"),
        (f"{FEATURES}.sha256", None, f"its digest {FEATURES}.sha256 cannot be read"),
        (f"{FEATURES}{SUFFIX}", b"{", f"{FEATURES}{SUFFIX}: not a provenance record"),
    ],
)
def test_a_job_reads_nothing_damaged(
    features: Path,
    capfd: pytest.CaptureFixture[str],
    file: str,
    content: bytes | None,
    said: str,
) -> None:
    Path(file).unlink(missing_ok=True)
    if content is not None:
        Path(file).write_bytes(content)
    opened: list[str] = []
    with pytest.raises(SystemExit):
        run_sweep(opened)
    assert opened == []
    line = capfd.readouterr().err
    assert said in line
    assert "run again" in line
    assert line.count("\n") == 1
    assert not Path(SWEEP).exists()


def test_a_job_calls_a_full_disk_that_even_if_its_log_has_no_room(
    features: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write = os.write

    def full(handle: int, content: bytes) -> int:
        if handle == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(jobs.os, "write", full)
    with pytest.raises(SystemExit), jobs.job(a_job([], [])):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "log: not written, because the disk is full" in capfd.readouterr().err
    with pytest.raises(FileNotFoundError), jobs.job(a_job([], [])):
        Path("gone").read_text(encoding="utf-8")


@pytest.mark.parametrize("edited", [None, "src/code.py", "bank.npz"])
def test_a_record_is_of_what_ran_and_not_of_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("src/code.py", "bank.npz"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("before", encoding="utf-8")
    revisions = iter([Revision("first"), Revision("second")])
    monkeypatch.setattr(provenance, "code_revision", lambda: next(revisions))
    monkeypatch.setattr(jobs.os, "dup2", lambda *_: None)  # the log is not what is tested
    out = Path("results/x/run.npz")
    snakemake = SimpleNamespace(
        log=["log"],
        input=["src/code.py", "bank.npz"],
        output=[f"{out}{SUFFIX}"],
        rule="training",
        params={},
        config={"seed": 1, "preset": "x"},
        threads=1,
    )
    kept = {name: digest(name) for name in snakemake.input}
    with jobs.job(snakemake) as facts:
        assert facts["inputs"] | facts["code"] == kept
        if edited:
            Path(edited).write_text("after", encoding="utf-8")
        write_arrays(out, {"x": 1.0})
    record = read_record(f"{out}{SUFFIX}")
    assert record["file"] == "run.npz"
    assert record["revision"] == "first"
    assert record["inputs"] | record["code"] == kept
    now = {edited: digest(edited)} if edited else {}
    assert record["changed_meanwhile"] == {"revision": "second", **now}
    said = [line for line in verify("results/x") if "changed while" in line]
    # a commit alone is no problem
    assert said == (
        [f"{edited} changed while {out} was made from it; make it again"] * bool(edited)
    )


def test_config_digest_ignores_the_order_of_keys() -> None:
    assert config_digest({"a": 1, "b": [2]}) == config_digest({"b": [2], "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": 2})
