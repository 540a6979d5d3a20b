"""The command line and the files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import nbformat.v4 as nb
import numpy as np
import pandas as pd
import pytest

from innerlr import alpha_lim, alpha_lim_split
from innerlr.cli import main
from innerlr.errors import InnerlrError
from innerlr.io import atomic, load_arrays, provenance, read_table, write_arrays, write_table
from innerlr.io.compare import compare
from innerlr.io.provenance import SUFFIX, config_digest, verify, write
from replication.pipeline import job as jobs
from replication.pipeline.notebook import to_html


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


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("gone.npz", None, "no such file"),
        ("text.txt", b"x", "expected a .npz or .npy"),
        ("broken.npz", b"PK\x03\x04 broken", "cannot read"),
        ("pickled.npy", None, "cannot read"),
    ],
)
def test_unreadable_arrays_are_one_clear_error(
    tmp_path: Path, name: str, content: bytes | None, part: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if name == "pickled.npy":
        np.save(tmp_path / name, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InnerlrError, match=part) as error:
        load_arrays(tmp_path / name)
    assert name in str(error.value)


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
    capsys.readouterr()
    assert main(["config", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_replication_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["replication"]) == 2
    assert "top folder of a checkout" in capsys.readouterr().err


def test_config_checks_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("seed: 3\n")
    bad.write_text("sead: 3\n")
    assert main(["config", str(good)]) == 0
    assert main(["config", str(bad)]) == 2
    assert "'seed'" in capsys.readouterr().err


@pytest.mark.parametrize("inside", [True, False])
def test_config_lays_a_file_over_the_whole_as_snakemake_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, capsys: pytest.CaptureFixture
) -> None:
    root = Path(__file__).resolve().parents[2]
    monkeypatch.chdir(root if inside else tmp_path)
    smoke, more = str(root / "workflow/presets/smoke.yaml"), tmp_path / "more.yaml"
    more.write_text("h3: {panels: {a: {tasks: 30, optima: {name: exponential, scale: 2.0}}}}\n")
    assert main(["config", smoke]) == 0
    assert main(["config", smoke, str(more)]) == 0
    assert f"{more}: valid, over config.yaml" in capsys.readouterr().out
    more.write_text("h3: {panels: {b: {tasks: 30}}}\n")
    assert main(["config", str(more)]) == 2
    assert "h3.panels.b.inputs: missing" in capsys.readouterr().err
    more.write_text("- h3\n")
    assert main(["config", str(more)]) == 2
    assert "expected a mapping of sections, got list" in capsys.readouterr().err
    assert main(["config", "nowhere.yaml"]) == 2


def test_config_checks_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["config"]) == 2
    assert "no file 'config.yaml'" in capsys.readouterr().err
    Path("config.yaml").write_text("seed: 3\n")
    assert main(["config"]) == main(["config", "config.yaml"]) == 0
    assert capsys.readouterr().out == "config.yaml: valid\n" * 2
    Path("config.yaml").write_text("h3: {panels: {a: {tasks: 30}}}\n")
    assert main(["config"]) == 2
    assert "h3.panels.a.inputs: missing" in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small folder of results with their records."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/x")
    write_table(pd.DataFrame({"x": [1.0, 2.0]}), folder / "sweeps/a.csv")
    write([folder / "sweeps/a.csv"], [], rule="sweep")
    write_table(pd.DataFrame({"x": [3.0]}), folder / "estimates/a.csv")
    write([folder / "estimates/a.csv"], [folder / "sweeps/a.csv"], rule="estimates")
    return folder


def test_verify_accepts_what_was_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(run)]) == 0
    assert "verified" in capsys.readouterr().out


def test_verify_names_every_difference(run: Path) -> None:
    write_table(pd.DataFrame({"x": [1.0, 2.5]}), run / "sweeps/a.csv")
    (run / "estimates/a.csv").unlink()
    (run / "stray.csv").write_text("x\n")
    said = "\n".join(verify(run))
    assert "sweeps/a.csv has changed" in said
    assert "estimates/a.csv is missing" in said
    assert "an input of results/x/estimates/a.csv, has changed" in said
    assert f"stray.csv: has no stray.csv{SUFFIX}" in said
    assert main(["verify", str(run)]) == 1


def test_verify_finds_mixed_revisions_and_broken_records(run: Path) -> None:
    record = run / f"sweeps/a.csv{SUFFIX}"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "revision": "0" * 40}))
    assert any("several code revisions" in line for line in verify(run))
    record.write_text("{")
    assert any("not a provenance record" in line for line in verify(run))


@pytest.mark.parametrize("edited", [None, "src/code.py", "bank.npz"])
def test_a_record_is_of_what_ran_and_not_of_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("src/code.py", "bank.npz"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("before")
    revisions = iter(["first", "second"])
    monkeypatch.setattr(provenance, "code_revision", lambda: next(revisions))
    monkeypatch.setattr(jobs.os, "dup2", lambda *_: None)  # the log is not what is tested
    out = Path("results/x/run.npz")
    snakemake = SimpleNamespace(
        **{"log": ["log"], "input": ["src/code.py", "bank.npz"], "output": [f"{out}{SUFFIX}"]},
        **{"rule": "training", "params": {}, "config": {"seed": 1}, "threads": 1},
    )
    kept = {name: provenance.digest(name) for name in snakemake.input}
    with jobs.job(snakemake) as facts:
        assert facts["inputs"] | facts["code"] == kept
        if edited:
            Path(edited).write_text("after")
        write_arrays(out, {"x": 1.0})
    record = json.loads(Path(f"{out}{SUFFIX}").read_text())
    assert record["revision"] == "first"
    assert record["inputs"] | record["code"] == kept
    now = {edited: provenance.digest(edited)} if edited else {}
    assert record["changed_meanwhile"] == {"revision": "second", **now}
    said = [line for line in verify("results/x") if "changed while" in line]
    # a commit alone is no problem
    assert said == (
        [f"{edited} changed while {out} was made from it; make it again"] * bool(edited)
    )


def test_an_empty_folder_does_not_verify(tmp_path: Path) -> None:
    assert verify(tmp_path)


def test_config_digest_ignores_the_order_of_keys() -> None:
    assert config_digest({"a": 1, "b": [2]}) == config_digest({"b": [2], "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": 2})


def test_compare_to_a_tolerance(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_table(pd.DataFrame({"x": [1.0 + 1e-9, 2.0]}), other / "sweeps/a.csv")
    write_table(pd.DataFrame({"x": [3.0]}), other / "estimates/a.csv")
    assert compare(run, other, rtol=1e-6) == []
    assert main(["compare", str(run), str(other)]) == 0
    assert any("x: differs" in line for line in compare(run, other, rtol=1e-12))
    assert main(["compare", str(run), str(other), "--rtol", "1e-12"]) == 1
    (other / "estimates/a.csv").unlink()
    assert any("only in" in line for line in compare(run, other, rtol=1e-6))
    with pytest.raises(InnerlrError, match="no table"):
        compare(run, tmp_path / "nothing", rtol=1e-6)


def test_compare_sees_labels_and_infinities(run: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    write_table(pd.DataFrame({"v": ["yes", "no"], "x": [np.inf, 1.0]}), first / "t.csv")
    write_table(pd.DataFrame({"v": ["yes", "yes"], "x": [-np.inf, 1.0]}), second / "t.csv")
    lines = compare(first, second, rtol=1e-6)
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


def test_formulas_of_a_notebook_need_no_script_to_be_shown() -> None:
    text = r"""# Steps of $\alpha < 1$

Below $\alpha$ and `$HOME`:

$$1 & 2$$
"""
    cells = [nb.new_markdown_cell(text, id="a")]
    page = to_html(nb.writes(nb.new_notebook(cells=cells)), title="x")
    body = page[page.index("<h1") :]
    assert body.count("<math") == 3
    assert body.count('display="block"') == 1
    assert "<mi>α</mi><mo>&lt;</mo>" in body
    assert re.findall(r"\$\w*", re.sub("<[^>]*>", "", body)) == ["$HOME"]


def test_the_installed_command_answers() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "innerlr", "--help"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert "verify" in run.stdout
