"""Settings of an experiment of the user's own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from replication.settings.section import Section
from replication.settings.sources import Source, ours


class OwnExperiment(Section):
    """An experiment of your own: your features, swept and estimated like the paper's."""

    computed_by: ClassVar[str] = "experiment:Own"
    title: str = ""
    file: str | None = None
    function: str | None = None
    options: dict[str, Any] = {}
    seeds: PositiveInt = 10
    grid_points: Annotated[int, Field(ge=12)] = 61
    grid_factor: PositiveFloat = 3.0
    search_cap: PositiveFloat = 20.0

    late: ClassVar[frozenset[str]] = frozenset(["search_cap", "grid_points", "grid_factor"])
    sources: ClassVar[dict[str, Source]] = {
        "title": ours("heading of the figure"),
        "file": ours(
            "an .npz with `features` (tasks, shots, dim) and `targets` (tasks, shots) or `optima` "
            "(tasks, dim), optionally `query` and `query_targets`; or an .npy of features"
        ),
        "function": ours(
            "'module:function', called as function(rng, **options), returning the same arrays"
        ),
        "options": ours("keyword arguments of the function"),
        "seeds": ours("calls of the function, or bootstrap resamples of the file's tasks"),
        "grid_points": ours("learning rates between 0 and grid_factor alpha_lim"),
        "grid_factor": ours("the right end of the axis, in units of alpha_lim"),
        "search_cap": ours("alpha* is searched between 0 and search_cap alpha_lim"),
    }

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.function is None):
            raise ValueError("give exactly one of 'file' and 'function'")
        return self


EXPERIMENTS: dict[str, type[Section]] = {}
