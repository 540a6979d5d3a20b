"""Settings of Fig. 8."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from replication.settings.laws import NORMAL_3, UNIFORM_5, UniformLaw
from replication.settings.section import OpenSection, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.tasks import (
    ENTRYWISE,
    PolynomialFeatures,
    RandomMatrixFeatures,
    TasksSpec,
    gaussian_basis,
)
from replication.settings.types import Log2, Named, Positive, Several


class ConvergencePanel(TasksSpec):
    """One basis of Fig. 8."""

    title: str = ""


class Fig08(OpenSection):
    """|alpha*(N) - alpha_lim| against the number of tasks N (Fig. 8)."""

    computed_by: ClassVar[str] = "experiment:Convergence"
    panels: Named[ConvergencePanel] = {
        "a": ConvergencePanel(
            title="Random matrices",
            inputs=UNIFORM_5,
            features=RandomMatrixFeatures(name="random_matrix", dim=20),
            optima=NORMAL_3,
            shots=50,
        ),
        "b": ConvergencePanel(
            title="Gaussian basis",
            inputs=UNIFORM_5,
            features=gaussian_basis(-5.0, 5.0, 2.0),
            optima=NORMAL_3,
            shots=15,
        ),
        "c": ConvergencePanel(
            title="Polynomial basis",
            inputs=UniformLaw(name="uniform", low=-1.0, high=1.0),
            features=PolynomialFeatures(name="polynomial", dim=10),
            optima=NORMAL_3,
            shots=15,
        ),
    }
    log2_tasks: Several[Log2] = list(range(1, 14))
    seeds: Annotated[int, Field(ge=2, le=10**6)] = 10
    search_cap: Positive = 20.0

    specifications: Specifications = Specifications(
        named={
            "b_scalar": {"panels": {"b": {"features": {"gaussian_input": "scalar"}}}},
            "b_d20_K50": {"panels": {"b": {"features": {"dim": 20}, "shots": 50}}},
            "b_width_1.11": {"panels": {"b": {"features": {"widths": 1.11}}}},
            "b_width_5": {"panels": {"b": {"features": {"widths": 5.0}}}},
            "b_centres_narrow": {
                "panels": {"b": {"features": {"centres": {"first": -2.5, "last": 2.5}}}}
            },
            "c_d5_K50": {"panels": {"c": {"features": {"dim": 5}, "shots": 50}}},
            "c_inputs_5": {"panels": {"c": {"inputs": {"low": -5.0, "high": 5.0}}}},
            "c_inputs_normal": {
                "panels": {"c": {"inputs": {"name": "normal", "mean": 0.0, "spread": 1.0}}}
            },
            "c_ones": {"panels": {"c": {"features": {"coefficients": "ones"}}}},
        }
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        for name, panel in self.panels.items():
            try:
                panel.check_tasks(2 ** min(self.log2_tasks))
            except ValueError as error:
                raise ValueError(f"panels.{name}, log2_tasks: {error}") from error
        return self

    former: ClassVar[dict[str, str]] = {"trials": "seeds"}
    late: ClassVar[frozenset[str]] = frozenset(["search_cap"])
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels.a": paper("H.4.2; d, K and the task optima as in H.3"),
        "panels.b": assumed(
            "d, K as for Fig. 9; inputs as for the random matrices", "d = 20, K = 50"
        ),
        "panels.b.features.centres": assumed("evenly over the range of the data", "narrower"),
        "panels.b.features.widths": assumed("a fifth of that range", "1.11, 5"),
        "panels.b.features.gaussian_input": ENTRYWISE,
        "panels.c": assumed("d, K as for Fig. 9", "d = 5, K = 50"),
        "panels.c.inputs": assumed(
            "not given; the plotted errors, up to 0.7, need alpha_lim of that order, which "
            "U(-5, 5) cannot give",
            "uniform -5..5, normal",
        ),
        "panels.c.features.coefficients": assumed(
            "'based on Taylor series' (H.4.2), read as the series of exp", "ones"
        ),
        "log2_tasks": paper("Fig. 8, 2^1 to 2^13"),
        "seeds": paper("H.4.2, 'an average of 10 sampling trials'"),
        "search_cap": ours(
            "alpha* is searched between 0 and search_cap alpha_lim; at small N the minimum may "
            "lie beyond, and such trials are counted"
        ),
    }


EXPERIMENTS = {"fig08": Fig08}
