"""Settings of an experiment of the user's own."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, model_validator

from replication.settings.messages import quoted
from replication.settings.section import Section
from replication.settings.sources import Source, ours
from replication.settings.types import GridPoints, Positive, Seeds

# Snakemake reads braces in the names of files as wildcards
_NO_FILE_NAME = re.compile(r"[{}\x00-\x1f]")
_FUNCTION = re.compile(r"[\w.]+:[\w.]+")


def _file_name(name: str) -> str:
    if not name or _NO_FILE_NAME.search(name):
        raise ValueError(f"expected the name of a file without braces, got {quoted(name)}")
    return name


def _function_name(name: str) -> str:
    if not _FUNCTION.fullmatch(name):
        raise ValueError(f"expected 'module:function', got {quoted(name)}")
    return name


class OwnExperiment(Section):
    """An experiment of your own: your features, swept and estimated like the paper's."""

    computed_by: ClassVar[str] = "experiment:Own"
    title: str = ""
    file: Annotated[str, AfterValidator(_file_name)] | None = None
    function: Annotated[str, AfterValidator(_function_name)] | None = None
    options: dict[str, Any] = {}
    seeds: Seeds = 50
    grid_points: GridPoints = 61
    grid_factor: Positive = 3.0
    search_cap: Positive = 20.0

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
        "seeds": ours(
            "calls of the function; of a file, its tasks as they are and resamples of them, "
            "40 at least for an interval"
        ),
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
