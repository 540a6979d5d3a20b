"""Settings of Fig. 5."""

from __future__ import annotations

from typing import ClassVar

from replication.settings.laws import (
    NORMAL_3,
    UNIFORM_5,
    VARIANCE_READING,
    ExponentialLaw,
    Law,
    NormalLaw,
)
from replication.settings.section import OpenSection, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import Count, Dim, GridPoints, Named, Positive, Samples, Seeds


class Fig05(OpenSection):
    """Loss and distance gaps between MAML and ERM under further adaptation (Fig. 5)."""

    computed_by: ClassVar[str] = "experiment:AdaptationGap"
    laws: Named[Law] = {
        "uniform": UNIFORM_5,
        "normal": NormalLaw(name="normal", mean=0.0, spread=2.0),
        "exponential": ExponentialLaw(name="exponential", scale=1.0),
    }
    optima: Law = NORMAL_3
    dim: Dim = 20
    shots: Samples = 50
    tasks: Count = 5000
    fresh_tasks: Count = 5000
    alpha: Positive = 1e-4
    eta: Positive = 1e-5
    max_steps: Count = 100_000
    grid_points: GridPoints = 61
    seeds: Seeds = 10
    specifications: Specifications = Specifications(
        scale={"seeds": 5},
        named={
            "normal_sd": {"laws": {"normal": {"spread_is": "sd"}}},
            "optima_1": {"optima": {"spread": 1.0}},
            "steps_1e6": {"max_steps": 1_000_000},
        },
    )

    former: ClassVar[dict[str, str]] = {"rate": "eta"}
    late: ClassVar[frozenset[str]] = frozenset(["eta", "max_steps", "grid_points", "fresh_tasks"])
    sources: ClassVar[dict[str, Source]] = {
        "laws": paper("section 5.3: U(-5, 5), N(0, 2), Exp(1)"),
        "laws.normal.spread_is": VARIANCE_READING,
        "optima": assumed("not given for Fig. 5; as in H.3", "N(0, I): only scales the gaps"),
        "dim": paper("H.3"),
        "shots": paper("H.3"),
        "tasks": paper("H.3"),
        "fresh_tasks": paper("H.3"),
        "alpha": paper("section 5.3"),
        "eta": paper("section 5.3"),
        "max_steps": assumed("the axis is not legible; far enough for the gaps to close", "1e6"),
        "grid_points": ours("numbers of steps, evenly in log t, and t = 0"),
        "seeds": ours("independent draws of all tasks; intervals are over them"),
    }


EXPERIMENTS = {"fig05": Fig05}
