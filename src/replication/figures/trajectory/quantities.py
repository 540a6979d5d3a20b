"""What Figs. 1 and 7 measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from innerlr.checks import Array
from replication.common_quantities import alpha_lim_sampled
from replication.quantity import Estimated, quantity, recorded

__all__ = [
    "alpha_lim_sampled",
    "alpha_nearest",
    "distance_at_lim",
    "distance_erm",
    "distance_lowest",
    "erm_distance_ratio",
    "falling_share_to_nearest",
    "new_tasks_distance_ratio",
    "ratio_nearest_to_lim",
    "ratio_nearest_to_lim_varied",
    "relative_tangent_at_0",
    "share_of_reduction_at_lim",
    "tangent_at_0",
]

NEIGHBOURS = "neighbours on the grid"
# what panel (c) changes one at a time
VARIED = ("feature_scale", "count", "centre", "shots")


def varied_at(
    feature_scale: float, count: int, centre: Sequence[float], shots: int
) -> dict[str, float | str]:
    """The keys of :data:`ratio_nearest_to_lim_varied`; a centre is its coordinates as text."""
    place = " ".join(str(float(x)) for x in centre)
    return dict(zip(VARIED, (feature_scale, count, place, shots), strict=True))


@quantity(unit="alpha", place="Fig. 1 (b); Fig. 7", kind="grid minimiser")
def alpha_nearest(rates: Array, distance: Array) -> Estimated:
    """The rate of the grid with the least mean distance to all optima.

    Args:
        rates: (points,), from 0 on.
        distance: (points,), the mean distance of w_m there.
    """
    return _between_neighbours(rates, distance)


@quantity(unit="1", place="Fig. 1 (b); Fig. 7", kind="grid minimiser")
def ratio_nearest_to_lim(rates: Array, distance: Array) -> Estimated:
    """The rate of the grid with the least mean distance to all optima, over alpha_lim.

    Args:
        rates: (points,), from 0 on, in units of alpha_lim.
        distance: (points,), the mean distance of w_m there.
    """
    return _between_neighbours(rates, distance)


@quantity(unit="1", place="Fig. 1 (b); Fig. 7", kind="grid minimiser", by=VARIED)
def ratio_nearest_to_lim_varied(rates: Array, distance: Array) -> Estimated:
    """The rate with the least mean distance over alpha_lim, for other new tasks or shots.

    Args:
        rates: (points,), from 0 on, in units of alpha_lim.
        distance: (points,), the mean distance of w_m there.
    """
    return _between_neighbours(rates, distance)


@quantity(unit="distance", place="Fig. 1 (b); Fig. 7", kind="mean over seeds")
def distance_erm(distance: Array) -> float:
    """The mean distance to all optima at alpha = 0, where the path begins."""
    return float(distance[0])


distance_at_lim = recorded(
    "distance_at_lim",
    "The mean distance to all optima at alpha_lim.",
    unit="distance",
    place="Fig. 1 (b); Fig. 7",
    kind="mean over seeds",
)


@quantity(unit="distance", place="Fig. 1 (b); Fig. 7", kind="mean over seeds")
def distance_lowest(distance: Array) -> float:
    """The least mean distance to all optima along the path."""
    return float(distance.min())


@quantity(unit="1", place="Fig. 1 (b); Fig. 7", kind="mean over seeds")
def share_of_reduction_at_lim(erm: float, at_limit: float, lowest: float) -> float:
    """The reduction of the mean distance from alpha = 0 to alpha_lim, over the largest one.

    Minus infinity if the distance is lowest at alpha = 0: then there is nothing to reduce.
    """
    return (erm - at_limit) / (erm - lowest) if lowest < erm else -np.inf


@quantity(unit="distance/alpha", place="(3.7); Fig. 1 (b)", kind="mean over seeds")
def tangent_at_0(before: float, after: float, step: float) -> float:
    """The slope of the mean distance against alpha at 0, a central difference.

    Args:
        before, after: the distance at -step and at step.
        step: a small learning rate.
    """
    return _central(before, after, step)


@quantity(unit="1", place="(3.7); Fig. 1 (b)", kind="mean over seeds")
def relative_tangent_at_0(
    before: float, after: float, step: float, limit: float, erm: float
) -> float:
    """The slope of the mean distance against alpha / alpha_lim at 0, over the distance there.

    Args:
        before, after, step: as of :data:`tangent_at_0`.
        limit: alpha_lim.
        erm: the distance at 0.
    """
    return _central(before, after, step) * limit / erm


@quantity(unit="1", place="Fig. 1 (b); Section 3.2", kind="mean over seeds")
def falling_share_to_nearest(distance: Array) -> float:
    """The share of the steps of the path up to its nearest point at which the distance falls.

    Zero if the nearest point is the first.
    """
    steps = np.diff(distance[: np.argmin(distance) + 1])
    return float(np.mean(steps < 0)) if len(steps) else 0.0


@quantity(unit="1", place="Fig. 1 (a); H.4.1", kind="mean over seeds")
def new_tasks_distance_ratio(at_limit: Array, erm: Array, centre: Array) -> float:
    """The distance to the centre of the new tasks at alpha_lim, over that at alpha = 0.

    Args:
        at_limit, erm: (2,), w_m at alpha_lim and w_r.
        centre: (2,), the mean optimum of the new tasks.
    """
    return float(np.linalg.norm(at_limit - centre) / np.linalg.norm(erm - centre))


@quantity(unit="1", place="Fig. 1 (a)", kind="mean over seeds")
def erm_distance_ratio(erm: Array, without: Array, centre: Array) -> float:
    """The distance of w_r to the centre of the new tasks, over that of the w_r without them.

    Args:
        erm, without: (2,), w_r of all tasks and of all but the new ones.
        centre: (2,), the mean optimum of the new tasks.
    """
    return float(np.linalg.norm(erm - centre) / np.linalg.norm(without - centre))


def _central(before: float, after: float, step: float) -> float:
    return (after - before) / (2 * step)


def _between_neighbours(rates: Array, distance: Array) -> Estimated:
    """The nearest rate of a grid between its neighbours; nothing is below the first, which is 0."""
    at = int(np.argmin(distance))
    below, nearest, above = np.r_[0.0, rates, np.inf][at : at + 3]
    return Estimated(nearest, below, above, NEIGHBOURS)
