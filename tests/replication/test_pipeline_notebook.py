"""Figure notebooks as pages, and captions."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import nbformat.v4 as nb
import pytest

from innerlr.errors import InnerlrError
from replication.families import Family, families
from replication.pipeline.notebook import caption, run, to_html
from replication.settings.config import Config


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


FIGURES = [(family, figure) for family in families().values() for figure in family.figures]


@pytest.mark.parametrize(("family", "figure"), FIGURES, ids=[figure for _, figure in FIGURES])
def test_the_numbers_of_a_caption_are_those_of_the_run(family: Family, figure: str) -> None:
    config = Config()
    sections = {name: getattr(config, name).for_stage("figure") for name in family.figures[figure]}
    template = family.folder / f"captions/{figure}.rst"
    said = caption(str(template), [], sections)
    assert "{" not in said
    assert "}" not in said


def test_a_caption_has_the_values_of_the_run_and_names_those_that_are_not(tmp_path: Path) -> None:
    template = tmp_path / "fig08.rst"
    template.write_text("Mean over {fig08[seeds]:,} trials, {fig08[panels][a][shots]} samples.\n")
    sections = {"fig08": {"seeds": 1234, "panels": {"a": {"shots": 5}}}}
    assert caption(str(template), [], sections) == "Mean over 1,234 trials, 5 samples.\n\n"
    for wrong in ("{fig08[seed]}", "{fig09[seeds]}", "{fig08[seeds][a]}", "{", "{fig08[panels]:g}"):
        template.write_text(wrong)
        with pytest.raises(InnerlrError, match=r"fig08\.rst: a number in braces .*'fig08'"):
            caption(str(template), [], sections)
