"""The suite of faults (`make faults`) damages what it says and counts what came of it."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest

from innerlr.io.digests import digest_line
from innerlr.io.files import digest
from replication.pipeline.files import write_text

ROOT = Path(__file__).resolve().parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults", ROOT / "tools/faults.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


suite = _load()


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two files with their digests, as jobs of the suite's run write them."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        path = suite.RESULTS / f"sweeps/{name}.csv"
        write_text(path, f"x\n{name}\n")
        write_text(f"{path}.sha256", digest_line(digest(path), f"sweeps/{name}.csv"))
    return suite.RESULTS / "sweeps/a.csv", suite.RESULTS / "sweeps/b.csv"


def test_every_fault_changes_a_file_and_is_undone(two: tuple[Path, Path]) -> None:
    files = [file for path in two for file in (path, *suite.beside(path))]
    before = [file.read_bytes() for file in files]
    done = []
    for fault, damage in suite.faults(*two, flips=20, cuts=5):
        with suite.kept(*files):
            damage()
            assert [file.read_bytes() if file.is_file() else None for file in files] != before
            if fault == suite.FLIPPED:
                bits = zip(before[0], two[0].read_bytes(), strict=True)
                assert sum((a ^ b).bit_count() for a, b in bits) == 1
        assert [file.read_bytes() for file in files] == before
        done.append(fault)
    assert [done.count(fault) for fault in suite.FAULTS] == [20, 5, 1, 1, 1, 0]


def test_a_job_that_reads_what_is_damaged_is_seen(two: tuple[Path, Path]) -> None:
    path, other = two
    assert suite.gate(path, path.name) == suite.SURVIVED  # as it was written
    suite.flip(path, random.Random(0))
    assert suite.gate(path, path.name) == suite.STOPPED
    # what a job would not check, it would read
    assert suite.gate(other, other.name) == suite.SURVIVED


def test_the_table_counts_what_was_noticed() -> None:
    rows = [
        ("tables", suite.FLIPPED, suite.STOPPED),
        ("tables", suite.FLIPPED, suite.SURVIVED),
        ("tables", suite.CUT, suite.TRACEBACK),
        ("pages", suite.DELETED, suite.NOTICED),
    ]
    tables, pages = suite.table(rows).splitlines()[2:]
    assert tables.startswith("| tables | 1 of 2 | 0 of 1 |  |  |  |  |")
    assert tables.endswith("| the job stops with one line; NOT NOTICED; TRACEBACK |")
    assert pages.startswith("| pages |  |  | 1 of 1 |")
