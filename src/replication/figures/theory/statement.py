"""What a statement is to the experiment, and the scalars that several of them have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from innerlr.intervals import Interval, share_interval, slope_interval
from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting

TOGETHER = -1  # in the place of a seed: a value of all repetitions together, or an exact one


class Point(NamedTuple):
    """A point of a curve.

    Attributes:
        series: the curve.
        seed: the repetition, or TOGETHER.
        x: abscissa.
        value: ordinate.
    """

    series: str
    seed: int
    x: float
    value: float


# (seed, or TOGETHER; quantity: value)
Scalars = Iterator[tuple[int, dict[str, float]]]


def no_features(setting: Setting) -> Arrays:
    """Nothing: the statement is exact, or reads what another one has drawn."""
    return {}


def no_curves(setting: Setting, features: Arrays) -> Iterable[Point]:
    """Nothing: the statement has scalars only."""
    return ()


@dataclass(frozen=True)
class Statement:
    """A statement of the paper as the experiment runs it.

    Attributes:
        panel: letter of its panel.
        scalars: from the setting, the arrays of the features stage and the panel's curves (columns
            panel, series, seed, x, value): what the claims are held against.
        curves: from the setting and the arrays of the features stage: what the panel shows.
        features: its own arrays.
    """

    panel: str
    scalars: Callable[[Setting, Arrays, pd.DataFrame], Scalars]
    curves: Callable[[Setting, Arrays], Iterable[Point]] = no_curves
    features: Callable[[Setting], Arrays] = no_features


def slope(name: str, x: Any, y: Any) -> dict[str, float]:
    """Slope of log y on log x with its interval; nothing below three points.

    Args:
        name: of the slope; its interval is name_low to name_high.
        x, y: (points,), positive.
    """
    if len(y) < 3:
        return {}
    return with_interval(name, slope_interval(np.log(x), np.log(y)))


def share(name: str, hits: Any) -> dict[str, float]:
    """The share of independent cases that are hits, with its interval.

    Args:
        name: of the share; its interval is name_low to name_high.
        hits: (cases,), true or false.
    """
    return with_interval(name, share_interval(hits))


def with_interval(name: str, found: Interval) -> dict[str, float]:
    """An estimate and the ends of its interval, as the estimates table names them."""
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
