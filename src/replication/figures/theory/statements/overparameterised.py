"""H.4.3: fewer samples than features, N K < d; tangent features of an untrained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.estimators import alpha_est
from innerlr.loss_curve import Minimum, loss_coefficients
from innerlr.minimum_norm import FLOAT32_PINV, minimum_norm
from innerlr.modes import alpha_lim_gram
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.settings import TheoryNetwork
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import At, Point


class Measured(NamedTuple):
    """What is kept of one network and its tasks.

    Attributes:
        constant, linear, quadratic: coefficients in alpha of the mean test loss.
        limit: alpha_lim, (3.3).
        estimate: alpha_est, (H.15).
        dim: d.
    """

    constant: float
    linear: float
    quadratic: float
    limit: float
    estimate: float
    dim: float

    def loss(self, alpha: float) -> float:
        """Mean test loss after one step at a rate."""
        return self.constant + self.linear * alpha + self.quadratic * alpha**2


def _key(seed: int) -> str:
    return f"network/{seed}"


def features(setting: Setting) -> Arrays:
    """The fields of :class:`Measured` for every seed: (6,)."""
    cfg = setting.cfg
    return {
        _key(seed): np.array(measured(setting.rng(8, seed), cfg.network))
        for seed in range(cfg.seeds)
    }


def measured(rng: np.random.Generator, cfg: TheoryNetwork) -> Measured:
    """The minimum-norm solution on one network's training tasks, and its loss on test tasks."""
    weights = initial_weights(rng, cfg.width)
    psi, y = sine_tasks(rng, weights, cfg.tasks, cfg.shots)
    dim = psi.shape[2]
    rows = psi.reshape(-1, dim)
    w = rows.T @ minimum_norm(rows @ rows.T, y.ravel(), rcond=FLOAT32_PINV, dim=dim)
    # the first half of a test task's samples is its support
    psi_test, y_test = sine_tasks(rng, weights, cfg.test_tasks, 2 * cfg.shots)
    residual = psi_test @ w - y_test
    s, q = slice(0, cfg.shots), slice(cfg.shots, None)
    cross = psi_test[:, q] @ psi_test[:, s].swapaxes(1, 2)
    c0, c1, c2 = loss_coefficients(residual[:, s], residual[:, q], cross).mean(0)
    limit = alpha_lim_gram(psi @ psi.swapaxes(1, 2))
    return Measured(c0, c1, c2, limit, alpha_est(psi), dim)


def initial_weights(rng: np.random.Generator, width: int) -> list[Array]:
    """Weights as PyTorch draws them for its linear layers; see :func:`network_features`."""
    m = width
    shapes = [(m, 1), (m,), (m, m), (m,), (m,), (1,)]
    fan_in = (1, 1, m, m, m, m)
    return [
        rng.uniform(-1, 1, shape) / np.sqrt(fan) for shape, fan in zip(shapes, fan_in, strict=True)
    ]


def sine_tasks(
    rng: np.random.Generator, weights: Sequence[Array], tasks: int, samples: int
) -> tuple[Array, Array]:
    """Tangent features (tasks, samples, d), and sines less the network's (tasks, samples)."""
    amplitude, phase = rng.uniform(0, np.pi, (2, tasks, 1))
    x = rng.uniform(-5, 5, (tasks, samples))
    predicted, psi = network_features(weights, x.ravel())
    y = (amplitude * np.sin(x + phase)).ravel() - predicted
    return psi.reshape(tasks, samples, -1), y.reshape(tasks, samples)


def network_features(weights: Sequence[Array], x: Array) -> tuple[Array, Array]:
    """Predictions (n,) and tangent features (n, d) of a 3-layer ReLU network of a scalar x (n,).

    Args:
        weights: (width, 1), (width,), (width, width), (width,), (width,), (1,): weights and biases
            of each layer.
        x: inputs.
    """
    w1, b1, w2, b2, v, c = weights
    z1 = x[:, None] @ w1.T + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ w2.T + b2
    h2 = np.maximum(z2, 0)
    back2 = v * (z2 > 0)
    back1 = back2 @ w2 * (z1 > 0)
    parts = [back1 * x[:, None], back1, np.einsum("ni,nj->nij", back2, h1), back2, h2]
    flat = [part.reshape(len(x), -1) for part in parts]
    return h2 @ v + c, np.concatenate([*flat, np.ones((len(x), 1))], axis=1)


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """Mean test loss against alpha / alpha_lim, for every network."""
    for seed in range(setting.cfg.seeds):
        c0, c1, c2, limit, _, _ = features[_key(seed)]
        for x in setting.grid(3.0):
            yield Point("test loss", seed, x, c0 + c1 * x * limit + c2 * (x * limit) ** 2)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """N K / d, and (3.3) and (H.15) against the minimiser of the test loss and its loss."""
    net = setting.cfg.network
    for seed in range(setting.cfg.seeds):
        found = Measured(*features[_key(seed)])
        coefficients = [found.constant, found.linear, found.quadratic]
        best = Minimum.of_quadratic(coefficients, 3 * found.limit)
        add = at(seed)
        add(q.samples_over_dim, net.tasks, net.shots, found.dim)
        add(q.ratio_lim_to_star, found.limit, best.alpha)
        add(q.excess_loss_at_lim, found.loss(found.limit), best.loss)
        add(q.ratio_est_to_star, found.estimate, best.alpha)
        add(q.excess_loss_at_est, found.loss(found.estimate), best.loss)
