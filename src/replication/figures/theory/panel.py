"""What the drawings of several statements share: series with intervals, marks, axes, legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from innerlr.intervals import Interval
from replication.drawing import STAR, summary
from replication.figures.theory.settings import Theory as TheorySection
from replication.measuring import measure
from replication.quantity import Quantity

GREY = "0.45"
LIMIT = r"$\alpha_{\lim}$"
RELATIVE = r"$\alpha / \alpha_{\lim}$"


@dataclass
class Panel:
    """A panel that is drawn, and the record of what it shows.

    Attributes:
        letter: of the panel.
        axes: where.
        curves: its rows of the sweep: columns panel, series, seed, x, value.
        estimates: as the experiment makes them, of all panels.
        cfg: the section of the configuration.
        shown: all that is drawn so far: columns panel, series, seed, x, mean, low, high, n, each
            where it has a meaning.
    """

    letter: str
    axes: Any
    curves: pd.DataFrame
    estimates: pd.DataFrame
    cfg: TheorySection
    shown: list[pd.DataFrame] = field(default_factory=list)

    def value(self, quantity: Quantity[Any], **at: float | str) -> Interval:
        """An estimate of this panel with its interval.

        Args:
            quantity: which one.
            at: the value of every key that it varies by.
        """
        return measure(self.estimates, quantity, self.letter, at)

    def record(self, rows: pd.DataFrame, series: str, n: int | None = None) -> None:
        """Note that these points are drawn.

        Args:
            rows: columns x, mean, low, high and, unless given, n.
            series: which these are.
            n: repetitions behind each.
        """
        labels: dict[str, Any] = {"panel": self.letter, "series": series}
        self.shown.append(rows.assign(**(labels if n is None else labels | {"n": n})))

    def series(
        self,
        series: str,
        label: str,
        colour: Any,
        style: str = "-",
        marker: str = "",
        *,
        band: bool = True,
    ) -> pd.DataFrame:
        """A series: its mean over repetitions, with the 95% interval where it has repetitions.

        Args:
            series: of the sweep.
            label: in the legend.
            colour: of line and band.
            style: of the line.
            marker: of its points.
            band: shade the interval.

        Returns:
            Columns x, mean, low, high, n; an exact series has NaN for low and high.
        """
        of_series = self.curves[self.curves.series == series]
        curve = summary(of_series, ["x"], "value")
        if of_series.seed.isna().all():
            curve[["low", "high"]] = np.nan
        self.axes.plot(
            curve.x,
            curve["mean"],
            label=label,
            color=colour,
            linestyle=style,
            marker=marker,
            markersize=2.5,
        )
        if band:
            self.axes.fill_between(
                curve.x, curve.low, curve.high, color=colour, alpha=0.25, linewidth=0
            )
        self.record(curve, series)
        return curve

    def level(self, y: float, style: str = "--") -> None:
        """A horizontal line behind everything."""
        self.axes.axhline(y, color=GREY, linestyle=style, linewidth=0.8, zorder=0)

    def guide(self, x: Any, y: Any, label: str, style: str = ":") -> None:
        """A line to compare a curve with."""
        self.axes.plot(x, y, color=GREY, linestyle=style, linewidth=0.8, label=label)

    def star(self) -> None:
        """alpha_lim, on an axis in units of it."""
        self.axes.plot(
            1.0,
            0,
            transform=self.axes.get_xaxis_transform(),
            clip_on=False,
            zorder=5,
            label=LIMIT,
            linestyle="none",
            **(STAR | {"markersize": 8}),
        )

    def axis_labels(self, x: str, y: str) -> None:
        """What the axes are."""
        self.axes.set_xlabel(x)
        self.axes.set_ylabel(y)

    def log_log(self) -> None:
        """Both axes logarithmic."""
        self.axes.set_xscale("log")
        self.axes.set_yscale("log")

    def legend(self, place: str, **how: Any) -> None:
        """A small legend.

        Args:
            place: where, in Matplotlib's words.
            how: arguments of `Axes.legend` that replace the usual ones.
        """
        usual = {"frameon": False, "fancybox": False, "fontsize": 5.6, "handlelength": 1.4}
        usual |= {"labelspacing": 0.25, "borderpad": 0.2, "handletextpad": 0.5}
        self.axes.legend(loc=place, **(usual | how))


def plain_ticks(axis: Any, places: Sequence[float]) -> None:
    """Ticks at these places, every other one where they are more than six, in plain numbers.

    Args:
        axis: Matplotlib's x or y axis.
        places: where.
    """
    axis.set_major_locator(FixedLocator(places[::2] if len(places) > 6 else places))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_locator(NullLocator())
