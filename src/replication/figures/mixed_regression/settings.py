"""Settings of Fig. 11."""

from __future__ import annotations

from typing import ClassVar

from replication.settings.laws import Spaced
from replication.settings.section import OpenSection, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import (
    Count,
    Dim,
    Distinct,
    GridPoints,
    NonNegative,
    Positive,
    Real,
    Repetitions,
    Samples,
)


class Fig11(OpenSection):
    """Bernacchia's underparameterised mixed linear regression (Fig. 11)."""

    computed_by: ClassVar[str] = "experiment:MixedRegression"
    tasks: Count = 40
    dim: Dim = 30
    shots: Samples = 5
    query_shots: Samples = 25
    test_shots: Samples = 10
    noise: NonNegative = 0.2
    task_spread: Positive = 0.2
    fixed_test_alpha: Real = 0.2
    other_test_alphas: Distinct[Real] = [0.125, 0.15, 0.25, 0.4]
    alphas: Spaced = Spaced(first=-0.5, last=0.5)
    grid_points: GridPoints = 81
    seeds: Repetitions = 1000
    specifications: Specifications = Specifications(
        named={"alphas_1": {"alphas": {"first": -1.0, "last": 1.0}}}
    )

    former: ClassVar[dict[str, str]] = {
        "train_shots": "shots",
        "validation_shots": "query_shots",
        "fixed_test_rate": "fixed_test_alpha",
        "other_test_rates": "other_test_alphas",
        "rates": "alphas",
        "trials": "seeds",
    }
    late: ClassVar[frozenset[str]] = frozenset(
        ["fixed_test_alpha", "other_test_alphas", "alphas", "grid_points"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "tasks": paper("H.5, m"),
        "dim": paper("H.5, p"),
        "shots": paper("H.5, n_t"),
        "query_shots": paper("H.5, n_v"),
        "test_shots": paper("H.5, n_r"),
        "noise": paper("H.5, sigma"),
        "task_spread": paper("H.5, nu"),
        "fixed_test_alpha": paper("H.5, alpha_r = 0.2 in Bernacchia's convention (twice ours)"),
        "other_test_alphas": ours("other fixed rates, to see how much hangs on the choice of one"),
        "alphas": assumed("the axis is not legible; Bernacchia's convention", "-1..1"),
        "grid_points": ours("training rates on the axis"),
        "seeds": ours("meta-training sets; the same ones for every rate, the effects are below 1%"),
    }


EXPERIMENTS = {"fig11": Fig11}
