"""The families of figures, found by looking: a folder of `figures` with a `settings.py` is one.

Only `settings.py` is imported to know a family. It says

- ``EXPERIMENTS``: by name, the section of the configuration of each experiment, whose class
  attribute ``computed_by`` names what computes it;
- ``FIGURES``: by name, the experiments that each figure draws; if absent, one figure an experiment;
- ``TABLES``: figures whose notebook makes a table as well; if absent, none;
- ``LABELS``: what a figure is called where its name does not say so (h3: Section H.3).

What else a family has stands beside it: `experiment.py`, `draw.py`, `claims.yaml`, `captions/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from innerlr.errors import InnerlrError, nearest
from replication.settings.section import Section

FOLDER = Path(__file__).parent / "figures"
# experiments of the user's own: named in the configuration, not by the family
OWN = "own"
# how a figure's name looks: it becomes a target and the name of files
_NAME = re.compile(r"[a-z][a-z0-9]*")


@dataclass(frozen=True)
class Family:
    """What a family says of itself.

    Attributes:
        name: of its folder.
        experiments: by name, the section of each.
        figures: by name, the experiments that each draws.
        tables: figures with a table of the same name.
        labels: of figures, where a name does not say what it is.
    """

    name: str
    experiments: Mapping[str, type[Section]]
    figures: Mapping[str, Sequence[str]]
    tables: Sequence[str]
    labels: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where all that belongs to it stands."""
        return FOLDER / self.name

    def has(self, module: str) -> bool:
        """Whether it has a module of this name."""
        return (self.folder / f"{module}.py").is_file()

    def module(self, name: str) -> ModuleType:
        """One of its modules, imported.

        Raises:
            InnerlrError: the family has no such module.
        """
        if not self.has(name):
            raise InnerlrError(f"figures/{self.name}: no module {name}.py. Add it to the family.")
        return import_module(f"{_package(self.name)}.{name}")


@cache
def families() -> Mapping[str, Family]:
    """Every family by name, in the order of the names.

    Raises:
        InnerlrError: a family that does not say which experiments it has, a figure of an experiment
            that is not the family's, or a name that two families have.
    """
    found = {path.parent.name: _family(path.parent.name) for path in _settings_files()}
    owner: dict[str, str] = {}
    for family in found.values():
        for name in {*family.experiments, *family.figures}:
            if name in owner:
                raise InnerlrError(
                    f"figures/{family.name}/settings.py: the name {name!r} is one of the family "
                    f"{owner[name]!r} too. Rename one of them."
                )
            owner[name] = family.name
    return found


def _settings_files() -> list[Path]:
    return sorted(FOLDER.glob("*/settings.py"))


def _package(family: str) -> str:
    return f"replication.figures.{family}"


def _family(name: str) -> Family:
    where = f"figures/{name}/settings.py"
    declared = import_module(f"{_package(name)}.settings")
    experiments: dict[str, type[Section]] | None = getattr(declared, "EXPERIMENTS", None)
    if experiments is None:
        raise InnerlrError(
            f"{where}: expected EXPERIMENTS, the section of each experiment by name. "
            'Add, for example, `EXPERIMENTS = {"fig13": Fig13}`.'
        )
    figures = getattr(declared, "FIGURES", {each: [each] for each in experiments})
    for figure, drawn in figures.items():
        if not _NAME.fullmatch(figure):
            raise InnerlrError(
                f"{where}: FIGURES: expected a name of small letters and digits, got {figure!r}. "
                "It becomes a target and the name of files."
            )
        for experiment in drawn:
            if experiment not in experiments:
                raise InnerlrError(
                    f"{where}: FIGURES: {figure} draws {experiment!r}, which is no experiment of "
                    f"the family. {nearest(experiment, experiments)}"
                )
    return Family(
        name,
        experiments,
        figures,
        tuple(getattr(declared, "TABLES", ())),
        getattr(declared, "LABELS", {}),
    )


def experiments() -> dict[str, type[Section]]:
    """The section of every experiment of the paper, in the order of the names."""
    found = {k: v for family in families().values() for k, v in family.experiments.items()}
    return dict(sorted(found.items()))


def figures() -> dict[str, Sequence[str]]:
    """Every figure of the paper and the experiments that it draws, in the order of the names."""
    found = {k: v for family in families().values() for k, v in family.figures.items()}
    return dict(sorted(found.items()))


def family_of(name: str) -> Family:
    """The family of an experiment or of a figure; the user's own for a name that none has."""
    for family in families().values():
        if name in family.experiments or name in family.figures:
            return family
    return families()[OWN]


def section_class(experiment: str) -> type[Section]:
    """The section of an experiment, the user's own for a name that no family has."""
    return family_of(experiment).experiments.get(experiment) or own_section()


def own_section() -> type[Section]:
    """The section of an experiment of the user's own."""
    found: type[Section] = import_module(f"{_package(OWN)}.settings").OwnExperiment
    return found


def make(experiment: str, section: Mapping[str, Any], seed: int) -> Any:
    """What computes an experiment, with its section of the configuration.

    A family's modules are imported here and not before: some need PyTorch, whose import costs more
    than most jobs.

    Args:
        experiment: its name.
        section: its section, as plain values.
        seed: the run's seed.

    Returns:
        An Experiment, or a TrainedExperiment where networks are trained.

    Raises:
        InnerlrError: a name that no family has, with a section that is not of the user's own.
    """
    model = section_class(experiment)
    if model is own_section() and not {"file", "function"} & set(section):
        raise InnerlrError(
            f"experiment: unknown {experiment!r}. {nearest(experiment, experiments())}"
        )
    module, name = model.computed_by.split(":")
    computed_by = getattr(import_module(f"{_package(family_of(experiment).name)}.{module}"), name)
    return computed_by(experiment, model.model_validate(section), seed)
