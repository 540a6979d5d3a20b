"""Sections of the configuration: strict, frozen, each value with its source."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from replication.settings.messages import explain
from replication.settings.sources import Source, ours
from replication.settings.types import Distinct, Seeds, SpecificationName

# 1e-8, which YAML 1.1 reads as text for want of a dot
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def _holds_text(annotation: Any) -> bool:
    """Whether text itself is a value of an annotation; a Literal's is not any text."""
    return annotation in (str, Any) or any(map(_holds_text, get_args(annotation)))


def _as_number(value: Any) -> Any:
    """Text that is a number as one, a whole one as an integer; in lists as well."""
    if isinstance(value, list):
        return [_as_number(inner) for inner in value]
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    number = float(value)
    # above, a whole number is a float alone: an integer of 300 digits helps nobody
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


@cache
def _numeric(model: type[BaseModel]) -> frozenset[str]:
    """The keys of a section that cannot hold any text."""
    fields = model.model_fields
    return frozenset(key for key in fields if not _holds_text(fields[key].annotation))


class Section(BaseModel):
    """A mapping of the configuration; unknown keys and wrong types are errors.

    `sources` maps a dotted path below the section ("*" for any one key) to a :class:`Source`; it
    covers every leaf below it that has no closer one.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    sources: ClassVar[dict[str, Source]] = {}
    # keys that the data and features stages do not read: changing one reruns from the sweep on
    late: ClassVar[frozenset[str]] = frozenset()
    # keys that had another name before: old name to new name
    former: ClassVar[dict[str, str]] = {}
    # the module and the class of its family that compute an experiment's section
    computed_by: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        numeric = _numeric(cls)
        return {key: _as_number(v) if key in numeric else v for key, v in values.items()}

    @classmethod
    def new_name(cls, key: str) -> str | None:
        """What a key of former versions is called now; none if there never was such a key."""
        return next(
            (s.__dict__["former"][key] for s in cls.__mro__ if key in s.__dict__.get("former", {})),
            None,
        )

    def check_whole(self) -> None:
        """Raise ValueError if the section as configured cannot be run.

        A job may be given a part of it, which need not be whole.
        """

    def for_stage(self, stage: str) -> dict[str, Any]:
        """The section as plain values, without what `stage` does not depend on.

        Args:
            stage: data, training, features, sweep, estimates or figure. Only the figure reads
                titles.
        """
        values = self.model_dump()
        if stage in ("data", "features"):
            values = {key: value for key, value in values.items() if key not in self.late}
        return values if stage == "figure" else _without_titles(values)


class Specifications(Section):
    """Specifications of what a section leaves open, run one by one by the target `specifications`.

    Both keys hold values of the section, nested as there; "*" stands for every key of a mapping.
    """

    scale: dict[str, Any] = {}
    named: dict[SpecificationName, dict[str, Any]] = {}
    claims: Distinct[str] = []

    former: ClassVar[dict[str, str]] = {"change": "scale", "alternatives": "named"}


PRIMARY = "primary"


class OpenSection(Section):
    """A section of values that the paper leaves open, with other specifications of them."""

    specifications: Specifications = Specifications()

    former: ClassVar[dict[str, str]] = {"readings": "specifications"}

    sources: ClassVar[dict[str, Source]] = {
        "specifications.scale": ours(
            "what all specifications change, for speed; see the target specifications"
        ),
        "specifications.named": ours("other values of what is assumed, a specification each"),
        "specifications.claims": ours(
            "beginnings of the claims the specifications bear on; none: all"
        ),
    }

    def named(self) -> dict[str, dict[str, Any]]:
        """What each specification but the primary one changes, nested as in the section."""
        return self.specifications.named

    def choices(self) -> dict[str, dict[str, Any]]:
        """What each specification changes, the primary one first: values by dotted key."""
        flat = {name: dict(dotted(values)) for name, values in self.named().items()}
        return {PRIMARY: {}, **flat}

    def specification(self, name: str) -> Self:
        """The section under one of its alternatives; `primary` changes only what all change."""
        return type(self).model_validate(self._changed(name))

    def _changed(self, name: str) -> dict[str, Any]:
        values = self.model_dump()
        for change in (self.specifications.scale, self.named().get(name, {})):
            values = _with_change(values, change)
        return values | {"specifications": {}}

    def check_whole(self) -> None:
        super().check_whole()
        if (
            not isinstance(self.specifications, Specifications)
            or self.specifications == Specifications()
        ):
            return
        for name in [PRIMARY, *self.named()]:
            try:
                self.specification(name)
            except ValidationError as error:
                what = explain(error.errors()[0], self._changed(name), type(self))
                raise ValueError(f"specification {name!r}: {what}") from error

    def for_stage(self, stage: str) -> dict[str, Any]:
        # no stage reads them: a new one reruns nothing
        return without(super().for_stage(stage), "specifications")


class TrainedSection(OpenSection):
    """A section whose experiment trains networks, in jobs of their own."""

    seeds: Seeds = 3

    # keys that training does not read: changing one keeps the trained networks
    after_training: ClassVar[frozenset[str]] = frozenset(["seeds"])

    def runs(self) -> list[str]:
        """Names of the independent training jobs."""
        return [f"seed{seed}" for seed in range(self.seeds)]

    def for_stage(self, stage: str) -> dict[str, Any]:
        values = super().for_stage(stage)
        if stage == "training":
            values = without(values, *self.late, *self.after_training)
        return values

    def specification_runs(self) -> list[str]:
        """Training jobs that all specifications share; none where each trains its own networks.

        An experiment with such jobs tells its specifications and a picture of their rates: its
        class has `specifications` and `rates`, its family's draw.py `rates_and_accuracy`.
        """
        return []

    def for_specifications(self) -> dict[str, Any]:
        """What the shared specifications read of the section."""
        return self.model_dump()

    def for_run(self, run: str) -> dict[str, Any]:
        """What one of the training jobs reads; of all the same, unless a section says otherwise."""
        return self.for_stage("training")


def without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A mapping that lacks some keys."""
    return {key: value for key, value in values.items() if key not in keys}


def dotted(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _with_change(values: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `change` merged in, mappings within mappings; "*" is every key there is."""
    merged = dict(values)
    for key, value in change.items():
        for name in list(merged) if key == "*" else [key]:
            inner = merged.get(name)
            nested = isinstance(inner, dict) and isinstance(value, Mapping)
            merged[name] = _with_change(inner, value) if nested else value
    return merged


def _without_titles(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_titles(value) for key, value in node.items() if key != "title"}
    return node


def one_of(variants: Sequence[type[Section]]) -> Any:
    """The type of a key whose value is one of several sections; its `name` says which.

    Args:
        variants: each with a `name` of its own, a Literal.
    """
    union = reduce(operator.or_, variants)
    return Annotated[union, Field(discriminator="name"), _drop_other_variants(variants)]


def _drop_other_variants(variants: Sequence[type[Section]]) -> BeforeValidator:
    """Ignore keys that only other variants of a union have.

    `--configfile` merges mappings, so that a law replaced by another keeps the keys of the first.
    """
    fields = {get_args(v.model_fields["name"].annotation)[0]: set(v.model_fields) for v in variants}
    every = set().union(*fields.values())

    def drop(value: Any) -> Any:
        if not isinstance(value, Mapping) or value.get("name") not in list(fields):
            return value  # whatever it is, lists too: the union refuses it
        foreign = every - fields[value["name"]]
        return {key: inner for key, inner in value.items() if key not in foreign}

    return BeforeValidator(drop)
