"""The reference results: what is committed of one verified run, or of several."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from innerlr.errors import InnerlrError
from innerlr.io.digests import SUFFIX as DIGEST
from innerlr.io.files import digest, read_table
from innerlr.io.records import SEAL, SUFFIX, read_record
from innerlr.io.verify import verify
from replication.judging.claims import CLAIMS_TITLE, verdict_table
from replication.judging.estimators import ESTIMATORS_TITLE, every_estimate
from replication.pipeline.files import write_manifest, write_table
from replication.pipeline.provenance import code_revision, config_digest, joined, write
from replication.pipeline.tables import write_formats, write_html
from replication.settings.config import load_file

RUNS, COMPUTE = "runs.yaml", "compute.csv"
KEPT = ("figures/*.png", "figures/*.csv", "tables/*")
# made of all experiments, so put together anew from all runs
VERDICTS = ("claims.csv", "tables/claims.html")
ESTIMATORS = tuple(f"tables/estimators.{kind}" for kind in ("csv", "tex", "html"))
# a file was made from an experiment if its record names one of these
STAGE = re.compile(r"(?:sweeps|estimates|claims)/([^/]+)\.csv$")
# one of several pages
PAGE = re.compile(r"-\d+(?=\.\w+$)")


def keep(
    runs: Sequence[str | Path],
    reference: str | Path,
    entries: Sequence[Mapping[str, Any]],
    *,
    update: bool = False,
) -> list[Path]:
    """Copy what is committed of a run: its pictures, tables and claims with their records.

    Of several runs a later one takes the place of an earlier one for the experiments that it has
    judged: their figures, tables, verdicts and estimates. Specification curves are of the last
    run that drew them. Beside them stand each run's configuration, as config-<run>.yaml, what came
    from it, in runs.yaml, and the time that it took, in compute.csv; a run that left nothing
    is not named.

    Args:
        runs: folders of results; each must verify.
        reference: the folder to replace.
        entries: every claim, in whose order the verdicts are.
        update: whether the runs that `reference` is of come before `runs`, so that what these have
            not made stays.

    Returns:
        The files written.

    Raises:
        InnerlrError: a run that does not verify, or was made with another configuration than it
            holds; two runs of one name; an experiment of a later run with a file that is left to
            come from an earlier one; a `reference` that is no such folder, or, to update it, does
            not verify. Nothing is written then.
    """
    new = [_Run(Path(run)) for run in runs]
    _check_names(new)
    made = [*(_kept_runs(Path(reference)) if update else []), *new]
    owner = {experiment: run for run in made for experiment in run.judged}
    files: dict[str, _Part] = {}
    for run in made:
        anew = {PAGE.sub("", path) for path in run.kept()}
        files = {path: other for path, other in files.items() if PAGE.sub("", path) not in anew}
        files |= dict.fromkeys(run.kept(), run)
    for path, run in files.items():
        for experiment in run.made_from(path):
            if owner.get(experiment, run) is not run:
                later = owner[experiment]
                raise InnerlrError(
                    f"{later.folder}: has the verdicts on {experiment} but no {path}, which would "
                    f"stay that of {run.folder}. Make all of it: snakemake --configfile "
                    f"{later.folder / 'config.yaml'} -- {later.folder / path}"
                )
    sources = {run for path, run in files.items() if path not in ESTIMATORS}
    left = [run for run in made if run in owner.values() or run in sources]
    _check_names(left)
    with _replaced(Path(reference), new) as folder:
        for path, run in files.items():
            for name in (path, path + SUFFIX):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(run.folder / name, folder / name)
        judged = {run: [name for name in sorted(owner) if owner[name] is run] for run in left}
        if owner:
            _write_verdicts(folder, judged, entries)
        if len(left) > 1 and any(path in files for path in ESTIMATORS):
            _write_estimators(folder, judged)
        for run in left:
            shutil.copy2(run.config, folder / f"config-{run.name}.yaml")
        times = pd.concat([run.compute().assign(run=run.name) for run in left])
        write_table(times[["run", *times.columns.drop("run")]], folder / COMPUTE)
        about = [run.about() | _left(run, judged[run], files) for run in left]
        (folder / RUNS).write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")
        write_manifest(folder)
    return sorted(path for path in Path(reference).rglob("*") if path.is_file())


class _Part(ABC):
    """One of the runs that a reference is of."""

    folder: Path
    name: str
    config: Path
    judged: list[str]

    def record(self, path: str | Path) -> Any:
        return read_record(self.folder / f"{path}{SUFFIX}")

    def kept(self) -> list[str]:
        """Its files that are committed as they are, relative to the folder."""
        found = (path for pattern in KEPT for path in sorted(self.folder.glob(pattern)))
        names = [path.relative_to(self.folder).as_posix() for path in found]
        beside = (SUFFIX, DIGEST)
        return [name for name in names if not name.endswith(beside) and name not in VERDICTS]

    def made_from(self, path: str) -> set[str]:
        """The experiments behind one of its files; none for those of all experiments."""
        if path in ESTIMATORS:
            return set()
        found = (STAGE.search(name) for name in self.record(path)["inputs"])
        return {match[1] for match in found if match}

    @abstractmethod
    def verdicts(self, experiments: Sequence[str], entries: Sequence[Any]) -> pd.DataFrame:
        """Those on measured claims."""

    @abstractmethod
    def estimators(self, experiments: Sequence[str]) -> pd.DataFrame:
        """Rows of the table of estimators."""

    @abstractmethod
    def inputs(self, experiments: Sequence[str], made: str) -> dict[str, str]:
        """The digests of the tables behind its part of one of VERDICTS or ESTIMATORS."""

    @abstractmethod
    def compute(self) -> pd.DataFrame:
        """The time that it took, by rule and device."""

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What runs.yaml says of it but for what is left of it."""


