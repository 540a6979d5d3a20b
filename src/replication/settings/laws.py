"""Laws of inputs and optima."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.settings.section import Section, drop_other_variants
from replication.settings.sources import assumed
from replication.settings.types import Positive, Real


class UniformLaw(Section):
    """U(low, high)."""

    name: Literal["uniform"]
    low: Real
    high: Real

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self


class NormalLaw(Section):
    """N(mean, spread); `spread_is` says whether spread is the variance or the sd."""

    name: Literal["normal"]
    mean: Real
    spread: Positive
    spread_is: Literal["variance", "sd"] = "variance"


class ExponentialLaw(Section):
    """Exponential with mean `scale`."""

    name: Literal["exponential"]
    scale: Positive


class ChiSquareLaw(Section):
    """Chi-square with `df` degrees of freedom."""

    name: Literal["chi_square"]
    df: Positive


class ZipfLaw(Section):
    """P(x = k) proportional to k^-s; s > 3, or the variance does not exist."""

    name: Literal["zipf"]
    s: Annotated[float, Field(gt=3, le=100)]


_LAWS = (UniformLaw, NormalLaw, ExponentialLaw, ChiSquareLaw, ZipfLaw)
Law = Annotated[
    UniformLaw | NormalLaw | ExponentialLaw | ChiSquareLaw | ZipfLaw,
    Field(discriminator="name"),
    drop_other_variants(*_LAWS),
]


class Spaced(Section):
    """`dim` values evenly spaced from first to last."""

    first: Real
    last: Real

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.first == self.last:
            raise ValueError(f"first and last must differ, got {self.first} twice")
        return self


NORMAL_2 = {"name": "normal", "mean": 0.0, "spread": 2.0}
NORMAL_3 = NormalLaw(name="normal", mean=0.0, spread=3.0)
UNIFORM_5 = UniformLaw(name="uniform", low=-5.0, high=5.0)
VARIANCE_READING = assumed(
    "N(0, 2) may mean variance 2 or standard deviation 2; variance is the usual notation", "sd"
)
