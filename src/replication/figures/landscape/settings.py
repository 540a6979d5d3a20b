"""Settings of Fig. 9 and section H.3."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from replication.settings.laws import NORMAL_3, UNIFORM_5, ChiSquareLaw, NormalLaw, ZipfLaw
from replication.settings.section import OpenSection, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.tasks import ENTRYWISE, RandomMatrixFeatures, TasksSpec, gaussian_basis
from replication.settings.types import Count, GridPoints, Named, Positive, Seeds


class Panel(TasksSpec):
    """A family of tasks and how many of them are drawn."""

    title: str = ""
    tasks: Count

    @model_validator(mode="after")
    def _enough(self) -> Self:
        self.check_tasks(self.tasks)
        return self


class Landscape(OpenSection):
    """Training loss and population risk against alpha, with the estimate beside the optimum."""

    computed_by: ClassVar[str] = "experiment:Landscape"
    panels: Named[Panel]
    seeds: Seeds = 10
    grid_points: GridPoints = 61
    grid_factor: Positive = 3.0
    search_cap: Positive = 20.0

    late: ClassVar[frozenset[str]] = frozenset(["search_cap", "grid_points", "grid_factor"])
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "seeds": ours("independent draws of all tasks; intervals are over them"),
        "grid_points": ours("learning rates between 0 and grid_factor alpha_lim"),
        "grid_factor": ours("the right end of the axis, in units of alpha_lim"),
        "search_cap": ours("alpha* is searched between 0 and search_cap alpha_lim"),
    }


class H3(Landscape):
    """Underparameterised random matrices (section H.3)."""

    panels: Named[Panel] = {
        "a": Panel(
            title="U(-5, 5), a ~ N(0, 3I)",
            inputs=UNIFORM_5,
            features=RandomMatrixFeatures(name="random_matrix", dim=20),
            optima=NORMAL_3,
            shots=50,
            tasks=5000,
        )
    }
    sources: ClassVar[dict[str, Source]] = {"panels": paper("H.3")}


class Fig09(Landscape):
    """Gaussian basis on four pairs of data and task distributions (Fig. 9)."""

    panels: Named[Panel] = {
        "a": Panel(
            title="x ~ U(-5, 5), a ~ N(0, 9I)",
            inputs=UNIFORM_5,
            features=gaussian_basis(-5.0, 5.0, 2.0),
            optima=NormalLaw(name="normal", mean=0.0, spread=9.0),
            shots=15,
            tasks=3000,
        ),
        "b": Panel(
            title="x ~ N(0, 4), a ~ N(0, 9I)",
            inputs=NormalLaw(name="normal", mean=0.0, spread=4.0),
            features=gaussian_basis(-4.0, 4.0, 2.0),
            optima=NormalLaw(name="normal", mean=0.0, spread=9.0),
            shots=15,
            tasks=3000,
        ),
        "c": Panel(
            title="x ~ U(-5, 5), a ~ N(5, I)",
            inputs=UNIFORM_5,
            features=gaussian_basis(-5.0, 5.0, 2.0),
            optima=NormalLaw(name="normal", mean=5.0, spread=1.0),
            shots=15,
            tasks=3000,
        ),
        "d": Panel(
            title="x ~ chi2(7), a ~ Zipf",
            inputs=ChiSquareLaw(name="chi_square", df=7.0),
            features=gaussian_basis(0.0, 14.0, 2.8),
            optima=ZipfLaw(name="zipf", s=4.0),
            shots=15,
            tasks=3000,
        ),
    }
    specifications: Specifications = Specifications(
        scale={"seeds": 5},
        named={
            "scalar": {"panels": {"*": {"features": {"gaussian_input": "scalar"}}}},
            "width_narrow": {
                "panels": {"*": {"features": {"widths": 1.11}}, "d": {"features": {"widths": 1.56}}}
            },
            "width_wide": {
                "panels": {"*": {"features": {"widths": 5.0}}, "d": {"features": {"widths": 7.0}}}
            },
            "centres_narrow": {
                "panels": {
                    "*": {"features": {"centres": {"first": -2.5, "last": 2.5}}},
                    "d": {"features": {"centres": {"first": 3.5, "last": 10.5}}},
                }
            },
            "zipf_3.5": {"panels": {"d": {"optima": {"s": 3.5}}}},
            "zipf_6": {"panels": {"d": {"optima": {"s": 6.0}}}},
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "panels": paper("H.4.2 and the caption of Fig. 9"),
        "panels.*.features.centres": assumed(
            "'depends on the range of data': evenly over the bulk of the inputs (all of U(-5, 5), "
            "two standard deviations, twice the mean of chi2)",
            "any other range",
        ),
        "panels.*.features.widths": assumed(
            "'depends on the range of data': a fifth of the range of the centres",
            "1.11 (their spacing), 5 (half the range)",
        ),
        "panels.*.features.gaussian_input": ENTRYWISE,
        "panels.b.inputs": paper(
            "H.4.2, N(0, 2^2); called non-central there, but central as written"
        ),
        "panels.d.optima.s": assumed("not given; the variance must exist, s > 3", "3.5, 6"),
    }


EXPERIMENTS = {"fig09": Fig09, "h3": H3}
LABELS = {"h3": "Section H.3"}
