"""REPLICATION.md and the results in README.md, made from the reference results.

Every number in them is read: verdicts and intervals from `results/reference/claims.csv`, its runs
from `runs.yaml`, the time from `compute.csv`, deviations from the configuration, errata from
`docs/errata.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import yaml

from innerlr.errors import InnerlrError
from replication.families import family_of
from replication.judging.claims import NOT, PARTLY, REPRODUCED, UNJUDGED, spelt_out
from replication.judging.entries import describe, entries, places_of
from replication.judging.markdown import rows, wrapped
from replication.judging.reference import COMPUTE, RUNS
from replication.settings.config import Config
from replication.settings.files import leaves
from replication.settings.section import PRIMARY

REFERENCE = Path("results/reference")
VERDICTS = (REPRODUCED, PARTLY, NOT, UNJUDGED)
NUMBERS = ["measured", "low", "high"]
START = "<!-- results, made by `python -m replication replication --write` -->"
END = "<!-- end of results -->"
# in the place of an experiment, for statements that other claims spell out
WHOLE = "The paper's own summary, spelt out by other claims"


def claims(root: Path) -> pd.DataFrame:
    """Every claim of claims.yaml with its verdict in the reference run.

    Returns:
        Columns of claims.csv, with claim and experiment (WHOLE for statements that others spell
        out); claims that the reference run does not have, or judged by another quantity or bound,
        are not evaluated.
    """
    table = REFERENCE / "claims.csv"
    if not (root / table).is_file():
        raise InnerlrError(
            f"{table}: no such file. Make it with `make figures` and "
            "`python -m replication reference results/default`."
        )
    listed = entries(root / "src/replication")
    known = pd.DataFrame(listed, columns=["id", "place", "claim", "experiment", "panel"])
    judged = pd.read_csv(root / table)
    # a verdict on another quantity or bound is none on the claim as it is now
    same = {(e["id"], e["quantity"], describe(e["expected"])) for e in listed if "expected" in e}
    rows = zip(judged.id, judged.quantity, judged.expected, strict=True)
    judged = judged[[row in same for row in rows]]
    summaries = spelt_out(listed, judged)
    both = known.merge(pd.concat([judged, summaries]).drop(columns="place"), on="id", how="left")
    both["verdict"] = both.verdict.fillna(UNJUDGED)
    both["experiment"] = both.experiment.fillna(WHOLE)
    # a run's reason is its own only where it says what the run falls short of
    reasons = {e["id"]: " ".join(e["reason"].split()) for e in listed if "of" not in e}
    current = both.id.map(reasons).where(both.verdict != UNJUDGED)
    both["reason"] = current.fillna(both.reason)
    return both


def robustness(root: Path) -> pd.DataFrame:
    """Verdicts on each claim under the readings of what the paper leaves open.

    Returns:
        By claim id: primary, the verdict under the primary reading at the scale of the readings;
        readings, how many others there are that change what is measured; and of these how many
        have each of VERDICTS. Claims without readings in the reference results are not in it.
    """
    tables, config = [], Config()
    for path in sorted((root / REFERENCE / "tables").glob("*_readings.csv")):
        table = pd.read_csv(path)[["id", "reading", *NUMBERS, "verdict"]]
        readings = getattr(config, path.stem.removesuffix("_readings")).specifications
        tables.append(table[table.id.str.startswith(tuple(readings.claims or [""]))])
    if not tables:
        return pd.DataFrame(columns=["primary", "readings", *VERDICTS])
    judged = pd.concat(tables)
    primary = judged[judged.reading == PRIMARY].set_index("id")
    others = judged[judged.reading != PRIMARY]
    # a reading that cannot touch a claim repeats its numbers to the last digit
    ours, theirs = others[NUMBERS].to_numpy(), primary.loc[others.id, NUMBERS].to_numpy()
    others = others[~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(1)]
    found = pd.crosstab(others.id, others.verdict)
    found = found.reindex(index=primary.index, columns=list(VERDICTS), fill_value=0)
    found.insert(0, "readings", found.sum(axis=1))
    found.insert(0, "primary", primary.verdict)
    return found


def title(experiment: str) -> str:
    """What an experiment is, in the words of its section."""
    field = Config.model_fields.get(experiment)
    about = getattr(field.annotation, "__doc__", None) if field else None
    return (about or experiment).strip().splitlines()[0].rstrip(".")


def label(figure: str) -> str:
    """fig08 as Fig. 8, table2 as Table 2, others as their family says.

    What follows an underscore, such as readings, stands in brackets behind it.
    """
    figure, _, rest = figure.partition("_")
    if rest:
        return f"{label(figure)} ({rest})"
    found = re.fullmatch(r"(fig|table)0*(\d+)(\w*)", figure)
    if found:
        return f"{'Fig.' if found[1] == 'fig' else 'Table'} {found[2]}{found[3]}"
    said = family_of(figure).labels.get(figure)
    return said or figure.capitalize()


def counts(of: pd.DataFrame) -> list[int]:
    """How many claims have each of VERDICTS."""
    return [int((of.verdict == verdict).sum()) for verdict in VERDICTS]


def number(value: float) -> str:
    """To four digits; infinite where a bound is never reached; empty where nothing was measured."""
    if pd.isna(value):
        return ""
    return f"{'-' if value < 0 else ''}infinite" if np.isinf(value) else f"{value:.4g}"


def interval(measured: float, low: float, high: float) -> str:
    """Its ends; "exact" for a value that was computed exactly, empty where none was measured."""
    if pd.isna(low):
        return "" if pd.isna(measured) else "exact"
    return f"{number(low)} to {number(high)}"


def summary(table: pd.DataFrame) -> str:
    """One sentence with the numbers of verdicts; what others spell out is not counted twice."""
    table = table[table.experiment != WHOLE]
    found = dict(zip(VERDICTS, counts(table), strict=True))
    parts = ", ".join(f"{n} {verdict}" for verdict, n in found.items() if n)
    return f"Of {len(table)} claims: {parts}."


def by_experiment(table: pd.DataFrame) -> list[str]:
    """A table of verdicts, a row an experiment in the order of claims.yaml."""
    groups = table.groupby("experiment", sort=False)
    body = [[title(str(name)), *(n or "" for n in counts(of))] for name, of in groups]
    return rows(["", *VERDICTS], body)


def readme(root: Path) -> str:
    """README.md with its block of results made anew."""
    text = (root / "README.md").read_text(encoding="utf-8")
    if text.count(START) != 1 or text.count(END) != 1:
        raise InnerlrError(f"README.md: expected the lines {START!r} and {END!r}, once each.")
    table = claims(root)
    figures = sorted((root / REFERENCE / "figures").glob("*.png"))
    figures = [path for path in figures if "_" not in path.stem]  # no specification curves
    pictures = [f"![{label(path.stem)}]({REFERENCE / 'figures' / path.name})" for path in figures]
    pairs = [[*pictures[i : i + 2], ""][:2] for i in range(0, len(pictures), 2)]
    block = [
        START,
        "",
        f"{summary(table)} [REPLICATION.md](REPLICATION.md) has every one with its interval.",
        "",
        *by_experiment(table),
        "",
        f"Numbers and records are in [{REFERENCE}]({REFERENCE}).",
        "",
        *rows(["", ""], pairs),
        "",
        END,
    ]
    before, rest = text.split(START)
    return before + "\n".join(block) + rest.split(END)[1]


def report(root: Path) -> str:
    """REPLICATION.md, in the order of the ML Reproducibility Challenge."""
    table = claims(root)
    measured = table[table.experiment != WHOLE]
    other = robustness(root)
    errata = len(re.findall(r"^### ", (root / "docs/errata.md").read_text(encoding="utf-8"), re.M))
    paragraphs: list[list[str]] = [
        ["# Replication report"],
        wrapped(
            "Zou, Liu and Li, *Unraveling Model-Agnostic Meta-Learning via the Adaptation Learning "
            "Rate*, ICLR 2022. Made by `python -m replication replication --write` from the "
            "reference results; no number on this page is typed by hand."
        ),
        ["## Summary"],
        wrapped(
            "**Scope.** The paper derives the learning rate of MAML's inner step that minimises "
            "the population risk in mixed linear regression (Theorem 1), bounds it and reads it in "
            "terms of the data (Corollary 1, Examples 1 and 2), proves that a small rate brings "
            "the initialisation closer to the task optima (Theorem 2), and carries the rate over "
            f"to tangent features and deep networks. This page judges {len(measured)} claims in "
            f"{measured.experiment.nunique()} experiments."
        ),
        wrapped(
            "**Methodology.** No code of the authors is public; everything is written anew from "
            "the text. Linear models are solved exactly. What would count as reproduced was "
            "written down in claims.yaml of each family (src/replication/figures) before the run "
            "that is judged; where first values had been seen by then, "
            "src/replication/judging/summary.yaml says so. A claim is *reproduced* if its whole "
            "95% interval is accepted, *not reproduced* if none of it is, *partly* otherwise, and "
            "*not evaluated* below the scale that it needs. A statement about every repetition is "
            "judged by the worst one, and has the least and the largest in the place of an "
            "interval. [Methods](docs/methods.md) has the details."
        ),
        wrapped(f"**Results.** {summary(table)} {_robust(other)}"),
        wrapped(
            "**What was easy.** The underparameterised theory: with the sums of three powers of "
            "the Grams every learning rate costs one small solve, so the closed-form figures run "
            "in minutes on two cores, and exact expectations leave no sampling error in the limit."
        ),
        wrapped(
            "**What was difficult.** Settings that the paper does not print, on which some "
            "verdicts depend; each is a setting with its alternatives. Formulas that do "
            f"not hold as printed: [the errata](docs/errata.md) has {errata} entries, and "
            "[every numbered equation](docs/equations.md) was checked. Effects far below the "
            "spread between draws, which need common random numbers or closed forms."
        ),
        ["## Results"],
        by_experiment(table),
    ]
    below = _reports(table.experiment.unique())
    for name, of in table.groupby("experiment", sort=False):
        header = ["claim", "place", "expected", "measured", "95% interval", "verdict"]
        header.append("under other readings")
        body = [
            [
                f"{row.claim} (`{row.id}`)",
                row.place,
                "" if pd.isna(row.expected) else row.expected,
                number(row.measured),
                # a share of claims has no interval either, and is not exact
                "" if row.experiment == WHOLE else interval(row.measured, row.low, row.high),
                row.verdict,
                _others(other, row.id),
            ]
            for row in of.itertuples()
        ]
        paragraphs += [[f"### {title(str(name))}"], rows(header, body)]
        curves = sorted((root / REFERENCE / "figures").glob(f"{name}_*.png"))
        if curves:
            links = ", ".join(f"[{c.stem}]({REFERENCE / 'figures' / c.name})" for c in curves)
            paragraphs.append([f"Specification curves: {links}."])
        if name in below:
            paragraphs += below[name].paragraphs(root / REFERENCE)
    paragraphs += [
        ["## Coverage"],
        wrapped(
            "Every place of the paper that states something, in its order, and the claims that "
            "judge it; one without a claim says why. A test holds the list against claims.yaml."
        ),
        rows(["place", "states", "claims"], _coverage(root, table)),
        ["## Deviations and assumptions"],
        wrapped(
            "What the paper leaves open, what is taken in its place and why. Values that are ours "
            "alone (numbers of repetitions, grids) and those of the paper stand in "
            "[workflow/defaults.yaml](workflow/defaults.yaml)."
        ),
        rows(["key", "value", "why", "alternatives"], _assumptions()),
        ["## Runs"],
        *_runs(root),
        ["## Compute"],
        *_compute(root),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs) + "\n"


def _reports(experiments: Iterable[str]) -> dict[str, ModuleType]:
    """By the last experiment of each family, the family's module `report` where it has one."""
    families = {name: family_of(name) for name in experiments if name != WHOLE}
    last = {family.name: name for name, family in families.items()}
    ours = {name: families[name] for name in last.values() if families[name].has("report")}
    return {name: family.module("report") for name, family in ours.items()}