class _Run(_Part):
    """A folder of results that verifies, with the configuration it was made with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name, self.config = folder, folder.name, folder / "config.yaml"
        if not folder.is_dir():
            raise InnerlrError(f"{folder}: no such folder. Give one below results/.")
        problems = verify(folder)
        if problems:
            raise InnerlrError(
                f"{folder}: does not verify, so it is no reference ({problems[0]}; {len(problems)} "
                "in all). Make it afresh from a clean checkout."
            )
        self.judged = sorted(path.stem for path in folder.glob("claims/*.csv"))
        self._check_configuration()

    def _check_configuration(self) -> None:
        """Raise unless config.yaml is what every experiment was made with.

        A run of another revision may have had other keys: its records stand for themselves.
        """
        path = self.config
        if not path.is_file():
            raise InnerlrError(
                f"{path}: no such file, so nobody can make the run again. Snakemake writes it at "
                "the end of a run of a named target, such as a figure: run one."
            )
        tables = sorted(self.folder.glob("estimates/*.csv"))
        here = code_revision().name
        if any(self.record(f"estimates/{table.name}")["revision"] != here for table in tables):
            return
        config = load_file(str(path))
        for table in tables:
            name = table.stem
            section = config.experiments.get(name) or getattr(config, name, None)
            made_with = {"experiment": name, "seed": config.seed}
            made_with["section"] = section.for_stage("estimates") if section else None
            if self.record(f"estimates/{name}.csv")["config_digest"] != config_digest(made_with):
                raise InnerlrError(
                    f"{path}: is not the configuration of {table}, which another run has made. "
                    f"Make all with one: snakemake --configfile FILE, with `preset: {self.name}`."
                )

    def verdicts(self, experiments: Sequence[str], entries: Sequence[Any]) -> pd.DataFrame:
        return pd.concat([pd.read_csv(self._table("claims", name)) for name in experiments])

    def estimators(self, experiments: Sequence[str]) -> pd.DataFrame:
        return every_estimate({name: self._table("estimates", name) for name in experiments})

    def inputs(self, experiments: Sequence[str], made: str) -> dict[str, str]:
        stage = "claims" if made in VERDICTS else "estimates"
        paths = [self._table(stage, name) for name in experiments]
        return {str(path): digest(path) for path in paths}

    def _table(self, stage: str, experiment: str) -> Path:
        return self.folder / stage / f"{experiment}.csv"

    def compute(self) -> pd.DataFrame:
        return compute(self.folder)

    def about(self) -> dict[str, Any]:
        records = [read_record(path) for path in self.folder.rglob(f"*{SUFFIX}")]
        return {
            "run": self.name,
            "config": f"config-{self.name}.yaml",
            "revision": records[0]["revision"],
            "machines": sorted({record["machine"] for record in records}),
            "versions": records[0]["versions"],
            "data": sorted({record["data_source"] for record in records}),
        }


class _Kept(_Part):
    """What an earlier reference has of a run."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder, self.name, self.config = folder, about["run"], folder / about["config"]
        self.judged, self._about = about["experiments"], about

    def kept(self) -> list[str]:
        shown = self._about["shown"]
        return [path for path in super().kept() if path in ESTIMATORS or _figure(path) in shown]

    def verdicts(self, experiments: Sequence[str], entries: Sequence[Any]) -> pd.DataFrame:
        table = pd.read_csv(self.folder / VERDICTS[0])
        of = {entry["id"]: entry.get("experiment") for entry in entries}
        # one that claims.yaml has no longer is known by its name
        mine = [
            of[name] in experiments if name in of else name.startswith(tuple(experiments))
            for name in table.id
        ]
        return table[mine]

    def estimators(self, experiments: Sequence[str]) -> pd.DataFrame:
        path = self.folder / ESTIMATORS[0]
        if not path.is_file():
            raise InnerlrError(
                f"{path}: no such file, so the estimates of {', '.join(experiments)} would be "
                f"missing there. Leave {', '.join(ESTIMATORS)} out of the new run."
            )
        table = read_table(path)
        return table[table.experiment.isin(experiments)]

    def inputs(self, experiments: Sequence[str], made: str) -> dict[str, str]:
        found = {name: STAGE.search(name) for name in self.record(made)["inputs"]}
        mine = [name for name, match in found.items() if match and match[1] in experiments]
        return {name: self.record(made)["inputs"][name] for name in mine}

    def compute(self) -> pd.DataFrame:
        table = read_table(self.folder / COMPUTE)
        return table[table.run == self.name].drop(columns="run")

    def about(self) -> dict[str, Any]:
        return self._about


