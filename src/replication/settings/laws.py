"""Laws of inputs and optima. A new one is a class beside these, above LAWS."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.settings.section import Section, one_of
from replication.settings.sources import assumed
from replication.settings.types import Positive, Real

if TYPE_CHECKING:
    from innerlr.checks import Array
    from innerlr.distributions import Distribution


class LawSection(Section, ABC):
    """A law; `name` says which of LAWS."""

    @abstractmethod
    def build(self) -> Distribution:
        """The law itself."""


class UniformLaw(LawSection):
    """U(low, high)."""

    name: Literal["uniform"]
    low: Real
    high: Real

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self

    def build(self) -> Distribution:
        from innerlr.distributions import Uniform

        return Uniform(self.low, self.high)


class NormalLaw(LawSection):
    """N(mean, spread); `spread_is` says whether spread is the variance or the sd."""

    name: Literal["normal"]
    mean: Real
    spread: Positive
    spread_is: Literal["variance", "sd"] = "variance"

    def build(self) -> Distribution:
        from innerlr.distributions import Normal

        sd = math.sqrt(self.spread) if self.spread_is == "variance" else self.spread
        return Normal(self.mean, sd)


class ExponentialLaw(LawSection):
    """Exponential with mean `scale`."""

    name: Literal["exponential"]
    scale: Positive

    def build(self) -> Distribution:
        from innerlr.distributions import Exponential

        return Exponential(self.scale)


class ChiSquareLaw(LawSection):
    """Chi-square with `df` degrees of freedom."""

    name: Literal["chi_square"]
    df: Positive

    def build(self) -> Distribution:
        from innerlr.distributions import ChiSquare

        return ChiSquare(self.df)


class ZipfLaw(LawSection):
    """P(x = k) proportional to k^-s; s > 3, or the variance does not exist."""

    name: Literal["zipf"]
    s: Annotated[float, Field(gt=3, le=100)]

    def build(self) -> Distribution:
        from innerlr.distributions import Zipf

        return Zipf(self.s)


# the laws above, in their order
LAWS = tuple(LawSection.__subclasses__())
if TYPE_CHECKING:
    Law = LawSection
else:
    Law = one_of(LAWS)


class Spaced(Section):
    """Values evenly spaced from first to last."""

    first: Real
    last: Real

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.first == self.last:
            raise ValueError(f"first and last must differ, got {self.first} twice")
        return self

    def values(self, count: int) -> Array:
        """The values, if there are `count` of them: (count,)."""
        import numpy as np

        return np.linspace(self.first, self.last, count)


NORMAL_2 = {"name": "normal", "mean": 0.0, "spread": 2.0}
NORMAL_3 = NormalLaw(name="normal", mean=0.0, spread=3.0)
UNIFORM_5 = UniformLaw(name="uniform", low=-5.0, high=5.0)
VARIANCE_READING = assumed(
    "N(0, 2) may mean variance 2 or standard deviation 2; variance is the usual notation", "sd"
)
