"""Feature maps and families of tasks, as sections describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from replication.settings.laws import Law, Spaced
from replication.settings.section import Section, drop_other_variants
from replication.settings.sources import assumed


class RandomMatrixFeatures(Section):
    """Phi = X, K x d independent entries."""

    name: Literal["random_matrix"]
    dim: PositiveInt


class PolynomialFeatures(Section):
    """(c_0, c_1 x, ..., c_(d-1) x^(d-1)); c_j = 1, or 1/j! (taylor)."""

    name: Literal["polynomial"]
    dim: PositiveInt
    coefficients: Literal["ones", "taylor"] = "taylor"


class GaussianFeatures(Section):
    """exp(-(x - mu_j)^2 / (2 s_j^2)), of its own entry of X or of one scalar x."""

    name: Literal["gaussian_basis"]
    dim: PositiveInt
    centres: Spaced | list[float]
    widths: PositiveFloat | list[PositiveFloat]
    gaussian_input: Literal["entrywise", "scalar"] = "entrywise"


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
    shots: PositiveInt


class NewOptima(Section):
    """Where the newly added tasks lie."""

    count: PositiveInt = 50
    centre: Annotated[list[float], Field(min_length=2, max_length=2)] = [4.0, 4.0]
    spread: PositiveFloat = 0.5
