"""Figure notebooks as pages."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import nbformat.v4 as nb
import pytest

from innerlr.errors import InnerlrError
from replication.pipeline.notebook import run, to_html


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


def failing(folder: Path, code: str) -> str:
    """The message of a run of a notebook whose second code cell fails."""
    cells = [nb.new_markdown_cell("# A", id="a"), *map(nb.new_code_cell, ["x = 1", code])]
    nbformat.write(nb.new_notebook(cells=cells), folder / "a.ipynb")
    with pytest.raises(InnerlrError) as error:
        run(str(folder / "a.ipynb"), str(folder / "logs/a.log"), {})
    assert (folder / "logs/a.ipynb").is_file()
    assert str(folder / "logs/a.ipynb") in str(error.value)
    return str(error.value)


def test_a_failing_cell_is_named_with_its_error(tmp_path: Path) -> None:
    said = failing(tmp_path, "y = x / 0  # a slip")
    assert "cell 3 of 3 failed with ZeroDivisionError: division by zero" in said
    assert "y = x / 0  # a slip" in said
    assert len(said.splitlines()) < 5


def test_a_kernel_that_is_killed_is_named(tmp_path: Path) -> None:
    said = failing(tmp_path, "import os\nos.kill(os.getpid(), 9)")
    assert "its kernel was ended while it ran" in said
