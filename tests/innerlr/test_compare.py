"""Two runs' tables, to a tolerance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from innerlr.cli import main
from innerlr.errors import InnerlrError
from innerlr.io.compare import compare


def write(folder: Path, **tables: dict[str, list]) -> Path:
    """A folder of tables below it, by name."""
    folder.mkdir()
    for name, columns in tables.items():
        (folder / name).mkdir()
        pd.DataFrame(columns).to_csv(folder / name / "a.csv", index=False)
    return folder


def test_compare_to_a_tolerance(tmp_path: Path) -> None:
    one = write(tmp_path / "one", sweeps={"x": [1.0, 2.0]}, estimates={"x": [3.0]})
    two = write(tmp_path / "two", sweeps={"x": [1.0 + 1e-9, 2.0]}, estimates={"x": [3.0]})
    assert compare(one, two, rtol=1e-6) == []
    assert main(["compare", str(one), str(two)]) == 0
    assert any("x: differs" in line for line in compare(one, two, rtol=1e-12))
    assert main(["compare", str(one), str(two), "--rtol", "1e-12"]) == 1
    (two / "estimates/a.csv").unlink()
    assert any("only in" in line for line in compare(one, two, rtol=1e-6))
    with pytest.raises(InnerlrError, match="no table"):
        compare(one, tmp_path / "nothing", rtol=1e-6)


def test_compare_without_pandas_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.delitem(sys.modules, "innerlr.io.compare")
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "pip install 'innerlr[compare]'" in said
    assert len(said.splitlines()) == 1


def test_compare_sees_labels_and_infinities(tmp_path: Path) -> None:
    one = write(tmp_path / "one", t={"v": ["yes", "no"], "x": [np.inf, 1.0]})
    two = write(tmp_path / "two", t={"v": ["yes", "yes"], "x": [-np.inf, 1.0]})
    lines = compare(one, two, rtol=1e-6)
    assert len(lines) == 2


def compared(tmp_path: Path, first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    for name, frame in (("first", first), ("second", second)):
        (tmp_path / name).mkdir(exist_ok=True)
        frame.to_csv(tmp_path / name / "t.csv", index=False)
    return compare(tmp_path / "first", tmp_path / "second", rtol=1e-3)


def test_compare_holds_a_value_against_its_own_kind(tmp_path: Path) -> None:
    first = pd.DataFrame(
        {
            "panel": ["a", "a", "b", "b"],
            "quantity": ["rank", "alpha", "rank", "alpha"],
            "value": [1456.0, 2e-4, 700.0, 1e-4],
        }
    )
    assert compared(tmp_path, first, first) == []
    twice = first.assign(value=[1456.0, 4e-4, 700.0, 1e-4])
    (line,) = compared(tmp_path, first, twice)
    assert "value: differs by 0.0002, more than 0.001 of 0.0002 (a, alpha)" in line
    rounded = first.assign(value=first.value * (1 + 1e-9))
    assert compared(tmp_path, first, rounded) == []


@pytest.mark.filterwarnings("error")
def test_compare_tells_what_is_missing_from_what_is_zero(tmp_path: Path) -> None:
    known = pd.DataFrame({"x": [0.0, 1.0, np.inf]})
    assert compared(tmp_path, known, known) == []
    for other in ([np.nan, 1.0, np.inf], [0.0, 1.0, -np.inf], [0.0, np.inf, np.inf]):
        assert len(compared(tmp_path, known, pd.DataFrame({"x": other}))) == 1
    missing = pd.DataFrame({"x": [np.nan, 1.0, np.inf]})
    assert compared(tmp_path, missing, missing) == []
