"""Settings of Fig. 11."""

from __future__ import annotations

from typing import ClassVar

from replication.settings.laws import Spaced
from replication.settings.section import OpenSection, Readings
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
    train_shots: Samples = 5
    validation_shots: Samples = 25
    test_shots: Samples = 10
    noise: NonNegative = 0.2
    task_spread: Positive = 0.2
    fixed_test_rate: Real = 0.2
    other_test_rates: Distinct[Real] = [0.125, 0.15, 0.25, 0.4]
    rates: Spaced = Spaced(first=-0.5, last=0.5)
    grid_points: GridPoints = 81
    trials: Repetitions = 1000
    readings: Readings = Readings(alternatives={"rates_1": {"rates": {"first": -1.0, "last": 1.0}}})

    late: ClassVar[frozenset[str]] = frozenset(
        ["fixed_test_rate", "other_test_rates", "rates", "grid_points"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "tasks": paper("H.5, m"),
        "dim": paper("H.5, p"),
        "train_shots": paper("H.5, n_t"),
        "validation_shots": paper("H.5, n_v"),
        "test_shots": paper("H.5, n_r"),
        "noise": paper("H.5, sigma"),
        "task_spread": paper("H.5, nu"),
        "fixed_test_rate": paper("H.5, alpha_r = 0.2 in Bernacchia's convention (twice ours)"),
        "other_test_rates": ours("other fixed rates, to see how much hangs on the choice of one"),
        "rates": assumed("the axis is not legible; Bernacchia's convention", "-1..1"),
        "grid_points": ours("training rates on the axis"),
        "trials": ours(
            "meta-training sets; the same ones for every rate, the effects are below 1%"
        ),
    }


EXPERIMENTS = {"fig11": Fig11}
