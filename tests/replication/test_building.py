"""What sections build: laws, feature maps, families of tasks; a new one is one class."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from pydantic import PositiveFloat, TypeAdapter, ValidationError, create_model

from innerlr.distributions import ChiSquare, Distribution, Exponential, Normal, Uniform, Zipf
from innerlr.errors import InnerlrError
from innerlr.features import GaussianBasis, Polynomial, RandomMatrix, TaskLaw
from replication.settings import config
from replication.settings.laws import LAWS, Law, LawSection, Spaced
from replication.settings.networks import FAMILIES, Family
from replication.settings.section import Section, one_of
from replication.settings.tasks import FEATURES, Features, TasksSpec
from replication.tasks import QuadraticTasks, SineTasks


def built(kind: Any, values: dict[str, Any]) -> Any:
    return TypeAdapter(kind).validate_python(values).build()


GAUSSIAN = {"name": "gaussian_basis", "dim": 3, "gaussian_input": "scalar"}
THREE = (-1.0, 0.0, 1.0)
TAYLOR = (1.0, 1.0, 0.5)
SINE = {"name": "sine", "amplitude": [0.0, 1.0], "phase": [0.0, 2.0]}


@pytest.mark.parametrize(
    ("kind", "values", "made"),
    [
        (Law, {"name": "uniform", "low": -1, "high": 2}, Uniform(-1, 2)),
        (Law, {"name": "normal", "mean": 1, "spread": 4}, Normal(1, 2)),
        (Law, {"name": "normal", "mean": 1, "spread": 4, "spread_is": "sd"}, Normal(1, 4)),
        (Law, {"name": "exponential", "scale": 2}, Exponential(2)),
        (Law, {"name": "chi_square", "df": 7}, ChiSquare(7)),
        (Law, {"name": "zipf", "s": 4}, Zipf(4)),
        (Features, {"name": "random_matrix", "dim": 3}, RandomMatrix(3)),
        (Features, {"name": "polynomial", "dim": 3}, Polynomial(TAYLOR)),
        (
            Features,
            {"name": "polynomial", "dim": 3, "coefficients": "ones"},
            Polynomial((1.0, 1.0, 1.0)),
        ),
        (
            Features,
            GAUSSIAN | {"centres": {"first": -1, "last": 1}, "widths": 2},
            GaussianBasis(THREE, (2.0, 2.0, 2.0), entrywise=False),
        ),
        (
            Features,
            GAUSSIAN | {"centres": [-1, 0, 1], "widths": [3, 2, 1], "gaussian_input": "entrywise"},
            GaussianBasis(THREE, (3.0, 2.0, 1.0)),
        ),
        (Family, SINE, SineTasks((0.0, 1.0), (0.0, 2.0))),
        (Family, SINE | {"inputs": [0, 3]}, SineTasks((0.0, 1.0), (0.0, 2.0), (0.0, 3.0))),
        (
            Family,
            {"name": "quadratic", "input_dim": 3, "slope_mean": 2, "slope_spread": 1, "noise": 0.1},
            QuadraticTasks(3, 2.0, 1.0, 0.1),
        ),
    ],
)
def test_a_section_builds_what_it_describes(kind: Any, values: dict[str, Any], made: Any) -> None:
    assert built(kind, values) == made


def test_every_kind_is_in_its_list_once_and_in_order() -> None:
    assert [law.__name__ for law in LAWS][:2] == ["UniformLaw", "NormalLaw"]
    assert len(LAWS) == 5
    assert len(FEATURES) == 3
    assert len(FAMILIES) == 2


def test_a_law_of_tasks_is_built_whole() -> None:
    law = {"name": "normal", "mean": 0, "spread": 4}
    features = {"name": "random_matrix", "dim": 2}
    spec = TasksSpec.model_validate(
        {"inputs": law, "features": features, "optima": law, "shots": 5}
    )
    assert spec.build() == TaskLaw(Normal(0, 2), RandomMatrix(2), Normal(0, 2), 5)


def test_spaced_values_have_their_ends() -> None:
    assert Spaced(first=-1.0, last=1.0).values(3).tolist() == [-1, 0, 1]


class LaplaceLaw(LawSection):
    """Laplace around 0."""

    name: Literal["laplace"]
    width: PositiveFloat

    def build(self) -> Distribution:
        return Normal(0.0, 2**0.5 * self.width)


def test_a_new_law_is_one_class() -> None:
    section: Any = create_model("S", __base__=Section, inputs=(one_of((*LAWS, LaplaceLaw)), ...))
    # as --configfile merges: what the first law alone has is left over
    read = section.model_validate({"inputs": {"name": "laplace", "width": 1.0, "low": -5.0}})
    assert read.inputs == LaplaceLaw(name="laplace", width=1.0)
    assert np.isclose(read.inputs.build().variance, 2.0)
    with pytest.raises(ValidationError, match="'zipf', 'laplace'"):
        section.model_validate({"inputs": {"name": "laplaec", "width": 1.0}})


def law_of(values: dict[str, Any]) -> dict[str, Any]:
    return {"fig05": {"optima": values}}


def features_of(values: dict[str, Any]) -> dict[str, Any]:
    law = {"name": "normal", "mean": 0, "spread": 1}
    panel = {"inputs": law, "features": values, "optima": law, "shots": 5, "tasks": 5}
    return {"h3": {"panels": {"a": panel}}}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (law_of({"name": "normall", "mean": 0, "spread": 1}), ["'normall'", "'normal'"]),
        (law_of({"mean": 0}), ["fig05.optima: missing `name`"]),
        (law_of({"name": "normal", "mean": 0}), ["optima.spread: missing"]),
        (law_of({"name": "normal", "mean": 0, "spread": -2.0}), ["optima.spread", "-2.0"]),
        (
            law_of({"name": "normal", "mean": 0, "spread": 1, "spread_is": "var"}),
            ["optima.spread_is", "'var'"],
        ),
        (law_of({"name": "normal", "mean": "0", "spread": 1}), ["optima.mean", "number", "'0'"]),
        (law_of({"name": "uniform", "low": 2, "high": 1}), ["fig05.optima", "low must be below"]),
        (law_of({"name": "uniform", "low": 0, "high": 1, "mid": 0.5}), ["mid: unknown key"]),
        (law_of({"name": "uniform", "low": 0, "hihg": 1}), ["high: missing", "'high'"]),
        (law_of({"name": "uniform", "low": float("-inf"), "high": 1}), ["optima.low", "finite"]),
        (law_of({"name": "zipf", "s": 3}), ["optima.s", "greater than 3"]),
        (law_of({"name": "chi_square", "df": 0}), ["optima.df", "greater than 0"]),
        (law_of({"name": "exponential", "scale": float("nan")}), ["optima.scale", "nan"]),
        (features_of({"name": "polinomial", "dim": 3}), ["'polinomial'", "'polynomial'"]),
        (features_of({"name": "random_matrix", "dim": 0}), ["features.dim", "greater than 0"]),
        (features_of({"name": "random_matrix"}), ["features.dim: missing"]),
        (
            features_of({"name": "polynomial", "dim": 3, "coefficients": "tailor"}),
            ["features.coefficients", "'taylor'", "'tailor'"],
        ),
        (features_of(GAUSSIAN | {"centres": {"first": 0}, "widths": 1}), ["centres", "last"]),
        (
            features_of(GAUSSIAN | {"centres": [0, 1], "widths": 1}),
            ["h3.panels.a.features", "centres: expected 3 values", "got 2"],
        ),
        (
            features_of(GAUSSIAN | {"centres": [0, 1, 2], "widths": [1]}),
            ["widths: expected 3 values", "got 1"],
        ),
        (
            {"fig10a": {"task_family": {"name": "sin"}}},
            ["fig10a.task_family.name", "Did you mean 'sine'"],
        ),
        ({"fig10a": {"task_family": {"name": "quadratic", "nois": 1.0}}}, ["Did you mean 'noise'"]),
        (
            {"fig10a": {"task_family": {"name": "sine", "phase": [0.0, 1.0]}}},
            ["fig10a.task_family.amplitude: missing"],
        ),
    ],
)
def test_what_cannot_be_built_is_refused_as_it_is_read(
    change: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(InnerlrError) as error:
        config.load(change)
    for part in parts:
        assert part in str(error.value)
