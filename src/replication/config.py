"""The one source of config.yaml, its schema and its reference page.

Each field carries its default, its type and where its value comes from: `paper` (with the place),
`assumed` (with the reason and the alternatives) or `ours` (scale and bookkeeping of this
replication). `python -m replication config --write` makes the three files; a test fails when they
drift.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from innerlr.errors import InnerlrError, nearest


@dataclass(frozen=True)
class Source:
    """Where a value comes from."""

    kind: Literal["paper", "assumed", "ours"]
    text: str
    alternatives: str = ""

    def __str__(self) -> str:
        tail = f" Alternatives: {self.alternatives}." if self.alternatives else ""
        return f"{self.kind}: {self.text}.{tail}"


def paper(place: str) -> Source:
    return Source("paper", place)


def assumed(reason: str, alternatives: str) -> Source:
    return Source("assumed", reason, alternatives)


def ours(text: str) -> Source:
    return Source("ours", text)


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
    return int(number) if number.is_integer() else number


class Section(BaseModel):
    """A mapping of the configuration; unknown keys and wrong types are errors.

    `sources` maps a dotted path below the section ("*" for any one key) to a :class:`Source`; it
    covers every leaf below it that has no closer one.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    sources: ClassVar[dict[str, Source]] = {}
    # keys that the data and features stages do not read: changing one reruns from the sweep on
    late: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        numeric = {key for key in fields if not _holds_text(fields[key].annotation)}
        return {key: _as_number(v) if key in numeric else v for key, v in values.items()}

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


class Readings(Section):
    """Readings of what a section leaves open, run one by one by the target `readings`.

    Both keys hold values of the section, nested as there; "*" stands for every key of a mapping.
    """

    change: dict[str, Any] = {}
    alternatives: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], dict[str, Any]] = {}
    claims: list[str] = []


class OpenSection(Section):
    """A section of values that the paper leaves open, with other readings of them."""

    readings: Readings = Readings()

    sources: ClassVar[dict[str, Source]] = {
        "readings.change": ours("what all readings change, for speed; see the target readings"),
        "readings.alternatives": ours("other values of what is assumed, a reading each"),
        "readings.claims": ours("beginnings of the claims the readings bear on; none: all"),
    }

    def alternatives(self) -> dict[str, dict[str, Any]]:
        """What each reading but the primary one changes, nested as in the section."""
        return self.readings.alternatives

    def choices(self) -> dict[str, dict[str, Any]]:
        """What each reading changes, the primary one first: dotted keys to their values there."""
        flat = {name: dict(dotted(values)) for name, values in self.alternatives().items()}
        return {PRIMARY: {}, **flat}

    def reading(self, name: str) -> Self:
        """The section under one of its alternatives; `primary` changes only what all change."""
        return type(self).model_validate(self._changed(name))

    def _changed(self, name: str) -> dict[str, Any]:
        values = self.model_dump()
        for change in (self.readings.change, self.alternatives().get(name, {})):
            values = _merged(values, change)
        return values | {"readings": {}}

    @model_validator(mode="after")
    def _readings_are_valid(self) -> Self:
        if not isinstance(self.readings, Readings) or self.readings == Readings():
            return self
        for name in [PRIMARY, *self.alternatives()]:
            try:
                self.reading(name)
            except ValidationError as error:
                what = _explain(error.errors()[0], self._changed(name), type(self))
                raise ValueError(f"reading {name!r}: {what}") from error
        return self

    def for_stage(self, stage: str) -> dict[str, Any]:
        # no stage reads them: a new one reruns nothing
        return _without(super().for_stage(stage), "readings")


PRIMARY = "primary"


