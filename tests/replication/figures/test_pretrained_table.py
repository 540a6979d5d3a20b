"""Table 2 as a table, on two networks worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small import estimated

from replication.figures.pretrained import quantities as q
from replication.figures.pretrained.table import (
    PAPER_ALPHA_LIM,
    TITLE,
    paper_table2,
    table2,
    write_table2,
)

# Student's t for two repetitions, 97.5%
T = 12.706204736432095
SWEEP = pd.DataFrame(
    [
        ("a", 0, 0.1, 1.0, 0.0),
        ("a", 1, 0.1, 3.0, 1.0),
        ("a", 0, 0.2, 1.0, 2.0),
        ("a", 1, 0.2, 1.0, 2.0),
        *(("b", seed, 0.05, 9.0, 10.0) for seed in (0, 1)),
        *(("b", seed, 0.1, 9.0, 9.0) for seed in (0, 1)),
        *(("b", seed, 0.2, 9.0, 11.0) for seed in (0, 1)),
    ],
    columns=["panel", "seed", "alpha", "pre", "post"],
)
# geometric means 0.2, 1 and 0.1
ESTIMATES = estimated(
    {
        "a": {q.alpha_lim_split: [0.1, 0.4], q.alpha_lim_weighted: [0.5, 2.0]},
        "b": {q.alpha_lim_split: [0.1, 0.1], q.alpha_lim_weighted: [0.1, 0.1]},
    }
)
TITLES = {"a": "as printed", "b": "another"}


def test_errors_have_intervals_and_differences_are_paired() -> None:
    made = table2(SWEEP, ESTIMATES, TITLES)
    assert list(made.reading) == ["as printed"] * 2 + ["another"] * 3
    assert list(made.alpha) == [0.1, 0.2, 0.05, 0.1, 0.2]
    row = made.iloc[0]
    # before 1 and 3, after 0 and 1, differences -1 and -2
    for name, mean, half in (("pre", 2, T), ("post", 0.5, T / 2), ("post - pre", -1.5, T / 2)):
        found = [row[name], row[f"{name}, low"], row[f"{name}, high"]]
        assert found == pytest.approx([mean, mean - half, mean + half]), name


def test_notes_are_at_the_best_rate_and_at_those_nearest_to_the_estimates() -> None:
    assert list(table2(SWEEP, ESTIMATES, TITLES).note) == [
        "lowest error",
        "nearest to alpha_lim, 0.2; the weighted estimate, 1, is beyond",
        "",
        "lowest error; nearest to alpha_lim, 0.1; nearest to the weighted estimate, 0.1",
        "",
    ]


def test_the_papers_numbers() -> None:
    """Their lowest error after the step is at the rate that it says is nearest to its estimate."""
    paper = paper_table2().set_index("alpha")
    assert list(paper.columns) == ["pre", "post"]
    assert len(paper) == 11
    assert paper.post.idxmin() == 0.1
    assert tuple(paper.loc[0.1]) == (0.827, 0.797)
    assert min(paper.index, key=lambda alpha: abs(alpha - PAPER_ALPHA_LIM)) == 0.1


def test_the_table_is_written_in_the_papers_form(tmp_path: Path) -> None:
    files = {kind: tmp_path / f"table2.{kind}" for kind in ("csv", "tex", "html")}
    made = table2(SWEEP, ESTIMATES, TITLES)
    write_table2(made, files)
    pd.testing.assert_frame_equal(pd.read_csv(files["csv"], keep_default_na=False), made)
    tex, page = files["tex"].read_text(), files["html"].read_text()
    lines = [line.rstrip("\\ ").split("&") for line in tex.splitlines() if "&" in line]
    cells = pd.DataFrame([[cell.strip() for cell in line] for line in lines[1:]])
    cells.columns = [cell.strip() for cell in lines[0]]
    # rates across, the paper's first; an error and its half-width below each other
    assert list(cells.columns[2:]) == [f"{alpha:g}" for alpha in paper_table2().alpha]
    half = r"$\pm$ (95\%)"
    ours = ["pre", half, "post", half, "post $-$ pre", half]
    assert list(cells.iloc[:, 1]) == ["pre", "post", *ours, *ours]
    # a reading's name stands at its first row alone
    names = ["the paper", "", "as printed", *[""] * 5, "another", *[""] * 5]
    assert list(cells.iloc[:, 0]) == names
    assert list(cells["0.1"][:8]) == [
        *("0.827", r"\textbf{0.797}"),
        *("2.000", "12.706", r"\textbf{0.500}", "6.353", "-1.500", "6.353"),
    ]
    assert list(cells["0.2"][2:8]) == ["1.000", "0.000", "2.000", "0.000", "1.000", "0.000"]
    assert set(cells["0.3"][2:]) == {""}  # a rate that was not run
    # the lowest error after the step is bold: in the paper's rows and in each of ours
    assert page.count("<b>") == tex.count(r"\textbf{") == 3
    assert "<td><b>0.500</b></td>" in page
    assert f"<h1>{TITLE}</h1>" in page
    assert "±" in page
