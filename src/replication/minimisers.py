"""alpha*(N), the optimal rate of a finite number of tasks, in its two readings."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from innerlr.errors import NoInteriorMinimum
from innerlr.moments import GramMoments


def alpha_star(sums: GramMoments, cap: float) -> tuple[float, bool]:
    """The minimiser of the training loss min_w L(alpha, N, K, w): the words of section H.3.

    Args:
        sums: moments of the N training tasks.
        cap: the largest rate that is searched.

    Returns:
        The rate in (0, cap), and False; or the edge at which the loss is least, and True.
    """
    try:
        return sums.alpha_empirical((0.0, cap)), False
    except NoInteriorMinimum as edge:
        return edge.alpha, True


def alpha_star_risk(sums: GramMoments, population: GramMoments, cap: float) -> float:
    """The minimiser of the population risk of w_m(alpha): eq. (3.2).

    Args:
        sums: moments of the N training tasks, which give w_m(alpha).
        population: exact moments of the distribution of tasks.
        cap: the largest rate that is searched.

    Returns:
        The rate in (0, cap); next to an edge where the risk has no minimum within.
    """
    grid = np.linspace(0, cap, 513)
    at = int(np.argmin(sums.population_risk(grid, population)))
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    found = minimize_scalar(
        lambda a: sums.population_risk(float(a), population),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-10 * cap},
    )
    return float(found.x)