def _without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def dotted(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


class TrainedSection(OpenSection):
    """A section whose experiment trains networks, in jobs of their own."""

    seeds: PositiveInt = 3

    # keys that training does not read: changing one keeps the trained networks
    after_training: ClassVar[frozenset[str]] = frozenset(["seeds"])

    def runs(self) -> list[str]:
        """Names of the independent training jobs."""
        return [f"seed{seed}" for seed in range(self.seeds)]

    def for_stage(self, stage: str) -> dict[str, Any]:
        values = super().for_stage(stage)
        if stage == "training":
            values = _without(values, *self.late, *self.after_training)
        return values

    def for_run(self, run: str) -> dict[str, Any]:
        """What one of the training jobs reads; of all the same, unless a section says otherwise."""
        return self.for_stage("training")


def _merged(values: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `change` merged in, mappings within mappings; "*" is every key there is."""
    merged = dict(values)
    for key, value in change.items():
        for name in list(merged) if key == "*" else [key]:
            inner = merged.get(name)
            nested = isinstance(inner, dict) and isinstance(value, Mapping)
            merged[name] = _merged(inner, value) if nested else value
    return merged


def _without_titles(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_titles(value) for key, value in node.items() if key != "title"}
    return node


# ------------------------------------------------------------------ laws and features


class UniformLaw(Section):
    """U(low, high)."""

    name: Literal["uniform"]
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        return self


class NormalLaw(Section):
    """N(mean, spread); `spread_is` says whether spread is the variance or the sd."""

    name: Literal["normal"]
    mean: float
    spread: PositiveFloat
    spread_is: Literal["variance", "sd"] = "variance"


class ExponentialLaw(Section):
    """Exponential with mean `scale`."""

    name: Literal["exponential"]
    scale: PositiveFloat


class ChiSquareLaw(Section):
    """Chi-square with `df` degrees of freedom."""

    name: Literal["chi_square"]
    df: PositiveFloat


class ZipfLaw(Section):
    """P(x = k) proportional to k^-s; s > 3, or the variance does not exist."""

    name: Literal["zipf"]
    s: Annotated[float, Field(gt=3)]


def _drop_other_variants(*variants: type[Section]) -> BeforeValidator:
    """Ignore keys that only other variants of a union have.

    `--configfile` merges mappings, so that a law replaced by another keeps the keys of the first.
    """
    fields = {get_args(v.model_fields["name"].annotation)[0]: set(v.model_fields) for v in variants}
    every = set().union(*fields.values())

    def drop(value: Any) -> Any:
        if not isinstance(value, Mapping) or value.get("name") not in fields:
            return value
        foreign = every - fields[value["name"]]
        return {key: inner for key, inner in value.items() if key not in foreign}

    return BeforeValidator(drop)


_LAWS = (UniformLaw, NormalLaw, ExponentialLaw, ChiSquareLaw, ZipfLaw)
Law = Annotated[
    UniformLaw | NormalLaw | ExponentialLaw | ChiSquareLaw | ZipfLaw,
    Field(discriminator="name"),
    _drop_other_variants(*_LAWS),
]


class Spaced(Section):
    """`dim` values evenly spaced from first to last."""

    first: float
    last: float


class RandomMatrixFeatures(Section):
    """Phi = X, K x d independent entries."""

    name: Literal["random_matrix"]
    dim: PositiveInt


class PolynomialFeatures(Section):
    """(c_0, c_1 x, ..., c_(d-1) x^(d-1)); c_j = 1, or 1/j! (taylor)."""

    name: Literal["polynomial"]
    dim: PositiveInt
    coefficients: Literal["ones", "taylor"] = "taylor"


class GaussianFeatures(Section):
    """exp(-(x - mu_j)^2 / (2 s_j^2)), of its own entry of X or of one scalar x."""

    name: Literal["gaussian_basis"]
    dim: PositiveInt
    centres: Spaced | list[float]
    widths: PositiveFloat | list[PositiveFloat]
    gaussian_input: Literal["entrywise", "scalar"] = "entrywise"


Features = Annotated[
    RandomMatrixFeatures | PolynomialFeatures | GaussianFeatures,
    Field(discriminator="name"),
    _drop_other_variants(RandomMatrixFeatures, PolynomialFeatures, GaussianFeatures),
]

_NORMAL_2 = {"name": "normal", "mean": 0.0, "spread": 2.0}
NORMAL_3 = NormalLaw(name="normal", mean=0.0, spread=3.0)
UNIFORM_5 = UniformLaw(name="uniform", low=-5.0, high=5.0)
_VARIANCE_READING = assumed(
    "N(0, 2) may mean variance 2 or standard deviation 2; variance is the usual notation", "sd"
)
_ENTRYWISE = assumed(
    "as the formula prints it, Phi_(ij) = f(X_(ij)); 'one x, d bases' is the usual basis",
    "scalar",
)


# ------------------------------------------------------------------ experiments


class TasksSpec(Section):
    """One family of noiseless tasks."""

    inputs: Law
    features: Features
    optima: Law
    shots: PositiveInt


class Panel(TasksSpec):
    """A family of tasks and how many of them are drawn."""

    title: str = ""
    tasks: PositiveInt


class Landscape(OpenSection):
    """Training loss and population risk against alpha, with the estimate beside the optimum."""

    panels: dict[str, Panel]
    seeds: PositiveInt = 10
    grid_points: Annotated[int, Field(ge=12)] = 61
    grid_factor: PositiveFloat = 3.0
    search_cap: PositiveFloat = 20.0

    late: ClassVar[frozenset[str]] = frozenset(["search_cap", "grid_points", "grid_factor"])
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "seeds": ours("independent draws of all tasks; intervals are over them"),
        "grid_points": ours("learning rates between 0 and grid_factor alpha_lim"),
        "grid_factor": ours("the right end of the axis, in units of alpha_lim"),
        "search_cap": ours("alpha* is searched between 0 and search_cap alpha_lim"),
    }


def _gaussian(first: float, last: float, width: float) -> GaussianFeatures:
    return GaussianFeatures(
        name="gaussian_basis", dim=10, centres=Spaced(first=first, last=last), widths=width
    )


class H3(Landscape):
    """Underparameterised random matrices (section H.3)."""

    panels: dict[str, Panel] = {
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

    panels: dict[str, Panel] = {
        "a": Panel(
            title="x ~ U(-5, 5), a ~ N(0, 9I)",
            inputs=UNIFORM_5,
            features=_gaussian(-5.0, 5.0, 2.0),
            optima=NormalLaw(name="normal", mean=0.0, spread=9.0),
            shots=15,
            tasks=3000,
        ),
        "b": Panel(
            title="x ~ N(0, 4), a ~ N(0, 9I)",
            inputs=NormalLaw(name="normal", mean=0.0, spread=4.0),
            features=_gaussian(-4.0, 4.0, 2.0),
            optima=NormalLaw(name="normal", mean=0.0, spread=9.0),
            shots=15,
            tasks=3000,
        ),
        "c": Panel(
            title="x ~ U(-5, 5), a ~ N(5, I)",
            inputs=UNIFORM_5,
            features=_gaussian(-5.0, 5.0, 2.0),
            optima=NormalLaw(name="normal", mean=5.0, spread=1.0),
            shots=15,
            tasks=3000,
        ),
        "d": Panel(
            title="x ~ chi2(7), a ~ Zipf",
            inputs=ChiSquareLaw(name="chi_square", df=7.0),
            features=_gaussian(0.0, 14.0, 2.8),
            optima=ZipfLaw(name="zipf", s=4.0),
            shots=15,
            tasks=3000,
        ),
    }
    readings: Readings = Readings(
        change={"seeds": 5},
        alternatives={
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
        "panels.*.features.gaussian_input": _ENTRYWISE,
        "panels.b.inputs": paper(
            "H.4.2, N(0, 2^2); called non-central there, but central as written"
        ),
        "panels.d.optima.s": assumed("not given; the variance must exist, s > 3", "3.5, 6"),
    }


class ConvergencePanel(TasksSpec):
    """One basis of Fig. 8."""

    title: str = ""


class Fig08(OpenSection):
    """|alpha*(N) - alpha_lim| against the number of tasks N (Fig. 8)."""

    panels: dict[str, ConvergencePanel] = {
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
            features=_gaussian(-5.0, 5.0, 2.0),
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
    log2_tasks: list[PositiveInt] = list(range(1, 14))
    trials: Annotated[int, Field(ge=2)] = 10
    search_cap: PositiveFloat = 20.0

    readings: Readings = Readings(
        alternatives={
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

    late: ClassVar[frozenset[str]] = frozenset(["search_cap"])
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels.a": paper("H.4.2; d, K and the task optima as in H.3"),
        "panels.b": assumed(
            "d, K as for Fig. 9; inputs as for the random matrices", "d = 20, K = 50"
        ),
        "panels.b.features.centres": assumed("evenly over the range of the data", "narrower"),
        "panels.b.features.widths": assumed("a fifth of that range", "1.11, 5"),
        "panels.b.features.gaussian_input": _ENTRYWISE,
        "panels.c": assumed("d, K as for Fig. 9", "d = 5, K = 50"),
        "panels.c.inputs": assumed(
            "not given; the plotted errors, up to 0.7, need alpha_lim of that order, which "
            "U(-5, 5) cannot give",
            "uniform -5..5, normal",
        ),
        "panels.c.features.coefficients": assumed(
            "'based on Taylor series' (H.4.2), read as that of exp", "ones"
        ),
        "log2_tasks": paper("Fig. 8, 2^1 to 2^13"),
        "trials": paper("H.4.2, 'an average of 10 sampling trials'"),
        "search_cap": ours(
            "alpha* is searched between 0 and search_cap alpha_lim; at small N the minimum may "
            "lie beyond, and such trials are counted"
        ),
    }


class TrajectoryRow(Section):
    """Tasks in the plane whose feature is the input itself."""

    title: str = ""
    inputs: Law
    optima: Law


class NewOptima(Section):
    """Where the newly added tasks lie."""

    count: PositiveInt = 50
    centre: Annotated[list[float], Field(min_length=2, max_length=2)] = [4.0, 4.0]
    spread: PositiveFloat = 0.5


class NewTasks(NewOptima):
    """The newly added tasks 'with higher penalties'."""

    feature_scale: PositiveFloat = 2.0


class Variations(Section):
    """Other values of what the paper leaves open about the new tasks, tried one at a time."""

    feature_scale: list[PositiveFloat] = [1.25, 1.5, 3.0, 5.0]
    count: list[PositiveInt] = [5, 15, 150, 500]
    centre: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = [
        [2.0, 2.0],
        [8.0, 8.0],
    ]
    shots: list[PositiveInt] = [3, 50]


class Trajectory(OpenSection):
    """The path of w_m(alpha) in the plane and its mean distance to all optima."""

    rows: dict[str, TrajectoryRow]
    tasks: PositiveInt = 500
    shots: PositiveInt = 10
    new_tasks: NewTasks = NewTasks()
    variations: Variations = Variations()
    seeds: PositiveInt = 10
    grid_points: Annotated[int, Field(ge=12)] = 201
    grid_factor: PositiveFloat = 2.0

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

    def alternatives(self) -> dict[str, dict[str, Any]]:
        """The variations, one at a time, and the other readings."""
        varied: dict[str, dict[str, Any]] = {}
        for key, values in self.variations.model_dump().items():
            for value in values:
                change = {key: value} if key == "shots" else {"new_tasks": {key: value}}
                varied[f"{key}_{value}".replace("[", "").replace("]", "").replace(", ", "_")] = (
                    change
                )
        return varied | self.readings.alternatives

    def reading(self, name: str) -> Self:
        """As for any section, without the variations, which are readings themselves."""
        none = Variations(feature_scale=[], count=[], centre=[], shots=[])
        return super().reading(name).model_copy(update={"variations": none})


class Fig01(Trajectory):
    """Trajectory of the MAML solution (Fig. 1)."""

    rows: dict[str, TrajectoryRow] = {
        "1": TrajectoryRow(title="x ~ U(-5, 5), a ~ N(0, 3I)", inputs=UNIFORM_5, optima=NORMAL_3)
    }
    readings: Readings = Readings(
        alternatives={
            "spread_0.2": {"new_tasks": {"spread": 0.2}},
            "inputs_normal": {"rows": {"1": {"inputs": _NORMAL_2}}},
        }
    )
    sources: ClassVar[dict[str, Source]] = {
        "rows": assumed("'symmetric zero-mean distributions', as in H.3", "normal inputs (Fig. 7)")
    }


class Fig07(Trajectory):
    """More trajectories (Fig. 7)."""

    rows: dict[str, TrajectoryRow] = {
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
    readings: Readings = Readings(
        alternatives={
            "spread_0.2": {"new_tasks": {"spread": 0.2}},
            "normal_sd": {"rows": {"1": {"inputs": {"spread_is": "sd"}}}},
        }
    )
    sources: ClassVar[dict[str, Source]] = {
        "rows": paper("the caption of Fig. 7"),
        "rows.1.inputs.spread_is": _VARIANCE_READING,
    }


Init = Literal[
    "pytorch",
    "uniform",
    "uniform01",
    "normal",
    "he_uniform",
    "he_normal",
    "xavier_uniform",
    "xavier_normal",
    "lecun_uniform",
    "lecun_normal",
]


SigmaOfPsi = Literal[
    "psi_variance",
    "psi_sd",
    "psi_second",
    "psi_t_psi_variance",
    "psi_t_psi_sd",
    "psi_t_psi_second",
    "psi_psi_t_variance",
    "psi_psi_t_sd",
    "psi_psi_t_second",
]


class TangentSetting(Section):
    """What Fig. 2 leaves open: the network, the regression and how both are used."""

    width: PositiveInt = 10_000
    input_dim: PositiveInt = 1
    hidden_bias: bool = True
    output_bias: bool = True
    scaled: bool = False
    slope_mean: float = 1.0
    slope_spread: Annotated[float, Field(ge=0)] = 0.5
    noise: Annotated[float, Field(ge=0)] = 0.3
    targets: Literal["tasks", "mean_optimum"] = "tasks"
    step: Literal["task", "pooled"] = "task"
    training_samples: Literal["shared", "split"] = "shared"
    test_samples: Literal["fresh", "same"] = "fresh"
    rcond: Literal["float32_pinv"] | PositiveFloat = "float32_pinv"
    rcond_of: Literal["features", "adapted"] = "features"
    sigma2: SigmaOfPsi = "psi_variance"

    sources: ClassVar[dict[str, Source]] = {
        "width": paper("section 5.1"),
        "input_dim": assumed(
            "d = 30,001 (H.3) is 3 width + 1: p = 1 and all biases",
            "2 without hidden bias has the same d",
        ),
        "hidden_bias": assumed("as for input_dim", "false"),
        "output_bias": assumed("as for input_dim, the 1 of 30,001", "false"),
        "scaled": assumed("not said; the axis fits unscaled parameters", "true"),
        "slope_mean": assumed(
            "w_0, 'set to be same as (Bernacchia, 2021)', not printed; each entry is this over "
            "sqrt(p)",
            "0, 2",
        ),
        "slope_spread": assumed("nu, as for slope_mean", "0.2, 1"),
        "noise": assumed("sigma, of b and of y, as for slope_mean", "0, 0.6"),
        "targets": assumed(
            "the tasks' own y, which the MAML loss has", "mean_optimum (a-bar of H.9)"
        ),
        "step": assumed("2 alpha / K, as everywhere but in H.8", "pooled, 2 alpha / (N K)"),
        "training_samples": assumed("C(alpha) of H.10 has one set of samples", "split"),
        "test_samples": assumed(
            "'test loss' is on K samples of the test task that were not adapted on", "same"
        ),
        "rcond": assumed(
            "PyTorch's default pinv in float32; a number is the smallest eigenvalue of the Gram "
            "kept, relative to the largest",
            "1e-8, 1e-10, 1e-12",
        ),
        "rcond_of": assumed(
            "the pseudo-inverse is of the stacked features, so that w_m does not depend on alpha",
            "adapted (of C_all(alpha), as H.9 prints it)",
        ),
        "sigma2": assumed(
            "sigma~^2 of (H.15): H.2 has sigma~ as 'the variance of all elements of features' and "
            "sigma~^2 as the entries of Psi'Psi; read as the variance of the entries of Psi",
            "sd or second moment, and all three of the entries of Psi'Psi or Psi Psi'",
        ),
    }


class TangentCurve(Section):
    """Samples a task (K) and training tasks (N)."""

    shots: PositiveInt
    tasks: PositiveInt


class TangentPanel(Section):
    """A panel of Fig. 2: an initialisation, and curves by name."""

    title: str = ""
    init: Init
    curves: dict[str, TangentCurve]


class TangentScaling(Section):
    """Panel (c) of Fig. 2: other N at the section's width, and other widths at the curve's N.

    Always with N K < d: beyond, the minimum-norm solution depends on the learning rate.
    """

    curves: list[str] = ["a/K7N112", "b/K15N50"]
    tasks: Annotated[list[PositiveInt], Field(min_length=1)] = [4, 8, 16, 32, 64, 128]
    widths: Annotated[list[PositiveInt], Field(min_length=1)] = [
        *(300, 1000, 3000, 30_000, 100_000, 1_000_000),
    ]


class Fig02(TangentSetting, OpenSection):
    """Test loss of overparameterised quadratic regression on tangent features (Fig. 2)."""

    panels: dict[str, TangentPanel] = {
        "a": TangentPanel(
            title="uniform initialisation",
            init="pytorch",
            curves={
                "K23N68": TangentCurve(shots=23, tasks=68),
                "K7N112": TangentCurve(shots=7, tasks=112),
            },
        ),
        "b": TangentPanel(
            title="normal initialisation",
            init="lecun_normal",
            curves={
                "K15N50": TangentCurve(shots=15, tasks=50),
                "K19N85": TangentCurve(shots=19, tasks=85),
            },
        ),
    }
    test_tasks: Annotated[int, Field(ge=2)] = 200
    alphas: Spaced = Spaced(first=-3e-4, last=7e-4)
    grid_points: Annotated[int, Field(ge=12)] = 21
    seeds: PositiveInt = 10
    scaling: TangentScaling = TangentScaling()
    readings: Readings = Readings(
        claims=["fig02a", "fig02b"],
        change={
            "seeds": 3,
            "test_tasks": 100,
            "scaling": {"curves": []},
        },
        alternatives={
            "two_inputs_no_hidden_bias": {"input_dim": 2, "hidden_bias": False},
            "two_inputs": {"input_dim": 2},
            "no_hidden_bias": {"hidden_bias": False},
            "no_output_bias": {"output_bias": False},
            "no_biases": {"hidden_bias": False, "output_bias": False},
            **{f"init_{name}": {"panels": {"*": {"init": name}}} for name in get_args(Init)},
            "init_normal_scaled": {"panels": {"*": {"init": "normal"}}, "scaled": True},
            "init_uniform_scaled": {"panels": {"*": {"init": "uniform"}}, "scaled": True},
            "slope_mean_0": {"slope_mean": 0.0},
            "slope_mean_2": {"slope_mean": 2.0},
            "slope_spread_0.2": {"slope_spread": 0.2},
            "slope_spread_1": {"slope_spread": 1.0},
            "noise_0": {"noise": 0.0},
            "noise_0.6": {"noise": 0.6},
            "mean_optimum": {"targets": "mean_optimum"},
            "pooled_step": {"step": "pooled"},
            "same_test_samples": {"test_samples": "same"},
            "same_test_samples_mean_optimum": {"test_samples": "same", "targets": "mean_optimum"},
            "split_training": {"training_samples": "split"},
            "rcond_1e-8": {"rcond": 1e-8},
            "rcond_1e-10": {"rcond": 1e-10},
            "rcond_1e-12": {"rcond": 1e-12},
            "rcond_of_adapted": {"rcond_of": "adapted"},
            **{f"sigma2_{name}": {"sigma2": name} for name in get_args(SigmaOfPsi)[1:]},
            "test_tasks_50": {"test_tasks": 50},
        },
    )

    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels": paper("the legend of Fig. 2"),
        "panels.a.init": assumed(
            "PyTorch's default for a linear layer is uniform: U(+-1/sqrt(fan in))",
            "uniform (U(-1, 1)), uniform01, {he,xavier,lecun}_uniform",
        ),
        "panels.b.init": assumed(
            "N(0, 1/fan in), the normal law of the same scale rule",
            "normal (N(0, 1)), {he,xavier}_normal",
        ),
        "test_tasks": assumed("not given; the intervals drawn are over them", "50, 1000"),
        "alphas": paper("the axis of Fig. 2"),
        "grid_points": ours("learning rates on the axis"),
        "seeds": ours(
            "draws of the network and of all tasks; intervals of the claims are over them"
        ),
        "scaling.curves": ours(
            "panel (c): curves of (a) and (b), with their K and their draws; none: no panel"
        ),
        "scaling.tasks": ours("N beside the curve's own, at the width above"),
        "scaling.widths": ours("widths beside the one above, at the curve's N; always N K < d"),
    }

    @model_validator(mode="after")
    def _scaling_stays_below_dim(self) -> Self:
        known = {f"{p}/{c}": curve for p, s in self.panels.items() for c, curve in s.curves.items()}
        for name in self.scaling.curves:
            if name not in known:
                raise ValueError(f"scaling.curves: unknown {name!r}. {nearest(name, known)}")
            k, n = known[name].shots, known[name].tasks
            sizes = [(t, self.width) for t in self.scaling.tasks]
            for tasks, width in sizes + [(n, w) for w in self.scaling.widths]:
                dim = width * (self.input_dim + self.hidden_bias + 1) + self.output_bias
                if tasks * k >= dim:
                    raise ValueError(
                        f"scaling: expected N K < d, got {tasks} tasks of {k} samples for width "
                        f"{width} (d = {dim}), curve {name}. Give fewer tasks or a larger width."
                    )
        return self


Rate = PositiveFloat | Literal["online", "alpha_lim", "learned"]
ForwardNorm = Literal["none", "l2", "l2sqrtd", "layernorm"]
Sigma2 = Literal["gram", "covsum", "cov", "var", "trace"]


class OmniglotSplit(Section):
    """Characters of each split; each is four classes, one a rotation."""

    train: PositiveInt = 1100
    validation: Annotated[int, Field(ge=0)] = 100
    test: PositiveInt = 423


class OmniglotImages(Section):
    """Where the images come from, and which characters are kept for what."""

    source: Literal["auto", "directory", "download", "stand_in"] = "auto"
    directory: str | None = None
    split: OmniglotSplit = OmniglotSplit()


class AnilScheme(Section):
    """One way to choose the adaptation learning rate."""

    title: str = ""
    rate: Rate
    sigma2: Sigma2 = "covsum"
    forward_norm: ForwardNorm = "l2sqrtd"
    inner_loss: Literal["mean", "sum"] = "mean"
    against: str | None = None

    def trained(self) -> dict[str, Any]:
        """What a network trained by this scheme depends on."""
        return self.model_dump(exclude={"title", "against"})


class AnilSetting(Section):
    """Tasks, network and training of ANIL, whatever the scheme."""

    ways: Annotated[int, Field(ge=2)] = 20
    shots: PositiveInt = 1
    queries: PositiveInt = 1
    resize: Literal["nearest", "lanczos"] = "nearest"
    width: PositiveInt = 64
    head_init: Annotated[float, Field(ge=0)] = 0.01
    batch_norm: Literal["together", "separate"] = "together"
    steps: PositiveInt = 5
    meta_batch: PositiveInt = 16
    learning_rate: PositiveFloat = 1e-3
    buffer_keep: Annotated[float, Field(ge=0, lt=1)] = 0.9
    first_rate: PositiveFloat = 0.1
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"

    sources: ClassVar[dict[str, Source]] = {
        "ways": paper("Fig. 3, 20-way"),
        "shots": paper("Fig. 3, 1-shot"),
        "queries": assumed("of each class; as many as shots, as Finn et al. (2017)", "5, 15"),
        "resize": assumed(
            "to 28 x 28; of 1-bit images, as Finn et al.'s code does in effect",
            "lanczos (on grey, as learn2learn)",
        ),
        "width": assumed(
            "filters a layer, ANIL's own are not published; Finn et al.'s 20-way", "32 (narrower)"
        ),
        "head_init": assumed(
            "standard deviation of the head's first weights; small, so that it starts undecided",
            "1 (Finn et al.'s code)",
        ),
        "batch_norm": assumed(
            "on a task's support and query images together, one pass as learn2learn",
            "separate (two passes, as Finn et al.'s code)",
        ),
        "steps": assumed("Finn et al.'s 20-way", "1"),
        "meta_batch": assumed("tasks a step; Finn et al.'s 20-way", "32"),
        "learning_rate": assumed("of Adam; Finn et al.'s default", "3e-4"),
        "buffer_keep": paper("H.3, alpha <- 0.9 alpha + 0.1 alpha*"),
        "first_rate": ours("where a learned rate starts"),
        "precision": ours(
            "of the convolutions; tf32 is faster on a GPU and float32 elsewhere, bfloat16 is "
            "faster where the processor has it"
        ),
    }


class AnilReadings(Section):
    """What the target readings runs: shorter, one job a reading and seed."""

    iterations: PositiveInt = 100
    seeds: PositiveInt = 2
    forward_norm: list[ForwardNorm] = list(get_args(ForwardNorm))
    sigma2: list[Sigma2] = list(get_args(Sigma2))
    rates: list[PositiveFloat | Literal["alpha_lim", "learned"]] = [
        *(0.02, 0.1, 0.5, 2.0, 8.0),
        "alpha_lim",
        "learned",
    ]
    defaults: list[PositiveFloat] = [0.1, 0.5, 2.0]
    # what the first iterations can say: not where training ends, nor how soon it gets to 80%
    claims: list[str] = ["fig03-faster", "fig03-lower-loss"]
    alternatives: dict[str, dict[str, Any]] = {
        "steps_1": {"steps": 1},
        "head_init_1": {"head_init": 1.0},
        "batch_norm_separate": {"batch_norm": "separate"},
        "lanczos": {"resize": "lanczos"},
        "width_32": {"width": 32},
        "queries_5": {"queries": 5},
        "meta_batch_32": {"meta_batch": 32},
        "learning_rate_3e-4": {"learning_rate": 3e-4},
    }

    @model_validator(mode="after")
    def _alternatives_are_settings(self) -> Self:
        for name, change in self.alternatives.items():
            for key in change:
                if key not in AnilSetting.model_fields:
                    near = nearest(key, AnilSetting.model_fields)
                    raise ValueError(f"{name}: unknown key {key!r}. {near}")
            try:
                AnilSetting.model_validate(change)
            except ValidationError as error:
                problem = error.errors()[0]
                raise ValueError(f"{name}.{problem['loc'][0]}: {problem['msg']}") from error
        return self

    def schemes(self, primary: Mapping[str, AnilScheme]) -> dict[str, AnilReading]:
        """Every reading by name: the rates, the estimates, and the first two in other settings."""
        default, online = list(primary.values())[:2]
        norms = dict.fromkeys([default.forward_norm, online.forward_norm, *self.forward_norm])
        made = {}
        for norm in norms:
            for rate in dict.fromkeys([*self.rates, *self.defaults, default.rate]):
                scheme = default.model_copy(update={"rate": rate, "forward_norm": norm})
                made[f"{norm}_{rate}"] = AnilReading({}, scheme)
            for sigma2 in dict.fromkeys([online.sigma2, *self.sigma2]):
                scheme = online.model_copy(update={"sigma2": sigma2, "forward_norm": norm})
                made[f"{norm}_{sigma2}"] = AnilReading({}, scheme)
        for name, change in self.alternatives.items():
            for scheme_name, scheme in list(primary.items())[:2]:
                made[f"{name}_{scheme_name}"] = AnilReading(change, scheme)
        return made


class AnilReading(NamedTuple):
    """A scheme, and what is changed of the section's setting."""

    change: dict[str, Any]
    scheme: AnilScheme


class AnilPair(NamedTuple):
    """What a reading of Fig. 3 chooses, and the names of its two schemes, default and online."""

    choices: dict[str, Any]
    default: str
    online: str


READING = "reading-"


class Fig03(AnilSetting, TrainedSection):
    """ANIL on Omniglot, 20-way 1-shot: the default rate against the online estimate (Fig. 3)."""

    images: OmniglotImages = OmniglotImages()
    schemes: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], AnilScheme] = {
        "default": AnilScheme(title="default, 0.1 on the mean", rate=0.1),
        "online": AnilScheme(title="online estimate", rate="online"),
        "summed": AnilScheme(
            title="default, 0.1 on the sum", rate=0.1, forward_norm="none", inner_loss="sum"
        ),
        "summed_online": AnilScheme(
            title="online, not normalised",
            rate="online",
            sigma2="cov",
            forward_norm="none",
            against="summed",
        ),
    }
    iterations: PositiveInt = 1500
    drawn_iterations: PositiveInt = 15_000
    evaluate_every: PositiveInt = 20
    test_tasks: PositiveInt = 64
    final_tasks: PositiveInt = 600
    seeds: Annotated[int, Field(ge=2)] = 3
    readings: AnilReadings = AnilReadings()  # type: ignore[assignment]

    late: ClassVar[frozenset[str]] = frozenset(["drawn_iterations"])
    sources: ClassVar[dict[str, Source]] = {
        "images.source": ours(
            "auto: the directory, else the download, else a stand-in on which no claim is judged"
        ),
        "images.directory": ours(
            "holds images_background.zip and images_evaluation.zip; OMNIGLOT_DIR if not given"
        ),
        "images.split": assumed("1100 characters for training as Finn et al., at random", "1200"),
        "schemes.*.title": ours("the curve's label"),
        "schemes.*.against": ours("the scheme it is held to; null: the first"),
        "schemes.*.rate": paper("section 5.1: the default configuration, and online"),
        "schemes.default.rate": assumed(
            "'original configuration', 'the default selection method where the model and training "
            "learning rates are the same', without a number; Finn et al.'s 0.1, on the mean loss "
            "as in PyTorch",
            "2.0 (the same on Finn et al.'s summed loss), 0.5",
        ),
        "schemes.summed.rate": ours(
            "the second reading of 'original configuration': Finn et al.'s 0.1 on the summed loss, "
            "as in their code"
        ),
        "schemes.*.sigma2": assumed(
            "'mean of covariance of the normalized feature F'F', read as the mean entry of F'F; "
            "not read where the rate is not online",
            "gram, cov, var, trace",
        ),
        "schemes.*.forward_norm": assumed(
            "'normalize the features before the last layer', read as l2sqrtd, to length sqrt(d), "
            "which keeps the scale of the head's rate; none: in the estimate alone",
            "none, l2, layernorm",
        ),
        "schemes.*.inner_loss": assumed("the loss that a rate is for", "sum (Finn et al.'s code)"),
        "iterations": ours("the paper's are 40,000; the early phase alone on two cores"),
        "drawn_iterations": paper("section 5.1, 'the first 1.5 x 10^4 iters'"),
        "evaluate_every": paper("section 5.1, '20 iters per scale'"),
        "test_tasks": ours("fixed tasks of unseen characters at each evaluation"),
        "final_tasks": ours("other fixed ones after training"),
        "seeds": ours("of initial weights and tasks; the same ones for every scheme"),
        "readings": ours(
            "every forward normalisation with every rate and every reading of sigma^2, and the "
            "schemes above in other settings"
        ),
    }

    @model_validator(mode="after")
    def _held_to_another_scheme(self) -> Self:
        for name, scheme in self.schemes.items():
            if scheme.against == name:
                raise ValueError(f"schemes.{name}.against: a scheme cannot be held to itself")
            if scheme.against is not None and scheme.against not in self.schemes:
                near = nearest(scheme.against, self.schemes)
                raise ValueError(f"schemes.{name}.against: no scheme {scheme.against!r}. {near}")
        return self

    def runs(self) -> list[str]:
        return [f"{name}-seed{seed}" for name in self.schemes for seed in range(self.seeds)]

    def held_to(self) -> dict[str, str]:
        """Each scheme that is held to another, and which.

        Without `against` that is the first, unless others are held to the scheme itself.
        """
        first = next(iter(self.schemes))
        bases = {scheme.against for scheme in self.schemes.values()} | {first}
        return {
            name: scheme.against or first
            for name, scheme in self.schemes.items()
            if scheme.against or name not in bases
        }

    def pairs(self) -> dict[str, AnilPair]:
        """Every reading of the claims: an online estimate against a default rate, trained alike.

        The primary pair comes first, then every other forward normalisation, reading of sigma^2 and
        default rate, and the section's own schemes in other settings.
        """
        r, (default, online) = self.readings, list(self.schemes.values())[:2]
        primary = (default.forward_norm, online.forward_norm)
        made = {
            PRIMARY: AnilPair({}, f"{primary[0]}_{default.rate}", f"{primary[1]}_{online.sigma2}")
        }
        for norm, sigma2, rate in product(r.forward_norm, r.sigma2, r.defaults):
            choices: dict[str, Any] = {}
            if primary != (norm, norm):
                choices["schemes.*.forward_norm"] = norm
            if sigma2 != online.sigma2:
                choices["schemes.online.sigma2"] = sigma2
            if rate != default.rate:
                choices["schemes.default.rate"] = rate
            if choices:
                name = f"{norm}_{sigma2}_against_{rate}"
                made[name] = AnilPair(choices, f"{norm}_{rate}", f"{norm}_{sigma2}")
        for name, change in r.alternatives.items():
            made[name] = AnilPair(change, *(f"{name}_{s}" for s in list(self.schemes)[:2]))
        return made

    def choices(self) -> dict[str, dict[str, Any]]:
        return {name: pair.choices for name, pair in self.pairs().items()}

    def reading_runs(self) -> list[str]:
        """The training jobs of the readings."""
        names = self.readings.schemes(self.schemes)
        return [
            f"{READING}{name}-seed{seed}" for name in names for seed in range(self.readings.seeds)
        ]

    def for_stage(self, stage: str) -> dict[str, Any]:
        # the image bank alone reads where the images come from: archives may be moved
        values = super().for_stage(stage)
        return values | {"images": _without(values["images"], "source", "directory")}

    def for_run(self, run: str) -> dict[str, Any]:
        """The section as the one job `run` needs it: its own scheme in its own setting."""
        name = run.rpartition("-seed")[0]
        values = self.for_stage("training")
        if name.startswith(READING):
            made = self.readings.schemes(self.schemes)
            change, scheme = made[name.removeprefix(READING)]
            values |= change | {"iterations": self.readings.iterations}
        else:
            scheme = self.schemes[name]
        return values | {"schemes": {name: scheme.trained()}}


