"""The command line `python -m replication`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from innerlr.errors import InnerlrError
from replication.cli import main


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
    assert f"{more}: valid, over config.yaml and the defaults" in capsys.readouterr().out
    more.write_text("h3: {panels: {b: {tasks: 30}}}\n")
    assert main(["config", str(more)]) == 2
    assert "h3.panels.b.inputs: missing" in capsys.readouterr().err
    more.write_text("- h3\n")
    assert main(["config", str(more)]) == 2
    assert "expected a mapping of sections, got list" in capsys.readouterr().err
    assert main(["config", "nowhere.yaml"]) == 2


def test_config_checks_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users = tmp_path / "config.yaml"
    monkeypatch.setattr("replication.settings.config.USERS", users)
    assert main(["config"]) == 0
    users.write_text("seed: 3\n")
    assert main(["config"]) == 0
    assert capsys.readouterr().out == "config.yaml: valid, over the defaults\n" * 2
    users.write_text("h3: {panels: {a: {taks: 30}}}\n")
    assert main(["config"]) == 2
    assert "h3.panels.a.taks: unknown key. Did you mean 'tasks'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "parts"),
    [("--reference", ["## fig08", "| `seeds` | `10` | paper:"]), ("--schema", ["$schema", "h3"])],
)
def test_config_prints_what_is_made_on_demand(
    option: str, parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", option]) == 0
    said = capsys.readouterr().out
    assert all(part in said for part in parts)


def test_errors_are_one_line_and_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["config", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert said.startswith("python -m replication: ")
    assert len(said.splitlines()) == 1
    assert main(["reference", "nowhere"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(InnerlrError):
        main(["--debug", "reference", "nowhere"])


def test_the_package_is_run_by_its_name() -> None:
    command = [sys.executable, "-m", "replication"]
    run = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "{config,replication,reference,crate}" in run.stdout
    run = subprocess.run([*command, "alpha"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
