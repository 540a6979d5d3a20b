"""The workflow end to end: the smoke preset in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS, assert_readable, chromium, opened
from playwright.sync_api import Browser
from project import Project, counts

from innerlr.io.digests import SUFFIX as DIGEST
from innerlr.io.manifest import NAME
from innerlr.io.records import SUFFIX
from innerlr.io.verify import verify
from replication.families import figures
from replication.judging.entries import entries, measured
from replication.settings.config import Config

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMOKE = ("--configfile", "workflow/presets/smoke.yaml")
FIGURES = list(figures())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    said = made.snakemake(*SMOKE)
    n = len(FIGURES)
    assert f"{n} of {n} figures are in results/smoke/figures" in said
    assert "the report is results/smoke/report.html" in said
    assert "WARNING" not in said  # the stand-in was asked for
    # the copy is no git checkout
    assert said.count("The revision of the code is unknown: ") == 1
    return made


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_made_in_every_form(project: Project, figure: str) -> None:
    folder = project.results()
    for kind, start in (("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert (folder / f"figures/{figure}.{kind}").read_bytes().startswith(start)
    shown = pd.read_csv(folder / f"figures/{figure}.csv")
    assert len(shown) > 3
    assert "What differs" in (folder / f"notebooks/{figure}.html").read_text()
    assert json.loads((folder / f"notebooks/{figure}.ipynb").read_text())["cells"]


@pytest.mark.parametrize("table", ["table1", "estimators", "claims"])
def test_the_notebook_of_a_table_shows_what_it_wrote(project: Project, table: str) -> None:
    page = (project.results() / f"tables/{table}.html").read_text()
    made = json.loads((project.results() / f"notebooks/{table}.ipynb").read_text())
    (output,) = made["cells"][-1]["outputs"]
    assert f">{''.join(output['data']['text/html'])}</div>" in page


def test_the_notebooks_need_no_network(project: Project) -> None:
    for path in (project.results() / "notebooks").glob("*.html"):
        loaded = re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)', path.read_text()
        )
        assert not loaded, path


def test_the_report_carries_every_figure_with_its_caption_and_verdicts(project: Project) -> None:
    report = (project.results() / "report.html").read_text()
    for figure in FIGURES:
        assert f"{figure}.svg" in report
        assert f"{figure}.html" in report
    # in the captions; those that others spell out stand in the table of claims alone
    for claim in measured(entries()):
        assert claim["id"] in report
    assert "table1.html" in report
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?:', report)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.mark.parametrize("size", WIDTHS.values(), ids=WIDTHS)
def test_everything_in_the_report_opens_in_a_browser(
    project: Project, browser: Browser, size: tuple[int, int]
) -> None:
    """By its own menu, entry by entry; the menu folds away for what is shown."""
    seen = {}
    with opened(browser, project.results() / "report.html", size) as page:
        menu = page.locator("nav").first
        home = menu.locator("ol a").first
        for name in ("Statistics", "Workflow", "About"):
            menu.get_by_text(name, exact=True).click()
        home.click()
        for category in page.evaluate("Object.keys(categories)"):
            menu.get_by_text(category, exact=True).click()
            menu.locator("tbody").wait_for()
            for kind in menu.locator("label").all_text_contents() or [None]:
                if kind:
                    menu.locator("label", has_text=kind).click()
                for view in menu.locator("tbody td:last-child a:first-of-type").all():
                    view.click()
                    if size == WIDTHS["phone"]:
                        menu.locator("h1 a").click()
                    path, content = page.evaluate("[app.state.resultPath, app.state.content]")
                    seen[path] = content
                    assert_readable(page)
                    if content == "html":
                        frame = page.locator("iframe").element_handle().content_frame()
                        frame.wait_for_load_state()
                        assert len(frame.locator("body").inner_text()) > 100, path
                        assert_readable(frame)
                    else:
                        image = page.locator("#app img[src^='data:image/svg']").last
                        box = image.bounding_box()
                        # the report centres what it shows: what is beyond its top is out of reach
                        assert box is not None, path
                        assert min(box["x"], box["y"]) >= 0, path
                    if size == WIDTHS["phone"]:
                        page.locator(".fixed a").click()
            home.click()
        assert set(seen) == set(page.evaluate("Object.keys(results)"))
    assert set(seen.values()) == {"img", "html"}
    # the tables, and the notebooks of those that no figure's notebook writes
    assert len(seen) == 2 * len(FIGURES) + 4 + 3


@pytest.mark.parametrize("size", WIDTHS.values(), ids=WIDTHS)
def test_notebooks_and_tables_are_readable_in_a_browser(
    project: Project, browser: Browser, size: tuple[int, int]
) -> None:
    for name in ("notebooks/fig08", "tables/table1", "tables/table2", "tables/claims"):
        with opened(browser, project.results() / f"{name}.html", size) as page:
            assert_readable(page)
            # formulas are shown, not spelled in TeX
            assert "$" not in page.locator("body").inner_text()
            assert page.locator("math").count() or "notebooks" not in name


def test_at_smoke_scale_no_scaled_claim_is_judged(project: Project) -> None:
    verdicts = pd.read_csv(project.results() / "claims.csv")
    assert list(verdicts.columns) == [
        *("id", "place", "quantity", "expected", "measured"),
        *("low", "high", "verdict", "reason"),
    ]
    judged = verdicts[verdicts.verdict != "not evaluated"].id
    # exact curves do not depend on a number of tasks
    assert judged.str.match("fig04|fig06").all()


def test_a_run_on_the_stand_in_says_so_everywhere(project: Project) -> None:
    folder = project.results()
    for name in ("data/omniglot.npz", "training/fig03/online-seed0.npz", "claims/fig03.csv"):
        record = json.loads((folder / f"{name}{SUFFIX}").read_text())
        assert record["data_source"] == "stand_in", name
    other = json.loads((folder / f"estimates/fig08.csv{SUFFIX}").read_text())
    assert other["data_source"] == "generated"
    assert set(pd.read_csv(folder / "figures/fig03.csv").data) == {"stand_in"}
    assert "STAND-IN" in (folder / "figures/fig03.svg").read_text()
    assert "a STAND-IN, letters of a font" in (folder / "notebooks/fig03.html").read_text()


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    before = (project.results() / "figures/fig08.png").stat().st_mtime_ns
    assert "Nothing to be done" in project.snakemake(*SMOKE, "--", "fig08")
    assert (project.results() / "figures/fig08.png").stat().st_mtime_ns == before
    assert (project.results() / "report.html").is_file()


def test_a_lost_report_is_made_by_a_run_with_nothing_else_to_do(project: Project) -> None:
    """As after a run that was killed while it made its report."""
    (project.results() / "report.html").unlink()
    (project.results() / "logs/report-0.due").touch()
    said = project.snakemake(*SMOKE)
    assert f"of {len(FIGURES)} figures are in" in said
    assert "fig08.svg" in (project.results() / "report.html").read_text()
    assert "Nothing to be done" in project.snakemake(*SMOKE)


def test_a_parameter_reruns_only_what_depends_on_it(project: Project) -> None:
    change = project.folder / "change.yaml"
    change.write_text("fig08: {search_cap: 11.0}\n")
    jobs = counts(project.snakemake("-n", *SMOKE, str(change)))
    assert jobs == {
        **dict.fromkeys(("sweep", "estimates", "judge", "figure"), 1),
        **dict.fromkeys(("claims_table", "table", "all"), 1),
        "total": 7,
    }
    change.write_text("fig08: {seeds: 4}\n")
    jobs = counts(project.snakemake("-n", *SMOKE, str(change)))
    assert jobs["data"] == jobs["features"] == jobs["figure"] == 1
    assert jobs["total"] == 9
    change.unlink()


@pytest.mark.parametrize(
    ("name", "old", "new", "rule"),
    [
        ("notebooks/fig06.ipynb", "# Fig. 6", "# Figure 6", "figure"),
        ("notebooks/table2.ipynb", "# Table 2", "# Table 2,", "figure_with_table"),
        ("notebooks/table1.ipynb", "# Table 1", "# Table 1,", "table"),
    ],
)
def test_editing_a_notebook_or_what_it_reads_remakes_it_alone(
    project: Project, name: str, old: str, new: str, rule: str
) -> None:
    path = project.folder / name
    kept = path.read_bytes()
    stat = path.stat()
    path.write_text(kept.decode().replace(old, new, 1))
    try:
        assert path.read_bytes() != kept
        jobs = counts(project.snakemake("-n", *SMOKE))
        assert jobs == {rule: 1, "all": 1, "total": 2}
    finally:
        path.write_bytes(kept)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_every_artefact_is_verified_and_a_changed_one_is_found(project: Project) -> None:
    here = Path.cwd()
    os.chdir(project.folder)
    try:
        assert verify("results/smoke") == []
        checked = subprocess.run(["sha256sum", "-c", "--quiet", NAME], cwd="results/smoke")
        assert checked.returncode == 0
        table = Path("results/smoke/estimates/fig08.csv")
        kept = table.read_bytes()
        table.write_bytes(kept.replace(b"alpha_lim", b"alpha_1im", 1))
        problems = verify("results/smoke")
        table.write_bytes(kept)
        stray = Path("results/smoke/tables/stray.csv")
        stray.write_text("x\n", encoding="utf-8")
        strays = verify("results/smoke")
        stray.unlink()
    finally:
        os.chdir(here)
    assert any("estimates/fig08.csv has changed" in line for line in problems)
    assert any("an input of results/smoke/claims/fig08.csv" in line for line in problems)
    assert strays == [f"results/smoke/tables/stray.csv: has no stray.csv{SUFFIX}"]


def test_the_run_is_packed_as_a_crate_that_verifies(project: Project, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "replication", "crate", "results/smoke", "--to", "smoke.zip"]
    packed = subprocess.run(
        command,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
        # the code that ran is the copy's
        env=os.environ | {"PYTHONPATH": str(project.folder / "src")},
    )
    assert packed.returncode == 0, packed.stderr
    with zipfile.ZipFile(project.folder / "smoke.zip") as archive:
        archive.extractall(tmp_path)
    (project.folder / "smoke.zip").unlink()
    assert verify(tmp_path / "results/smoke") == []
    described = json.loads((tmp_path / "ro-crate-metadata.json").read_text())["@graph"]
    names = {entity["@id"] for entity in described}
    assert {f"results/smoke/figures/{figure}.png" for figure in FIGURES} < names
    (action,) = [entity for entity in described if entity["@type"] == "CreateAction"]
    assert action["object"] == {"@id": "results/smoke/config.yaml"}  # nothing else is read


def test_a_record_says_how_its_artefact_was_made(project: Project) -> None:
    record = json.loads((project.results() / f"sweeps/fig08.csv{SUFFIX}").read_text())
    for key in (
        *("sha256", "revision", "config_digest", "seed", "inputs", "versions", "threads"),
        *("device", "wall_seconds", "cpu_seconds", "data_source", "rule", "host", "cpu"),
        *("resumed", "started", "ended", "revision_unknown"),
    ):
        assert key in record
    assert record["file"] == "sweeps/fig08.csv"
    assert record["revision"] == "unknown"
    assert record["seed"] == 2022
    assert list(record["inputs"]) == ["results/smoke/features/fig08.npz"]


def test_readings_judge_every_claim_and_are_in_the_report(project: Project) -> None:
    """In closed form, trained one by one, and from shared runs."""
    curves = ["fig01_readings", "fig03_readings", "fig03_rates", "fig10b_readings"]
    folder = project.results()
    files = [f"results/smoke/figures/{curve}.svg" for curve in curves]
    project.snakemake(*SMOKE, "--", *files)
    claims = entries()
    for name in ("fig01", "fig03", "fig10b"):
        table = pd.read_csv(folder / f"tables/{name}_readings.csv")
        starts = tuple(getattr(Config(), name).specifications.claims or [""])
        mine = {claim["id"] for claim in claims if claim.get("experiment") == name}
        mine = {claim for claim in mine if claim.startswith(starts)}
        assert set(table.id) == mine
        readings = list(getattr(Config(), name).choices())
        assert len(readings) > 5
        if name == "fig03":  # a stand-in, and the smoke preset has fewer
            assert set(table.verdict) == {"not evaluated"}
        else:
            assert set(table.reading) == set(readings)
            assert "not evaluated" not in set(table.verdict)
    report = (folder / "report.html").read_text()
    assert all(f"{curve}.svg" in report for curve in curves)
    here = Path.cwd()
    os.chdir(project.folder)
    try:
        assert verify("results/smoke") == []
    finally:
        os.chdir(here)


def test_every_job_checks_what_other_jobs_made(project: Project) -> None:
    """Beside each file of the run that a job has read, its digest is an input too."""
    listed = project.snakemake("--detailed-summary", *SMOKE, "--", "all", "readings")
    rules = set()
    for line in listed.splitlines():
        fields = line.split("\t")
        if len(fields) < 5 or not fields[0].startswith("results/"):
            continue
        inputs = {file for file in fields[4].split(",") if file.startswith("results/")}
        data = {file for file in inputs if not file.endswith(DIGEST)}
        assert inputs - data == {f"{file}{DIGEST}" for file in data}, line
        rules |= {fields[2]} if data else set()
    assert rules >= {
        *("training", "features", "sweep", "estimates", "judge"),
        *("figure", "figure_with_table", "table", "claims_table"),
    }


def same(first: Path, second: Path) -> list[str]:
    """Artefacts below `first` that differ from those below `second`, records apart."""
    kinds = {".csv", ".npz", ".png", ".pdf", ".svg"}
    files = [p.relative_to(second) for p in second.rglob("*") if p.suffix in kinds]
    assert files
    return [str(p) for p in files if (first / p).read_bytes() != (second / p).read_bytes()]


def test_one_core_gives_the_same_bytes_as_two(project: Project) -> None:
    """Executed notebooks too: they hold no times or random names."""
    config = ("--config", "preset=one-core")
    project.snakemake(*SMOKE, *config, "--cores", "1", "--", "fig01", "h3")
    assert same(project.results(), project.results("one-core")) == []
    text = (project.results("one-core") / "notebooks/h3.ipynb").read_text()
    original = (project.results() / "notebooks/h3.ipynb").read_text()
    assert text.replace("one-core", "smoke") == original


def test_a_longer_run_of_one_figure_takes_its_place_in_the_reference(project: Project) -> None:
    (project.folder / "longer.yaml").write_text("preset: fig06\nfig06: {dim: 60}\n")
    project.snakemake("--configfile", "longer.yaml", "--", "fig06")
    assert not (project.results("fig06") / "claims.csv").exists()

    def replication(*arguments: str) -> None:
        command = [sys.executable, "-m", "replication", *arguments]
        run = subprocess.run(
            command, cwd=project.folder, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr + run.stdout

    replication("reference", "results/smoke", "results/fig06")
    reference = project.results("reference")
    for figure, run in (("fig06", "fig06"), ("fig01", "smoke")):
        drawn = f"figures/{figure}.png"
        assert (reference / drawn).read_bytes() == (project.results(run) / drawn).read_bytes()
    verdicts = pd.read_csv(reference / "claims.csv").set_index("id")
    whole = pd.read_csv(project.results() / "claims.csv").set_index("id")
    assert list(verdicts.index) == list(whole.index)
    assert verdicts.measured["fig06-more-terms"] == 60**3
    replication("replication", "--write")
    replication("replication")
    text = (project.folder / "REPLICATION.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| `fig06` |")]
    assert line.startswith("| `fig06` | Fig. 6 | `fig06.dim` 60 (50) | [config-fig06.yaml]")
    # the configuration that is kept makes the same run
    kept = ("--configfile", "results/reference/config-fig06.yaml", "--config", "preset=again")
    project.snakemake(*kept, "--", "fig06")
    assert same(project.results("fig06"), project.results("again")) == []


def test_a_killed_run_goes_on_and_ends_the_same(project: Project) -> None:
    command = project.command(*SMOKE, "--config", "preset=killed", "--", "fig05", "fig11")
    run = subprocess.Popen(
        command,
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if list((project.results("killed") / "data").glob("*.csv")):
            break
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (project.results("killed") / "figures/fig05.png").exists()
    (project.results("killed") / "sweeps").mkdir(exist_ok=True)
    (project.results("killed") / "sweeps/.fig05-ab12cd34.csv").write_text("half\n")
    said = project.snakemake(*SMOKE, "--config", "preset=killed", "--", "fig05", "fig11")
    assert "a run was cut off" in said
    assert same(project.results(), project.results("killed")) == []
    # the temporary file of a killed writer is gone
    assert not list(project.results("killed").rglob(".*"))


def own_config(project: Project, text: str) -> tuple[str, ...]:
    path = project.folder / "mine.yaml"
    path.write_text("preset: mine\n" + text)
    return ("--configfile", str(path))


def test_an_experiment_of_the_users_own(project: Project) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 8, 3))
    np.savez(project.folder / "mine.npz", features=features, optima=rng.normal(size=(60, 3)))
    config = own_config(project, "experiments: {mine: {file: mine.npz, seeds: 4}}\n")
    said = project.snakemake(*config, "--", "mine")
    assert f"1 of {len(FIGURES) + 1} figures" in said
    estimates = pd.read_csv(project.results("mine") / "estimates/mine.csv")
    assert estimates[estimates.quantity == "alpha_lim_sampled"].value.iloc[0] > 0
    assert "mine.svg" in (project.results("mine") / "report.html").read_text()
    # a new file reruns it
    np.savez(project.folder / "mine.npz", features=2 * features)
    assert counts(project.snakemake("-n", *config, "--", "mine"))["data"] == 1


def test_a_failing_job_says_why_and_leaves_nothing_behind(project: Project) -> None:
    np.savez(project.folder / "bad.npz", featuers=np.ones((4, 3, 2)))
    config = own_config(project, "experiments: {bad: {file: bad.npz}}\n")
    said = project.snakemake(*config, "--", "bad", "table1", ok=False)
    assert "experiments.bad: expected the arrays features" in said
    assert "got featuers" in said
    assert "Traceback" not in said
    assert not list((project.results("mine") / "data").glob("*bad*"))
    missing = own_config(project, "experiments: {gone: {file: gone.npz}}\n")
    assert "gone.npz" in project.snakemake(*missing, "--", "gone", ok=False)