def _kept_runs(reference: Path) -> list[_Kept]:
    """The runs that an earlier reference is of."""
    runs = reference / RUNS
    if not runs.is_file():
        raise InnerlrError(
            f"{runs}: no such file, so {reference} holds no reference results to update. Leave "
            "--update out to begin them."
        )
    problems = verify(reference)
    if problems:
        raise InnerlrError(
            f"{reference}: does not verify, so it cannot be updated ({problems[0]}; "
            f"{len(problems)} in all). Restore it, or make it anew without --update."
        )
    return [_Kept(reference, about) for about in yaml.safe_load(runs.read_text(encoding="utf-8"))]


def _check_names(runs: Sequence[_Part]) -> None:
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InnerlrError(
            f"reference: expected runs of different names, got {', '.join(names)}. Give each a "
            "`preset:` of its own in its config file, which names its folder."
        )


def _figure(path: str) -> str:
    """The figure or table that a file is of; specification curves may fill several pages."""
    return Path(PAGE.sub("", path)).stem


def _left(run: _Part, judged: list[str], files: Mapping[str, _Part]) -> dict[str, Any]:
    """What runs.yaml says of what came from a run."""
    shown = {_figure(path) for path, other in files.items() if other is run}
    return {
        "experiments": judged,
        "shown": sorted(shown - {_figure(path) for path in ESTIMATORS}),
    }


@contextmanager
def _replaced(target: Path, runs: Sequence[_Part]) -> Iterator[Path]:
    """A new folder that takes the place of `target` when the block ends without an error."""
    for run in runs:
        mine, other = run.folder.resolve(), target.resolve()
        if mine == other or mine in other.parents or other in mine.parents:
            raise InnerlrError(
                f"{target}: would replace the run {run.folder}. Give another folder after --to."
            )
    if target.exists() and not (target / COMPUTE).is_file() and any(target.iterdir()):
        raise InnerlrError(
            f"{target}: expected earlier reference results, which hold a {COMPUTE}, or nothing. "
            "Give another folder after --to, or remove it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as name:
        new, old = Path(name) / "new", Path(name) / "old"
        new.mkdir()
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise


def _write_verdicts(
    folder: Path, judged: Mapping[_Part, list[str]], entries: Sequence[Any]
) -> None:
    found = [run.verdicts(names, entries) for run, names in judged.items() if names]
    table = verdict_table(entries, found)
    csv, page = (folder / name for name in VERDICTS)
    write_table(table, csv)
    write_html(table, page, CLAIMS_TITLE)
    _record(folder, VERDICTS, judged)


def _write_estimators(folder: Path, judged: Mapping[_Part, list[str]]) -> None:
    table = pd.concat([run.estimators(names) for run, names in judged.items() if names])
    table = table.sort_values("experiment", kind="stable", ignore_index=True)
    files = {path.rpartition(".")[2]: folder / path for path in ESTIMATORS}
    write_formats(table, files, ESTIMATORS_TITLE)
    _record(folder, ESTIMATORS, judged)


def _record(folder: Path, made: Sequence[str], judged: Mapping[_Part, list[str]]) -> None:
    """Write the records of files made of all runs."""
    inputs: dict[str, str] = {}
    sources: set[str] = set()
    for run, names in judged.items():
        if names:
            inputs |= run.inputs(names, made[0])
            sources |= set(run.about()["data"])
    facts = {"rule": "reference", "data_source": joined(sources), "inputs": inputs}
    write(folder, [folder / name for name in made], [], **facts)


def compute(run: str | Path) -> pd.DataFrame:
    """What a run took, by rule and device: jobs, and seconds of wall and CPU time over all jobs.

    Files of one job have one record but for their names and digests.
    """
    jobs = {}
    for path in sorted(Path(run).rglob(f"*{SUFFIX}")):
        record = read_record(path)
        of_file = ("file", "sha256", SEAL)
        key = {name: value for name, value in record.items() if name not in of_file}
        jobs[json.dumps(key, sort_keys=True)] = {
            "rule": record.get("rule", ""),
            "device": record.get("device", ""),
            "jobs": 1,
            "wall_seconds": record.get("wall_seconds", 0.0),
            "cpu_seconds": record.get("cpu_seconds", 0.0),
        }
    return pd.DataFrame(jobs.values()).groupby(["rule", "device"], as_index=False).sum()
