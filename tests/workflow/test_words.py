"""The lint of words: what it finds, and what it leaves alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words", ROOT / "tools" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("Tasks of which some are new.", ".md"),
        ("Networks, one a seed.", ".rst"),
        ("Its loss is that of the tasks.", ".yaml"),
        ("The features are as given.", ".md"),
        ("x = 1  # of the tasks\n", ".py"),
        ("# that of the whole\n", ".py"),
    ],
)
def test_what_is_found(tool: ModuleType, text: str, suffix: str) -> None:
    assert [line for line, _ in tool.complaints(f"\n{text}", suffix)][:1] == [2]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("One network for each seed.", ".md"),
        ("The law that of all is simplest.", ".md"),
        ("x = 1  # the tasks' own\n", ".py"),
        ("text = '# of the tasks'\n", ".py"),
    ],
)
def test_what_is_left_alone(tool: ModuleType, text: str, suffix: str) -> None:
    assert list(tool.complaints(text, suffix)) == []