class Fig04a(OpenSection):
    """alpha_lim of a Gaussian basis against the variance of the inputs, by quadrature (Fig. 4a)."""

    laws: list[Literal["normal", "uniform", "exponential"]] = ["normal", "uniform", "exponential"]
    dim: PositiveInt = 10
    shots: PositiveInt = 15
    centres: Spaced = Spaced(first=-5.0, last=5.0)
    width: PositiveFloat = 2.0
    width_rule: Literal["fixed", "data"] = "fixed"
    gaussian_input: Literal["entrywise", "scalar"] = "entrywise"
    variance: Spaced = Spaced(first=0.5, last=50.0)
    grid_points: Annotated[int, Field(ge=12)] = 100
    readings: Readings = Readings(
        alternatives={
            "scalar": {"gaussian_input": "scalar"},
            "growing_widths": {"width_rule": "data"},
            "scalar_growing_widths": {"gaussian_input": "scalar", "width_rule": "data"},
            "width_1.11": {"width": 1.11},
            "width_5": {"width": 5.0},
            "centres_narrow": {"centres": {"first": -2.5, "last": 2.5}},
            "centres_wide": {"centres": {"first": -10.0, "last": 10.0}},
            "d20": {"dim": 20},
            "K50": {"shots": 50},
        }
    )

    sources: ClassVar[dict[str, Source]] = {
        "laws": paper(
            "section 5.2: N(0, s), U(-sqrt(12) s/2, sqrt(12) s/2), Exp(1/s), all of variance s^2"
        ),
        "dim": assumed("as for Fig. 9", "20"),
        "shots": assumed("as for Fig. 9", "50"),
        "centres": assumed("not given; the range of Fig. 9's data", "narrower or wider"),
        "width": assumed(
            "not given; as for Fig. 9", "1.11, 5; a factor of s if width_rule is data"
        ),
        "width_rule": assumed(
            "the formula's mu and sigma do not depend on the data's variance, the one thing varied",
            "data (widths = width s: they grow with the data). Both are drawn",
        ),
        "gaussian_input": _ENTRYWISE,
        "variance": paper("the axis of Fig. 4a"),
        "grid_points": ours("variances on the axis"),
    }


