"""The whole configuration: a section for each experiment found, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationError, create_model, field_validator, model_validator

from innerlr.errors import InnerlrError
from replication.checkout import ROOT, taken_names
from replication.families import experiments, figures
from replication.figures.own.settings import OwnExperiment
from replication.settings.choices import Device
from replication.settings.messages import explain, place_of
from replication.settings.reading import Lines, read
from replication.settings.section import Section
from replication.settings.sources import Source, ours

# the user's settings, wherever a run is started
USERS = ROOT / "config.yaml"


class Configuration(Section):
    """What every configuration has beside the sections of the paper's experiments."""

    preset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)] = "default"
    seed: Annotated[int, Field(ge=0)] = 2022
    device: Device = "auto"
    experiments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], OwnExperiment] = {}

    sources: ClassVar[dict[str, Source]] = {
        "preset": ours("names the folder below results/; default, smoke and paper are ours"),
        "seed": ours("of every random stream, with the experiment's name and the cell"),
        "device": ours("where networks are trained: auto is the GPU where there is one"),
        "experiments": ours("experiments of your own, by name; see docs/own-experiments.md"),
    }

    def section(self, experiment: str) -> Any:
        """The section of an experiment, of the paper's or the user's own."""
        return self.experiments.get(experiment) or getattr(self, experiment)

    @field_validator("preset")
    @classmethod
    def _not_what_is_committed(cls, preset: str) -> str:
        if preset == "reference":
            raise ValueError("'reference' holds the committed results. Take another name")
        return preset

    @field_validator("experiments")
    @classmethod
    def _own_names(cls, own: dict[str, OwnExperiment]) -> dict[str, OwnExperiment]:
        taken = {*cls.model_fields, *figures(), *taken_names()}
        for name in own:
            if {name, name.removesuffix("_readings"), name.removesuffix("_rates")} & taken:
                raise ValueError(
                    f"{name!r} is the name of a figure, table, target or rule of the workflow. "
                    f"Take another, such as 'my_{name}'"
                )
        return own

    @model_validator(mode="after")
    def _sections_are_whole(self) -> Self:
        for name, field in type(self).model_fields.items():
            section = getattr(self, name)
            # defaults are whole: a test checks them
            if isinstance(section, Section) and section != field.default:
                try:
                    section.check_whole()
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
        return self


def _configuration() -> type[Configuration]:
    """The configuration with a section for each experiment, the user's own last."""
    sections: dict[str, Any] = {name: (model, model()) for name, model in experiments().items()}
    made = create_model("Config", __base__=Configuration, **sections)
    made.__doc__ = "Every parameter of the replication."
    fields = made.model_fields
    fields["experiments"] = fields.pop("experiments")
    return made


Config = _configuration()
SHOWN = 20  # errors in a message


def load(raw: Mapping[str, Any], files: Sequence[str] = ()) -> Configuration:
    """The checked configuration.

    Args:
        raw: the mapping read from YAML; keys that are absent keep their defaults.
        files: those that it was read from, the last word last; an error then names the line.

    Raises:
        InnerlrError: one message that lists every unknown key with the nearest valid one, every
            wrong type and every impossible value, with the YAML that would be right.
    """
    if not isinstance(raw, Mapping):
        raise InnerlrError(f"config: expected a mapping of sections, got {type(raw).__name__}.")
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        of_files = Lines(files, raw)
        lines = [
            of_files.where(place_of(problem, raw)) + explain(problem, raw, Config)
            for problem in error.errors()[:SHOWN]
        ]
        if error.error_count() > SHOWN:
            lines.append(f"and {error.error_count() - SHOWN} errors more.")
        raise InnerlrError("config: " + "\n        ".join(dict.fromkeys(lines))) from error


def load_file(path: str) -> Configuration:
    """:func:`load` on a YAML file, as it stands."""
    return load(read(path), [path])


def load_over(
    paths: Sequence[str], last: Mapping[str, Any] | None = None, read_from: Sequence[str] = ()
) -> Configuration:
    """The configuration of a run: the defaults, and what is laid over them.

    Args:
        paths: files that are laid over the user's config.yaml, from the first to the last.
        last: values that are laid over all files.
        read_from: files that `last` was read from by a reader that refuses less than ours.
    """
    files = [*([str(USERS)] if USERS.is_file() else []), *paths]
    changes = [*map(read, files), last or {}]
    given = [str(path) for path in read_from]
    for path in given:
        read(path)
    # a section that nobody changes keeps its defaults, which need no check
    raw: Any = Config().model_dump(mode="json", include={key for each in changes for key in each})
    for change in changes:
        raw = _laid_over(raw, change)
    return load(raw, [*files, *given])


def _laid_over(node: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """`change` merged into `node`, mappings within mappings; anything else is replaced."""
    merged = dict(node) if isinstance(node, Mapping) else {}
    for key, value in change.items():
        inner = merged.get(key)
        merged[key] = _laid_over(inner, value) if isinstance(value, Mapping) else value
    return merged
