"""Settings of Fig. 2."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from innerlr.choices import Init
from innerlr.errors import nearest
from replication.settings.laws import Spaced
from replication.settings.section import OpenSection, Section, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import (
    Count,
    Dim,
    Distinct,
    GridPoints,
    Named,
    NonNegative,
    Positive,
    Real,
    Samples,
    Seeds,
    Several,
    Width,
)

Targets = Literal["tasks", "mean_optimum"]
Step = Literal["task", "pooled"]
TrainingSamples = Literal["shared", "split"]
TestSamples = Literal["fresh", "same"]
RcondOf = Literal["features", "adapted"]
SigmaOfPsi = Literal[
    "psi_variance",
    "psi_sd",
    "psi_second",
    "psi_t_psi_variance",
    "psi_t_psi_sd",
    "psi_t_psi_second",
    "psi_psi_t_variance",
    "psi_psi_t_sd",
    "psi_psi_t_second",
]


class TangentSetting(Section):
    """What Fig. 2 leaves open: the network, the regression and how both are used."""

    width: Width = 10_000
    input_dim: Dim = 1
    hidden_bias: bool = True
    output_bias: bool = True
    scaled: bool = False
    slope_mean: Real = 1.0
    slope_spread: NonNegative = 0.5
    noise: NonNegative = 0.3
    targets: Targets = "tasks"
    step: Step = "task"
    training_samples: TrainingSamples = "shared"
    test_samples: TestSamples = "fresh"
    rcond: Literal["float32_pinv"] | Positive = "float32_pinv"
    rcond_of: RcondOf = "features"
    sigma2: SigmaOfPsi = "psi_variance"

    sources: ClassVar[dict[str, Source]] = {
        "width": paper("section 5.1"),
        "input_dim": assumed(
            "d = 30,001 (H.3) is 3 width + 1: p = 1 and all biases",
            "2 without hidden bias has the same d",
        ),
        "hidden_bias": assumed("as for input_dim", "false"),
        "output_bias": assumed("as for input_dim, the 1 of 30,001", "false"),
        "scaled": assumed("not said; the axis fits unscaled parameters", "true"),
        "slope_mean": assumed(
            "w_0, 'set to be same as (Bernacchia, 2021)', not printed; each entry is this over "
            "sqrt(p)",
            "0, 2",
        ),
        "slope_spread": assumed("nu, as for slope_mean", "0.2, 1"),
        "noise": assumed("sigma, of b and of y, as for slope_mean", "0, 0.6"),
        "targets": assumed(
            "the tasks' own y, which the MAML loss has", "mean_optimum (a-bar of H.9)"
        ),
        "step": assumed("2 alpha / K, as everywhere but in H.8", "pooled, 2 alpha / (N K)"),
        "training_samples": assumed("C(alpha) of H.10 has one set of samples", "split"),
        "test_samples": assumed(
            "'test loss' is on K samples of the test task that were not adapted on", "same"
        ),
        "rcond": assumed(
            "PyTorch's default pinv in float32; a number is the smallest eigenvalue of the Gram "
            "kept, relative to the largest",
            "1e-8, 1e-10, 1e-12",
        ),
        "rcond_of": assumed(
            "the pseudo-inverse is of the stacked features, so that w_m does not depend on alpha",
            "adapted (of C_all(alpha), as H.9 prints it)",
        ),
        "sigma2": assumed(
            "sigma~^2 of (H.15): H.2 has sigma~ as 'the variance of all elements of features' and "
            "sigma~^2 as the entries of Psi'Psi; read as the variance of the entries of Psi",
            "sd or second moment, and all three of the entries of Psi'Psi or Psi Psi'",
        ),
    }


class TangentCurve(Section):
    """Samples a task (K) and training tasks (N)."""

    shots: Samples
    tasks: Count


class TangentPanel(Section):
    """A panel of Fig. 2: an initialisation, and curves by name."""

    title: str = ""
    init: Init
    curves: Named[TangentCurve]


class TangentScaling(Section):
    """Panel (c) of Fig. 2: other N at the section's width, and other widths at the curve's N.

    Always with N K < d: beyond, the minimum-norm solution depends on the learning rate.
    """

    curves: Distinct[str] = ["a/K7N112", "b/K15N50"]
    tasks: Several[Count] = [4, 8, 16, 32, 64, 128]
    widths: Several[Width] = [
        *(300, 1000, 3000, 30_000, 100_000, 1_000_000),
    ]


class Fig02(TangentSetting, OpenSection):
    """Test loss of overparameterised quadratic regression on tangent features (Fig. 2)."""

    computed_by: ClassVar[str] = "experiment:Tangent"
    panels: Named[TangentPanel] = {
        "a": TangentPanel(
            title="uniform initialisation",
            init="pytorch",
            curves={
                "K23N68": TangentCurve(shots=23, tasks=68),
                "K7N112": TangentCurve(shots=7, tasks=112),
            },
        ),
        "b": TangentPanel(
            title="normal initialisation",
            init="lecun_normal",
            curves={
                "K15N50": TangentCurve(shots=15, tasks=50),
                "K19N85": TangentCurve(shots=19, tasks=85),
            },
        ),
    }
    test_tasks: Annotated[int, Field(ge=2, le=10**8)] = 200
    alphas: Spaced = Spaced(first=-3e-4, last=7e-4)
    grid_points: GridPoints = 21
    seeds: Seeds = 10
    scaling: TangentScaling = TangentScaling()
    specifications: Specifications = Specifications(
        claims=["fig02a", "fig02b"],
        scale={
            "seeds": 3,
            "test_tasks": 100,
            "scaling": {"curves": []},
        },
        named={
            "two_inputs_no_hidden_bias": {"input_dim": 2, "hidden_bias": False},
            "two_inputs": {"input_dim": 2},
            "no_hidden_bias": {"hidden_bias": False},
            "no_output_bias": {"output_bias": False},
            "no_biases": {"hidden_bias": False, "output_bias": False},
            **{f"init_{name}": {"panels": {"*": {"init": name}}} for name in get_args(Init)},
            "init_normal_scaled": {"panels": {"*": {"init": "normal"}}, "scaled": True},
            "init_uniform_scaled": {"panels": {"*": {"init": "uniform"}}, "scaled": True},
            "slope_mean_0": {"slope_mean": 0.0},
            "slope_mean_2": {"slope_mean": 2.0},
            "slope_spread_0.2": {"slope_spread": 0.2},
            "slope_spread_1": {"slope_spread": 1.0},
            "noise_0": {"noise": 0.0},
            "noise_0.6": {"noise": 0.6},
            "mean_optimum": {"targets": "mean_optimum"},
            "pooled_step": {"step": "pooled"},
            "same_test_samples": {"test_samples": "same"},
            "same_test_samples_mean_optimum": {"test_samples": "same", "targets": "mean_optimum"},
            "split_training": {"training_samples": "split"},
            "rcond_1e-8": {"rcond": 1e-8},
            "rcond_1e-10": {"rcond": 1e-10},
            "rcond_1e-12": {"rcond": 1e-12},
            "rcond_of_adapted": {"rcond_of": "adapted"},
            **{f"sigma2_{name}": {"sigma2": name} for name in get_args(SigmaOfPsi)[1:]},
            "test_tasks_50": {"test_tasks": 50},
        },
    )

    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels": paper("the legend of Fig. 2"),
        "panels.a.init": assumed(
            "PyTorch's default for a linear layer is uniform: U(+-1/sqrt(fan in))",
            "uniform (U(-1, 1)), uniform01, {he,xavier,lecun}_uniform",
        ),
        "panels.b.init": assumed(
            "N(0, 1/fan in), the normal law of the same scale rule",
            "normal (N(0, 1)), {he,xavier}_normal",
        ),
        "test_tasks": assumed("not given; the intervals drawn are over them", "50, 1000"),
        "alphas": paper("the axis of Fig. 2"),
        "grid_points": ours("learning rates on the axis"),
        "seeds": ours(
            "draws of the network and of all tasks; intervals of the claims are over them"
        ),
        "scaling.curves": ours(
            "panel (c): curves of (a) and (b), with their K and their draws; none: no panel"
        ),
        "scaling.tasks": ours("N beside the curve's own, at the width above"),
        "scaling.widths": ours("widths beside the one above, at the curve's N; always N K < d"),
    }

    @model_validator(mode="after")
    def _scaling_stays_below_dim(self) -> Self:
        known = {f"{p}/{c}": curve for p, s in self.panels.items() for c, curve in s.curves.items()}
        for name in self.scaling.curves:
            if name not in known:
                raise ValueError(f"scaling.curves: unknown {name!r}. {nearest(name, known)}")
            k, n = known[name].shots, known[name].tasks
            sizes = [(t, self.width) for t in self.scaling.tasks]
            for tasks, width in sizes + [(n, w) for w in self.scaling.widths]:
                dim = width * (self.input_dim + self.hidden_bias + 1) + self.output_bias
                if tasks * k >= dim:
                    raise ValueError(
                        f"scaling: expected N K < d, got {tasks} tasks of {k} samples for width "
                        f"{width} (d = {dim}), curve {name}. Give fewer tasks or a larger width."
                    )
        return self


EXPERIMENTS = {"fig02": Fig02}
