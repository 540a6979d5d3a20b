"""alpha_lim of a Gaussian basis against the variance of the inputs (Fig. 4a), by quadrature."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
import pandas as pd
from scipy import stats

from innerlr.checks import choice
from innerlr.distributions import Distribution, Exponential, Normal, Uniform
from innerlr.features import GaussianBasis
from replication.experiment import Arrays, Experiment, long, table
from replication.figures.variance.settings import Fig04a, VariedLaw, WidthRule
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
        rows = []
        keys = ["law", "width_rule", "gaussian_input"]
        for (law, rule, argument), curve in sweep.groupby(keys):
            x, y = curve.variance.to_numpy(), curve.alpha_lim.to_numpy()
            # the primary one under its own name as well, for claims on one reading
            names = [f"{rule}/{argument}", *(["a"] if curve.primary.all() else [])]
            # c / s^2 as the paper fits it, and a + b / s^2
            c = float((y / x).sum() / (1 / x**2).sum())
            residual = ((y - c / x) ** 2).sum() / ((y - y.mean()) ** 2).sum()
            line = stats.linregress(1 / x, y)
            values = {
                f"{law}_decreasing_share": float(np.mean(np.diff(y) < 0)),
                f"{law}_last_to_first": y[-1] / y[0],
                f"{law}_inverse_fit_c": c,
                f"{law}_inverse_fit_r2": 1 - residual,
                f"{law}_affine_fit_a": line.intercept,
                f"{law}_affine_fit_b": line.slope,
                f"{law}_affine_fit_r2": line.rvalue**2,
                f"{law}_alpha_lim_low": y.min(),
                f"{law}_alpha_lim_high": y.max(),
            }
            for panel in names:
                rows += long(panel, -1, values)
        for (rule, argument), curves in sweep.groupby(keys[1:]):
            ends = {
                "alpha_lim_low": curves.alpha_lim.min(),
                "alpha_lim_high": curves.alpha_lim.max(),
            }
            for panel in (f"{rule}/{argument}", *(["a"] if curves.primary.all() else [])):
                rows += long(panel, -1, ends)
        return table(rows, ["panel", "quantity"])
