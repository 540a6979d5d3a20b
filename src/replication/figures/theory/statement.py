"""What a statement is to the experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from replication.experiment import Arrays
from replication.figures.theory.spectral import Setting
from replication.quantity import Cell


class Point(NamedTuple):
    """A point of a curve.

    Attributes:
        series: the curve.
        seed: the repetition; None for a point of all of them together, or an exact one.
        x: abscissa.
        value: ordinate.
    """

    series: str
    seed: int | None
    x: float
    value: float


# from a seed, if there is one, and the keys of a quantity: its place in the statement's panel
At = Callable[..., Cell]


def no_features(setting: Setting) -> Arrays:
    """Nothing: the statement is exact, or reads what another one has drawn."""
    return {}


def no_curves(setting: Setting, features: Arrays) -> Iterable[Point]:
    """Nothing: the statement has estimates only."""
    return ()


@dataclass(frozen=True)
class Statement:
    """A statement of the paper as the experiment runs it.

    Attributes:
        panel: letter of its panel.
        estimates: measures what the claims are held against, from the setting, the arrays of the
            features stage and the panel's curves (columns panel, series, seed, x, value).
        curves: from the setting and the arrays of the features stage: what the panel shows.
        features: its own arrays.
    """

    panel: str
    estimates: Callable[[Setting, Arrays, pd.DataFrame, At], None]
    curves: Callable[[Setting, Arrays], Iterable[Point]] = no_curves
    features: Callable[[Setting], Arrays] = no_features
