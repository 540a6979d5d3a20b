"""Feature maps phi, their exact row moments, and seeded streams of tasks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, positive
from innerlr.distributions import Distribution
from innerlr.errors import InnerlrError
from innerlr.moments import GramMoments
from innerlr.rows import RowMoments


def generator(seed: int, experiment: str, *cell: int) -> np.random.Generator:
    """The generator of one cell of an experiment; cells and experiments are independent streams.

    Args:
        seed: the run's seed.
        experiment: its name in the configuration.
        cell: integers that say which cell: panel, number of tasks, trial, ...
    """
    key = (zlib.crc32(experiment.encode()), *cell)
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=key))


class FeatureMap(Protocol):
    """Turns the inputs of a task into its K x d features."""

    @property
    def dim(self) -> int:
        """Number of features d."""
        ...

    def input_shape(self, shots: int) -> tuple[int, ...]:
        """Shape of one task's inputs."""
        ...

    def __call__(self, inputs: Array) -> Array:
        """Inputs (tasks, *input_shape) to features (tasks, shots, dim)."""
        ...

    def row_moments(self, law: Distribution) -> RowMoments:
        """Exact moments of a feature row when inputs are i.i.d. from `law`."""
        ...


def _quadrature(law: Distribution, around: Array) -> tuple[Array, Array]:
    rule = getattr(law, "quadrature", None)
    if rule is None:
        raise InnerlrError(
            f"inputs: expected a law with a density, for quadrature, got {law}. "
            "Use a continuous input law."
        )
    nodes, weights = rule(around=around)
    return nodes, weights


def _matrix_inputs(inputs: ArrayLike, dim: int) -> Array:
    """Inputs with one entry per feature: (tasks, shots, dim)."""
    x = as_array(inputs, "inputs", ("tasks", "shots", "dim"))
    if x.shape[2] != dim:
        raise InnerlrError(
            f"inputs: expected shape (tasks, shots, {dim}), got {x.shape}. "
            "Give one entry per feature."
        )
    return x


@dataclass(frozen=True)
class RandomMatrix:
    """phi(x) = x with K x d independent entries (the paper's random matrices)."""

    dim: int

    def __post_init__(self) -> None:
        positive(self.dim, "dim", integer=True)

    def input_shape(self, shots: int) -> tuple[int, ...]:
        return (shots, self.dim)

    def __call__(self, inputs: Array) -> Array:
        return _matrix_inputs(inputs, self.dim)

    def row_moments(self, law: Distribution) -> RowMoments:
        column = np.array([law.moment(p) for p in range(1, 7)])
        return RowMoments.independent(np.repeat(column[:, None], self.dim, axis=1))


