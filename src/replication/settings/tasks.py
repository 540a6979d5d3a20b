"""Feature maps and families of tasks, as sections describe them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from replication.settings.laws import Law, Spaced
from replication.settings.section import Section, drop_other_variants
from replication.settings.sources import assumed
from replication.settings.types import Count, Dim, Point, Positive, Real, Samples


class RandomMatrixFeatures(Section):
    """Phi = X, K x d independent entries."""

    name: Literal["random_matrix"]
    dim: Dim


class PolynomialFeatures(Section):
    """(c_0, c_1 x, ..., c_(d-1) x^(d-1)); c_j = 1, or 1/j! (taylor)."""

    name: Literal["polynomial"]
    dim: Dim
    coefficients: Literal["ones", "taylor"] = "taylor"


class GaussianFeatures(Section):
    """exp(-(x - mu_j)^2 / (2 s_j^2)), of its own entry of X or of one scalar x."""

    name: Literal["gaussian_basis"]
    dim: Dim
    centres: Spaced | list[Real]
    widths: Positive | list[Positive]
    gaussian_input: Literal["entrywise", "scalar"] = "entrywise"

    @model_validator(mode="after")
    def _one_of_each_a_feature(self) -> Self:
        for key in ("centres", "widths"):
            given = getattr(self, key)
            if isinstance(given, list) and len(given) != self.dim:
                raise ValueError(f"{key}: expected {self.dim} values (dim), got {len(given)}")
        return self


Features = Annotated[
    RandomMatrixFeatures | PolynomialFeatures | GaussianFeatures,
    Field(discriminator="name"),
    drop_other_variants(RandomMatrixFeatures, PolynomialFeatures, GaussianFeatures),
]
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
    shots: Samples

    def check_tasks(self, tasks: int) -> None:
        """Raise ValueError if one w solves every task, whatever is drawn: no rate is best then."""
        if tasks < 2 or tasks * self.shots <= self.features.dim:
            raise ValueError(
                "expected several tasks with more samples together than features, got "
                f"{tasks} tasks of {self.shots} samples and dim {self.features.dim}"
            )


class NewOptima(Section):
    """Where the newly added tasks lie."""

    count: Count = 50
    centre: Point = [4.0, 4.0]
    spread: Positive = 0.5
