"""Tables for people and the notebooks that write them."""

from __future__ import annotations

from pathlib import Path

import nbformat.v4 as nb
import pandas as pd

from replication.pipeline.notebook import keep
from replication.pipeline.tables import as_html, page, write_formats, write_html

FRAME = pd.DataFrame({"name": ["a_b", "c"], "x": [1 / 3, None], "says": ["<p>", "d"]})


def test_a_page_holds_its_table_and_its_title_as_text() -> None:
    made = page("x < y & z", "<table></table>")
    assert "<title>x &lt; y &amp; z</title>" in made
    assert "<h1>x &lt; y &amp; z</h1>" in made
    assert '<div class="scroll"><table></table></div>' in made
    assert "{" in made  # of the style sheet, whose braces are not doubled
    assert "{{" not in made


def test_a_table_shows_four_digits_and_leaves_out_what_is_missing() -> None:
    made = as_html(FRAME)
    assert "<td>0.3333</td>" in made
    assert "<td></td>" in made
    assert "&lt;p&gt;" in made
    assert 'class="dataframe told"' in made
    assert "told" not in as_html(FRAME[["name", "x"]])
    many = pd.DataFrame({"x": range(1000)})
    assert as_html(many).count("<tr") == 1001  # and the header


def test_a_table_is_the_same_in_every_form(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"x.{kind}" for kind in ("csv", "tex", "html")}
    write_formats(FRAME, files, "T")
    pd.testing.assert_frame_equal(pd.read_csv(files["csv"]), FRAME)
    tex = files["tex"].read_text()
    assert r"\toprule" in tex
    assert r"a\_b & 0.3333 & <p> \\" in tex
    assert r"c &  & d \\" in tex
    assert files["html"].read_text() == page("T", as_html(FRAME))
    write_html(FRAME, tmp_path / "alone.html", "T")
    assert (tmp_path / "alone.html").read_text() == files["html"].read_text()


def test_an_executed_notebook_is_kept_with_its_page(tmp_path: Path) -> None:
    executed = nb.writes(nb.new_notebook(cells=[nb.new_markdown_cell("Said here.", id="a")]))
    keep(executed, tmp_path / "x.ipynb", tmp_path / "x.html", title="x (smoke)")
    assert (tmp_path / "x.ipynb").read_text() == executed
    made = (tmp_path / "x.html").read_text()
    assert "<title>x (smoke)</title>" in made
    assert "Said here." in made
