"""alpha_lim of a Gaussian basis against the variance of the inputs (Fig. 4a), by quadrature."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pandas as pd

from innerlr.checks import choice
from innerlr.distributions import Distribution, Exponential, Normal, Uniform
from innerlr.features import GaussianBasis
from replication.experiment import Arrays, Experiment, table
from replication.figures.variance import quantities as q
from replication.figures.variance.settings import Fig04a, VariedLaw, WidthRule
from replication.quantity import Estimates
from replication.settings.tasks import GaussianInput


def law_of_variance(name: VariedLaw, variance: float) -> Distribution:
    """The input law of section 5.2 with the given variance."""
    choice(name, "name", get_args(VariedLaw))
    sd = float(np.sqrt(variance))
    if name == "normal":
        return Normal(0.0, sd)
    if name == "uniform":
        return Uniform(-np.sqrt(12) * sd / 2, np.sqrt(12) * sd / 2)
    return Exponential(sd)


def add_curves(found: Estimates, panel: str, seed: int | None, curves: pd.DataFrame) -> None:
    """Measure what the curves of both halves of Fig. 4 have in common.

    Args:
        found: where the rows go.
        panel, seed: of the curves.
        curves: columns law, variance, alpha_lim, by ascending variance.
    """
    add = found.at(panel, seed)
    add(q.lowest_alpha_lim, curves.alpha_lim.to_numpy())
    add(q.highest_alpha_lim, curves.alpha_lim.to_numpy())
    for law, curve in curves.groupby("law"):
        x, y = curve.variance.to_numpy(), curve.alpha_lim.to_numpy()
        add = found.at(panel, seed, law=str(law))
        add(q.decreasing_share, y)
        add(q.last_to_first, y)
        add(q.inverse_fit_c, x, y)
        add(q.inverse_fit_r2, x, y)
        add(q.lowest_alpha_lim_of_law, y)
        add(q.highest_alpha_lim_of_law, y)


class BasisVariance(Experiment):
    """Exact curves under every reading of the widths and of the basis' argument."""

    cfg: Fig04a

    READINGS = tuple(product(get_args(WidthRule), get_args(GaussianInput)))

    @property
    def grid(self) -> np.ndarray:
        return self.cfg.variance.values(self.cfg.grid_points)

    def data(self) -> pd.DataFrame:
        rows = []
        for name, variance in product(self.cfg.laws, self.grid):
            law = law_of_variance(name, float(variance))
            nodes, weights = law.quadrature()  # type: ignore[attr-defined]
            centred = nodes - weights @ nodes
            rows.append(
                {
                    "law": name,
                    "variance": variance,
                    "nodes": len(nodes),
                    "variance_by_quadrature": weights @ centred**2,
                }
            )
        return table(rows, ["law", "variance"])

    def _basis(self, rule: str, argument: str, variance: float) -> GaussianBasis:
        c = self.cfg
        width = c.width * (np.sqrt(variance) if rule == "data" else 1.0)
        centres = c.centres.values(c.dim)
        return GaussianBasis(tuple(centres), (float(width),) * c.dim, argument == "entrywise")

    def features(self) -> Arrays:
        """tr E G^2 and tr E G^3 at each variance: (2, n_variances) for each law and reading."""
        arrays: Arrays = {}
        cells = list(product(self.cfg.laws, self.READINGS))
        for name, (rule, argument) in self.progress(cells, len(cells)):
            traces = []
            for variance in self.grid:
                basis = self._basis(rule, argument, float(variance))
                rows = basis.row_moments(law_of_variance(name, float(variance)))
                powers = rows.gram_powers(self.cfg.shots)
                traces.append([np.trace(powers[1]), np.trace(powers[2])])
            arrays[f"{name}/{rule}/{argument}"] = np.array(traces).T
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        for key, (second, third) in features.items():
            name, rule, argument = key.split("/")
            frames.append(
                pd.DataFrame(
                    {
                        "law": name,
                        "width_rule": rule,
                        "gaussian_input": argument,
                        "primary": (rule, argument)
                        == (self.cfg.width_rule, self.cfg.gaussian_input),
                        "variance": self.grid,
                        "alpha_lim": self.cfg.shots * second / (2 * third),
                    }
                )
            )
        return table(frames, ["width_rule", "gaussian_input", "law", "variance"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for (rule, argument), curves in sweep.groupby(["width_rule", "gaussian_input"]):
            # the primary one under its own name as well, for claims on one reading
            for panel in (f"{rule}/{argument}", *(["a"] if curves.primary.all() else [])):
                add_curves(found, panel, None, curves)
                for law, curve in curves.groupby("law"):
                    x, y = curve.variance.to_numpy(), curve.alpha_lim.to_numpy()
                    add = found.at(panel, law=str(law))
                    add(q.affine_fit_a, x, y)
                    add(q.affine_fit_b, x, y)
                    add(q.affine_fit_r2, x, y)
        return found.table()
