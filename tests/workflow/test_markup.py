"""Markup in the user's text, such as titles: shown as text, run by no page, no command in TeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat.v4 as nb
import numpy as np
import pandas as pd
import pytest
import yaml
from browser import WIDTHS, chromium, opened
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Frame, Page
from project import Project

from innerlr.errors import InnerlrError
from replication.figures.pretrained.table import write_table2
from replication.pipeline.notebook import keep
from replication.pipeline.report import closed
from replication.pipeline.tables import as_tex, write_formats

# each sets `ran`, or asks for something from outside, where a page takes it for markup
PAYLOADS = {
    "a script": "<script>window.ran = 1</script>",
    "the end of one": "</script><script>window.ran = 1</script>",
    "an event": '"><img src="x:" onerror="window.ran = 1"><svg onload="window.ran = 1">',
    "a comment": "<!-- <script> --!><iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "Markdown": "![x](http://localhost/x.png) [x](javascript:window.ran=1) <http://localhost>",
}
FORMULA = r"$\text{<img src=x: onerror=window.ran=1>}$ $\href{javascript:window.ran=1}{x}$"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def assert_nothing_ran(page: Page | Frame) -> None:
    page.wait_for_timeout(100)  # an event of an image comes late
    assert page.evaluate("typeof window.ran") == "undefined"
    for link in page.locator("a[href], [*|href]").all():
        assert not (link.get_attribute("href") or "").startswith("javascript:")


def one_line(text: str) -> str:
    return " ".join(text.split())


def shown(page: Page | Frame) -> str:
    return one_line(page.locator("body").inner_text())


@pytest.mark.parametrize("payload", [*PAYLOADS.values(), FORMULA], ids=[*PAYLOADS, "a formula"])
def test_tables_show_it_as_text(browser: Browser, tmp_path: Path, payload: str) -> None:
    files = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "tex", "html")}
    titles = [payload, payload, "another", "another"]
    frame = pd.DataFrame({"reading": titles, "alpha": [0.1, 0.2] * 2, "pre": 1.0, "post": 2.0})
    for write in (write_table2, lambda *given: write_formats(*given, payload)):
        write(frame, files)
        with opened(browser, files["html"], WIDTHS["desktop"]) as page:
            assert_nothing_ran(page)
            assert payload in shown(page)
        assert list(pd.read_csv(files["csv"]).reading) == titles


@pytest.mark.parametrize("payload", [*PAYLOADS.values(), FORMULA], ids=[*PAYLOADS, "a formula"])
def test_notebooks_run_nothing(browser: Browser, tmp_path: Path, payload: str) -> None:
    """In words, in a table, and in a block of its own."""
    words = f"The title is {payload}, a limit $\\alpha < 1$.\n\n{payload}\n\n- {payload}\n"
    said = nb.new_output("display_data", {"text/markdown": words})
    table = pd.DataFrame({payload: [payload]})
    outputs = [said, nb.new_output("display_data", {"text/html": table.to_html()})]
    fenced = f"```mermaid\n{payload}\n```\n\n    {payload}\n\n> {payload}"
    cells = [nb.new_markdown_cell(fenced, id="a"), nb.new_code_cell(outputs=outputs, id="b")]
    keep(
        nb.writes(nb.new_notebook(cells=cells)),
        tmp_path / "x.ipynb",
        tmp_path / "x.html",
        title="x",
    )
    with opened(browser, tmp_path / "x.html", WIDTHS["desktop"]) as page:
        assert_nothing_ran(page)
        assert page.locator("math").count()
        assert payload in shown(page)  # at least the table has it letter by letter


SPECIAL = dict(
    [
        *((rf"\{letter}", letter) for letter in "{}$&%#_"),
        *((r"\textbackslash{}", "\\"), (r"\textasciitilde{}", "~"), (r"\textasciicircum{}", "^")),
        *((r"\textless{}", "<"), (r"\textgreater{}", ">")),
    ]
)
READ_BACK = re.compile("|".join(map(re.escape, SPECIAL)))


@given(st.text("\\{}$&%#_~^<>abcinput /\n\t", max_size=30))
def test_no_text_is_a_command_in_tex(text: str) -> None:
    made = as_tex(text)
    assert not set("\\{}$&%#_~^<>\n") & set(READ_BACK.sub("", made))
    assert READ_BACK.sub(lambda found: SPECIAL[found[0]], made) == one_line(text)


@pytest.mark.parametrize(
    "title",
    [r"\input{/etc/passwd}", r"^^5cinput secret", r"a & b \\ \hline", "50% of $x", "a\n\nb"],
)
def test_table2_passes_no_command_on(tmp_path: Path, title: str) -> None:
    files = {kind: tmp_path / f"table.{kind}" for kind in ("csv", "tex", "html")}
    frame = pd.DataFrame(
        {"reading": [title] * 2, "alpha": [0.1, 0.2], "pre": 1.0, "post": [2.0, 1.0]}
    )
    write_table2(frame, files)
    made = files["tex"].read_text()
    rows = [line for line in made.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 5  # the rates, the paper's two, the two of these
    assert all(len(re.findall(r"(?<!\\)&", row)) == 12 for row in rows)
    assert rows[3].startswith(f"{as_tex(title)} & pre & ")
    assert r"\input" not in made
    assert "^^" not in made
    assert r"\textbf{1.000}" in made  # of ours


def test_a_report_of_another_form_is_refused() -> None:
    with pytest.raises(InnerlrError, match=r"no script categories, metadata, results, rules"):
        closed('<script id="workflow-desc">\n    var workflow_desc = "x";\n    </script>')


@pytest.mark.workflow
@pytest.mark.slow
def test_the_report_runs_nothing_and_shows_the_title(browser: Browser, tmp_path: Path) -> None:
    project = Project(tmp_path)
    rng = np.random.default_rng(0)
    file = "a<img src=x onerror=ran=1>.npz"
    np.savez(
        project.folder / file, features=rng.normal(size=(20, 4, 2)), optima=rng.normal(size=(20, 2))
    )
    title = " ".join(PAYLOADS.values())
    mine = {"preset": "mine", "experiments": {"mine": {"file": file, "seeds": 3, "title": title}}}
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(mine))
    project.snakemake("--configfile", "mine.yaml", "--", "mine")
    with opened(browser, project.results("mine") / "report.html", WIDTHS["desktop"]) as page:
        assert_nothing_ran(page)
        results = page.evaluate("results")
        (params,) = {found["job_properties"]["params"] for found in results.values()}
        assert "</script><script>window.ran = 1</script>" in params
        menu = page.locator("nav").first
        menu.get_by_text("Results", exact=True).click()  # a single category
        menu.locator("tbody").wait_for()
        for kind in menu.locator("label").all_text_contents():
            menu.locator("label", has_text=kind).click()
            menu.locator("tbody td:last-child a:first-of-type").click()
            assert_nothing_ran(page)
        frame = page.locator("iframe").element_handle().content_frame()
        frame.wait_for_load_state()
        assert file in shown(frame)
        assert_nothing_ran(frame)
        for path in results:  # its caption and parameters
            page.evaluate("path => app.showResultInfo(path)", path)
            menu.get_by_text("</script><script>window.ran = 1</script>").first.wait_for()
            assert_nothing_ran(page)
    with opened(
        browser, project.results("mine") / "notebooks/mine.html", WIDTHS["desktop"]
    ) as page:
        assert_nothing_ran(page)
        assert file in shown(page)
