"""Settings of Figs. 1 and 7."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from replication.settings.laws import (
    NORMAL_2,
    NORMAL_3,
    UNIFORM_5,
    VARIANCE_READING,
    Law,
    NormalLaw,
    UniformLaw,
)
from replication.settings.section import OpenSection, Section, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.tasks import NewOptima
from replication.settings.types import (
    Count,
    Distinct,
    GridPoints,
    Named,
    Point,
    Positive,
    Samples,
    Seeds,
)


class TrajectoryRow(Section):
    """Tasks in the plane whose feature is the input itself."""

    title: str = ""
    inputs: Law
    optima: Law


class NewTasks(NewOptima):
    """The newly added tasks 'with higher penalties'."""

    feature_scale: Positive = 2.0


class Variations(Section):
    """Other values of what the paper leaves open about the new tasks, tried one at a time."""

    feature_scale: Distinct[Positive] = [1.25, 1.5, 3.0, 5.0]
    count: Distinct[Count] = [5, 15, 150, 500]
    centre: Distinct[Point] = [
        [2.0, 2.0],
        [8.0, 8.0],
    ]
    shots: Distinct[Samples] = [3, 50]


class Trajectory(OpenSection):
    """The path of w_m(alpha) in the plane and its mean distance to all optima."""

    computed_by: ClassVar[str] = "experiment:Trajectory"
    rows: Named[TrajectoryRow]
    tasks: Count = 500
    shots: Samples = 10
    new_tasks: NewTasks = NewTasks()
    variations: Variations = Variations()
    seeds: Seeds = 10
    grid_points: GridPoints = 201
    grid_factor: Positive = 2.0

    late: ClassVar[frozenset[str]] = frozenset(["grid_points", "grid_factor"])
    sources: ClassVar[dict[str, Source]] = {
        "rows.*.title": ours("the row's heading"),
        "tasks": paper("section 3.2, '500 tasks in R^2'"),
        "shots": assumed("not given", "see variations"),
        "new_tasks.count": assumed("'several new training tasks'", "see variations"),
        "new_tasks.centre": assumed("away from the bulk of the optima, as drawn", "see variations"),
        "new_tasks.spread": assumed("standard deviation of their optima; a small circle", "0.2"),
        "new_tasks.feature_scale": assumed(
            "'higher penalties' read as features scaled by s: weighting their loss does not give "
            "the drawn picture",
            "see variations",
        ),
        "variations": ours("alternatives of the assumed values above, one at a time, in panel (c)"),
        "seeds": ours("independent draws; the first is drawn, intervals are over all"),
        "grid_points": ours("learning rates between 0 and grid_factor alpha_lim"),
        "grid_factor": ours("the right end of the axis, in units of alpha_lim"),
    }

    def named(self) -> dict[str, dict[str, Any]]:
        """The variations, one at a time, and the other specifications."""
        varied: dict[str, dict[str, Any]] = {}
        for key, values in self.variations.model_dump().items():
            for value in values:
                change = {key: value} if key == "shots" else {"new_tasks": {key: value}}
                varied[f"{key}_{value}".replace("[", "").replace("]", "").replace(", ", "_")] = (
                    change
                )
        return varied | self.specifications.named

    def specification(self, name: str) -> Self:
        """As for any section, without the variations, which are specifications themselves."""
        none = Variations(feature_scale=[], count=[], centre=[], shots=[])
        return super().specification(name).model_copy(update={"variations": none})


class Fig01(Trajectory):
    """Trajectory of the MAML solution (Fig. 1)."""

    rows: Named[TrajectoryRow] = {
        "1": TrajectoryRow(title="x ~ U(-5, 5), a ~ N(0, 3I)", inputs=UNIFORM_5, optima=NORMAL_3)
    }
    specifications: Specifications = Specifications(
        named={
            "spread_0.2": {"new_tasks": {"spread": 0.2}},
            "inputs_normal": {"rows": {"1": {"inputs": NORMAL_2}}},
        }
    )
    sources: ClassVar[dict[str, Source]] = {
        "rows": assumed("'symmetric zero-mean distributions', as in H.3", "normal inputs (Fig. 7)")
    }


class Fig07(Trajectory):
    """More trajectories (Fig. 7)."""

    rows: Named[TrajectoryRow] = {
        "1": TrajectoryRow(
            title="x ~ N(0, 2), a ~ N(0, 3I)",
            inputs=NormalLaw(name="normal", mean=0.0, spread=2.0),
            optima=NORMAL_3,
        ),
        "2": TrajectoryRow(
            title="x ~ U(0, 5), a ~ N(0, 3I)",
            inputs=UniformLaw(name="uniform", low=0.0, high=5.0),
            optima=NORMAL_3,
        ),
    }
    specifications: Specifications = Specifications(
        named={
            "spread_0.2": {"new_tasks": {"spread": 0.2}},
            "normal_sd": {"rows": {"1": {"inputs": {"spread_is": "sd"}}}},
        }
    )
    sources: ClassVar[dict[str, Source]] = {
        "rows": paper("the caption of Fig. 7"),
        "rows.1.inputs.spread_is": VARIANCE_READING,
    }


EXPERIMENTS = {"fig01": Fig01, "fig07": Fig07}
