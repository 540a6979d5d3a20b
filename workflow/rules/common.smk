import os
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The packages of this checkout, whichever are installed, and the programs beside this Python,
# whether or not its environment is active: for what is imported here, and in every job.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
for name, folder in (("PYTHONPATH", SOURCE), ("PATH", str(Path(sys.executable).parent))):
    rest = [part for part in os.environ.get(name, "").split(os.pathsep) if part]
    os.environ[name] = os.pathsep.join([folder, *(part for part in rest if part != folder)])
# What jobs make does not depend on the user's matplotlibrc, its backend or the locale.
os.environ.update(MATPLOTLIBRC=os.devnull, MPLBACKEND="agg")
os.environ.update(PYTHONUTF8="1", PYTHONIOENCODING="utf-8")

if any(brace in SOURCE for brace in "{}"):
    raise WorkflowError(
        f"{workflow.basedir}: the path of the checkout has a brace, which Snakemake takes for a "
        "wildcard. Move the checkout to a folder without braces."
    )

from innerlr.errors import InnerlrError
from replication.checkout import from_here
from replication.pipeline import preflight
from replication.pipeline import report as the_report
from replication.pipeline.targets import Targets, provenance
from replication.settings.config import load_over

# The defaults, then config.yaml beside the Snakefile, --configfile and --config. `configfile:` would
# look for config.yaml where the run is started, and skip it in silence if --configfile is given.
try:
    preflight.check_temporary_files()
    TARGETS = Targets(load_over([], config, workflow.configfiles))
    NAMES = TARGETS.names
    CURVES = TARGETS.curves
except InnerlrError as error:
    raise WorkflowError(str(error)) from None

config.update(TARGETS.config.model_dump())
RESULTS, LOGS, BENCHMARKS = TARGETS.results, TARGETS.logs, TARGETS.benchmarks
ENVIRONMENT = "../../environment.yml"
SEED, DEVICE = TARGETS.config.seed, TARGETS.config.device
STOPPED = the_report.Stopped()
REPORT_DUE = the_report.due(TARGETS)


def before_jobs():
    """Stop a run that cannot write before it begins."""
    try:
        preflight.check_results(RESULTS)
    except InnerlrError as error:
        raise WorkflowError(str(error)) from None


def write_report():
    """Make the report and say where it is."""
    try:
        said = the_report.write(TARGETS)
    except InnerlrError as error:
        raise WorkflowError(str(error)) from None
    if said:
        print(f"\n{said}", file=sys.stderr)


def any_of(names):
    """A pattern for a wildcard; one that matches nothing where there are no names."""
    return "|".join(names) or "(?!)"


def figure_output():
    """What a figure's notebook makes, marked for the report."""
    return dict(
        pdf=RESULTS / "figures/{figure}.pdf",
        svg=report(
            RESULTS / "figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "kind": "figure"},
        ),
        png=RESULTS / "figures/{figure}.png",
        csv=RESULTS / "figures/{figure}.csv",
        ipynb=RESULTS / "notebooks/{figure}.ipynb",
        html=report(
            RESULTS / "notebooks/{figure}.html",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "kind": "notebook"},
        ),
        caption=RESULTS / "captions/{figure}.rst",
        provenance=provenance(*TARGETS.figure("{figure}")),
    )


def table_output(name):
    """A table in its three forms, its page marked for the report."""
    *files, page = TARGETS.forms(name)
    labels = {"table": name, "kind": "table"}
    shown = report(page, caption="../report/table.rst", category="Tables", labels=labels)
    return [*files, shown]


wildcard_constraints:
    experiment=any_of(TARGETS.experiments),
    table=any_of(TARGETS.general_tables),
    open=any_of(TARGETS.open),
    trained=any_of(TARGETS.trained_apart),
    closed=any_of(TARGETS.closed),
    shared=any_of(TARGETS.shared),
    curve=any_of(CURVES),
    reading=r"[A-Za-z0-9_.-]+",
