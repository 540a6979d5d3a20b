"""The command line `innerlr`."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from innerlr import InnerlrError, alpha_lim, alpha_lim_split
from innerlr.cli import main


def features(tmp_path: Path) -> np.ndarray:
    array = np.random.default_rng(1).normal(size=(30, 6, 4))
    np.save(tmp_path / "f.npy", array)
    np.savez(tmp_path / "f.npz", features=array[:, :3], query=array[:, 3:])
    np.savez(tmp_path / "other.npz", fetures=array)
    return array


def test_alpha_prints_the_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array = features(tmp_path)
    assert main(["alpha", str(tmp_path / "f.npy")]) == 0
    assert f"{alpha_lim(array):.6g}" in capsys.readouterr().out
    assert main(["alpha", str(tmp_path / "f.npz")]) == 0
    assert f"{alpha_lim_split(array[:, :3], array[:, 3:]):.6g}" in capsys.readouterr().out
    assert main(["alpha", str(tmp_path / "f.npy"), "--steps", "3"]) == 0
    said = capsys.readouterr().out
    assert f"{alpha_lim(array, steps=3):.6g}" in said
    assert "3 steps" in said
    assert main(["alpha", str(tmp_path / "f.npy"), "--steps", "0"]) == 2
    assert "steps" in capsys.readouterr().err


def test_bounds_stand_only_beside_the_rate_that_they_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features(tmp_path)
    for arguments, shown in (
        (["f.npy"], True),
        (["f.npy", "--steps", "3"], False),
        (["f.npz"], False),
    ):
        assert main(["alpha", str(tmp_path / arguments[0]), *arguments[1:]]) == 0
        assert ("upper bound" in capsys.readouterr().out) == shown


def test_equal_entries_have_a_rate_though_no_variance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "ones.npy", np.ones((1, 4, 1)))
    assert main(["alpha", str(tmp_path / "ones.npy")]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split()[-1] == "0.5"
    assert "H.15" not in said


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"innerlr {version('innerlr')}\n"


def test_bad_input_exits_with_two_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features(tmp_path)
    assert main(["alpha", str(tmp_path / "other.npz")]) == 2
    said = capsys.readouterr().err
    assert "no array 'features'" in said
    assert "fetures" in said
    assert len(said.strip().splitlines()) == 1
    with pytest.raises(InnerlrError):
        main(["--debug", "alpha", str(tmp_path / "other.npz")])
    assert main(["verify", str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in capsys.readouterr().err


def test_the_installed_command_answers() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "innerlr", "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert "verify" in run.stdout