def _robust(found: pd.DataFrame) -> str:
    """A sentence on how much hangs on the assumptions."""
    if found.empty:
        return "The reference results have no readings; `snakemake specifications` makes them."
    touched = found[found.readings > 0]
    same = [row[row.primary] == row.readings for _, row in touched.iterrows()]
    turned = (
        ((touched.primary == NOT) & (touched[REPRODUCED] > 0))
        | ((touched.primary == REPRODUCED) & (touched[NOT] > 0))
    ).sum()
    none = len(found) - len(touched)
    return (
        f"Of the {len(found)} claims on experiments that leave something open, no reading changes "
        f"what is measured of {none}. Of the other {len(touched)}, {sum(same)} have one "
        f"verdict under every reading that does, and {turned} go from reproduced to not "
        "reproduced, or back, under at least one. Readings change one assumption at a time, at a "
        "smaller scale."
    )


def _others(found: pd.DataFrame, claim: str) -> str:
    """How other readings that touch a claim judge it: their number by verdict."""
    if claim not in found.index:
        return ""
    row = found.loc[claim]
    return ", ".join(f"{row[verdict]} {verdict}" for verdict in VERDICTS if row[verdict])


def _coverage(root: Path, table: pd.DataFrame) -> list[list[str]]:
    places = yaml.safe_load((root / "docs/places.yaml").read_text(encoding="utf-8"))
    known = [place["place"] for place in places]
    judging: dict[str, dict[str, list[str]]] = {name: {} for name in known}
    for row in table.itertuples():
        for name in dict.fromkeys(places_of(str(row.place), known)):
            judging[name].setdefault(str(row.verdict), []).append(f"`{row.id}`")
    body = []
    for place in places:
        found = judging[place["place"]]
        judged = "; ".join(f"{v}: {', '.join(found[v])}" for v in VERDICTS if v in found)
        body.append([place["place"], place.get("says", ""), place.get("none", judged)])
    return body


