import os
import shlex
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
from replication.pipeline import marks, preflight, stopping
from replication.pipeline import report as the_report
from replication.pipeline.files import remove_abandoned
from replication.pipeline.provenance import code_revision
from replication.pipeline.targets import Targets, digests, provenance
from replication.settings.config import load_over

# The main process ends its jobs at Ctrl-C, which the terminal would send to them as well.
strict = "set -euo pipefail; " if Path(shell.get_executable() or "").name == "bash" else ""
shell.prefix(f"{strict}trap '' INT; ")
STOPPED = stopping.Stop()
if workflow.is_main_process:
    STOPPED.watch()

# The defaults, then config.yaml beside the Snakefile, --configfile and --config. `configfile:` would
# look for config.yaml where the run is started, and skip it in silence if --configfile is given.
try:
    preflight.check_temporary_files()
    TARGETS = Targets(load_over([], config, workflow.configfiles))
    NAMES = TARGETS.names
    CURVES = TARGETS.curves
except InnerlrError as error:
    raise WorkflowError(str(error)) from None

# Not that of a report: it is made within a run, and locks nothing.
MARK = None
if workflow.is_main_process and "--nolock" not in sys.argv:
    MARK, said = marks.enter(shlex.join(sys.argv[1:]))
    for line in said:
        print(f"innerlr: {line}", file=sys.stderr)

config.update(TARGETS.config.model_dump())
RESULTS, LOGS, BENCHMARKS = TARGETS.results, TARGETS.logs, TARGETS.benchmarks
ENVIRONMENT = "../../environment.yml"
SEED, DEVICE = TARGETS.config.seed, TARGETS.config.device
REPORT_DUE = the_report.due(TARGETS)


def before_jobs():
    """Stop a run that cannot write before it begins."""
    try:
        preflight.check_results(RESULTS)
    except InnerlrError as error:
        raise WorkflowError(str(error)) from None


def say_revision():
    """Say it once if the records cannot name the code that ran."""
    warning = code_revision().warning
    if warning:
        print(warning, file=sys.stderr)


def close_run():
    """Make the report and the manifest, and say where the report is."""
    try:
        said = the_report.close(TARGETS, stopped=STOPPED.by_user)
    except InnerlrError as error:
        raise WorkflowError(str(error)) from None
    if said:
        print(f"\n{said}", file=sys.stderr)


def any_of(names):
    """A pattern for a wildcard; one that matches nothing where there are no names."""
    return "|".join(names) or "(?!)"


def made(**files):
    """What a job makes for others to read, with the digest and the record of each file."""
    paths = files.values()
    return dict(**files, digests=digests(*paths), provenance=provenance(*paths))


def checked(**files):
    """What a job reads, with the digests against which it checks what other jobs made.

    Files that no job makes, such as notebooks and data of the user's own, have none.
    """
    beside = {f"{name}_digests": digests_of(given) for name, given in files.items()}
    return files | beside


def digests_of(given):
    """The digests of a file, of several, or of what a function gives."""
    if callable(given):
        return lambda wc: digests_of(given(wc))
    return TARGETS.digests_of([given] if isinstance(given, (str, Path)) else given)


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
