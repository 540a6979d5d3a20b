"""What a run makes does not depend on the user's machine: settings, kernels, locale, folders."""

from __future__ import annotations

import json
import os
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTFont
from project import Project

from disks import small_disk
from innerlr.io.verify import SUFFIX

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMOKE = ("--configfile", "workflow/presets/smoke.yaml")
TARGETS = ("fig06", "table1", "results/smoke/figures/fig11_readings.png")
MADE = ("figures", "captions", "notebooks", "tables")

# another look, another backend, and TeX, which this machine may not have
MATPLOTLIBRC = """
backend: TkAgg
text.usetex: True
font.size: 20
font.family: monospace
lines.linewidth: 7
savefig.bbox: tight
no.such.key: 1
"""
# of every IPython of the user's: a word in each notebook, and frames shown otherwise
STARTUP = """
print("STARTUP")
import pandas, seaborn
pandas.set_option("display.precision", 1)
pandas.set_option("display.max_rows", 2)
seaborn.color_palette = None
"""
IPYTHON = """
c = get_config()
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {"figure.dpi": 30}
c.IPKernelApp.matplotlib = "agg"
c.InteractiveShellApp.exec_lines = ["print('CONFIG')"]
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def project(checkout: Project) -> Project:
    """With the results of a usual run."""
    checkout.snakemake(*SMOKE, "--", *TARGETS)
    return checkout


def content(folder: Path) -> dict[str, bytes]:
    """All that jobs of figures and tables make, but for the records, which have times."""
    files = [path for part in MADE for path in (folder / part).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.endswith(SUFFIX)
    }


def other_arial(path: Path) -> None:
    """Letters with serifs under the name that stands first in the style of figures."""
    font = TTFont(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "Arial"
    font.save(path)


def of_a_user(folder: Path, working: Path) -> dict[str, str]:
    """A user's settings of every program behind a figure, and the environment that names them."""
    foreign = {"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "x"}
    for name, text in (
        ("matplotlib/matplotlibrc", MATPLOTLIBRC),
        ("matplotlib/stylelib/own.mplstyle", "no.such.key: 1\n"),
        ("ipython/profile_default/startup/00.py", STARTUP),
        ("ipython/profile_default/ipython_config.py", IPYTHON),
        ("ipython/profile_default/ipython_kernel_config.py", IPYTHON),
        ("startup.py", STARTUP),
        ("jupyter/jupyter_config.py", IPYTHON),
        ("jupyter/nbconvert/templates/lab/conf.json", '{"base_template": "none"}'),
        ("jupyter/nbconvert/templates/lab/index.html.j2", "a template of the user's"),
        ("jupyter/kernels/python3/kernel.json", json.dumps(foreign)),
        ("home", "a file, so that no folder can be made below it"),
        (working / "lab/index.html.j2", "a template of the user's"),
        (working / "matplotlibrc", MATPLOTLIBRC),
        (working / "seaborn.py", "raise ImportError('a module of the working folder')"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "data/fonts").mkdir(parents=True)
    other_arial(folder / "data/fonts/Arial.ttf")
    return {
        "MPLBACKEND": "module://backend_interagg",
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "MATPLOTLIBRC": str(folder / "matplotlib/matplotlibrc"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONWARNINGS": "always",
        "PYTHONIOENCODING": "ascii",
        # a locale of ASCII alone
        **{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "home/jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "home/runtime"),
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home/config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "COLUMNS": "20",
        "DISPLAY": ":12345",
    }


@pytest.fixture(scope="module")
def elsewhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the same checkout in another folder, under a user's settings."""
    working = tmp_path_factory.mktemp("elsewhere")
    settings = of_a_user(tmp_path_factory.mktemp("user"), working)
    project.snakemake("--directory", str(working), *SMOKE, "--", *TARGETS, **settings)
    return working


def test_no_byte_depends_on_a_users_settings_or_on_the_folder(
    project: Project, elsewhere: Path
) -> None:
    usual, other = content(project.results()), content(elsewhere / "results/smoke")
    kinds = {Path(name).suffix for name in usual}
    assert kinds == {".pdf", ".svg", ".png", ".csv", ".rst", ".ipynb", ".html", ".tex", ".sha256"}
    assert set(other) == set(usual)
    # the notebook's parameters say where the notation is read
    path = os.path.relpath(project.folder, elsewhere)
    name = "notebooks/table1.ipynb"
    assert f"{path}/workflow/report".encode() in other[name]
    other[name] = other[name].replace(f"{path}/".encode(), b"")
    assert [name for name in usual if other[name] != usual[name]] == []


def test_a_run_elsewhere_has_records_and_a_report_there(project: Project, elsewhere: Path) -> None:
    assert not (elsewhere / "workflow").exists()
    assert "fig06.svg" in (elsewhere / "results/smoke/report.html").read_text(encoding="utf-8")
    record = "notebooks/fig06.ipynb" + SUFFIX
    here, there = (
        json.loads((folder / "results/smoke" / record).read_text(encoding="utf-8"))
        for folder in (project.folder, elsewhere)
    )
    assert "notebooks/fig06.ipynb" in here["code"]
    assert there["code"] == here["code"]
    assert there["inputs"] == here["inputs"]
    assert "Nothing to be done" in project.snakemake(
        "--directory", str(elsewhere), *SMOKE, "--", *TARGETS
    )


def test_files_of_the_users_own_are_those_of_the_folder_of_the_run(
    checkout: Project, tmp_path: Path
) -> None:
    (tmp_path / "mine.npy").touch()
    (checkout.folder / "mine.yaml").write_text(
        "preset: mine\nexperiments: {mine: {file: mine.npy}}\n", encoding="utf-8"
    )
    dry = ("-n", "--configfile", "mine.yaml", "--", "mine")
    assert "mine: data sheet" in checkout.snakemake("--directory", str(tmp_path), *dry)
    assert "mine.npy" in checkout.snakemake(*dry, ok=False)


def test_a_checkout_below_a_folder_with_braces_says_so(tmp_path: Path) -> None:
    made = Project(tmp_path / "a{b}")
    said = made.snakemake("-n", *SMOKE, "--", "fig06", ok=False)
    assert "a{b}: the path of the checkout has a brace" in said
    assert "Traceback" not in said


def test_a_full_folder_for_temporary_files_is_named_before_the_first_job(
    checkout: Project, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "full") as full:
        command = ("--directory", str(tmp_path), *SMOKE, "--", "fig06")
        said = checkout.snakemake(*command, ok=False, TMPDIR=str(full))
    assert f"{full}: cannot be written: No space left on device." in said
    assert "Traceback" not in said
    assert "data sheet" not in said
