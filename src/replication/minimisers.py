"""alpha*(N), the optimal rate of a finite number of tasks, in its two readings."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from innerlr.errors import NoInteriorMinimum
from innerlr.moments import GramMoments


def alpha_star(sums: GramMoments, cap: float) -> tuple[float, bool]:
    """argmin of the training loss over (0, cap), and whether it lies at an edge."""
    try:
        return sums.alpha_empirical((0.0, cap)), False
    except NoInteriorMinimum as edge:
        return edge.alpha, True


def alpha_star_risk(sums: GramMoments, population: GramMoments, cap: float) -> float:
    """argmin over (0, cap) of the population risk of w_m(alpha): the other reading, eq. (3.2)."""
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
