"""The command line `innerlr`."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from innerlr import InnerlrError, alpha_bounds, alpha_est, alpha_lim, alpha_lim_split
from innerlr.cli import main
from innerlr.io import stored


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
    assert main(["alpha", str(tmp_path / "ones.npy"), "--h15"]) == 2
    assert "(H.15) has no value" in capsys.readouterr().err


def test_h15_stands_only_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = features(tmp_path)
    assert main(["alpha", str(tmp_path / "f.npy")]) == 0
    assert "H.15" not in capsys.readouterr().out
    assert main(["alpha", str(tmp_path / "f.npy"), "--h15"]) == 0
    said = capsys.readouterr().out
    assert f"alpha_est (H.15)          {alpha_est(array):.6g}  (the paper's" in said


def saved(path: Path, array: np.ndarray, form: str) -> Path:
    """An array in a file of each kind that numpy writes."""
    file = path / f"{form.partition(' ')[0]}.{form[-3:]}"
    if form == "fortran npy":
        np.save(file, np.asfortranarray(array))
    elif form.endswith("npy"):
        np.save(file, array)
    elif form.startswith("packed"):
        np.savez_compressed(file, features=array[:, :3], query=array[:, 3:])
    else:
        order = np.asfortranarray if form.startswith("fortran") else np.asarray
        np.savez(file, features=order(array[:, :3]), query=order(array[:, 3:]))
    return file


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("kind", ["f8", "f4", "f2", ">f8", "i2", "?"])
@pytest.mark.parametrize("form", ["c npy", "fortran npy", "c npz", "fortran npz", "packed npz"])
def test_files_are_read_in_chunks(
    form: str,
    kind: str,
    steps: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chunks of 3 tasks (2 with a query) and a last one that is smaller."""
    monkeypatch.setattr(stored, "CHUNK", 3 * 7 * 4 + 1)
    array = (3 * np.random.default_rng(0).normal(size=(10, 7, 4))).astype(kind)
    file = saved(tmp_path, array, form)
    assert main(["alpha", str(file), "--steps", str(steps)]) == 0
    said = capsys.readouterr().out
    whole = array.astype(float)
    if form.endswith("npz"):
        rate = alpha_lim_split(whole[:, :3], whole[:, 3:], steps=steps)
    else:
        rate = alpha_lim(whole, steps=steps)
        bounds = alpha_bounds(whole)
        assert (f"{bounds.lower:.6g}\nupper bound               {bounds.upper:.6g}" in said) == (
            steps == 1
        )
    assert f"{rate:.6g}" in said.splitlines()[0]
    shots = 3 if form.endswith("npz") else 7
    assert f"features: 10 tasks of {shots} shots, 4 features ({array.dtype})" in said
    assert ("query: 10 tasks of 4 shots, 4 features" in said) == form.endswith("npz")


def test_a_file_is_not_held_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "f.npy", np.ones((4000, 10, 50), np.float16))  # 4 MB, 16 in float64
    monkeypatch.setattr(stored, "CHUNK", 5000)
    main(["alpha", str(tmp_path / "f.npy")])  # imports
    tracemalloc.start()
    assert main(["alpha", str(tmp_path / "f.npy"), "--h15"]) == 2  # equal entries, at the end
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("arrays", "parts"),
    [
        ({"features": 1, "Query": 1}, ["unknown array 'Query'", "Did you mean 'query'?"]),
        ({"features": 1, "queries": 1}, ["unknown array 'queries'", "'query'"]),
        ({"features": 1, "notes": 1}, ["unknown array 'notes'", "it holds 'features', 'notes'"]),
        ({"fetures": 1}, ["fetures", "Did you mean 'features'?"]),
        ({"query": 1}, ["no array 'features'", "it holds 'query'"]),
        ({}, ["no array 'features'", "none"]),
        ({"features": (6, 4)}, ["features", "(tasks, shots, dim)", "(6, 4)", "leading axis"]),
        ({"features": 1, "query": (3, 3, 4)}, ["features and query", "(2, 3, 4)", "(3, 3, 4)"]),
        ({"features": (0, 3, 4)}, ["features", "'tasks'", "empty"]),
        ({"features": (2, 3, 0)}, ["features", "'dim'", "empty"]),
    ],
)
def test_files_are_understood_or_refused(
    arrays: dict, parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = {name: (2, 3, 4) if shape == 1 else shape for name, shape in arrays.items()}
    np.savez(tmp_path / "f.npz", **{name: np.ones(shape) for name, shape in shapes.items()})
    assert main(["alpha", str(tmp_path / "f.npz")]) == 2
    captured = capsys.readouterr()
    for part in parts:
        assert part in captured.err
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize("scale", [1e60, 1e-60])
def test_features_of_any_size_have_a_rate(
    scale: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = np.random.default_rng(1).normal(size=(30, 6, 4))
    np.save(tmp_path / "f.npy", scale * array)
    assert main(["alpha", str(tmp_path / "f.npy"), "--h15"]) == 0
    said = capsys.readouterr().out.splitlines()
    bounds = alpha_bounds(array)
    expected = [alpha_lim(array), bounds.lower, bounds.upper, alpha_est(array)]
    for line, rate in zip(said, expected, strict=False):
        number = float(re.search(r"  +(\S+)", line)[1])
        assert number * scale**2 == pytest.approx(rate, rel=1e-5)  # six digits are printed


def test_what_other_commands_need_may_stand_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    array = features(tmp_path)
    np.savez(tmp_path / "t.npz", features=array, targets=array[..., 0])
    assert main(["alpha", str(tmp_path / "t.npz")]) == 0
    said = capsys.readouterr().out
    assert f"{alpha_lim(array):.6g}" in said.splitlines()[0]
    assert "targets: not needed" in said


def test_an_entry_is_named_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "CHUNK", 10)
    array = np.ones((9, 2, 3))
    array[7, 1, 2] = np.nan
    np.save(tmp_path / "nan.npy", array)
    assert main(["alpha", str(tmp_path / "nan.npy")]) == 2
    assert "nan at index (7, 1, 2)" in capsys.readouterr().err


def test_a_reader_may_leave(tmp_path: Path) -> None:
    features(tmp_path)
    run = subprocess.run(
        f"{sys.executable} -m innerlr alpha f.npy | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (run.stdout, run.stderr) == ("0\n", "")


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
    assert "unknown array 'fetures'" in said
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