def _assumptions() -> list[list[str]]:
    """Assumed values, those with one source in one row."""
    found: dict[tuple[str, Any], list[tuple[str, Any]]] = {}
    for path, value, source in leaves(Config()):
        if source is not None and source.kind == "assumed":
            found.setdefault((path[0], source), []).append((".".join(path[1:]), value))
    body = []
    for (section, source), values in found.items():
        paths = [key.split(".") for key, _ in values]
        shared = paths[0] if len(paths) == 1 else _common(paths)
        key = ".".join([section, *shared])
        text = ", ".join(
            f"{'.'.join(path[len(shared) :])} {value}".strip()
            for path, (_, value) in zip(paths, values, strict=True)
        )
        body.append([f"`{key}`", text, source.text, source.alternatives])
    return body


def _common(paths: list[list[str]]) -> list[str]:
    """The parts with which all paths begin."""
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared


def _runs(root: Path) -> list[list[str]]:
    """Which run each figure came from, and the settings in which it differs from the defaults."""
    file = root / REFERENCE / RUNS
    if not file.is_file():
        return [["The reference results do not say how they were made."]]
    current = Config().model_dump(mode="json")
    body, machines = [], []
    for run in yaml.safe_load(file.read_text(encoding="utf-8")):
        config = yaml.safe_load((root / REFERENCE / run["config"]).read_text(encoding="utf-8"))
        parts = [key for key in ("seed", *run["experiments"]) if key in current]
        ours, theirs = ({key: values.get(key) for key in parts} for values in (current, config))
        # readings shown of another run have its settings
        elsewhere = {
            f"{key}.specifications" for key in parts if f"{key}_readings" not in run["shown"]
        }
        body.append(
            [
                f"`{run['run']}`",
                ", ".join(label(name) for name in run["shown"]),
                "; ".join(_differences(theirs, ours, elsewhere)) or "nothing",
                f"[{run['config']}]({REFERENCE / run['config']})",
                run["revision"][:12],
            ]
        )
        versions = ", ".join(f"{name} {v}" for name, v in run["versions"].items())
        data = ", ".join(run["data"])
        machines += wrapped(
            f"- `{run['run']}`: on {', '.join(run['machines'])} with {versions}; data: {data}."
        )
    header = ["run", "shown", "differs from the defaults in", "configuration", "code"]
    return [
        wrapped(
            "A later run takes the place of an earlier one for the experiments that it made. "
            "Values are the run's, the defaults in brackets; `snakemake --configfile` "
            "makes a run again from its configuration."
        ),
        rows(header, body),
        machines,
    ]


