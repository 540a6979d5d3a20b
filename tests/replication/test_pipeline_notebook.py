"""Figure notebooks as pages."""

from __future__ import annotations

import re

import nbformat.v4 as nb

from replication.pipeline.notebook import to_html


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
