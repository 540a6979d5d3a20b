"""How far a point is from the task optima."""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array


def mean_distance(w: Array, optima: Array) -> Array:
    """Mean Euclidean distance of each point to all optima.

    Args:
        w: (n, dim), the points.
        optima: (tasks, dim).

    Returns:
        (n,), in the units of the optima.
    """
    return np.linalg.norm(w[:, None] - optima, axis=-1).mean(1)
