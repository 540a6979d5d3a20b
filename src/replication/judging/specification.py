"""Specification curves: a claim under every reading of what the paper leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from innerlr.errors import InnerlrError
from replication.drawing import COLOURS, PAGE, legend_below
from replication.judging.claims import NOT, PARTLY, REPRODUCED, UNJUDGED
from replication.judging.entries import bounds
from replication.judging.pages import ABOVE, GAP, LINE, across_page, in_words
from replication.settings.section import PRIMARY

# by shape as well, for print and for eyes that do not tell the colours apart
VERDICTS = {REPRODUCED: ("o", COLOURS[0]), PARTLY: ("s", COLOURS[1]), NOT: ("X", "0.15")}
VERDICTS[UNJUDGED] = ("v", "0.65")
MARK = {"mec": "white", "mew": 0.5}
RING = {"marker": "o", "ms": 10, "mfc": "none", "mec": "0.15", "mew": 0.8}
SHADE = {"color": "0.5", "alpha": 0.18, "lw": 0}
COLUMNS = ["id", "position", "reading", "choices", "quantity", "measured", "low", "high"]
COLUMNS += ["accepted_low", "accepted_high", "verdict"]
TITLE = 31  # letters of 7 points above one claim
FAR = 100.0  # positive values that differ by more have a logarithmic axis


def specification_curves(
    readings: pd.DataFrame,
    claims: Sequence[Mapping[str, Any]],
    choices: Mapping[str, Mapping[str, Any]],
) -> tuple[Any, pd.DataFrame]:
    """Every claim of an experiment under every reading, and what each reading chooses.

    A claim has two axes. Above, the measured quantity with its 95% interval under each reading,
    from the lowest to the highest, the accepted range shaded, the primary reading ringed: an
    interval that reaches the edge goes on beyond it, and a triangle there is a value that was never
    reached. The axis is logarithmic where all values are positive and one is more than a hundred
    times another. Below, a dot where a reading has another value than the primary one.

    Args:
        readings: columns id, reading, quantity, measured, low, high, verdict, as
            :func:`replication.judging.claims.under_readings` makes them.
        claims: the entries of claims.yaml that `readings` are about; `expected` is used.
        choices: of each reading, the keys it changes and their values there; none for the primary.

    Returns:
        The figure, and all that it shows: COLUMNS, by claim and position.

    Raises:
        InnerlrError: no rows, or one whose claim, reading or verdict is not known.
    """
    accepted = {claim["id"]: bounds(claim["expected"], claim["id"]) for claim in claims}
    for column, known in (("id", accepted), ("reading", choices), ("verdict", VERDICTS)):
        unknown = sorted(set(readings[column]) - set(known))
        if unknown or readings.empty:
            raise InnerlrError(
                f"readings: expected rows with {column} among {sorted(known)}, "
                f"got {unknown or 'none'}."
            )
    frame = pd.concat(
        [_ordered(rows, *accepted[str(name)]) for name, rows in readings.groupby("id")]
    )
    said = {name: in_words(values) for name, values in choices.items()}
    frame["choices"] = frame.reading.map(said).map("; ".join)
    used = [said[name] for name in choices if name in set(frame.reading)]
    rows = list(dict.fromkeys(line for lines in used for line in lines))

    wanted = set(frame.id)
    names = [claim["id"] for claim in claims if claim["id"] in wanted]
    across = across_page(len(names), frame.reading.nunique())
    down = -(-len(names) // across)
    heights = [ABOVE, LINE * len(rows) + 0.1]
    figure, grid = plt.subplots(
        *(2 * down, across),
        figsize=(max(PAGE, 1.4 + 1.9 * across), (sum(heights) + GAP) * down + 0.4),
        height_ratios=heights * down,
        squeeze=False,
    )
    for axes in grid.flat:
        axes.set_visible(False)
    for i, name in enumerate(names):
        above, below = (grid[2 * (i // across) + part, i % across] for part in (0, 1))
        mine = frame[frame.id == name]
        _measured(above, mine)
        _matrix(below, mine.reading.map(said), rows, labelled=i % across == 0)
    _label(grid[0, 0])
    legend_below(figure, grid[0, 0], columns=6)
    return figure, frame[COLUMNS].reset_index(drop=True)


def _ordered(rows: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """By effect; the primary reading first among equals."""
    by = rows.assign(other=rows.reading != PRIMARY).sort_values(["measured", "other", "reading"])
    return by.assign(position=np.arange(len(by)), accepted_low=low, accepted_high=high)


def _measured(axes: Any, mine: pd.DataFrame) -> None:
    """One claim's quantity by reading."""
    axes.set_visible(True)
    crowded = len(mine) > 24
    size, ring = (3.5, RING | {"ms": 7}) if crowded else (5.5, RING)
    limits = mine[["accepted_low", "accepted_high"]].iloc[0].to_numpy()
    bottom, top, scale = _axis(mine, limits)
    axes.set(xlim=(-0.6, len(mine) - 0.4), yscale=scale, ylim=(bottom, top))
    axes.axhspan(*np.clip(limits, bottom, top), **SHADE, zorder=0)
    for row in mine.itertuples():
        marker, colour = VERDICTS[row.verdict]
        ends = np.clip([row.low, row.high], bottom, top)
        axes.plot([row.position] * 2, ends, color=colour, lw=0.7 if crowded else 1, zorder=2)
        reached = np.isfinite(row.measured)
        at, look = (row.measured, marker) if reached else (top, "^")
        mark = {"color": colour, "marker": look, "ms": size, **MARK}
        axes.plot(row.position, at, **mark, clip_on=False, zorder=4)
        if row.reading == PRIMARY:
            axes.plot(row.position, at, **ring, clip_on=False, zorder=5)
    lines = [mine.id.iloc[0], mine.quantity.iloc[0]]
    # as wide as the axes of a full page and no wider
    points = 7 * min(1, TITLE / max(map(len, lines)))
    axes.set_title("\n".join(lines), loc="left", fontsize=points)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(labelsize=6.5)


