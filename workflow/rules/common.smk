import itertools
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# `.venv/bin/snakemake` without activation must still find its own python for scripts.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)

from innerlr.config import TrainedReadings, TrainedSection, load
from innerlr.errors import InnerlrError
from innerlr.experiments import EXPERIMENTS as CLASSES

try:
    CONFIG = load(config)
except InnerlrError as error:
    raise WorkflowError(str(error)) from None

RESULTS = Path("results") / CONFIG.preset
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
ENVIRONMENT = "../../environment.yml"
IMAGE_BANK = RESULTS / "data/omniglot.npz"

# figure: the experiments it draws
PAPER_FIGURES = {
    "fig01": ["fig01"],
    "fig02": ["fig02"],
    "fig03": ["fig03"],
    "fig04": ["fig04a", "fig04b"],
    "fig05": ["fig05"],
    "fig06": ["fig06"],
    "fig07": ["fig07"],
    "fig08": ["fig08"],
    "fig09": ["fig09"],
    "fig10": ["fig10a", "fig10b"],
    "fig11": ["fig11"],
    "fig12": ["fig12"],
    "table2": ["table2"],
    "h3": ["h3"],
    "theory": ["theory"],
}
OWN = list(CONFIG.experiments)
FIGURES = PAPER_FIGURES | {name: [name] for name in OWN}
EXPERIMENTS = sorted({name for names in FIGURES.values() for name in names})
CLAIMS = [RESULTS / "claims.csv", RESULTS / "tables/claims.html"]


def table_files(name):
    """A table in its three forms."""
    return [RESULTS / f"tables/{name}.{kind}" for kind in ("csv", "tex", "html")]


TABLES = {
    "table1": table_files("table1"),
    "table2": table_files("table2"),
    "estimators": table_files("estimators"),
    "claims": CLAIMS,
}
ALL_TABLES = [path for name, paths in TABLES.items() if name != "claims" for path in paths]


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    figure="|".join(FIGURES),


def section(experiment, stage):
    """What a stage of an experiment reads of the configuration, with all defaults."""
    node = CONFIG.experiments.get(experiment) or getattr(CONFIG, experiment)
    return node.for_stage(stage)


def section_of_run(experiment, run):
    """What one training job of an experiment reads of the configuration."""
    return getattr(CONFIG, experiment).for_run(run)


def images_of(experiment):
    """The images that an experiment trains on; none for most."""
    return [IMAGE_BANK] if experiment == "fig03" else []


def runs_of(experiment):
    """Training jobs of an experiment; none where nothing is trained."""
    node = CONFIG.experiments.get(experiment) or getattr(CONFIG, experiment)
    return node.runs() if isinstance(node, TrainedSection) else []


def trained_files(experiment):
    """What the training jobs of an experiment make."""
    return [RESULTS / f"training/{experiment}/{run}.npz" for run in runs_of(experiment)]


def trained_readings_of(experiment):
    """What each reading of an experiment with networks to train chooses, the primary one first."""
    return getattr(CONFIG, experiment).readings.choices()


def readings_files(experiment):
    """The claims of such an experiment under its readings: the table and the picture."""
    drawn = (f"figures/{experiment}_readings.{kind}" for kind in ("pdf", "svg", "png", "csv"))
    return [RESULTS / path for path in (f"tables/{experiment}_readings.csv", *drawn)]


def reading_section(experiment, reading):
    """The section of such an experiment under one reading."""
    return getattr(CONFIG, experiment).reading(reading).for_stage("estimates")


# experiments whose readings are trained one by one
TRAINED_READINGS = [
    name
    for name in EXPERIMENTS
    if isinstance(getattr(getattr(CONFIG, name, None), "readings", None), TrainedReadings)
]


wildcard_constraints:
    trained="|".join(TRAINED_READINGS),


def own_file(experiment):
    """The data file of an experiment of the user's own, so that a new one reruns it."""
    file = CONFIG.experiments[experiment].file if experiment in OWN else None
    return [file] if file else []


def provenance(*files):
    """The records that lie beside `files`."""
    return [f"{path}.provenance.json" for path in files]


def sources(*modules):
    """Package modules behind a rule, so that editing one reruns it."""
    folder = Path(workflow.basedir) / "src/innerlr"
    return [os.path.relpath(folder / f"{name}.py") for name in modules]


