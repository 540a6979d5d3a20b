"""What the workflow makes, from what, and which code is behind it; the rules ask here.

Figures, tables, experiments and claims are found by looking (:mod:`replication.families`,
:mod:`replication.judging.entries`). Nothing heavy is imported: every job parses the rules anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from innerlr.errors import InnerlrError
from innerlr.io.digests import digest_file
from innerlr.io.records import SUFFIX
from replication.checkout import GENERAL_TABLES, ROOT, from_here, results_of
from replication.families import families, family_of, figures
from replication.images.choice import ENVIRONMENT, wanted
from replication.judging.entries import beginning_with, entries, entry_files, measured
from replication.judging.pages import pages
from replication.pipeline.imports import behind
from replication.pipeline.provenance import data_source
from replication.settings.config import Configuration
from replication.settings.images import OmniglotImages, images_of
from replication.settings.section import OpenSection, TrainedSection

PICTURE = ("pdf", "svg", "png", "csv")
NOTEBOOK = ("ipynb", "html")
TABLE = ("csv", "tex", "html")
# modules by their path in the checkout: the digest of each
Code = dict[str, str]


class Curve(NamedTuple):
    """A page of specification curves: its experiment, and the claims on it."""

    experiment: str
    claims: Sequence[Mapping[str, Any]]


def provenance(*files: str | Path) -> list[str]:
    """The records that lie beside `files`."""
    return [f"{path}{SUFFIX}" for path in files]


def digests(*files: str | Path) -> list[str]:
    """The digests that lie beside `files`, where other jobs read these."""
    return [str(digest_file(path)) for path in files]


class Targets:
    """Every file that a run with a configuration can make.

    Attributes:
        config: the configuration.
        results, logs, benchmarks: folders, relative to the working directory.
        own: experiments of the user's own.
        figures: by name, the experiments that each draws, the user's own among them.
        experiments: all of them, sorted.
    """

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.results = results_of(config.preset)
        self.logs = self.results / "logs"
        self.benchmarks = self.results / "benchmarks"
        self.own = list(config.experiments)
        self.figures = {**figures(), **{name: [name] for name in self.own}}
        self.experiments = sorted({name for drawn in self.figures.values() for name in drawn})

    def digests_of(self, files: Iterable[str | Path]) -> list[str]:
        """The digests of those of `files` that this run's jobs make; others have none."""
        return digests(*(path for path in files if str(path).startswith(f"{self.results}/")))

    # ---------------------------------------------------------------- settings

    def section(self, experiment: str, stage: str) -> dict[str, Any]:
        """What a stage of an experiment reads of the configuration, with all defaults."""
        values: dict[str, Any] = self.config.section(experiment).for_stage(stage)
        return values

    def section_of_run(self, experiment: str, run: str) -> dict[str, Any]:
        """What one training job of an experiment reads of the configuration."""
        values: dict[str, Any] = self.config.section(experiment).for_run(run)
        return values

    def runs(self, experiment: str) -> list[str]:
        """Training jobs of an experiment; none where nothing is trained."""
        section = self.config.section(experiment)
        return section.runs() if isinstance(section, TrainedSection) else []

    def trained(self, experiment: str) -> list[Path]:
        """What the training jobs of an experiment make."""
        return self._of_runs(experiment, self.runs(experiment))

    def _of_runs(self, experiment: str, runs: Sequence[str]) -> list[Path]:
        return [self.results / f"training/{experiment}/{run}.npz" for run in runs]

    def own_file(self, experiment: str) -> list[str]:
        """The data file of an experiment of the user's own, so that a new one reruns it."""
        file = self.config.experiments[experiment].file if experiment in self.own else None
        return [file] if file else []

    # ---------------------------------------------------------------- images

    @cached_property
    def experiments_on_images(self) -> list[str]:
        """Experiments whose networks are trained on Omniglot."""
        return [name for name in self.experiments if images_of(self.config.section(name))]

    @property
    def images(self) -> OmniglotImages:
        """Where the images come from, and how they are split.

        Raises:
            InnerlrError: no experiment has images, or two ask for different ones.
        """
        asked = [images_of(self.config.section(name)) for name in self.experiments_on_images]
        found = [images for images in asked if images is not None]
        if not found or any(images != found[0] for images in found):
            raise InnerlrError(
                "config: images: expected the same settings in all experiments on images, got "
                f"{len(found)} that differ ({', '.join(self.experiments_on_images)})."
            )
        return found[0]

    @property
    def image_bank(self) -> Path:
        """The file that holds all images, as bits."""
        return self.results / "data/omniglot.npz"

    def images_of(self, experiment: str) -> list[Path]:
        """The images that an experiment trains on; none for most."""
        return [self.image_bank] if experiment in self.experiments_on_images else []

    @property
    def images_are_named(self) -> bool:
        """Whether a folder of images is."""
        return bool(self.images.directory or os.environ.get(ENVIRONMENT))

    def images_wanted(self) -> str:
        """What the image bank must be; where the archives lie is no parameter."""
        had = data_source([self.image_bank])
        return wanted(self.images.source, self.images_are_named, had)

    def images_message(self) -> str:
        """Said before the images are had: what is trained on a stand-in may take hours."""
        said = "omniglot: images"
        if not self.images_are_named and self.images.source == "auto":
            said += f", downloaded or else a STAND-IN; {ENVIRONMENT} names a folder of them"
        return said

    # ---------------------------------------------------------------- claims and readings

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """Every claim."""
        return entries()

    def entry_files(self) -> list[str]:
        """The files in which the claims stand."""
        return [from_here(file) for file in entry_files()]

    @cached_property
    def _measured(self) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for claim in measured(self.entries):
            found.setdefault(claim["experiment"], []).append(claim)
        return found

    def claims(self, experiment: str) -> list[Mapping[str, Any]]:
        """The claims that are measured in an experiment."""
        return self._measured.get(experiment, [])

    def choices(self, experiment: str) -> dict[str, dict[str, Any]]:
        """What each reading of an experiment chooses, the primary one first."""
        section = self.config.section(experiment)
        return section.choices() if isinstance(section, OpenSection) else {}

    def claims_of_readings(self, experiment: str) -> list[Mapping[str, Any]]:
        """The claims that an experiment's readings bear on."""
        starts = self.config.section(experiment).specifications.claims
        return beginning_with(
            self.claims(experiment), starts, f"config: {experiment}.specifications.claims"
        )

    def specification_section(self, experiment: str, reading: str) -> dict[str, Any]:
        """The section of an experiment under one reading."""
        changed = self.config.section(experiment).specification(reading)
        values: dict[str, Any] = changed.for_stage("estimates")
        return values

    @cached_property
    def open(self) -> list[str]:
        """Experiments with other readings than the primary one."""
        return [name for name in self.experiments if len(self.choices(name)) > 1]

    @cached_property
    def shared(self) -> list[str]:
        """Open experiments whose readings share their training jobs."""
        return [name for name in self.open if self.specification_runs(name)]

    @cached_property
    def trained_apart(self) -> list[str]:
        """Open experiments whose networks are trained once for each reading."""
        return [name for name in self.open if self.runs(name) and name not in self.shared]

    @cached_property
    def closed(self) -> list[str]:
        """Open experiments in which nothing is trained."""
        return [name for name in self.open if not self.runs(name)]

    def specification_runs(self, experiment: str) -> list[str]:
        """Training jobs that all readings of an experiment share."""
        section = self.config.section(experiment)
        return section.specification_runs() if isinstance(section, TrainedSection) else []

    def trained_for_specifications(self, experiment: str) -> list[Path]:
        """What the training jobs make that all readings of an experiment share."""
        return self._of_runs(experiment, self.specification_runs(experiment))

    def tables_of_readings(self, experiment: str) -> list[Path]:
        """The estimates under the readings: one file of all, or one each if each is trained."""
        folder = self.results / "readings"
        if experiment in self.trained_apart:
            return [folder / f"{experiment}/{name}.csv" for name in self.choices(experiment)]
        return [folder / f"{experiment}.csv"]

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Pages of specification curves by the figure's name."""
        found: dict[str, Curve] = {}
        for experiment in self.open:
            made = pages(self.claims_of_readings(experiment), self.choices(experiment))
            ends = [""] if len(made) == 1 else [f"-{i}" for i in range(1, len(made) + 1)]
            for end, claims in zip(ends, made, strict=True):
                found[f"{experiment}_readings{end}"] = Curve(experiment, claims)
        return found

    def picture(self, name: str) -> list[Path]:
        """A figure in all its forms, and what it shows."""
        return [self.results / f"figures/{name}.{kind}" for kind in PICTURE]

    def rates(self, experiment: str) -> list[Path]:
        """The rates under shared readings: a table and a picture."""
        name = f"{experiment}_rates"
        return [self.results / f"tables/{name}.csv", *self.picture(name)]

    @property
    def readings(self) -> list[Path]:
        """All that the target `specifications` makes."""
        tables = [self.results / f"tables/{name}_readings.csv" for name in self.open]
        rates = [path for name in self.shared for path in self.rates(name)]
        return [*tables, *rates, *(path for name in self.curves for path in self.picture(name))]

    # ---------------------------------------------------------------- figures and tables

    def inputs_of(self, figure: str, stage: str) -> list[Path]:
        """The tables of one stage that a figure draws."""
        return [self.results / f"{stage}/{name}.csv" for name in self.figures[figure]]

    def notebook(self, figure: str) -> str:
        """The figure's notebook; experiments of the user's own share one."""
        name = "own_experiment" if figure in self.own else figure
        return from_here(f"notebooks/{name}.ipynb")

    def caption(self, figure: str) -> str:
        """The figure's caption, to which the verdicts are added."""
        name = "own_experiment" if figure in self.own else figure
        return self.family_file(figure, f"captions/{name}.rst")

    def caption_of_table(self, figure: str) -> str:
        """The caption of the table that a figure's notebook writes."""
        return self.family_file(figure, f"captions/{figure}_table.rst")

    def family_file(self, name: str, file: str) -> str:
        """A file of the family of a figure or an experiment, from the working directory."""
        return from_here(family_of(name).folder / file)

    def executed(self, name: str) -> list[Path]:
        """A notebook as it ran, and its page."""
        return [self.results / f"notebooks/{name}.{kind}" for kind in NOTEBOOK]

    def figure(self, name: str) -> list[Path]:
        """Everything that a figure's job makes but for its table."""
        caption = self.results / f"captions/{name}.rst"
        return [*self.picture(name), *self.executed(name), caption]

    @cached_property
    def figures_with_table(self) -> list[str]:
        """Figures whose job makes a table of the same name."""
        return sorted(name for family in families().values() for name in family.tables)

    @property
    def figures_without_table(self) -> list[str]:
        """Figures whose job makes no table."""
        return [name for name in self.figures if name not in self.figures_with_table]

    def forms(self, name: str) -> list[Path]:
        """A table as CSV, LaTeX and HTML; the verdicts' CSV stands at the top of the results."""
        if name == "claims":
            return [self.results / "claims.csv", self.results / "tables/claims.html"]
        return [self.results / f"tables/{name}.{kind}" for kind in TABLE]

    def table(self, name: str) -> list[Path]:
        """A table in its forms, and the notebook that makes it unless it draws a figure too."""
        made = [] if name in self.figures_with_table else self.executed(name)
        return [*self.forms(name), *made]

    @property
    def general_tables(self) -> list[str]:
        """Tables of no family that the rule `table` makes."""
        return [name for name in GENERAL_TABLES if name != "claims"]

    def data_of_table(self, name: str) -> list[str | Path]:
        """What a general table is made from."""
        if name == "estimators":
            return [self.results / f"estimates/{each}.csv" for each in self.experiments]
        return [from_here("workflow/report/notation.csv")]

    @cached_property
    def tables(self) -> dict[str, list[Path]]:
        """Every table by name: those of families, then those of none."""
        names = [*self.figures_with_table, *GENERAL_TABLES]
        return {name: self.table(name) for name in names}

    def files(self, name: str) -> list[Path]:
        """What the target of a figure or a table is."""
        drawn = self.figure(name) if name in self.figures else []
        return [*drawn, *self.tables.get(name, [])]

    @property
    def names(self) -> list[str]:
        """Every figure and table: each is a target."""
        return list(dict.fromkeys([*self.figures, *self.tables]))

    # ---------------------------------------------------------------- code

    def code(self, rule: str, experiment: str | None = None) -> Code:
        """The code behind a rule's script, and behind the experiment that it runs.

        A parameter of the rule: editing a module reruns it.
        """
        found = _behind_script(rule)
        if experiment is not None:
            module = type(self.config.section(experiment)).computed_by.partition(":")[0]
            found = found | _behind(family_of(experiment).folder / f"{module}.py")
            if not self.runs(experiment):
                # the script imports these only to evaluate trained networks
                training = "src/replication/training/"
                found = {path: at for path, at in found.items() if not path.startswith(training)}
        return _in_order(found)

    def code_of_notebook(self, rule: str, notebook: str | Path) -> Code:
        """The code behind a rule's script, and behind the notebook that it runs.

        Args:
            rule: its name is the script's.
            notebook: by its path from the working directory.
        """
        return _in_order(_behind_script(rule) | _behind(Path.cwd() / notebook))

    def code_of_table(self, name: str) -> Code:
        """The code behind a general table: all estimates have what families say of theirs."""
        found = self.code_of_notebook("table", from_here(f"notebooks/{name}.ipynb"))
        if name == "estimators":
            for family in families().values():
                if family.has("quantities"):
                    found |= _behind(family.folder / "quantities.py")
        return found

    def code_of_drawing(self, rule: str, experiment: str) -> Code:
        """The code behind a rule's script, an experiment and its family's drawing."""
        drawing = _behind(family_of(experiment).folder / "draw.py")
        return _in_order(self.code(rule, experiment) | drawing)


@cache
def _behind(file: Path) -> Code:
    """The code behind one file; many jobs have the same."""
    return {path.relative_to(ROOT).as_posix(): _digest(path) for path in behind(file)}


def _behind_script(rule: str) -> Code:
    return _behind(ROOT / f"scripts/{rule}.py")


def _in_order(code: Code) -> Code:
    """By path: Snakemake compares parameters by how they are written."""
    return dict(sorted(code.items()))


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
