"""Tables and notebooks for people."""

from __future__ import annotations

import re

import nbformat.v4 as nb
import numpy as np
import pandas as pd
import pytest

from replication.pipeline.notebook import to_html
from replication.pipeline.tables import ESTIMATORS, estimators_table


def test_estimators_table_marks_exact_values() -> None:
    table = pd.DataFrame(
        {
            "panel": "a",
            "seed": [0, 1, 0, 1, 0],
            "quantity": ["alpha_lim", "alpha_lim", "alpha_star", "alpha_star", "other"],
            "value": [1.0, 1.0, 1.0, 2.0, 9.0],
        }
    )
    made = estimators_table("x", table).set_index("estimator")
    exact = made.loc[ESTIMATORS["alpha_lim"]]
    assert exact.alpha == 1.0
    assert np.isnan([exact.low, exact.high]).all()
    star = made.loc[ESTIMATORS["alpha_star"]]
    assert star.low < 1.5 < star.high
    assert len(made) == 2
    # draws that agree on a grid point are not exact, and say what they are
    agree = table.assign(value=0.02)
    made = estimators_table("fig12", agree).set_index("estimator")
    star = made.loc["rate of the grid with the least test loss"]
    assert (star.low, star.high) == (0.02, 0.02)
    assert estimators_table("fig02", agree).estimator.to_list() == [
        *("alpha_lim, exact (3.3)", "argmin of the test loss"),
    ]
    (label, *_) = estimators_table("fig11", agree).estimator
    assert "(H.1)" in label
    sampled = estimators_table("fig01", table).set_index("estimator")
    assert not sampled.loc["alpha_lim, from the sampled tasks (3.3)"].isna().any()


def test_rates_of_trained_networks_have_geometric_means() -> None:
    table = pd.DataFrame(
        {"panel": "b", "seed": [0, 1], "quantity": "alpha_lim_split", "value": [1.0, 100.0]}
    )
    made = estimators_table("table2", table)
    assert made.alpha[0] == pytest.approx(10)
    assert 0 < made.low[0] < 1
    assert estimators_table("fig02", table).alpha[0] == 50.5
    # a network none of whose units fires
    assert np.isinf(estimators_table("table2", table.assign(value=[1.0, np.inf])).alpha[0])


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
