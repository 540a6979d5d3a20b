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

import yaml

from replication.judging.claims import beginning_with
from replication.config import OpenSection, TrainedSection, load
from innerlr.errors import InnerlrError
from replication.families import EXPERIMENTS as CLASSES
from replication.pipeline.imports import behind
from replication.images.sources import ENVIRONMENT as IMAGES_FOLDER
from replication.images.sources import unasked_stand_in, wanted
from replication.pipeline.provenance import data_source
from replication.judging.specification import pages

try:
    CONFIG = load(config)
except InnerlrError as error:
    raise WorkflowError(str(error)) from None

RESULTS = Path("results") / CONFIG.preset
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
ENVIRONMENT = "../../environment.yml"
IMAGE_BANK = RESULTS / "data/omniglot.npz"
NAMED_IMAGES = bool(CONFIG.fig03.images.directory or os.environ.get(IMAGES_FOLDER))

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


with open(Path(workflow.basedir) / "claims.yaml") as stream:
    ENTRIES = yaml.safe_load(stream)
# the others are spelt out by these
ALL_CLAIMS = [entry for entry in ENTRIES if "experiment" in entry]


def choices_of(experiment):
    """What each reading of an experiment chooses, the primary one first; none where none is open."""
    node = getattr(CONFIG, experiment, None)
    return node.choices() if isinstance(node, OpenSection) else {}


def claims_of_readings(experiment):
    """The claims that an experiment's readings bear on."""
    starts = getattr(CONFIG, experiment).readings.claims
    of_experiment = [claim for claim in ALL_CLAIMS if claim["experiment"] == experiment]
    try:
        return beginning_with(of_experiment, starts, f"{experiment}.readings.claims")
    except InnerlrError as error:
        raise WorkflowError(f"config: {error}") from None


def reading_section(experiment, reading):
    """The section of an experiment under one reading."""
    return getattr(CONFIG, experiment).reading(reading).for_stage("estimates")


def tables_of_readings(experiment):
    """The estimates under the readings: one file of all, or one each where each is trained."""
    if experiment in TRAINED:
        return [RESULTS / f"readings/{experiment}/{name}.csv" for name in choices_of(experiment)]
    return [RESULTS / f"readings/{experiment}.csv"]


# experiments with other readings than the primary one
OPEN = [name for name in EXPERIMENTS if len(choices_of(name)) > 1]
# of these, whose readings are trained one by one; those of Fig. 3 share their runs
TRAINED = [name for name in OPEN if name != "fig03" and runs_of(name)]
CLOSED = [name for name in OPEN if not runs_of(name)]


def curves_of(experiment):
    """Specification curves of an experiment: by the figure's name, the claims it draws."""
    made = pages(claims_of_readings(experiment), choices_of(experiment))
    ends = [""] if len(made) == 1 else [f"-{i}" for i in range(1, len(made) + 1)]
    names = (f"{experiment}_readings{end}" for end in ends)
    return {name: (experiment, claims) for name, claims in zip(names, made)}


CURVES = {name: made for experiment in OPEN for name, made in curves_of(experiment).items()}


def curve_files(curve):
    """A specification curve in all its forms."""
    return [RESULTS / f"figures/{curve}.{kind}" for kind in ("pdf", "svg", "png", "csv")]


# Fig. 3's schemes by themselves: the readings of sigma^2 against fixed rates
RATES_OF_FIG03 = [
    RESULTS / "tables/fig03_rates.csv",
    *(RESULTS / f"figures/fig03_rates.{kind}" for kind in ("pdf", "svg", "png", "csv")),
]
READINGS_TABLES = [RESULTS / f"tables/{name}_readings.csv" for name in OPEN]


wildcard_constraints:
    open="|".join(OPEN),
    trained="|".join(TRAINED),
    closed="|".join(CLOSED),
    curve="|".join(CURVES),
    reading=r"[A-Za-z0-9_.-]+",


def own_file(experiment):
    """The data file of an experiment of the user's own, so that a new one reruns it."""
    file = CONFIG.experiments[experiment].file if experiment in OWN else None
    return [file] if file else []


def provenance(*files):
    """The records that lie beside `files`."""
    return [f"{path}.provenance.json" for path in files]


SOURCE = Path(workflow.basedir) / "src"


def files_of(*roots):
    """Our modules that `roots` run, so that editing one reruns a rule."""
    found = {module for root in roots for module in behind(root, SOURCE)}
    return sorted(map(os.path.relpath, found))


def sources(*modules):
    """Modules of ours behind a rule, and all that they import."""
    return files_of(*(SOURCE / f"{name}.py" for name in modules))


def source_of_experiment(experiment):
    """The modules that compute an experiment."""
    where = "own.experiment" if experiment in OWN else CLASSES[experiment][0]
    # the scripts choose the device
    device = ["replication/training/device"] if runs_of(experiment) else []
    return sources(f"replication/figures/{where.replace('.', '/')}", *device)


def source_of_figure(figure):
    """The modules that a figure's notebook uses, and what runs it."""
    notebook = Path(workflow.basedir) / notebook_of(figure)
    return sorted({*files_of(notebook), *sources("replication/pipeline/notebook")})


def notebook_of(figure):
    """The figure's notebook; experiments of the user's own share one."""
    return f"notebooks/{'own_experiment' if figure in OWN else figure}.ipynb"


def caption_of(figure):
    """The figure's caption, to which the verdicts are added."""
    name = "own_experiment" if figure in OWN else figure
    family = "own" if figure in OWN else CLASSES[FIGURES[figure][0]][0].partition(".")[0]
    return f"src/replication/figures/{family}/captions/{name}.rst"


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
    readings = [*(path for name in CURVES for path in curve_files(name)), *RATES_OF_FIG03]
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
        *map(curve_files, CURVES),
        RATES_OF_FIG03,
    ]
    complete = [group for group in wanted if all(path.exists() for path in group)]
    if not complete:
        return
    snapshot = RESULTS / "config.yaml"
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
        f"the report is {REPORT}\n"
        + unasked_stand_in(
            data_source([IMAGE_BANK]), CONFIG.fig03.images.source, LOGS / "image_bank.log"
        ),
        file=sys.stderr,
    )
