"""The tool that changes the code behind the verdicts: what it changes, and what it leaves alone."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module
    spec.loader.exec_module(module)
    return module


def changed(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> list:
    (tmp_path / "m.py").write_text(text)
    monkeypatch.setattr(tool, "SOURCE", tmp_path)
    return tool.mutants("m.py")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + b", ["a - b"]),
        ("a / b", ["a * b"]),
        ("a < b", ["a <= b", "a > b"]),
        ("a and b", ["a or b"]),
        ("-a", ["+a"]),
        ("x[0]", ["x[-1]", "x[1]"]),
        ("x.std(ddof=1)", ["x.std(ddof=2)"]),
        ("x.argmin(axis=0)", ["x.argmax(axis=0)", "x.argmin(axis=1)"]),
        ("max(a, b)", ["min(a, b)"]),
        ("rows.first - rows.low", ["rows.first + rows.low", "rows.last - rows.low"]),
    ],
)
def test_what_is_changed(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, wanted: list[str]
) -> None:
    sources = [mutant.source for mutant in changed(tool, tmp_path, monkeypatch, text)]
    assert set(wanted) <= set(sources)
    assert text not in sources
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize(
    "text",
    [
        "'a' + b",
        "f'{a + 1}'",
        "raise ValueError(1)",
        "x: Literal[0, 1] = y",
        "@quantity(by=(0, 1))\ndef f(x):\n    'Two words.'\n    return x",
        "7.5",
        "True",
    ],
)
def test_what_is_left_alone(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert changed(tool, tmp_path, monkeypatch, text) == []


def test_every_module_behind_a_verdict_has_its_tests(tool: ModuleType) -> None:
    judging = {
        f"replication/judging/{path.name}"
        for path in (ROOT / "src/replication/judging").glob("*.py")
    }
    assert judging - {"replication/judging/__init__.py"} <= set(tool.files())
    for file in tool.files():
        assert (ROOT / "src" / file).is_file()
        if tool.mutants(file):
            assert all((ROOT / "tests" / test).is_file() for test in tool.tests_of(file))


def test_known_survivors_are_mutants_that_there_are(tool: ModuleType) -> None:
    keys = {mutant.key for file in tool.files() for mutant in tool.mutants(file)}
    assert set(tool.equivalent()) <= keys


def test_a_mutant_is_killed_by_a_test_that_fails_and_survives_without(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src/mine.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "tests/test_mine.py").write_text(
        "from mine import twice\n\ndef test_twice():\n    assert twice(0) == 0\n"
    )
    monkeypatch.setattr(tool, "SOURCE", tmp_path / "src")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setitem(tool.TESTS, "mine.py", ["test_mine.py"])
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    outcomes = {mutant.what: tool.killed(mutant) for mutant in tool.mutants("mine.py")}
    # 3 x and 2 x are both 0 at 0; 2 / 0 raises
    assert outcomes == {"Mult to Div": True, "2 to 3": False}
