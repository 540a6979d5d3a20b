"""Networks and the regression tasks that they are trained on, as sections describe them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.settings.choices import Activation, NetworkInit
from replication.settings.section import Section, one_of
from replication.settings.types import Dim, NonNegative, Point, Real

if TYPE_CHECKING:
    from replication.tasks import QuadraticTasks, SineTasks, Tasks

Ends = Point


def ends(values: list[float]) -> tuple[float, float]:
    """The two ends of an interval."""
    low, high = values
    return low, high


class FamilySection(Section, ABC):
    """A family of tasks; `name` says which of FAMILIES. A new one is a class below."""

    @abstractmethod
    def build(self) -> Tasks:
        """The tasks themselves."""


class SineFamily(FamilySection):
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

    def build(self) -> SineTasks:
        from replication.tasks import SineTasks

        return SineTasks(ends(self.amplitude), ends(self.phase), ends(self.inputs))


class QuadraticFamily(FamilySection):
    """Quadratic regression with y ~ N((x'w + b)^2, s^2), w ~ N(w_0, nu^2/p I), b ~ N(0, s^2)."""

    name: Literal["quadratic"]
    input_dim: Dim = 1
    slope_mean: Real = 1.0
    slope_spread: NonNegative = 0.5
    noise: NonNegative = 0.3

    def build(self) -> QuadraticTasks:
        from replication.tasks import QuadraticTasks

        return QuadraticTasks(self.input_dim, self.slope_mean, self.slope_spread, self.noise)


# the families above, in their order
FAMILIES = tuple(FamilySection.__subclasses__())
if TYPE_CHECKING:
    Family = FamilySection
else:
    Family = one_of(FAMILIES)


class Network(Section):
    """A multilayer perceptron with scalar output."""

    hidden: Annotated[list[Dim], Field(min_length=1, max_length=100)]
    activation: Activation = "relu"
    init: NetworkInit = "pytorch"