class Fig04b(OpenSection):
    """alpha_lim of tangent features against the variance of the inputs, by quadrature (Fig. 4b)."""

    laws: list[Literal["normal", "uniform", "exponential"]] = ["normal", "uniform", "exponential"]
    width: PositiveInt = 10_240
    init: Init = "pytorch"
    hidden_bias: bool = True
    output_bias: bool = True
    shots: PositiveInt = 15
    variance: Spaced = Spaced(first=0.5, last=30.0)
    grid_points: Annotated[int, Field(ge=12)] = 30
    quadrature_panels: PositiveInt = 8
    seeds: PositiveInt = 10
    readings: Readings = Readings(
        change={"seeds": 3},
        alternatives={
            **{
                f"init_{name}": {"init": name}
                for name in ("uniform", "he_uniform", "xavier_uniform", "lecun_uniform")
            },
            "no_hidden_bias": {"hidden_bias": False},
            "no_output_bias": {"output_bias": False},
            "no_biases": {"hidden_bias": False, "output_bias": False},
            "K5": {"shots": 5},
            "K50": {"shots": 50},
        },
    )

    sources: ClassVar[dict[str, Source]] = {
        "laws": paper(
            "section 5.2: N(0, s), U(-sqrt(12) s/2, sqrt(12) s/2), Exp(1/s), all of variance s^2"
        ),
        "width": paper("section 5.2"),
        "init": assumed(
            "'uniform initialization': PyTorch's default, U(+-1/sqrt(fan in)); scalar inputs",
            "uniform (U(-1, 1)), {he,xavier,lecun}_uniform",
        ),
        "hidden_bias": assumed("PyTorch's default layer has one", "false; drawn as well"),
        "output_bias": assumed("PyTorch's default layer has one", "false; drawn as well"),
        "shots": assumed("not given; as for Fig. 4a", "5, 50"),
        "variance": paper("the axis of Fig. 4b; its first point is assumed"),
        "grid_points": ours("variances on the axis"),
        "quadrature_panels": ours("32 nodes each"),
        "seeds": ours("draws of the network"),
    }


