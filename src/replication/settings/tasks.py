"""Feature maps and laws of tasks. A new map is a class beside these, above FEATURES."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from replication.settings.laws import Law, Spaced
from replication.settings.section import Section, one_of
from replication.settings.sources import assumed

if TYPE_CHECKING:
    from innerlr.features import FeatureMap, TaskLaw


GaussianInput = Literal["entrywise", "scalar"]


class FeatureSection(Section, ABC):
    """A feature map; `name` says which of FEATURES."""

    @abstractmethod
    def build(self) -> FeatureMap:
        """The map itself."""


class RandomMatrixFeatures(FeatureSection):
    """Phi = X, K x d independent entries."""

    name: Literal["random_matrix"]
    dim: PositiveInt

    def build(self) -> FeatureMap:
        from innerlr.features import RandomMatrix

        return RandomMatrix(self.dim)


class PolynomialFeatures(FeatureSection):
    """(c_0, c_1 x, ..., c_(d-1) x^(d-1)); c_j = 1, or 1/j! (taylor)."""

    name: Literal["polynomial"]
    dim: PositiveInt
    coefficients: Literal["ones", "taylor"] = "taylor"

    def build(self) -> FeatureMap:
        import numpy as np

        from innerlr.features import Polynomial

        taylor = self.coefficients == "taylor"
        c = 1 / np.cumprod([1.0, *range(1, self.dim)]) if taylor else np.ones(self.dim)
        return Polynomial(tuple(c))


class GaussianFeatures(FeatureSection):
    """exp(-(x - mu_j)^2 / (2 s_j^2)), of its own entry of X or of one scalar x."""

    name: Literal["gaussian_basis"]
    dim: PositiveInt
    centres: Spaced | list[float]
    widths: PositiveFloat | list[PositiveFloat]
    gaussian_input: GaussianInput = "entrywise"

    @model_validator(mode="after")
    def _one_for_each_feature(self) -> Self:
        for key in ("centres", "widths"):
            values = getattr(self, key)
            if isinstance(values, list) and len(values) != self.dim:
                raise ValueError(f"{key}: expected {self.dim} values, one a feature, got {values}")
        return self

    def build(self) -> FeatureMap:
        from innerlr.features import GaussianBasis

        centres, widths = self.centres, self.widths
        return GaussianBasis(
            tuple(centres if isinstance(centres, list) else map(float, centres.values(self.dim))),
            tuple(widths) if isinstance(widths, list) else (widths,) * self.dim,
            entrywise=self.gaussian_input == "entrywise",
        )


# the maps above, in their order
FEATURES = tuple(FeatureSection.__subclasses__())
if TYPE_CHECKING:
    Features = FeatureSection
else:
    Features = one_of(FEATURES)
ENTRYWISE = assumed(
    "as the formula prints it, Phi_(ij) = f(X_(ij)); 'one x, d bases' is the usual basis",
    "scalar",
)


def gaussian_basis(first: float, last: float, width: float) -> GaussianFeatures:
    return GaussianFeatures(
        name="gaussian_basis", dim=10, centres=Spaced(first=first, last=last), widths=width
    )


class TasksSpec(Section):
    """One family of noiseless tasks."""

    inputs: Law
    features: Features
    optima: Law
    shots: PositiveInt

    def build(self) -> TaskLaw:
        """The distribution of tasks."""
        from innerlr.features import TaskLaw

        return TaskLaw(self.inputs.build(), self.features.build(), self.optima.build(), self.shots)


class NewOptima(Section):
    """Where the newly added tasks lie."""

    count: PositiveInt = 50
    centre: Annotated[list[float], Field(min_length=2, max_length=2)] = [4.0, 4.0]
    spread: PositiveFloat = 0.5
