"""Feature maps and laws of tasks. A new map is a class beside these, above FEATURES."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from replication.settings.laws import Law, Spaced
from replication.settings.section import Section, one_of
from replication.settings.sources import assumed
from replication.settings.types import Count, Dim, Point, Positive, Real, Samples

if TYPE_CHECKING:
    from innerlr.features import FeatureMap, TaskLaw


GaussianInput = Literal["entrywise", "scalar"]


class FeatureSection(Section, ABC):
    """A feature map; `name` says which of FEATURES."""

    if TYPE_CHECKING:  # each has it, in its own place
        dim: int

    @abstractmethod
    def build(self) -> FeatureMap:
        """The map itself."""


class RandomMatrixFeatures(FeatureSection):
    """Phi = X, K x d independent entries."""

    name: Literal["random_matrix"]
    dim: Dim

    def build(self) -> FeatureMap:
        from innerlr.features import RandomMatrix

        return RandomMatrix(self.dim)


class PolynomialFeatures(FeatureSection):
    """(c_0, c_1 x, ..., c_(d-1) x^(d-1)); c_j = 1, or 1/j! (taylor)."""

    name: Literal["polynomial"]
    dim: Dim
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
    dim: Dim
    centres: Spaced | list[Real]
    widths: Positive | list[Positive]
    gaussian_input: GaussianInput = "entrywise"

    def build(self) -> FeatureMap:
        from innerlr.features import GaussianBasis

        centres, widths = self.centres, self.widths
        return GaussianBasis(
            tuple(centres if isinstance(centres, list) else map(float, centres.values(self.dim))),
            tuple(widths) if isinstance(widths, list) else (widths,) * self.dim,
            entrywise=self.gaussian_input == "entrywise",
        )

    @model_validator(mode="after")
    def _one_of_each_a_feature(self) -> Self:
        for key in ("centres", "widths"):
            given = getattr(self, key)
            if isinstance(given, list) and len(given) != self.dim:
                raise ValueError(f"{key}: expected {self.dim} values (dim), got {len(given)}")
        return self


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
    """Ten Gaussians of one width, their centres evenly spaced from first to last."""
    return GaussianFeatures(
        name="gaussian_basis", dim=10, centres=Spaced(first=first, last=last), widths=width
    )


class TasksSpec(Section):
    """One family of noiseless tasks."""

    inputs: Law
    features: Features
    optima: Law
    shots: Samples

    def check_tasks(self, tasks: int) -> None:
        """Raise ValueError if one w solves every task, whatever is drawn: no rate is best then."""
        if tasks < 2 or tasks * self.shots <= self.features.dim:
            raise ValueError(
                "expected several tasks with more samples together than features, got "
                f"{tasks} tasks of {self.shots} samples and dim {self.features.dim}"
            )

    def build(self) -> TaskLaw:
        """The distribution of tasks."""
        from innerlr.features import TaskLaw

        return TaskLaw(self.inputs.build(), self.features.build(), self.optima.build(), self.shots)


class NewOptima(Section):
    """Where the newly added tasks lie."""

    count: Count = 50
    centre: Point = [4.0, 4.0]
    spread: Positive = 0.5
