"""alpha_lim of tangent features against the variance of the inputs (Fig. 4b), by quadrature."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.distributions import Distribution
from innerlr.kernels import alpha_lim_kernel
from innerlr.ntk import TwoLayerNTK
from replication.experiment import Arrays, Experiment, table
from replication.figures.variance import quantities as q
from replication.figures.variance.basis import add_curves, law_of_variance
from replication.figures.variance.settings import Fig04b
from replication.quantity import Estimates

# (hidden bias, output bias) of each curve that is drawn
BIASES = {"all biases": (True, True), "no hidden bias": (False, True), "no biases": (False, False)}


def homogeneous_alpha_lim(shots: int, model: TwoLayerNTK, law: Distribution) -> float:
    """(3.3) of a network without biases and scalar inputs, in closed form; c / s^2 in their scale.

    Its kernel is kappa+ x x' for positive inputs, kappa- x x' for negative ones and 0 across, with
    kappa+- the sum of w^2 + v^2 over neurons with w of that sign: features (x+, x-) of two
    dimensions, whose moments give both traces.

    Args:
        shots: K.
        model: without hidden and output bias.
        law: of the inputs; symmetric about 0, or nonnegative.
    """
    k, w = shots, model.w[:, 0]
    kappa = np.array([(w[s] ** 2 + model.v[s] ** 2).sum() for s in (w > 0, w < 0)])
    one_sided = law.moment(1) > 0
    share = np.array([1.0, 0.0]) if one_sided else np.array([0.5, 0.5])
    m2, m4, m6 = (share * law.moment(p) for p in (2, 4, 6))
    second = k * kappa**2 @ m4 + k * (k - 1) * kappa**2 @ m2**2
    third = k * kappa**3 @ m6 + 3 * k * (k - 1) * kappa**3 @ (m4 * m2)
    third += k * (k - 1) * (k - 2) * kappa**3 @ m2**3
    return float(k * second / (2 * third))


class TangentVariance(Experiment):
    """Exact curves for drawn networks, with all, some and no biases."""

    cfg: Fig04b

    @property
    def grid(self) -> Array:
        return self.cfg.variance.values(self.cfg.grid_points)

    @property
    def _primary(self) -> str:
        mine = (self.cfg.hidden_bias, self.cfg.output_bias)
        return next((name for name, biases in BIASES.items() if biases == mine), "as configured")

    @property
    def _readings(self) -> dict[str, tuple[bool, bool]]:
        return BIASES | {self._primary: (self.cfg.hidden_bias, self.cfg.output_bias)}

    def _model(self, seed: int, biases: tuple[bool, bool]) -> TwoLayerNTK:
        return TwoLayerNTK(self.cfg.width, 1, self.cfg.init, *biases, seed=self.rng(seed))

    def data(self) -> pd.DataFrame:
        rows = []
        for name, variance in product(self.cfg.laws, self.grid):
            law = law_of_variance(name, float(variance))
            nodes, weights = law.quadrature(self.cfg.quadrature_panels)  # type: ignore[attr-defined]
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

    def features(self) -> Arrays:
        """alpha_lim at each variance, and its closed form without biases, by law and seed."""
        arrays: Arrays = {}
        cells = list(product(range(self.cfg.seeds), self._readings.items()))
        for seed, (reading, biases) in self.progress(cells, len(cells)):
            model = self._model(seed, biases)
            for name in self.cfg.laws:
                limits, closed = [], []
                for variance in self.grid:
                    law = law_of_variance(name, float(variance))
                    nodes, weights = law.quadrature(self.cfg.quadrature_panels)  # type: ignore[attr-defined]
                    limits.append(alpha_lim_kernel(self.cfg.shots, model.gram(nodes), weights))
                    if not any(biases):
                        closed.append(homogeneous_alpha_lim(self.cfg.shots, model, law))
                arrays[f"{reading}/{name}/{seed}"] = np.array(limits)
                if closed:
                    arrays[f"closed form/{name}/{seed}"] = np.array(closed)
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        frames = []
        for key, limits in features.items():
            reading, name, seed = key.split("/")
            frames.append(
                pd.DataFrame(
                    {
                        "reading": reading,
                        "primary": reading == self._primary,
                        "law": name,
                        "seed": int(seed),
                        "variance": self.grid,
                        "alpha_lim": limits,
                    }
                )
            )
        return table(frames, ["reading", "law", "seed", "variance"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for (reading, seed), curves in sweep.groupby(["reading", "seed"]):
            # the primary one under its own name as well, for claims on one reading
            for panel in (str(reading), *(["b"] if reading == self._primary else [])):
                add_curves(found, panel, int(seed), curves)
                if reading != "no biases":
                    continue
                for law, curve in curves.groupby("law"):
                    closed = features[f"closed form/{law}/{seed}"]
                    add = found.at(panel, int(seed), law=str(law))
                    add(q.closed_form_gap, curve.alpha_lim.to_numpy(), closed)
        return found.table()