@dataclass(frozen=True)
class Polynomial:
    """phi(x) = (c_0, c_1 x, ..., c_(d-1) x^(d-1)) of a scalar x.

    Args:
        coefficients: (dim,), c; all ones gives the monomials of Example 1.
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        as_array(self.coefficients, "coefficients", ("dim",))

    @property
    def dim(self) -> int:
        return len(self.coefficients)

    def input_shape(self, shots: int) -> tuple[int, ...]:
        return (shots,)

    def __call__(self, inputs: Array) -> Array:
        x = as_array(inputs, "inputs", ("tasks", "shots"))
        return np.vander(x.ravel(), self.dim, increasing=True).reshape(
            *x.shape, self.dim
        ) * np.asarray(self.coefficients)

    def row_moments(self, law: Distribution) -> RowMoments:
        # Exact: every moment of the row is a sum of raw moments of x, up to order 6 (d - 1).
        c = np.asarray(self.coefficients, dtype=np.float64)
        raw = np.array([law.moment(p) for p in range(6 * self.dim - 5)])
        j = np.arange(self.dim)
        pair = j[:, None] + j
        scale = np.outer(c, c)
        m = scale * raw[pair]
        two = 2 * j
        b = scale * np.einsum("l,jml->jm", c**2, raw[pair[..., None] + two])
        four = pair[..., None, None] + (two[:, None] + two)
        d = scale * np.einsum("l,k,jmlk->jm", c**2, c**2, raw[four])
        f = scale * np.einsum("lk,jmlk->jm", scale * m, raw[pair[..., None, None] + pair])
        return RowMoments(m, b, d, f)


@dataclass(frozen=True)
class GaussianBasis:
    """phi_j(x) = exp(-(x - mu_j)^2 / (2 s_j^2)).

    Args:
        centres: (dim,), mu.
        widths: (dim,), s > 0.
        entrywise: True as the paper prints it, Phi_kj a function of its own entry X_kj of a
            K x d matrix; False for d functions of one scalar x_k.
    """

    centres: tuple[float, ...]
    widths: tuple[float, ...]
    entrywise: bool = True

    def __post_init__(self) -> None:
        centres = as_array(self.centres, "centres", ("dim",))
        widths = as_array(self.widths, "widths", ("dim",))
        if centres.shape != widths.shape:
            raise InnerlrError(
                f"centres and widths: {len(self.centres)} against {len(self.widths)}; "
                "give one width per centre."
            )
        if widths.min() <= 0:
            raise InnerlrError(
                f"widths: expected positive numbers, got {widths.min():g} at index "
                f"{int(widths.argmin())}. Give standard deviations of the basis functions."
            )

    @property
    def dim(self) -> int:
        return len(self.centres)

    def input_shape(self, shots: int) -> tuple[int, ...]:
        return (shots, self.dim) if self.entrywise else (shots,)

    def _basis(self, x: Array) -> Array:
        z = (x - np.asarray(self.centres)) / np.asarray(self.widths)
        return np.exp(-0.5 * z**2)

    def __call__(self, inputs: Array) -> Array:
        if self.entrywise:
            return self._basis(_matrix_inputs(inputs, self.dim))
        return self._basis(as_array(inputs, "inputs", ("tasks", "shots"))[..., None])

    def row_moments(self, law: Distribution) -> RowMoments:
        # sixth powers fall by exp(-24) from one end of a piece to the next, until they underflow
        far = np.sqrt(8.0 * np.arange(30))
        ends = self.centres + np.concatenate([-far, far])[:, None] * np.asarray(self.widths)
        apart = min(self.widths) / 4  # many functions need few more pieces than one
        nodes, weights = _quadrature(law, np.unique(np.round(ends / apart)) * apart)
        values = self._basis(nodes[:, None])
        if not self.entrywise:
            return RowMoments.from_quadrature(values, weights)
        powers = np.cumprod(np.broadcast_to(values, (6, *values.shape)), axis=0)
        return RowMoments.independent(weights @ powers)


# tasks that a law draws at once
BLOCK = 512


@dataclass(frozen=True)
class TaskLaw:
    """Noiseless tasks, eq. (2.1): a law of inputs, a feature map, optima with i.i.d. entries.

    Tasks are drawn in blocks of :data:`BLOCK`: first the inputs of a block, then its optima. The
    blocks are part of the law, so that a generator gives the same tasks however they are asked for.

    Args:
        inputs: law of each input.
        features: feature map.
        optima: law of each entry of a task optimum a.
        shots: K, samples per task.
    """

    inputs: Distribution
    features: FeatureMap
    optima: Distribution
    shots: int

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Features (n, shots, dim) and optima (n, dim) of n tasks: their blocks, joined."""
        features, optima = zip(*self.blocks(rng, n), strict=True)
        return np.concatenate(features), np.concatenate(optima)

    def blocks(self, rng: np.random.Generator, n: int) -> Iterator[tuple[Array, Array]]:
        """n tasks, a block at a time: features and optima; memory does not grow with n."""
        for start in range(0, max(n, 1), BLOCK):
            tasks = min(BLOCK, n - start)
            x = self.inputs.sample(rng, (tasks, *self.features.input_shape(self.shots)))
            yield self.features(x), self.optima.sample(rng, (tasks, self.features.dim))

    def moments(
        self, rng: np.random.Generator, n: int, *, whitener: ArrayLike | None = None
    ) -> GramMoments:
        """Sums over n sampled tasks, streamed."""
        sums = GramMoments(whitener=whitener)
        for features, optima in self.blocks(rng, n):
            sums.update_optima(features, optima)
        return sums

    def alpha_lim(self) -> float:
        """Exact (3.3)."""
        return self.features.row_moments(self.inputs).alpha_lim(self.shots)

    def population(self) -> GramMoments:
        """Exact moments of the whole distribution, for the population risk."""
        d = self.features.dim
        return GramMoments.expected(
            self.features.row_moments(self.inputs).gram_powers(self.shots),
            self.shots,
            mean=np.full(d, self.optima.moment(1)),
            covariance=np.eye(d) * self.optima.variance,
        )
