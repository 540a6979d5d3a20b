"""Settings of Fig. 4."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from innerlr.choices import Init
from replication.settings.laws import Spaced
from replication.settings.section import OpenSection, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.tasks import ENTRYWISE, GaussianInput
from replication.settings.types import (
    Count,
    Dim,
    GridPoints,
    Positive,
    Samples,
    Seeds,
    Several,
    Width,
)

# laws given by their variance
VariedLaw = Literal["normal", "uniform", "exponential"]
WidthRule = Literal["fixed", "data"]


class Variances(Spaced):
    """Variances of the inputs, evenly spaced from first to last."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not 0 < self.first < self.last:
            raise ValueError(f"expected 0 < first < last, got {self.first} and {self.last}")
        return self


class Fig04a(OpenSection):
    """alpha_lim of a Gaussian basis against the variance of the inputs, by quadrature (Fig. 4a)."""

    computed_by: ClassVar[str] = "basis:BasisVariance"
    laws: Several[VariedLaw] = ["normal", "uniform", "exponential"]
    dim: Dim = 10
    shots: Samples = 15
    centres: Spaced = Spaced(first=-5.0, last=5.0)
    width: Positive = 2.0
    width_rule: WidthRule = "fixed"
    gaussian_input: GaussianInput = "entrywise"
    variance: Variances = Variances(first=0.5, last=50.0)
    grid_points: GridPoints = 100
    specifications: Specifications = Specifications(
        named={
            "scalar": {"gaussian_input": "scalar"},
            "growing_widths": {"width_rule": "data"},
            "scalar_growing_widths": {"gaussian_input": "scalar", "width_rule": "data"},
            "width_1.11": {"width": 1.11},
            "width_5": {"width": 5.0},
            "centres_narrow": {"centres": {"first": -2.5, "last": 2.5}},
            "centres_wide": {"centres": {"first": -10.0, "last": 10.0}},
            "d20": {"dim": 20},
            "K50": {"shots": 50},
        }
    )

    sources: ClassVar[dict[str, Source]] = {
        "laws": paper(
            "section 5.2: N(0, s), U(-sqrt(12) s/2, sqrt(12) s/2), Exp(1/s), all of variance s^2"
        ),
        "dim": assumed("as for Fig. 9", "20"),
        "shots": assumed("as for Fig. 9", "50"),
        "centres": assumed("not given; the range of Fig. 9's data", "narrower or wider"),
        "width": assumed(
            "not given; as for Fig. 9", "1.11, 5; a factor of s if width_rule is data"
        ),
        "width_rule": assumed(
            "the formula's mu and sigma do not depend on the data's variance, the one thing varied",
            "data (widths = width s: they grow with the data). Both are drawn",
        ),
        "gaussian_input": ENTRYWISE,
        "variance": paper("the axis of Fig. 4a"),
        "grid_points": ours("variances on the axis"),
    }


class Fig04b(OpenSection):
    """alpha_lim of tangent features against the variance of the inputs, by quadrature (Fig. 4b)."""

    computed_by: ClassVar[str] = "tangent:TangentVariance"
    laws: Several[VariedLaw] = ["normal", "uniform", "exponential"]
    width: Width = 10_240
    init: Init = "pytorch"
    hidden_bias: bool = True
    output_bias: bool = True
    shots: Samples = 15
    variance: Variances = Variances(first=0.5, last=30.0)
    grid_points: GridPoints = 30
    quadrature_panels: Count = 8
    seeds: Seeds = 10
    specifications: Specifications = Specifications(
        scale={"seeds": 3},
        named={
            **{
                f"init_{name}": {"init": name}
                for name in ("uniform", "he_uniform", "xavier_uniform", "lecun_uniform")
            },
            "no_hidden_bias": {"hidden_bias": False},
            "no_output_bias": {"output_bias": False},
            "no_biases": {"hidden_bias": False, "output_bias": False},
            "K5": {"shots": 5},
            "K50": {"shots": 50},
        },
    )

    sources: ClassVar[dict[str, Source]] = {
        "laws": paper(
            "section 5.2: N(0, s), U(-sqrt(12) s/2, sqrt(12) s/2), Exp(1/s), all of variance s^2"
        ),
        "width": paper("section 5.2"),
        "init": assumed(
            "'uniform initialization': PyTorch's default, U(+-1/sqrt(fan in)); scalar inputs",
            "uniform (U(-1, 1)), {he,xavier,lecun}_uniform",
        ),
        "hidden_bias": assumed("PyTorch's default layer has one", "false; drawn as well"),
        "output_bias": assumed("PyTorch's default layer has one", "false; drawn as well"),
        "shots": assumed("not given; as for Fig. 4a", "5, 50"),
        "variance": paper("the axis of Fig. 4b; its first point is assumed"),
        "grid_points": ours("variances on the axis"),
        "quadrature_panels": ours("32 nodes each"),
        "seeds": ours("draws of the network"),
    }


EXPERIMENTS = {"fig04a": Fig04a, "fig04b": Fig04b}
FIGURES = {"fig04": ["fig04a", "fig04b"]}
