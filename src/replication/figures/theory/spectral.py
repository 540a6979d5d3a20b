"""Tasks that meet Assumption 2: their Grams' eigenvalues are uniform, so every moment is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from innerlr.checks import Array
from innerlr.distributions import Uniform
from innerlr.theory import AdaptedSums, Spectrum
from replication.experiment import Arrays
from replication.figures.theory.settings import Theory as TheorySection

# commuting: all Grams share an eigenbasis; rotated: each has its own; split: rotated, u and t apart
KINDS = ("commuting", "rotated", "split")
SHARED = KINDS[:2]


@dataclass(frozen=True)
class Setting:
    """What all statements are held against: the settings, the random streams, the law of tasks.

    Attributes:
        cfg: the section of the configuration.
        rng: the generator of a cell, from the cell's integers.
    """

    cfg: TheorySection
    rng: Callable[..., np.random.Generator]

    @property
    def law(self) -> Uniform:
        """The law of every eigenvalue of every Gram."""
        return Uniform(self.cfg.eigenvalues.first, self.cfg.eigenvalues.last)

    @property
    def spectrum(self) -> Spectrum:
        """Where the eigenvalues lie; a task has as many samples as features."""
        return Spectrum(self.law.low, self.law.high, self.cfg.dim)

    @property
    def tasks(self) -> list[int]:
        """Numbers of tasks N."""
        return numbers_of_tasks(self.cfg)

    def population(self, kind: str) -> AdaptedSums:
        """Expectation of B over a task; exact, a multiple of the identity in each coefficient.

        Args:
            kind: one of KINDS.
        """
        m1, m2, m3 = (self.law.moment(p) for p in (1, 2, 3))
        terms = (m1, -2 * m1 * m1, m2 * m1) if kind == "split" else (m1, -2 * m2, m3)
        d = self.cfg.dim
        first = np.array(terms)[:, None, None] * np.eye(d)
        return AdaptedSums(first, np.zeros((5, d, d)), d, d)

    def limit(self, kind: str) -> float:
        """alpha_lim, exact: (3.3), or (H.1) for a split.

        Args:
            kind: one of KINDS.
        """
        _, middle, last = self.population(kind).first[:, 0, 0]
        return float(-self.cfg.dim * middle / (4 * last))

    def grid(self, end: float) -> Array:
        """Learning rates from 0 to `end`: (grid_points,)."""
        return np.linspace(0, end, self.cfg.grid_points)


def numbers_of_tasks(cfg: TheorySection) -> list[int]:
    """N of the statements on many tasks."""
    return [2**power for power in cfg.log2_tasks]


def rotations(rng: np.random.Generator, n: int, dim: int) -> Array:
    """n orthogonal matrices, uniformly distributed: (n, dim, dim)."""
    q, r = np.linalg.qr(rng.normal(size=(n, dim, dim)))
    return q * np.sign(np.einsum("nii->ni", r))[:, None]


def spectral_features(
    rng: np.random.Generator, kind: str, law: Uniform, n: int, dim: int, stretch: float = 1.0
) -> Array:
    """Features whose Grams' eigenvalues are independent draws from a law.

    Args:
        rng: generator.
        kind: one of KINDS; "commuting" has the same eigenvectors in every task.
        law: of the eigenvalues.
        n: tasks.
        dim: d, and the samples of a task.
        stretch: ratio of the largest to the least scale of a column's square.

    Returns:
        (n, dim, dim): tasks, samples, features.
    """
    values = law.sample(rng, (n, dim))
    bases = np.eye(dim)[None] if kind == "commuting" else rotations(rng, n, dim)
    return (
        np.sqrt(values)[..., None] * bases.swapaxes(1, 2) * np.sqrt(np.geomspace(1, stretch, dim))
    )


def adapted_sums(
    rng: np.random.Generator, kind: str, law: Uniform, n: int, dim: int
) -> AdaptedSums:
    """Sums of B and B^2 over one set of n tasks; arguments as of :func:`spectral_features`."""
    support = spectral_features(rng, kind, law, n, dim)
    if kind != "split":
        return AdaptedSums.of(support)
    return AdaptedSums.of(support, spectral_features(rng, kind, law, n, dim))


def stacked(key: str, sums: Iterable[AdaptedSums]) -> Arrays:
    """A group of sets as two arrays (sets, ...), under key/first and key/second."""
    group = list(sums)
    return {
        f"{key}/first": np.stack([s.first for s in group]),
        f"{key}/second": np.stack([s.second for s in group]),
    }


def grouped(features: Arrays, key: str, shots: int) -> AdaptedSums:
    """Inverse of :func:`stacked`: the sums of all sets at once, the sets along the first axis.

    Args:
        features: arrays of the features stage.
        key: of the group.
        shots: K of its tasks.
    """
    return AdaptedSums(features[f"{key}/first"], features[f"{key}/second"], shots, shots)


def mean_square(sums: AdaptedSums, alphas: Array) -> Array:
    """E|w_m|^2 over sigma_a^2, the optima averaged over: (sets, n_alpha).

    Args:
        sums: of a group of sets.
        alphas: (n_alpha,), learning rates.
    """
    return np.trace(sums.covariance(alphas), axis1=-2, axis2=-1)
