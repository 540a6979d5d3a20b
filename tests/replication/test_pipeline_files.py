"""What the pipeline writes: whole files, the same bytes, and their records."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from innerlr.io.files import digest, load_arrays, read_table
from innerlr.io.manifest import manifest, read_manifest
from innerlr.io.records import SUFFIX, read_record
from innerlr.io.verify import verify
from replication.pipeline import job as jobs
from replication.pipeline import provenance
from replication.pipeline.files import atomic, write_arrays, write_manifest, write_table
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