class Fig05(OpenSection):
    """Loss and distance gaps between MAML and ERM under further adaptation (Fig. 5)."""

    laws: dict[str, Law] = {
        "uniform": UNIFORM_5,
        "normal": NormalLaw(name="normal", mean=0.0, spread=2.0),
        "exponential": ExponentialLaw(name="exponential", scale=1.0),
    }
    optima: Law = NORMAL_3
    dim: PositiveInt = 20
    shots: PositiveInt = 50
    tasks: PositiveInt = 5000
    fresh_tasks: PositiveInt = 5000
    alpha: PositiveFloat = 1e-4
    rate: PositiveFloat = 1e-5
    max_steps: PositiveInt = 100_000
    grid_points: Annotated[int, Field(ge=12)] = 61
    seeds: PositiveInt = 10
    readings: Readings = Readings(
        change={"seeds": 5},
        alternatives={
            "normal_sd": {"laws": {"normal": {"spread_is": "sd"}}},
            "optima_1": {"optima": {"spread": 1.0}},
            "steps_1e6": {"max_steps": 1_000_000},
        },
    )

    late: ClassVar[frozenset[str]] = frozenset(["rate", "max_steps", "grid_points", "fresh_tasks"])
    sources: ClassVar[dict[str, Source]] = {
        "laws": paper("section 5.3: U(-5, 5), N(0, 2), Exp(1)"),
        "laws.normal.spread_is": _VARIANCE_READING,
        "optima": assumed("not given for Fig. 5; as in H.3", "N(0, I): only scales the gaps"),
        "dim": paper("H.3"),
        "shots": paper("H.3"),
        "tasks": paper("H.3"),
        "fresh_tasks": paper("H.3"),
        "alpha": paper("section 5.3"),
        "rate": paper("section 5.3"),
        "max_steps": assumed("the axis is not legible; far enough for the gaps to close", "1e6"),
        "grid_points": ours("numbers of steps, evenly in log t, and t = 0"),
        "seeds": ours("independent draws of all tasks; intervals are over them"),
    }


class Fig06(Section):
    """Coefficients of the moments in Example 1 (Fig. 6)."""

    dim: PositiveInt = 50
    sources: ClassVar[dict[str, Source]] = {"dim": paper("Fig. 6")}


class Fig11(OpenSection):
    """Bernacchia's underparameterised mixed linear regression (Fig. 11)."""

    tasks: PositiveInt = 40
    dim: PositiveInt = 30
    train_shots: PositiveInt = 5
    validation_shots: PositiveInt = 25
    test_shots: PositiveInt = 10
    noise: Annotated[float, Field(ge=0)] = 0.2
    task_spread: PositiveFloat = 0.2
    fixed_test_rate: float = 0.2
    other_test_rates: list[float] = [0.125, 0.15, 0.25, 0.4]
    rates: Spaced = Spaced(first=-0.5, last=0.5)
    grid_points: Annotated[int, Field(ge=12)] = 81
    trials: PositiveInt = 1000
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


class TheoryPath(Section):
    """Tasks of Figs. 1 and 7, whose mean distance near alpha = 0 is looked at (H.4.1)."""

    laws: dict[str, Law] = {
        "central": NormalLaw(name="normal", mean=0.0, spread=2.0),
        "uncentral": UniformLaw(name="uniform", low=0.0, high=5.0),
    }
    optima: Law = NORMAL_3
    tasks: PositiveInt = 500
    shots: PositiveInt = 10
    new_tasks: NewOptima = NewOptima()
    feature_scales: list[PositiveFloat] = [0.5, 1.0, 2.0]
    new_counts: list[PositiveInt] = [5, 15, 150, 500]
    draws: PositiveInt = 200


class TheoryNetwork(Section):
    """Overparameterised sine regression on tangent features (H.4.3)."""

    width: PositiveInt = 40
    tasks: PositiveInt = 20
    shots: PositiveInt = 10
    test_tasks: PositiveInt = 200


