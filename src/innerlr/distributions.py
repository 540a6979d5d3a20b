"""Distributions of inputs and of task optima, with exact raw moments where they exist."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, finite, positive
from innerlr.errors import InnerlrError


class Distribution(Protocol):
    """A law on the real line."""

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Independent draws of the given shape."""
        ...

    def moment(self, order: int) -> float:
        """Raw moment E x^order; raises where it is infinite."""
        ...

    @property
    def variance(self) -> float:
        """Var x."""
        ...


def _as_floats(law: object, check: Callable[[object, str], float], **names: str) -> None:
    """Check parameters and keep them as floats: the powers of a numpy integer would overflow."""
    for parameter, name in names.items():
        object.__setattr__(law, parameter, float(check(getattr(law, parameter), name)))


class _Continuous(ABC):
    """Quadrature for a law with a density: composite Gauss-Legendre between far quantiles.

    Meant for bounded features; polynomial ones have exact moments.
    """

    # Probability left out on each side.
    tail: ClassVar[float] = 1e-40

    @abstractmethod
    def _law(self) -> Any:
        """The same law in scipy.stats."""

    def quadrature(self, panels: int = 256, *, around: ArrayLike = ()) -> tuple[Array, Array]:
        """Nodes (n,) and weights (n,) summing to 1, for expectations of smooth functions.

        Args:
            panels: pieces of the interval, of 32 nodes each.
            around: further ends of pieces, where the function changes within less than a piece.
        """
        law = self._law()
        nodes, weights = _panels(law.ppf(self.tail), law.isf(self.tail), panels, around)
        weights = weights * law.pdf(nodes)
        return nodes, weights / weights.sum()


def _panels(
    low: float, high: float, panels: int, around: ArrayLike, order: int = 32
) -> tuple[Array, Array]:
    """Composite Gauss-Legendre rule on [low, high]: nodes and weights, (pieces * order,)."""
    edges = np.linspace(low, high, panels + 1)
    edges = np.unique(np.concatenate([edges, np.clip(around, low, high)]))
    x, w = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


@dataclass(frozen=True)
class Uniform(_Continuous):
    """U(low, high)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _as_floats(self, finite, low="uniform: low", high="uniform: high")
        if self.low >= self.high:
            raise InnerlrError(
                f"uniform: expected low < high, got {self.low}, {self.high}. "
                "Give the lower end first."
            )

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.uniform(self.low, self.high, shape)

    def moment(self, order: int) -> float:
        p = order + 1
        return (self.high**p - self.low**p) / (p * (self.high - self.low))

    @property
    def variance(self) -> float:
        return (self.high - self.low) ** 2 / 12

    def _law(self) -> Any:
        from scipy import stats

        return stats.uniform(self.low, self.high - self.low)

    def quadrature(self, panels: int = 256, *, around: ArrayLike = ()) -> tuple[Array, Array]:
        nodes, weights = _panels(self.low, self.high, panels, around)
        return nodes, weights / (self.high - self.low)


@dataclass(frozen=True)
class Normal(_Continuous):
    """N(mean, sd^2)."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _as_floats(self, finite, mean="normal: mean")
        _as_floats(self, positive, sd="normal: standard deviation")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.normal(self.mean, self.sd, shape)

    def moment(self, order: int) -> float:
        # E (m + s z)^p, E z^(2q) = (2q - 1)!!
        total = 0.0
        for q in range(0, order + 1, 2):
            double_factorial = math.prod(range(q - 1, 0, -2))
            total += math.comb(order, q) * self.mean ** (order - q) * self.sd**q * double_factorial
        return total

    @property
    def variance(self) -> float:
        return self.sd**2

    def _law(self) -> Any:
        from scipy import stats

        return stats.norm(self.mean, self.sd)


@dataclass(frozen=True)
class Exponential(_Continuous):
    """Exponential with the given mean (scale)."""

    scale: float

    def __post_init__(self) -> None:
        _as_floats(self, positive, scale="exponential: scale")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.exponential(self.scale, shape)

    def moment(self, order: int) -> float:
        return math.factorial(order) * self.scale**order

    @property
    def variance(self) -> float:
        return self.scale**2

    def _law(self) -> Any:
        from scipy import stats

        return stats.expon(scale=self.scale)


@dataclass(frozen=True)
class ChiSquare(_Continuous):
    """Chi-square with df degrees of freedom."""

    df: float

    def __post_init__(self) -> None:
        _as_floats(self, positive, df="chi_square: df")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.chisquare(self.df, shape)

    def moment(self, order: int) -> float:
        return math.prod(self.df + 2 * i for i in range(order))

    @property
    def variance(self) -> float:
        return 2 * self.df

    def _law(self) -> Any:
        from scipy import stats

        return stats.chi2(self.df)

    def quadrature(self, panels: int = 256, *, around: ArrayLike = ()) -> tuple[Array, Array]:
        # in v = x^(df / 2 m), close to sqrt(x), of density v^(m - 1) exp(-x / 2): smooth at 0
        m = max(1, round(self.df))
        power = self.df / (2 * m)
        ends = np.maximum(around, 0.0) ** power
        v, weights = _panels(0.0, float(self._law().isf(self.tail) ** power), panels, ends)
        x = v ** (1 / power)
        log = (m - 1) * np.log(v) - x / 2
        weights = weights * np.exp(log - log.max())
        return x, weights / weights.sum()


@dataclass(frozen=True)
class Zipf:
    """P(x = k) = k^-s / zeta(s), k = 1, 2, ...; s > 3, so that the variance exists."""

    s: float

    def __post_init__(self) -> None:
        _as_floats(self, positive, s="zipf: s")
        if self.s <= 3:
            raise InnerlrError(
                f"zipf: s = {self.s} has no finite variance, which every result here needs. "
                "Choose s > 3."
            )

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.zipf(self.s, shape).astype(np.float64)

    def moment(self, order: int) -> float:
        if order >= self.s - 1:
            raise InnerlrError(
                f"zipf: E x^{order} is infinite at s = {self.s}; it exists for s > {order + 1}."
            )
        from scipy.special import zeta

        return float(zeta(self.s - order) / zeta(self.s))

    @property
    def variance(self) -> float:
        return self.moment(2) - self.moment(1) ** 2
