"""The reference results: what is committed of one verified run, or of several."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import yaml

from innerlr.claims import verdict_table
from innerlr.config import load_file
from innerlr.errors import InnerlrError
from innerlr.io.files import read_table, write_table
from innerlr.io.provenance import (
    SUFFIX,
    code_revision,
    config_digest,
    data_source,
    verify,
    write,
)
from innerlr.io.tables import (
    CLAIMS_TITLE,
    ESTIMATORS_TITLE,
    estimators_table,
    write_formats,
    write_html,
)

RUNS, COMPUTE = "runs.yaml", "compute.csv"
KEPT = ("figures/*.png", "figures/*.csv", "tables/*")
# made of all experiments, so put together anew from all runs
VERDICTS = ("claims.csv", "tables/claims.html")
ESTIMATORS = tuple(f"tables/estimators.{kind}" for kind in ("csv", "tex", "html"))
# a file was made from an experiment if its record names one of these
STAGE = re.compile(r"(?:sweeps|estimates|claims)/([^/]+)\.csv$")
# of one of several pages
PAGE = re.compile(r"-\d+(?=\.\w+$)")


def keep(runs: Sequence[str | Path], reference: str | Path, claims: str | Path) -> list[Path]:
    """Copy what is committed of a run: its pictures, tables and claims with their records.

    Of several runs a later one takes the place of an earlier one for the experiments that it has
    judged: their figures, tables, verdicts and estimates. Specification curves are of the last
    run that drew them. Beside them stand each run's configuration, as config-<run>.yaml, what came
    from it, in runs.yaml, and the time that it took, in compute.csv.

    Args:
        runs: folders of results, each of which verifies.
        reference: the folder to replace.
        claims: claims.yaml, in whose order the verdicts are.

    Returns:
        The files written.

    Raises:
        InnerlrError: a run that does not verify, or was made with another configuration than it
            holds; two runs of one name; an experiment of a later run with a file that is left to
            come from an earlier one; a `reference` that is no such folder. Nothing is written then.
    """
    made = [_Run(Path(run)) for run in runs]
    names = [run.name for run in made]
    if len(set(names)) < len(names):
        raise InnerlrError(
            f"reference: expected runs of different names, got {', '.join(names)}. Give each a "
            "`preset:` of its own in its config file, which names its folder."
        )
    entries = yaml.safe_load(_text(claims))
    owner = {experiment: run for run in made for experiment in run.judged}
    files: dict[str, _Run] = {}
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
    with _replaced(Path(reference), made) as folder:
        for path, run in files.items():
            for name in (path, path + SUFFIX):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(run.folder / name, folder / name)
        if owner:
            _write_verdicts(folder, owner, entries)
        if len(made) > 1 and any(path in files for path in ESTIMATORS):
            _write_estimators(folder, owner)
        for run in made:
            shutil.copy2(run.folder / "config.yaml", folder / f"config-{run.name}.yaml")
        times = pd.concat([compute(run.folder).assign(run=run.name) for run in made])
        write_table(times[["run", *times.columns.drop("run")]], folder / COMPUTE)
        about = [run.about(owner, files) for run in made]
        (folder / RUNS).write_text(yaml.safe_dump(about, sort_keys=False))
    return sorted(path for path in Path(reference).rglob("*") if path.is_file())


class _Run:
    """A folder of results that verifies, with the configuration it was made with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
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

    def record(self, path: str | Path) -> Any:
        return json.loads((self.folder / f"{path}{SUFFIX}").read_text())

    def _check_configuration(self) -> None:
        """Raise unless config.yaml is what every experiment was made with.

        A run of another revision may have had other keys: its records stand for themselves.
        """
        path = self.folder / "config.yaml"
        if not path.is_file():
            raise InnerlrError(
                f"{path}: no such file, so nobody can make the run again. Snakemake writes it at "
                "the end of a run of a named target, such as fig03: run that."
            )
        tables = sorted(self.folder.glob("estimates/*.csv"))
        here = code_revision()
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

    def kept(self) -> list[str]:
        """Its files that are committed as they are, relative to the folder."""
        found = (path for pattern in KEPT for path in sorted(self.folder.glob(pattern)))
        names = [path.relative_to(self.folder).as_posix() for path in found]
        return [name for name in names if not name.endswith(SUFFIX) and name not in VERDICTS]

    def made_from(self, path: str) -> set[str]:
        """The experiments behind one of its files; none for those of all experiments."""
        if path in ESTIMATORS:
            return set()
        found = (STAGE.search(name) for name in self.record(path)["inputs"])
        return {match[1] for match in found if match}

    def about(self, owner: Mapping[str, _Run], files: Mapping[str, _Run]) -> dict[str, Any]:
        """What runs.yaml says of it."""
        records = [json.loads(path.read_text()) for path in self.folder.rglob(f"*{SUFFIX}")]
        # specification curves may fill several pages
        shown = sorted(
            {Path(PAGE.sub("", path)).stem for path, run in files.items() if run is self}
        )
        return {
            "run": self.name,
            "config": f"config-{self.name}.yaml",
            "revision": records[0]["revision"],
            "machines": sorted({record["machine"] for record in records}),
            "versions": records[0]["versions"],
            "data": sorted({record["data_source"] for record in records}),
            "experiments": [name for name, run in sorted(owner.items()) if run is self],
            "shown": [name for name in shown if f"tables/{name}.csv" not in ESTIMATORS],
        }


@contextmanager
def _replaced(target: Path, runs: Sequence[_Run]) -> Iterator[Path]:
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


def _write_verdicts(folder: Path, owner: Mapping[str, _Run], entries: Sequence[Any]) -> None:
    paths = [run.folder / f"claims/{name}.csv" for name, run in sorted(owner.items())]
    table = verdict_table(entries, [pd.read_csv(path) for path in paths])
    csv, page = (folder / name for name in VERDICTS)
    write_table(table, csv)
    write_html(table, str(page), CLAIMS_TITLE)
    write([csv, page], paths, rule="reference", data_source=data_source(paths))


def _write_estimators(folder: Path, owner: Mapping[str, _Run]) -> None:
    paths = {n: run.folder / f"estimates/{n}.csv" for n, run in sorted(owner.items())}
    table = pd.concat([estimators_table(name, read_table(path)) for name, path in paths.items()])
    made = [folder / name for name in ESTIMATORS]
    output = SimpleNamespace(**{path.suffix.removeprefix("."): str(path) for path in made})
    write_formats(table.reset_index(drop=True), output, ESTIMATORS_TITLE)
    write(made, paths.values(), rule="reference", data_source=data_source(paths.values()))


def _text(path: str | Path) -> str:
    if not Path(path).is_file():
        raise InnerlrError(f"{path}: no such file. Run innerlr in the project's folder.")
    return Path(path).read_text()


def compute(run: str | Path) -> pd.DataFrame:
    """What a run took, by rule and device: jobs, and seconds of wall and CPU time over all jobs.

    Files of one job have one record but for their names and digests.
    """
    jobs = {}
    for path in sorted(Path(run).rglob(f"*{SUFFIX}")):
        record = json.loads(path.read_text())
        key = {name: value for name, value in record.items() if name not in ("file", "sha256")}
        jobs[json.dumps(key, sort_keys=True)] = {
            "rule": record.get("rule", ""),
            "device": record.get("device", ""),
            "jobs": 1,
            "wall_seconds": record.get("wall_seconds", 0.0),
            "cpu_seconds": record.get("cpu_seconds", 0.0),
        }
    return pd.DataFrame(jobs.values()).groupby(["rule", "device"], as_index=False).sum()