def _differences(theirs: Any, ours: Any, without: Collection[str], path: str = "") -> list[str]:
    """Where two configurations differ, in the keys that both have, but for those at `without`."""
    if path in without:
        return []
    if isinstance(theirs, dict) and isinstance(ours, dict):
        shared = [key for key in ours if key in theirs]
        parts = [(f"{path}.{key}".lstrip("."), theirs[key], ours[key]) for key in shared]
        return [line for name, a, b in parts for line in _differences(a, b, without, name)]
    return [] if theirs == ours else [f"`{path}` {theirs} ({ours})"]


def _compute(root: Path) -> list[list[str]]:
    table = root / REFERENCE / COMPUTE
    if not table.is_file():
        return [["The reference results hold no times."]]
    times = pd.read_csv(table)
    total = times[["jobs", "wall_seconds", "cpu_seconds"]].sum()
    body = [
        [row.rule, row.device, row.jobs, f"{row.wall_seconds:.0f}", f"{row.cpu_seconds:.0f}"]
        for row in times.itertuples()
    ]
    sums = [f"{total.wall_seconds:.0f}", f"{total.cpu_seconds:.0f}"]
    body.append(["all", "", int(total.jobs), *sums])
    header = ["rule", "device", "jobs", "seconds, one after another", "CPU s"]
    if "run" in times and times.run.nunique() > 1:
        header.insert(0, "run")
        body = [[run, *line] for run, line in zip([*times.run, ""], body, strict=True)]
    return [rows(header, body)]


FILES: dict[str, Callable[[Path], str]] = {"README.md": readme, "REPLICATION.md": report}
