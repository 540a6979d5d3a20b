"""Specification curves on a table made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from innerlr.errors import InnerlrError
from replication import drawing
from replication.judging.claims import NOT, PARTLY, REPRODUCED
from replication.judging.entries import entries
from replication.judging.pages import HEIGHT, across_page, pages
from replication.judging.specification import COLUMNS, VERDICTS, specification_curves
from replication.settings.config import Config
from replication.settings.files import leaves
from replication.settings.sources import Source

EVERY_CLAIM = entries()
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


def test_axes_have_a_place_for_each_reading_and_a_row_for_each_choice() -> None:
    figure, _ = specification_curves(TABLE, CLAIMS, CHOICES)
    for axes in figure.axes:
        assert axes.get_xlim() == pytest.approx((-0.6, 2.6))
    for axes in figure.axes[2:]:
        assert axes.get_ylim() == pytest.approx((3.5, -0.5))
    assert {line.get_markersize() for line in figure.axes[2].lines} == {3.0}


def test_marks_are_smaller_where_readings_are_many() -> None:
    names = [f"r{i}" for i in range(24)]
    rows = TABLE[(TABLE.id == "ratio") & (TABLE.reading == "few")]
    many = pd.concat([TABLE[TABLE.id == "ratio"], *(rows.assign(reading=name) for name in names)])
    choices = CHOICES | {name: {"shots": i} for i, name in enumerate(names)}
    figure, _ = specification_curves(many, CLAIMS[:1], choices)
    above, below = figure.axes
    assert {line.get_markersize() for line in below.lines} == {2.0}
    assert 3.5 in {line.get_markersize() for line in above.lines}
    assert above.get_xlim() == pytest.approx((-0.6, 26.6))


@pytest.mark.parametrize(
    ("claims", "readings", "across"),
    [
        (6, 61, 2),
        (6, 60, 4),
        (4, 24, 2),
        (4, 25, 4),
        (5, 24, 4),
        (1, 10, 1),
        (3, 70, 2),
        (3, 25, 3),
    ],
)
def test_claims_side_by_side(claims: int, readings: int, across: int) -> None:
    assert across_page(claims, readings) == across


@pytest.mark.parametrize(
    ("other", "scale"), [(80.0, "linear"), (110.0, "log"), (-110.0, "linear"), (0.0, "linear")]
)
def test_readings_far_apart_have_an_axis_on_which_both_are_seen(other: float, scale: str) -> None:
    table = TABLE[TABLE.id == "ratio"].copy()
    table.loc[table.reading == "other", ["measured", "low", "high"]] = [other, -900.0, np.inf]
    table.loc[table.reading == "few", ["measured", "low", "high"]] = [1.05, 0.9, 1.1]
    figure, _ = specification_curves(table, CLAIMS[:1], CHOICES)
    axes = figure.axes[0]
    assert axes.get_yscale() == scale
    bottom, top = axes.get_ylim()
    assert bottom < min(other, 0.9)
    assert top > max(other, 1.1)
    if scale == "log":
        # an interval down to below zero takes no more room than the values do
        assert bottom > 0.9 / 100 / 2


def test_nothing_of_it_is_clipped_and_its_files_repeat(tmp_path: Path) -> None:
    drawing.setup()
    for name in ("one", "two"):
        figure, shown = specification_curves(TABLE, CLAIMS, CHOICES)
        drawing.save(figure, str(tmp_path / name), shown)
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
        ({"verdict": "unheard"}, "verdict among .*got .*'unheard'"),
    ],
)
def test_an_unknown_row_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(InnerlrError, match=said):
        specification_curves(TABLE.assign(**change), CLAIMS, CHOICES)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InnerlrError, match="got none"):
        specification_curves(TABLE[:0], CLAIMS, CHOICES)


def test_choices_of_a_section_are_its_alternatives_by_dotted_key() -> None:
    section = Config().fig12
    choices = section.choices()
    assert list(choices) == ["primary", *section.specifications.named]
    assert choices["primary"] == {}
    assert choices["slope_mean_0"] == {"task_family.slope_mean": 0.0}
    assert choices["five_shots"] == {"shots": 5, "query_shots": 25}


def test_a_star_is_every_key_of_a_mapping() -> None:
    section = Config().fig02
    changed = section.specification("init_he_normal")
    assert {panel.init for panel in changed.panels.values()} == {"he_normal"}
    assert [panel.title for panel in changed.panels.values()] == [
        panel.title for panel in section.panels.values()
    ]
    assert section.choices()["init_he_normal"] == {"panels.*.init": "he_normal"}


@pytest.mark.parametrize("name", ["fig02", "fig03", "fig05", "fig12", "table2", "theory"])
def test_pages_hold_every_claim_once_and_fit(name: str) -> None:
    section = getattr(Config(), name)
    claims = [claim for claim in EVERY_CLAIM if claim.get("experiment") == name]
    if name == "theory":
        claims = [c for c in claims if c["id"].startswith(tuple(section.specifications.claims))]
    made = pages(claims, section.choices())
    ids = [claim["id"] for page in made for claim in page]
    assert sorted(ids) == sorted(claim["id"] for claim in claims)
    for page in made:
        rows = [
            (claim["id"], reading, claim["quantity"], 1.0, 0.5, 1.5, REPRODUCED)
            for claim in page
            for reading in section.choices()
        ]
        columns = ["id", "reading", "quantity", "measured", "low", "high", "verdict"]
        table = pd.DataFrame(rows, columns=columns)
        figure, shown = specification_curves(table, page, section.choices())
        assert list(dict.fromkeys(shown.id)) is not None
        assert figure.get_figheight() < HEIGHT + 1
        figure.draw_without_rendering()
        boxes = [ax._left_title.get_window_extent() for ax in figure.axes if ax.get_visible()]
        for one, other in combinations(boxes, 2):
            assert not one.overlaps(other) or one.width * other.width == 0
        assert max(box.x1 for box in boxes) <= figure.bbox.x1
        plt.close(figure)
    if len(made) > 1:  # claims of one quantity stand together
        quantities = [claim["quantity"] for page in made for claim in page]
        starts = sum(a != b for a, b in pairwise(quantities)) + 1
        assert starts == len(set(quantities))


# assumed values without a reading of their own, and why
EXCUSED = {
    "fig03.images.split": "which characters are held out is random, and 1,200 would be as well",
    "fig03.schemes.*.inner_loss": "0.1 on the sum is 2.0 on the mean, which is a reading",
    "fig10a.test_tasks": "the scale of the readings themselves",
}


def test_every_assumption_has_another_reading() -> None:
    config = Config()
    kept: dict[tuple[str, Source], list[tuple[str, ...]]] = {}
    for path, _, source in leaves(config):
        if source is not None and source.kind == "assumed":
            kept.setdefault((path[0], source), []).append(path)
    left = []
    for (name, _), paths in kept.items():
        choices = getattr(config, name).choices().values()
        varied = {key for values in choices for key in values}
        if not any(matches(path[1:], key) for path in paths for key in varied):
            left.append(paths[0])
    excuses = {excuse: [path for path in left if matches(path, excuse)] for excuse in EXCUSED}
    assert all(excuses.values())  # none without need
    assert sorted(left) == sorted(path for paths in excuses.values() for path in paths)


def matches(path: Sequence[str], pattern: str) -> bool:
    """Whether one is the beginning of the other, "*" standing for any key."""
    return all(p in ("*", key) for p, key in zip(pattern.split("."), path, strict=False))
