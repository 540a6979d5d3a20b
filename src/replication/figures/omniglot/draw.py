"""The drawing of Fig. 3's readings: every scheme's accuracy against the rate it ends with."""

from __future__ import annotations

from typing import Any

import pandas as pd

from replication.drawing import COLOURS, legend_below, letter, panels

FIXED = {"color": "0.3", "marker": "o", "ms": 3.5}


OTHER_RATES = {"alpha_lim": "(H.6), cross-entropy", "learned": "learned"}


def rates_and_accuracy(rates: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    """Mean test accuracy of every scheme of Fig. 3's readings against the rate it ends with.

    A panel a forward normalisation: fixed rates as a line, the readings of sigma^2, (H.6) for the
    cross-entropy and the learned rate as marks. The last panel has the figure's schemes in other
    settings.

    Args:
        rates: columns scheme, setting, forward_norm, rate, sigma2, alpha, accuracy_area, data;
            those with a setting are the last panel's.

    Returns:
        The figure, and all that it shows: panel, series, scheme, alpha, accuracy_area, data.
    """
    plain = rates.setting.fillna("") == ""
    norms = list(dict.fromkeys(rates.forward_norm[plain]))
    figure, grid = panels(2, -(-(len(norms) + 1) // 2), height=2.3)
    shown, looks = [], {}
    for i, (axes, norm) in enumerate(zip(grid.flat, norms, strict=False)):
        rows = rates[plain & (rates.forward_norm == norm)]
        chosen = rows.rate.astype(str).isin(["online", "alpha_lim", "learned"])
        fixed = rows[~chosen].sort_values("alpha")
        axes.plot(fixed.alpha, fixed.accuracy_area, **FIXED, label="fixed rate")
        shown.append(fixed.assign(panel=norm, series="fixed rate"))
        for j, row in enumerate(rows[chosen].itertuples()):
            series = row.sigma2 if row.rate == "online" else OTHER_RATES[row.rate]
            # hollow, and smaller the later, so that none hides another of the same rate
            look = {"marker": "X^Dsv*P"[j % 7], "ms": 8 - 0.5 * j, "mfc": "none", "mew": 1.3}
            looks[series] = {**look, "color": COLOURS[j], "ls": "none", "zorder": 5}
            axes.plot(row.alpha, row.accuracy_area, **looks[series], label=series)
            shown.append(rows[rows.scheme == row.scheme].assign(panel=norm, series=series))
        axes.set(xscale="log", xlabel=r"$\alpha$ at the end", ylim=(0, 1))
        letter(axes, "abcdefgh"[i], f"features {norm}")
    others = rates[~plain]
    if len(others):
        axes = grid.flat[-1]
        settings = list(dict.fromkeys(others.setting))
        for row in others.itertuples():
            look = looks.get(row.sigma2, {}) if row.rate == "online" else FIXED
            axes.plot(row.accuracy_area, settings.index(row.setting), **look)
        axes.set_yticks(range(len(settings)), [name.replace("_", " ") for name in settings])
        for text in axes.get_yticklabels():  # over the free panel to the left, if there is one
            text.set(fontsize=6.5, in_layout=grid.size == len(norms) + 1)
        axes.set(xlabel="mean test accuracy", xlim=(0, 1), ylim=(len(settings) - 0.5, -0.5))
        axes.grid(axis="y", color="0.9")
        shown.append(others.assign(panel="other settings", series=others.rate.astype(str)))
        letter(axes, "abcdefgh"[len(norms)], "other settings")
    for axes in grid.flat[len(norms) : grid.size - bool(len(others))]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("mean test accuracy")
    legend_below(figure, grid[0, 0], columns=4)
    return figure, pd.concat(shown)[["panel", "series", "scheme", "alpha", "accuracy_area", "data"]]