def source_of_experiment(experiment):
    """The modules that compute an experiment."""
    name = "own" if experiment in OWN else CLASSES[experiment][0]
    extra = EXTRA_MODULES.get(name, [])
    return sources(
        f"experiments/{name}",
        *extra,
        "adaptation",
        "distributions",
        "estimators",
        "experiments/base",
        "features",
        "moments",
        "rows",
    )


TRAINING = ["tasks", "training/checkpoint", "training/maml", "training/mlp"]


# modules that only some experiments import
EXTRA_MODULES = {
    "adaptation_gap": ["intervals", "theory"],
    "mixed_regression": ["mixed_regression"],
    "omniglot": ["omniglot", "training/anil"],
    "pretrained": ["experiments/landscape", *TRAINING],
    "rate_sweep": ["dual", *TRAINING],
    "tangent": ["dual", "intervals", "ntk", "tasks"],
    "tangent_variance": ["dual", "experiments/basis_variance", "ntk"],
    "theory": ["dual", "experiments/trajectory", "intervals", "theory"],
}


def notebook_of(figure):
    """The figure's notebook; experiments of the user's own share one."""
    return f"notebooks/{'own_experiment' if figure in OWN else figure}.ipynb"


def caption_of(figure):
    """The figure's caption, to which the verdicts are added."""
    name = "own_experiment" if figure in OWN else figure
    return f"workflow/report/captions/{name}.rst"


def inputs_of(figure, stage):
    """The tables of one stage that a figure draws."""
    return [RESULTS / f"{stage}/{name}.csv" for name in FIGURES[figure]]


def figure_files(figure):
    """Everything that a figure's notebook makes."""
    return [
        *(RESULTS / f"figures/{figure}.{kind}" for kind in ("pdf", "svg", "png", "csv")),
        *(RESULTS / f"notebooks/{figure}.{kind}" for kind in ("ipynb", "html")),
        RESULTS / f"captions/{figure}.rst",
    ]


ALL_FIGURES = [path for figure in FIGURES for path in figure_files(figure)]


REPORT = RESULTS / "report.html"
# a mark that does not exist yet: a killed run may have left its own
REPORT_DUE = next(
    path for path in (LOGS / f"report-{i}.due" for i in itertools.count()) if not path.exists()
)


def report_due():
    """A file to ask for when the report is missing or older than what it shows.

    Snakemake calls no handler when there is nothing to do, so a run that was killed while its
    report was made would never get one.
    """
    readings = [path for name in TRAINED_READINGS for path in readings_files(name)]
    files = (*ALL_FIGURES, *ALL_TABLES, *CLAIMS, *readings)
    shown = [path for path in files if path.exists()]
    newest = max((path.stat().st_mtime for path in shown), default=0)
    current = REPORT.exists() and REPORT.stat().st_mtime >= newest
    return [] if current else [REPORT_DUE]


def write_report():
    """Snakemake's report of every figure, table and reading that exists, as a second call.

    A report cannot be a rule of its own run. It is made after a failed run too, of what there is.
    """
    wanted = [
        *map(figure_files, FIGURES),
        *TABLES.values(),
        *map(readings_files, TRAINED_READINGS),
    ]
    complete = [group for group in wanted if all(path.exists() for path in group)]
    if not complete:
        return
    snapshot = RESULTS / "config.yaml"
    import yaml

    snapshot.write_text(yaml.safe_dump(CONFIG.model_dump(), sort_keys=False))
    command = [
        *(sys.executable, "-m", "snakemake", "--nolock"),
        *("--snakefile", str(Path(workflow.basedir) / "Snakefile")),
        *("--configfile", str(snapshot), "--report", str(REPORT), "--"),
        *(str(path) for group in complete for path in group),
    ]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise WorkflowError(f"the report could not be made:\n{made.stdout}\n{made.stderr}")
    for mark in LOGS.glob("report-*.due"):
        mark.unlink()
    figures = sum((RESULTS / f"figures/{name}.pdf").exists() for name in FIGURES)
    print(
        f"\n{figures} of {len(FIGURES)} figures are in {RESULTS / 'figures'}; "
        f"the report is {REPORT}\n",
        file=sys.stderr,
    )
