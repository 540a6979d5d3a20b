"""Specification curves on a table made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from innerlr import plotting
from innerlr.claims import NOT, PARTLY, REPRODUCED
from innerlr.config import Config
from innerlr.errors import InnerlrError
from innerlr.specification import COLUMNS, VERDICTS, specification_curves

CLAIMS = [
    {"id": "ratio", "expected": {"between": [0.9, 1.1]}},
    {"id": "sign", "expected": {"above": 0}},
]
CHOICES: dict[str, dict[str, Any]] = {
    "primary": {},
    "few": {"shots": 5, "tasks.range": [0.0, np.pi]},
    "other": {"init": "he"},
}
ROWS = [
    ("ratio", "primary", 1.0, 0.95, 1.05, REPRODUCED),
    ("ratio", "few", 0.5, -np.inf, 1.0, PARTLY),
    ("ratio", "other", np.inf, 3.0, np.inf, NOT),
    ("sign", "primary", 2.0, 1.0, 3.0, REPRODUCED),
    ("sign", "few", 2.0, 1.0, 3.0, REPRODUCED),
    ("sign", "other", -1.0, -2.0, 0.5, PARTLY),
]
TABLE = pd.DataFrame(ROWS, columns=["id", "reading", "measured", "low", "high", "verdict"])
TABLE.insert(2, "quantity", TABLE.id + "_measured")


def drawn(axes: Any, marker: str) -> set[tuple[float, float]]:
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return {point for line in lines for point in zip(*line.get_data(), strict=True)}


def test_readings_stand_by_effect_with_what_they_choose() -> None:
    _, shown = specification_curves(TABLE, CLAIMS, CHOICES)
    assert list(shown.columns) == COLUMNS
    assert shown[shown.id == "ratio"].reading.to_list() == ["few", "primary", "other"]
    # of equals the primary one first
    assert shown[shown.id == "sign"].reading.to_list() == ["other", "primary", "few"]
    said = shown.set_index(["id", "reading"]).choices
    assert said["sign", "few"] == "shots = 5; tasks.range = [0, 3.142]"
    assert said["sign", "primary"] == "primary"
    assert set(shown[shown.id == "sign"].accepted_low) == {0.0}
    assert set(shown[shown.id == "ratio"].accepted_high) == {1.1}


def test_the_picture_has_every_value_verdict_and_choice() -> None:
    figure, _ = specification_curves(TABLE, CLAIMS, CHOICES)
    ratio, sign, ratio_choices, sign_choices = figure.axes
    bottom, top = ratio.get_ylim()
    assert np.isfinite([bottom, top]).all()
    assert drawn(ratio, VERDICTS[PARTLY][0]) == {(0, 0.5)}
    # a value that was never reached stands at the edge
    assert drawn(ratio, "^") == {(2, top)}
    # circles: the reproduced ones, and the ring of the primary reading
    assert drawn(ratio, "o") == {(1, 1.0)}
    rings = [line for line in sign.lines if line.get_markerfacecolor() == "none"]
    assert [line.get_data() for line in rings] == [([1], [2.0])]
    labels = [label.get_text() for label in ratio_choices.get_yticklabels()]
    assert labels == ["primary", "shots = 5", "tasks.range = [0, 3.142]", "init = he"]
    assert drawn(ratio_choices, "o") == {(0, 1), (0, 2), (1, 0), (2, 3)}
    assert drawn(sign_choices, "o") == {(0, 3), (1, 0), (2, 1), (2, 2)}


def test_nothing_of_it_is_clipped_and_its_files_repeat(tmp_path: Path) -> None:
    plotting.setup()
    for name in ("one", "two"):
        figure, shown = specification_curves(TABLE, CLAIMS, CHOICES)
        plotting.save(figure, str(tmp_path / name), shown)
    for kind in ("pdf", "svg", "png", "csv"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
    page, needed = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert needed.x0 >= page.x0
    assert needed.y0 >= page.y0
    assert needed.x1 <= page.x1
    assert needed.y1 <= page.y1
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reading": "unheard"}, "reading among .*'few'.*got .*'unheard'"),
        ({"id": "unheard"}, "id among .*'ratio'.*got .*'unheard'"),
        ({"verdict": "not evaluated"}, "verdict among .*got .*'not evaluated'"),
    ],
)
def test_an_unknown_row_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(InnerlrError, match=said):
        specification_curves(TABLE.assign(**change), CLAIMS, CHOICES)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InnerlrError, match="got none"):
        specification_curves(TABLE[:0], CLAIMS, CHOICES)


def test_choices_of_a_section_are_its_alternatives_by_dotted_key() -> None:
    readings = Config().fig12.readings
    choices = readings.choices()
    assert list(choices) == ["primary", *readings.alternatives]
    assert choices["primary"] == {}
    assert choices["slope_mean_0"] == {"tasks.slope_mean": 0.0}
    assert choices["five_shots"] == {"shots": 5, "query": 25}