def _axis(mine: pd.DataFrame, limits: Any) -> tuple[float, float, str]:
    """Ends and scale of an axis for all values, and for intervals as far as there is room."""
    core = np.concatenate([mine.measured, limits])
    core = core[np.isfinite(core)]
    ends = mine[["low", "high"]].to_numpy()
    ends = ends[np.isfinite(ends)]
    logarithmic = 0 < FAR * core.min() < core.max()
    if logarithmic:
        core, ends = np.log(core), np.log(np.maximum(ends, np.finfo(float).tiny))
    span = np.ptp(core) or abs(core[0]) or 1.0
    # an interval may be far wider than the readings differ
    room = min(span, np.log(FAR)) if logarithmic else span
    ends = np.clip(ends, core.min() - room, core.max() + room)
    bottom, top = min([*core, *ends]) - 0.12 * span, max([*core, *ends]) + 0.12 * span
    if logarithmic:
        return float(np.exp(bottom)), float(np.exp(top)), "log"
    return float(bottom), float(top), "linear"


def _matrix(axes: Any, said: pd.Series, rows: Sequence[str], *, labelled: bool) -> None:
    """Which rows each reading has, in the order of the axes above."""
    axes.set_visible(True)
    for y in range(0, len(rows), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="0.5", alpha=0.1, lw=0)
    for x, lines in enumerate(said):
        at = [rows.index(line) for line in lines]
        dots = {"color": "0.15", "marker": "o", "ms": 3 if len(said) <= 24 else 2, "lw": 0.6}
        axes.plot([x] * len(at), at, **dots)
    axes.set(xlim=(-0.6, len(said) - 0.4), ylim=(len(rows) - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(len(rows)), rows if labelled else [], fontsize=6)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _label(axes: Any) -> None:
    """Verdicts, the ring and the shade for the legend."""
    for verdict, (marker, colour) in VERDICTS.items():
        axes.plot([], [], color=colour, marker=marker, ms=5.5, **MARK, lw=1, label=verdict)
    axes.plot([], [], **RING, ls="none", label="primary reading")
    axes.fill_between([], [], **SHADE, label="accepted")
