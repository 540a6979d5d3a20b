"""Networks and the regression tasks that they are trained on, as sections describe them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.settings.section import Section, drop_other_variants
from replication.settings.types import Dim, NonNegative, Point, Real

Init = Literal[
    "pytorch",
    "uniform",
    "uniform01",
    "normal",
    "he_uniform",
    "he_normal",
    "xavier_uniform",
    "xavier_normal",
    "lecun_uniform",
    "lecun_normal",
]
Ends = Point


class SineFamily(Section):
    """y = A sin(x + b), with A (amplitude), b (phase) and x (inputs) uniform."""

    name: Literal["sine"]
    amplitude: Ends
    phase: Ends
    inputs: Ends = [-5.0, 5.0]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for key in ("amplitude", "phase", "inputs"):
            low, high = getattr(self, key)
            if not low < high:
                raise ValueError(f"{key} must be [low, high], got [{low}, {high}]")
        return self


class QuadraticFamily(Section):
    """Quadratic regression with y ~ N((x'w + b)^2, s^2), w ~ N(w_0, nu^2/p I), b ~ N(0, s^2)."""

    name: Literal["quadratic"]
    input_dim: Dim = 1
    slope_mean: Real = 1.0
    slope_spread: NonNegative = 0.5
    noise: NonNegative = 0.3


Family = Annotated[
    SineFamily | QuadraticFamily,
    Field(discriminator="name"),
    drop_other_variants(SineFamily, QuadraticFamily),
]


class Network(Section):
    """A multilayer perceptron with scalar output."""

    hidden: Annotated[list[Dim], Field(min_length=1, max_length=100)]
    activation: Literal["relu", "tanh", "softplus"] = "relu"
    init: Literal["pytorch", "truncated_normal", "lecun_normal", "he_normal"] = "pytorch"
