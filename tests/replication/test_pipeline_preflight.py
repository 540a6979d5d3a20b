"""Folders in which a run cannot write are named before its first job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from disks import small_disk
from innerlr.errors import InnerlrError
from replication.pipeline import preflight


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk smaller than what is tried to be written."""
    with small_disk(tmp_path / "full") as folder:
        yield folder


def test_nothing_is_left_in_folders_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    preflight.check_temporary_files()
    preflight.check_results(tmp_path / "results/small")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["results", "small", "tmp"]


def test_a_full_folder_is_named(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(full))
    with pytest.raises(InnerlrError, match=r"full: cannot be written: No space left.*by TMPDIR"):
        preflight.check_temporary_files()
    with pytest.raises(InnerlrError, match=r"full/small: .*No space left.*--directory FOLDER"):
        preflight.check_results(full / "small")


@pytest.mark.parametrize("named", ["/dev/null/none", ""])
def test_a_folder_for_temporary_files_that_is_none_is_passed_over(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", named)
    monkeypatch.chdir("/proc")  # nothing can be written there
    preflight.check_temporary_files()


def test_results_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(InnerlrError, match=r"results/small: cannot be written: Not a directory"):
        preflight.check_results(tmp_path / "results/small")
