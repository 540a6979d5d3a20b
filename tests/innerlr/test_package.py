"""What `import innerlr` gives, and what it costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import innerlr

ROOT = Path(__file__).resolve().parents[2]
README = Path(innerlr.__file__).with_name("README.md")
HEAVY = ("scipy", "pandas", "torch", "matplotlib", "pydantic")


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_import_brings_nothing_heavy() -> None:
    code = f"import sys, innerlr; print(*({set(HEAVY)!r} & set(sys.modules)))"
    assert python(code).split() == []


def test_estimates_from_features_need_numpy_alone() -> None:
    code = (
        "import sys, innerlr, numpy as np\n"
        "x = np.random.default_rng(0).normal(size=(3, 4, 2))\n"
        "innerlr.alpha_lim(x), innerlr.alpha_est(x), innerlr.alpha_bounds(x)\n"
        f"print(*({set(HEAVY)!r} & set(sys.modules)))"
    )
    assert python(code).split() == []


def test_every_name_is_there_and_listed() -> None:
    for name in innerlr.__all__:
        assert getattr(innerlr, name).__name__ == name
    assert {*innerlr.__all__, "__version__"} <= set(dir(innerlr))
    assert innerlr.__all__ == sorted(innerlr.__all__)


def test_the_names_seen_by_editors_are_those_given() -> None:
    tree = ast.parse(Path(innerlr.__file__).read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"innerlr.{module}" for name, module in innerlr._HOMES.items()}
    assert set(seen) == set(innerlr.__all__)


def test_the_version_is_that_of_the_package() -> None:
    assert innerlr.__version__ == metadata.version("innerlr")


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'innerlr' has no attribute 'alpha_limit'"):
        innerlr.alpha_limit  # noqa: B018


def test_the_readme_that_a_wheel_carries_stands_by_itself() -> None:
    """An index page shows it without the files around it."""
    text = README.read_text()
    assert re.findall(r"\]\((?!https://)", text) == []
    assert re.findall(r"<(?:img|a) ", text) == []
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    exec("\n".join(blocks), {})


def test_the_readme_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ROOT / project["readme"] == README