class Theory(OpenSection):
    """The theorems, corollaries, lemmas and examples, where stated and where they fail."""

    dim: Annotated[int, Field(ge=2)] = 5
    eigenvalues: Spaced = Spaced(first=1.0, last=4.0)
    log2_tasks: list[Annotated[int, Field(ge=2)]] = [2, 3, 4, 5, 6, 7, 8]
    seeds: Annotated[int, Field(ge=2)] = 10
    draws: Annotated[int, Field(ge=2)] = 20
    grid_points: Annotated[int, Field(ge=12)] = 61
    gap_tasks: PositiveInt = 20
    gap_dims: list[PositiveInt] = [1, 2, 3, 5, 10, 20]
    gap_ratio: Annotated[float, Field(gt=1)] = 1.5
    stretches: list[Annotated[float, Field(ge=1)]] = [1.0, 4.0, 16.0, 64.0, 256.0]
    feature_dims: list[PositiveInt] = [1, 2, 3, 5, 10]
    feature_spreads: list[Annotated[float, Field(ge=0)]] = [0.0, 0.5, 1.0]
    cases: PositiveInt = 1000
    example_dims: list[PositiveInt] = [2, 3, 5]
    example_shots: PositiveInt = 15
    matrix_dims: list[PositiveInt] = [1, 2, 5, 10, 20, 50, 100]
    matrix_laws: dict[str, Law] = {
        "uniform": UNIFORM_5,
        "exponential": ExponentialLaw(name="exponential", scale=1.0),
    }
    path: TheoryPath = TheoryPath()
    network: TheoryNetwork = TheoryNetwork()
    readings: Readings = Readings(
        claims=["theory-h41", "theory-h43"],
        change={"seeds": 5, "draws": 2, "cases": 20, "log2_tasks": [2, 3]},
        alternatives={
            "K3": {"path": {"shots": 3}},
            "K50": {"path": {"shots": 50}},
            "count_5": {"path": {"new_tasks": {"count": 5}}},
            "count_500": {"path": {"new_tasks": {"count": 500}}},
            "centre_2": {"path": {"new_tasks": {"centre": [2.0, 2.0]}}},
            "centre_8": {"path": {"new_tasks": {"centre": [8.0, 8.0]}}},
            "spread_0.2": {"path": {"new_tasks": {"spread": 0.2}}},
            "normal_sd": {"path": {"laws": {"central": {"spread_is": "sd"}}}},
            "N5": {"network": {"tasks": 5}},
            "N50": {"network": {"tasks": 50}},
        },
    )

    late: ClassVar[frozenset[str]] = frozenset(
        ["grid_points", "example_dims", "example_shots", "matrix_dims", "matrix_laws"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "dim": ours("features d, and samples a task, of the tasks that meet Assumption 2"),
        "eigenvalues": ours(
            "every eigenvalue of every G is uniform between first and last (lambda_I, lambda_S): "
            "Assumption 2 holds and every moment is exact"
        ),
        "log2_tasks": ours("numbers of tasks N, as powers of 2"),
        "seeds": ours("independent groups of draws; intervals are over them"),
        "draws": ours("sets of tasks in a group, over which expectations are taken"),
        "grid_points": ours("learning rates and variances of a curve"),
        "gap_tasks": ours("N of Theorem 2"),
        "gap_dims": ours("d at which Theorem 2's two bounds are held against the gap"),
        "gap_ratio": ours("lambda_S / lambda_I there"),
        "stretches": ours("ratio of the largest to the least variance of a feature"),
        "feature_dims": ours("d of the random features of Corollary 1"),
        "feature_spreads": ours(
            "standard deviation of the logarithm of a task's scale: how much tasks differ"
        ),
        "cases": ours("random cases of each lemma and proposition, and sets for each d and spread"),
        "example_dims": ours("d of Example 1"),
        "example_shots": ours("K of Example 1"),
        "matrix_dims": ours("d of Example 2, K = 1 (E.12) and K = d (E.13)"),
        "matrix_laws": paper("H.3, two of the three laws: one centred, one not"),
        "path.laws": paper("the caption of Fig. 7"),
        "path.laws.central.spread_is": _VARIANCE_READING,
        "path.optima": paper("the caption of Fig. 7"),
        "path.tasks": paper("section 3.2, '500 tasks in R^2'"),
        "path.shots": assumed("not given; as for Fig. 7", "3, 50"),
        "path.new_tasks": assumed("as for Fig. 7", "see readings there"),
        "path.feature_scales": ours("of the new tasks: below, at and above that of the others"),
        "path.new_counts": ours(
            "other numbers of new tasks (the readings of Fig. 7), at the last of the feature scales"
        ),
        "path.draws": ours("sets of tasks, of which the share is counted"),
        "network.width": paper("H.3, a 3-layer MLP of 40; untrained here, PyTorch's initial law"),
        "network.tasks": assumed("H.4.3 announces N K < d and says no more", "5, 50"),
        "network.shots": paper("H.3, 10 samples"),
        "network.test_tasks": ours("tasks of the test loss"),
    }


# ------------------------------------------------------------------ trained networks


Ends = Annotated[list[float], Field(min_length=2, max_length=2)]


class SineFamily(Section):
    """y = A sin(x + b), with A (amplitude), b (phase) and x (inputs) uniform."""

    name: Literal["sine"]
    amplitude: Ends
    phase: Ends
    inputs: Ends = [-5.0, 5.0]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for key in ("amplitude", "phase", "inputs"):
            low, high = getattr(self, key)
            if not low < high:
                raise ValueError(f"{key} must be [low, high], got [{low}, {high}]")
        return self


class QuadraticFamily(Section):
    """Quadratic regression with y ~ N((x'w + b)^2, s^2), w ~ N(w_0, nu^2/p I), b ~ N(0, s^2)."""

    name: Literal["quadratic"]
    input_dim: PositiveInt = 1
    slope_mean: float = 1.0
    slope_spread: Annotated[float, Field(ge=0)] = 0.5
    noise: Annotated[float, Field(ge=0)] = 0.3


Family = Annotated[
    SineFamily | QuadraticFamily,
    Field(discriminator="name"),
    _drop_other_variants(SineFamily, QuadraticFamily),
]


class Network(Section):
    """A multilayer perceptron with scalar output."""

    hidden: Annotated[list[PositiveInt], Field(min_length=1)]
    activation: Literal["relu", "tanh", "softplus"] = "relu"
    init: Literal["pytorch", "truncated_normal", "lecun_normal", "he_normal"] = "pytorch"


class RateSweep(TrainedSection):
    """MAML trained at every rate of a grid, and tested with the same rate or a fixed one."""

    tasks: Family
    network: Network
    alphas: Annotated[list[float], Field(min_length=12)]
    iterations: PositiveInt
    meta_batch: PositiveInt = 25
    shots: PositiveInt = 10
    query: PositiveInt = 10
    inner_steps: PositiveInt = 1
    first_order: bool = False
    outer_rate: PositiveFloat = 1e-3
    pool: Annotated[int, Field(ge=0)] = 0
    fixed_test_rate: float | None = None
    test_folds: PositiveInt = 1
    test_tasks: PositiveInt = 10_000
    test_query: PositiveInt
    snapshots: list[Annotated[float, Field(gt=0, lt=1)]] = [0.1, 0.3]
    estimate_tasks: PositiveInt = 200
    readings: Readings = Readings()

    after_training: ClassVar[frozenset[str]] = frozenset(
        ["seeds", "fixed_test_rate", "test_folds", "test_tasks", "test_query", "estimate_tasks"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "seeds": ours("initial weights and training tasks; intervals are over them"),
        "tasks.input_dim": assumed("not given; scalar, as in Fig. 2", "2, 60"),
        "tasks.slope_mean": assumed("w_0, not printed; as in Fig. 2", "0, 2"),
        "tasks.slope_spread": assumed("nu, not printed; as in Fig. 2", "0.2, 1"),
        "tasks.noise": assumed("sigma, not printed; as in Fig. 2", "0, 0.6"),
        "network.activation": assumed("not given for the quadratic network; as in Fig. 2", "tanh"),
        "alphas": ours("rates of training, and of testing where it is shared; ours, without 1/2"),
        "outer_rate": paper("Finn et al. (2017), whose settings H.4.4 takes over: Adam, 1e-3"),
        "first_order": assumed("MAML itself, (2.4)", "true (FOMAML)"),
        "pool": assumed(
            "fresh tasks at every step; a number is that of the tasks there are", "40, 1000"
        ),
        "fixed_test_rate": ours("only Fig. 12 has a second strategy"),
        "test_folds": ours("folds of test tasks, the same for every network"),
        "snapshots": ours(
            "shares of the iterations at which the networks are evaluated as well: the best rate "
            "falls with training"
        ),
        "estimate_tasks": ours("tasks behind the estimates from tangent features"),
    }

    def snapshot_iterations(self) -> list[int]:
        """Iterations at which the parameters are kept, the initial and the last ones among them."""
        kept = {round(share * self.iterations) for share in self.snapshots}
        return sorted({0, *kept, self.iterations})


# what Figs. 10a and 12 leave open alike
_OF_QUADRATIC_NETWORKS: dict[str, dict[str, Any]] = {
    "input_dim_2": {"tasks": {"input_dim": 2}},
    "input_dim_60": {"tasks": {"input_dim": 60}},
    "slope_mean_0": {"tasks": {"slope_mean": 0.0}},
    "slope_mean_2": {"tasks": {"slope_mean": 2.0}},
    "slope_spread_0.2": {"tasks": {"slope_spread": 0.2}},
    "slope_spread_1": {"tasks": {"slope_spread": 1.0}},
    "noise_0": {"tasks": {"noise": 0.0}},
    "noise_0.6": {"tasks": {"noise": 0.6}},
    "tanh": {"network": {"activation": "tanh"}},
    "init_lecun_normal": {"network": {"init": "lecun_normal"}},
    "first_order": {"first_order": True},
    "pool_40": {"pool": 40},
    "pool_1000": {"pool": 1000},
    "meta_batch_40": {"meta_batch": 40},
    "five_shots": {"shots": 5, "query": 25},
    "query_256": {"test_query": 256},
}
SINE_FINN = SineFamily(name="sine", amplitude=[0.1, 5.0], phase=[0.0, 3.141592653589793])


class Fig10a(RateSweep):
    """Quadratic regression by a two-layer network, rate by rate (Fig. 10a)."""

    tasks: Family = QuadraticFamily(name="quadratic")
    network: Network = Network(hidden=[60])
    alphas: Annotated[list[float], Field(min_length=12)] = [
        *(-0.02, -0.01, -0.005, 0.0, 0.001, 0.002, 0.005, 0.01),
        *(0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0),
    ]
    iterations: PositiveInt = 2000
    test_query: PositiveInt = 10
    readings: Readings = Readings(
        change={"seeds": 2, "iterations": 500, "test_tasks": 2000},
        alternatives={
            "iterations_2000": {"iterations": 2000},
            "five_steps": {"inner_steps": 5},
            **_OF_QUADRATIC_NETWORKS,
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "tasks": paper("H.4.4, 'quadratic regression with 2-layer neural network'"),
        "network.hidden": paper("section 5.1, 'their model size of 60'"),
        "network.init": assumed("PyTorch's default", "lecun_normal (N(0, 1/width))"),
        "iterations": assumed("not given", "10000 (the paper preset)"),
        "meta_batch": assumed("not given; as for the sine", "40"),
        "shots": assumed("n_t of Bernacchia, not printed for networks", "5"),
        "query": assumed("n_v of Bernacchia, not printed for networks", "25"),
        "inner_steps": assumed("one, as in the theory", "5, as in Fig. 12"),
        "test_tasks": assumed("as for the sine", "1000"),
        "test_query": assumed("as many as in training", "256"),
    }


class Fig10b(RateSweep):
    """Sine regression by a three-layer network, rate by rate (Fig. 10b)."""

    tasks: Family = SINE_FINN
    network: Network = Network(hidden=[40, 40], init="truncated_normal")
    alphas: Annotated[list[float], Field(min_length=12)] = [
        *(0.0, 0.001, 0.002, 0.005, 0.01, 0.02),
        *(0.03, 0.05, 0.1, 0.2, 0.5, 1.0),
    ]
    iterations: PositiveInt = 10_000
    test_query: PositiveInt = 256
    readings: Readings = Readings(
        change={"seeds": 2, "iterations": 2000, "test_tasks": 2000},
        alternatives={
            "amplitude_0_pi": {"tasks": {"amplitude": [0.0, 3.141592653589793]}},
            "init_pytorch": {"network": {"init": "pytorch"}},
            "first_order": {"first_order": True},
            "pool_40": {"pool": 40},
            "pool_1000": {"pool": 1000},
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "tasks": assumed(
            "Finn's tasks, whose settings the caption of Fig. 10 follows: A from 0.1 to 5",
            "A from U(0, pi), as H.3 prints it",
        ),
        "network.hidden": paper("the caption of Fig. 10"),
        "network.activation": paper("H.3, ReLU"),
        "network.init": assumed("as in Finn's code: sd 0.01, no biases", "pytorch"),
        "iterations": paper("Finn et al. (2017) train for 70000, as the paper preset does"),
        "meta_batch": paper("Finn et al. (2017)"),
        "shots": paper("H.3, 10"),
        "query": paper("Finn et al. (2017): as many as in the support"),
        "inner_steps": paper("Finn et al. (2017)"),
        "test_tasks": paper("H.3"),
        "test_query": paper("H.3"),
    }


class Fig12(RateSweep):
    """Deep quadratic regression with five inner steps, two strategies (Fig. 12)."""

    tasks: Family = QuadraticFamily(name="quadratic")
    network: Network = Network(hidden=[60])
    alphas: Annotated[list[float], Field(min_length=12)] = [
        *(-0.02, -0.01, -0.005, -0.002, 0.0, 0.002, 0.005),
        *(0.01, 0.015, 0.02, 0.03, 0.05, 0.1),
    ]
    iterations: PositiveInt = 2000
    inner_steps: PositiveInt = 5
    fixed_test_rate: float | None = 0.01
    test_folds: PositiveInt = 10
    test_tasks: PositiveInt = 1000
    test_query: PositiveInt = 10
    readings: Readings = Readings(
        change={"seeds": 2, "iterations": 500, "test_folds": 2},
        alternatives={
            "iterations_2000": {"iterations": 2000},
            "one_step": {"inner_steps": 1},
            **_OF_QUADRATIC_NETWORKS,
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "tasks": paper("H.5, 'regress quadratic functions'"),
        "network.hidden": paper("section 5.1, 'their model size of 60'"),
        "network.init": assumed("PyTorch's default", "lecun_normal (N(0, 1/width))"),
        "iterations": assumed("not given", "10000 (the paper preset)"),
        "meta_batch": assumed("not given; as for the sine", "40"),
        "shots": assumed("n_t and n_r, not printed for networks", "5"),
        "query": assumed("n_v, not printed for networks", "25"),
        "inner_steps": paper("H.5"),
        "fixed_test_rate": paper(
            "the caption of Fig. 12, 0.01; it calls it alpha_t, but training varies on the axis"
        ),
        "test_folds": paper("H.5"),
        "test_tasks": paper("H.5, 10 folds of 1000"),
        "test_query": assumed("as many as in training", "256"),
    }


class Table2Panel(Section):
    """A panel of the figure of Table 2: a reading of the labels and of the loss."""

    title: str = ""
    phase: Ends
    loss: Literal["full", "half"]


class Table2(TrainedSection):
    """Sine regression on the features of a pretrained network (Table 2)."""

    panels: dict[str, Table2Panel] = {
        "a": Table2Panel(
            title="as printed: b ~ U(0, pi), MSE", phase=[0.0, 3.141592653589793], loss="full"
        ),
        "b": Table2Panel(
            title="b ~ U(0, 2 pi), MSE / 2", phase=[0.0, 6.283185307179586], loss="half"
        ),
    }
    amplitude: Ends = [0.0, 3.141592653589793]
    inputs: Ends = [-5.0, 5.0]
    network: Network = Network(hidden=[40, 40])
    bias: bool = False
    optimizer: Literal["adam", "sgd"] = "adam"
    pretraining: PositiveInt = 10_000
    pretraining_rate: PositiveFloat = 1e-3
    meta_batch: PositiveInt = 25
    shots: PositiveInt = 10
    query: PositiveInt = 256
    tasks: PositiveInt = 1000
    test_tasks: PositiveInt = 10_000
    alphas: Annotated[list[PositiveFloat], Field(min_length=11)] = [
        *(0.001, 0.005, 0.01, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    ]
    seeds: PositiveInt = 10
    search_cap: PositiveFloat = 20.0
    readings: Readings = Readings(
        change={"seeds": 5, "test_tasks": 2000},
        alternatives={
            "bias": {"bias": True},
            "init_he_normal": {"network": {"init": "he_normal"}},
            "meta_batch_1": {"meta_batch": 1},
            "meta_batch_100": {"meta_batch": 100},
            "sgd": {"optimizer": "sgd", "pretraining_rate": 0.01},
            "short_pretraining": {"pretraining": 1000},
            "long_pretraining": {"pretraining": 50_000},
            "half_mse": {"panels": {"a": {"loss": "half"}}},
            "phase_2pi": {"panels": {"a": {"phase": [0.0, 6.283185307179586]}}},
        },
    )

    after_training: ClassVar[frozenset[str]] = frozenset(
        ["bias", "query", "tasks", "test_tasks", "alphas", "search_cap"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels.*.phase": assumed("b ~ U(0, pi) as H.3 prints it; panel b has U(0, 2 pi)", "both"),
        "panels.*.loss": assumed(
            "the loss of (2.3) has no 1/2; half puts one in the loss, the step and the errors, "
            "and so doubles the rates",
            "both",
        ),
        "amplitude": paper("H.3, a ~ U(0, pi)"),
        "inputs": paper("H.3"),
        "network.hidden": paper("H.4.3"),
        "network.activation": paper("H.4.3"),
        "network.init": assumed("PyTorch's default", "he_normal"),
        "bias": assumed("'the output from second layer' is the whole feature", "true"),
        "optimizer": assumed("of the pretraining; not given", "sgd"),
        "pretraining": assumed("its outer steps; not given", "1000, 50000"),
        "pretraining_rate": assumed("its learning rate; not given", "0.01 with sgd"),
        "meta_batch": assumed("tasks a step of the pretraining, as Finn", "1, 100"),
        "shots": paper("H.3, 'training set is 10'"),
        "query": paper("H.3, 'another sampled 256 points'"),
        "tasks": paper("H.3"),
        "test_tasks": paper("H.3"),
        "alphas": paper("Table 2"),
        "seeds": ours("pretrained networks, each with tasks of its own; intervals are over them"),
        "search_cap": ours("alpha* is searched between 0 and search_cap alpha_lim"),
    }

    def runs(self) -> list[str]:
        """One a panel: its networks, one a seed, are trained together."""
        return list(self.panels)


class OwnExperiment(Section):
    """An experiment of your own: your features, swept and estimated like the paper's."""

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


# targets and rules of the workflow, whose names no experiment of the user's own can have
_OF_THE_WORKFLOW = frozenset(
    [
        *("all", "claims", "claims_table", "closed_readings", "data", "estimates", "estimators"),
        *("estimators_table", "features", "fig03_rates", "fig04", "fig10", "figure", "image_bank"),
        *("judge", "notation", "omniglot_readings", "readings", "readings_table", "report_due"),
        *("specification_curve", "sweep", "table1", "table2_table", "trained_reading", "training"),
    ]
)


class Config(Section):
    """config.yaml: every parameter of the replication."""

    preset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = "default"
    seed: Annotated[int, Field(ge=0)] = 2022
    device: Literal["auto", "cpu", "cuda"] = "auto"
    fig01: Fig01 = Fig01()
    fig02: Fig02 = Fig02()
    fig03: Fig03 = Fig03()
    fig04a: Fig04a = Fig04a()
    fig04b: Fig04b = Fig04b()
    fig05: Fig05 = Fig05()
    fig06: Fig06 = Fig06()
    fig07: Fig07 = Fig07()
    fig08: Fig08 = Fig08()
    fig09: Fig09 = Fig09()
    fig10a: Fig10a = Fig10a()
    fig10b: Fig10b = Fig10b()
    fig11: Fig11 = Fig11()
    fig12: Fig12 = Fig12()
    table2: Table2 = Table2()
    h3: H3 = H3()
    theory: Theory = Theory()
    experiments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], OwnExperiment] = {}

    sources: ClassVar[dict[str, Source]] = {
        "preset": ours("names the folder below results/; default, smoke and paper are ours"),
        "seed": ours("of every random stream, with the experiment's name and the cell"),
        "device": ours("where networks are trained: auto is the GPU where there is one"),
        "experiments": ours("experiments of your own, by name; see docs/own-experiments.md"),
    }

    @field_validator("preset")
    @classmethod
    def _not_what_is_committed(cls, preset: str) -> str:
        if preset == "reference":
            raise ValueError("'reference' holds the committed results. Take another name")
        return preset

    @field_validator("experiments")
    @classmethod
    def _own_names(cls, experiments: dict[str, OwnExperiment]) -> dict[str, OwnExperiment]:
        for name in experiments:
            if {name, name.removesuffix("_readings")} & {*cls.model_fields, *_OF_THE_WORKFLOW}:
                raise ValueError(
                    f"{name!r} is the name of a figure, table, target or rule of the workflow. "
                    f"Take another, such as 'my_{name}'"
                )
        return experiments

    @model_validator(mode="after")
    def _a_scheme_and_one_to_hold_it_to(self) -> Self:
        if len(self.fig03.schemes) < 2:
            raise ValueError(
                "fig03.schemes: expected the default scheme and at least one to hold to it, got "
                f"{list(self.fig03.schemes)}"
            )
        return self


# ------------------------------------------------------------------ reading


def load(raw: Mapping[str, Any]) -> Config:
    """The checked configuration.

    Args:
        raw: the mapping read from YAML; keys that are absent keep their defaults.

    Raises:
        InnerlrError: one message that lists every unknown key with the nearest valid one, every
            wrong type and every impossible value, with the YAML that would be right.
    """
    if not isinstance(raw, Mapping):
        raise InnerlrError(f"config: expected a mapping of sections, got {type(raw).__name__}.")
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        lines = [_explain(problem, raw) for problem in error.errors()]
        raise InnerlrError("config: " + "\n        ".join(dict.fromkeys(lines))) from error


def load_file(path: str) -> Config:
    """:func:`load` on a YAML file, as it stands."""
    return load(_read(path))


def load_over(base: str | None, paths: Sequence[str]) -> Config:
    """:func:`load` on YAML files laid over another, as Snakemake does with its --configfile.

    Args:
        base: config.yaml; None for the defaults.
        paths: from the first to the last; a later one has the last word.
    """
    raw: Any = yaml.safe_load(to_yaml()) if base is None else _read(base)
    for path in paths:
        raw = _laid_over(raw, _read(path))
    return load(raw)


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path) as stream:
            raw = yaml.safe_load(stream) or {}
    except FileNotFoundError as error:
        raise InnerlrError(f"config: no file {path!r}. Copy config.yaml and change it.") from error
    except yaml.YAMLError as error:
        raise InnerlrError(f"config: {path} is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise InnerlrError(
            f"config: {path}: expected a mapping of sections, got {type(raw).__name__}."
        )
    return raw


def _laid_over(node: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """`change` merged into `node`, mappings within mappings; anything else is replaced."""
    merged = dict(node) if isinstance(node, Mapping) else {}
    for key, value in change.items():
        inner = merged.get(key)
        merged[key] = _laid_over(inner, value) if isinstance(value, Mapping) else value
    return merged


def _explain(problem: Any, raw: Mapping[str, Any], model: type[Section] | None = None) -> str:
    """A pydantic error on `raw`, the values of `model` (the whole configuration)."""
    # Union members appear in the location as their tags or class names; users know neither.
    location, node = [], raw
    for part in problem["loc"]:
        known = isinstance(node, Mapping) and part in node
        listed = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if known or listed:
            location.append(str(part))
            node = node[part]
        elif problem["type"] == "missing" and part == problem["loc"][-1]:
            location.append(str(part))
    where = ".".join(location) or "top level"
    if problem["type"] == "extra_forbidden":
        valid = _valid_keys(problem["loc"][:-1], model or Config)
        return f"{where}: unknown key. {nearest(str(problem['loc'][-1]), valid)}"
    if problem["type"] == "missing":
        return f"{where}: missing. Add it, for example `{location[-1]}: ...`."
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tags = [t.strip().strip("'") for t in problem["ctx"].get("expected_tags", "").split(",")]
        given = problem["ctx"].get("tag")
        if given is None:
            return f"{where}: missing `name`. Valid: {', '.join(filter(None, tags)) or 'see docs'}."
        return f"{where}.name: unknown {given!r}. {nearest(str(given), tags)}"
    if problem["type"] == "value_error":  # of a whole section, and says what it got
        text = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {text}" + ("" if text.endswith((".", "?")) else ".")
    message = problem["msg"].removeprefix("Input should be ")
    return f"{where}: expected {message}; got {problem['input']!r}."


def _valid_keys(location: tuple[Any, ...], model: type[Section]) -> list[str]:
    """Keys of the section at a pydantic error location below `model`."""
    models: list[Any] = [model]
    for part in location:
        found: list[Any] = []
        for model in models:
            for candidate in _sections(_annotation(model, part)):
                found.append(candidate)
        if found:
            models = found
    return sorted({name for model in models for name in getattr(model, "model_fields", {})})


def _annotation(model: Any, part: Any) -> Any:
    if isinstance(model, type) and issubclass(model, Section):
        if part in model.model_fields:
            return model.model_fields[part].annotation
        name = model.model_fields.get("name")
        if part == model.__name__ or (name is not None and part in get_args(name.annotation)):
            return model  # the tag of a union that has been resolved
        return None
    return model


def _sections(annotation: Any) -> Iterator[Any]:
    """Section classes anywhere inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)


# ------------------------------------------------------------------ the three files


def source_of(model: Section, path: tuple[str, ...]) -> Source | None:
    """The closest source of the value at `path` below `model`."""
    best: tuple[int, int] | None = None
    found: Source | None = None
    sources: dict[str, Source] = {}
    for base in reversed(type(model).__mro__):
        sources |= base.__dict__.get("sources", {})
    for pattern, source in sources.items():
        parts = pattern.split(".")
        if len(parts) > len(path) or any(
            p not in ("*", key) for p, key in zip(parts, path, strict=False)
        ):
            continue
        rank = (len(parts), -parts.count("*"))
        if best is None or rank > best:
            best, found = rank, source
    return found


def leaves(config: Config) -> Iterator[tuple[tuple[str, ...], Any, Source | None]]:
    """(path, value, source) of every value, in order."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            for path, leaf in _walk(value, ()):
                yield (name, *path), leaf, source_of(value, path)
        else:
            yield (name,), value, source_of(config, (name,))


def _walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, Section):
        node = {key: getattr(node, key) for key in type(node).model_fields}
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _walk(value, (*path, str(key)))
    else:
        yield path, node


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip()


def to_yaml() -> str:
    """config.yaml: all defaults, each under a comment that gives its source."""
    lines = [
        "# Every parameter of the replication; made by `python -m replication config --write`.",
        "# A comment holds for the lines below it, down to the next comment.",
        "# paper: as printed there. assumed: the paper leaves it open. ours: scale, bookkeeping.",
        "",
    ]
    config, shown = Config(), None
    previous: tuple[str, ...] = ()
    for path, value, source in leaves(config):
        keep = 0
        while keep < min(len(previous), len(path) - 1) and previous[keep] == path[keep]:
            keep += 1
        if keep == 0:
            shown = None
            if len(path) > 1:
                lines += ["", f"# {type(getattr(config, path[0])).__doc__}"]
        for depth in range(keep, len(path) - 1):
            lines.append(f"{'  ' * depth}{_scalar(path[depth])}:")
        indent = "  " * (len(path) - 1)
        if source is not None and source != shown:
            lines += textwrap.wrap(
                str(source), 98, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
            )
            shown = source
        lines.append(f"{indent}{path[-1]}: {_scalar(value)}")
        previous = path
    return "\n".join(lines) + "\n"


def to_schema() -> dict[str, Any]:
    """JSON schema of config.yaml, for editors and for Snakemake."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def to_schema_yaml() -> str:
    head = "# Made by `python -m replication config --write` from src/replication/config.py.\n"
    return head + yaml.safe_dump(to_schema(), sort_keys=False, width=100)


def to_reference() -> str:
    """docs/configuration.md: every key, its default and its source."""
    lines = [
        "# Configuration reference",
        "",
        "Made by `python -m replication config --write` from `src/replication/config.py`, like",
        "`config.yaml` and its schema. *paper* values are printed there; *assumed* ones the paper",
        "leaves open; *ours* are scale and bookkeeping of this replication.",
    ]
    config, section = Config(), None
    for path, value, source in leaves(config):
        if path[0] != section:
            section = path[0]
            node = getattr(config, section)
            about = type(node).__doc__ if isinstance(node, Section) else ""
            lines += ["", f"## {section}", ""]
            if about:
                lines += [about, ""]
            lines += ["| key | default | source |", "| --- | --- | --- |"]
        key = ".".join(path[1:]) or section
        lines.append(f"| `{key}` | `{_scalar(value)}` | {source} |")
    lines += [
        "",
        "## An entry of experiments",
        "",
        OwnExperiment.__doc__ or "",
        "",
        "| key | default | meaning |",
        "| --- | --- | --- |",
    ]
    for key, info in OwnExperiment.model_fields.items():
        default = info.get_default(call_default_factory=True)
        lines.append(f"| `{key}` | `{_scalar(default)}` | {OwnExperiment.sources[key].text} |")
    return "\n".join(lines) + "\n"


FILES = {
    "config.yaml": to_yaml,
    "workflow/schemas/config.schema.yaml": to_schema_yaml,
    "docs/configuration.md": to_reference,
}
