r"""Bernacchia's underparameterised mixed linear regression (ICLR 2021), with exact test risk.

Tasks :math:`w \sim N(w_0, \nu^2/p\,I)`, inputs :math:`x \sim N(0, I_p)`, targets
:math:`y \sim N(x^\top w, \sigma^2)`. Bernacchia's loss has the factor 1/2: a learning rate here,
suffix `_b`, is twice that of the rest of the package. Everything is equivariant in :math:`w_0`,
which is therefore taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from innerlr.checks import Array, positive
from innerlr.errors import InnerlrError
from innerlr.moments import GramMoments


@dataclass(frozen=True)
class MixedRegression:
    """Sizes and scales of the problem.

    Args:
        tasks: m, tasks of a meta-training set.
        dim: p.
        shots: n_t, inner samples of a training task.
        query_shots: n_v, outer samples of a training task.
        test_shots: n_r, inner samples of a test task.
        noise: sigma, standard deviation of the targets' noise.
        task_spread: nu, |w - w0|^2 has mean nu^2.
    """

    tasks: int
    dim: int
    shots: int
    query_shots: int
    test_shots: int
    noise: float
    task_spread: float

    def __post_init__(self) -> None:
        for name in ("tasks", "dim", "shots", "query_shots", "test_shots"):
            positive(getattr(self, name), name, integer=True)
        positive(self.task_spread, "task_spread")
        if self.noise < 0:
            raise InnerlrError(f"noise: a standard deviation, expected >= 0, got {self.noise}.")
        if self.tasks * self.query_shots < self.dim:
            raise InnerlrError(
                f"tasks * query_shots = {self.tasks * self.query_shots} < dim = "
                f"{self.dim}: overparameterised, the minimiser is not unique."
            )

    def training_set(self, rng: np.random.Generator) -> GramMoments:
        """Moments of one meta-training set, with targets and a split."""
        m, p = self.tasks, self.dim
        w = rng.normal(0, self.task_spread / np.sqrt(p), (m, p, 1))
        sums = GramMoments()
        parts = []
        for n in (self.shots, self.query_shots):
            x = rng.normal(size=(m, n, p))
            parts += [x, (x @ w)[..., 0] + rng.normal(0, self.noise, (m, n))]
        sums.update(*parts)
        return sums

    def _contraction(self, rate_b: Array, shots: int) -> Array:
        """E (I - c G)^2 = q I for G of `shots` normal rows, c = rate_b / shots."""
        c = rate_b / shots
        return 1 - 2 * c * shots + c**2 * shots * (shots + self.dim + 1)

    def test_risk(self, w: Array, test_rate_b: Array) -> Array:
        """Exact expected squared error on a fresh sample of a fresh task after one step.

        E (y - x'w')^2 = q (|w|^2 + nu^2) + c^2 sigma^2 n_r p + sigma^2, q as in `_contraction`.

        Args:
            w: (..., dim), initial weights.
            test_rate_b: (...,), alpha_r in Bernacchia's convention.

        Returns:
            (...,): the loss without 1/2, as in the rest of the package.
        """
        rate = np.asarray(test_rate_b, dtype=np.float64)
        c = rate / self.test_shots
        distance = np.einsum("...d,...d->...", w, w) + self.task_spread**2
        noise = self.noise**2 * (1 + c**2 * self.test_shots * self.dim)
        return self._contraction(rate, self.test_shots) * distance + noise

    def expected_distance(self, train_rate_b: Array) -> Array:
        """E |w_m - w_0|^2 to leading order in 1/m, in closed form.

        With A'A = Q G_v Q, Q = I - c G_t, the minimiser is w_0 + (sum A'A)^-1 sum A'r with
        A'r = A'A (w - w_0) + A'(eps_v - c X_v X_t' eps_t); to leading order
        m E|w_m - w_0|^2 = tr Cov(A'r) / q^2 n_v^2, from the moments of a Wishart matrix.

        Args:
            train_rate_b: (...,), alpha_t in Bernacchia's convention.
        """
        rate = np.asarray(train_rate_b, dtype=np.float64)
        n, nv, p = self.shots, self.query_shots, self.dim
        c = rate / n
        t = _wishart_traces(n, p)
        # tr Q^2, tr Q^4 and (tr Q^2)^2 as polynomials in c
        q2 = p - 2 * c * t["1"] + c**2 * t["2"]
        q4 = p - 4 * c * t["1"] + 6 * c**2 * t["2"] - 4 * c**3 * t["3"] + c**4 * t["4"]
        q2q2 = (
            p**2
            - 4 * c * p * t["1"]
            + c**2 * (4 * t["1,1"] + 2 * p * t["2"])
            - 4 * c**3 * t["1,2"]
            + c**4 * t["2,2"]
        )
        signal = self.task_spread**2 / p * (nv * (nv + 1) * q4 + nv * q2q2)
        # tr of Q [n_v (n_v + 1) G_t + n_v tr(G_t) I] Q
        q_g = t["1"] - 2 * c * t["2"] + c**2 * t["3"]
        g_q = p * t["1"] - 2 * c * t["1,1"] + c**2 * t["1,2"]
        noise = self.noise**2 * (nv * q2 + c**2 * (nv * (nv + 1) * q_g + nv * g_q))
        mean = nv * q2 / p
        return (signal + noise) / mean**2 / self.tasks

    def expected_risk(self, train_rate_b: Array, test_rate_b: Array) -> Array:
        """Test risk with E |w_m - w_0|^2 to leading order in 1/m; shapes broadcast."""
        distance = self.expected_distance(train_rate_b)
        return self.test_risk(np.sqrt(distance)[..., None], test_rate_b)

    def alpha_lim(self) -> float:
        """(H.1) in expectation, in our convention: k1 / (2 (k1 + p + 1)) for normal inputs."""
        k1 = self.shots
        return k1 / (2 * (k1 + self.dim + 1))


def _wishart_traces(n: int, p: int) -> dict[str, float]:
    """Expected traces of powers of G = X'X, X an n x p matrix of independent standard normals."""
    one = n * p
    two = n * p * (n + p + 1)
    three = n * p * (n**2 + p**2 + 3 * n * p + 3 * n + 3 * p + 4)
    four = (
        n
        * p
        * (
            n**3
            + p**3
            + 6 * n**2 * p
            + 6 * n * p**2
            + 6 * n**2
            + 6 * p**2
            + 17 * n * p
            + 21 * n
            + 21 * p
            + 20
        )
    )
    return {
        "1": one,
        "2": two,
        "3": three,
        "4": four,
        # E[f(G) tr G] = (np + 2k) E f for f homogeneous of degree k
        "1,1": one * (n * p + 2),
        "1,2": two * (n * p + 4),
        # by parts: E (tr G^2)^2 = (n + p + 1) E[tr G tr G^2] + 4 E tr G^3
        "2,2": (n + p + 1) * two * (n * p + 4) + 4 * three,
    }
