"""What a change reruns, on one trained experiment at its smallest scale and on the image bank."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import Project, counts

from innerlr.io.digests import SUFFIX as BESIDE
from innerlr.io.records import SUFFIX, sealed
from replication.images.choice import ENVIRONMENT

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMALL = """
preset: small
fig05: {tasks: 40, fresh_tasks: 40, seeds: 2, grid_points: 12}
fig10a: {iterations: 2, seeds: 1, test_tasks: 4, estimate_tasks: 2}
fig03: {images: {split: {train: 3, validation: 0, test: 3}}}
"""
FEATURES = "results/small/features/fig10a.npz"
FIGURE = "results/small/figures/fig06.png"
UNTRAINED = "results/small/features/fig06.npz"
BANK = "results/small/data/omniglot.npz"
NOTHING = "Nothing to be done"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    (made.folder / "small.yaml").write_text(SMALL)
    run(made, FEATURES)
    run(made, UNTRAINED)
    for figure in ("fig05", "fig06"):
        run(made, f"results/small/figures/{figure}.png")
    return made


def run(project: Project, target: str, change: str = "{}", dry: bool = False, **env: str) -> str:
    """Snakemake's words on `target`, with `change` laid over SMALL."""
    (project.folder / "change.yaml").write_text(change)
    files = ("--configfile", "small.yaml", "change.yaml")
    return project.snakemake(*(["-n"] if dry else []), *files, "--", target, **env)


def jobs(project: Project, target: str, change: str = "{}", **env: str) -> dict[str, int]:
    said = run(project, target, change, dry=True, **env)
    return {} if NOTHING in said else counts(said)


def test_the_same_again_has_nothing_to_do(project: Project) -> None:
    assert jobs(project, FEATURES) == {}


def test_a_record_of_another_time_reruns_nothing(project: Project) -> None:
    """Records hold times and hosts: they are no inputs. Digests hold nothing that varies."""
    results = project.folder / "results/small"
    records = list(results.rglob(f"*{SUFFIX}"))
    for record in records:
        content = json.loads(record.read_text())
        record.write_text(sealed(content | {"wall_seconds": 1e6, "machine": "another"}))
    digests = list(results.rglob("*.sha256"))
    assert {path.parent.name for path in digests} >= {"data", "features", "sweeps", "estimates"}
    for path in digests:
        path.write_bytes(path.read_bytes())
        assert path.stat().st_mtime_ns >= records[-1].stat().st_mtime_ns
    assert jobs(project, FEATURES) == {}
    assert jobs(project, FIGURE) == {}


def test_what_is_damaged_is_named_and_made_anew_once_it_is_deleted(project: Project) -> None:
    sweep, digest = (
        project.folder / f"results/small/sweeps/fig06.csv{end}" for end in ("", BESIDE)
    )
    kept, line = sweep.read_bytes(), digest.read_bytes()
    figure = (project.folder / FIGURE).read_bytes()
    sweep.write_bytes(kept.replace(b"1", b"2", 1))
    (project.folder / "change.yaml").write_text("{}")
    files = ("--configfile", "small.yaml", "change.yaml")
    said = project.snakemake(*files, "--", FIGURE, ok=False)
    assert "innerlr: results/small/sweeps/fig06.csv: damaged or edited" in said
    assert "Delete results/small/sweeps/fig06.csv and run again" in said
    assert "Traceback" not in said
    sweep.unlink()
    run(project, "results/small/estimates/fig06.csv")
    assert sweep.read_bytes() == kept
    assert jobs(project, FIGURE) == {}
    # without its digest it could not be checked
    (project.folder / FIGURE).unlink()
    digest.unlink()
    assert jobs(project, FIGURE)["sweep"] == 1
    digest.write_bytes(line)
    (project.folder / FIGURE).write_bytes(figure)
    assert jobs(project, FIGURE) == {}


def test_keys_that_training_does_not_read_keep_the_networks(project: Project) -> None:
    planned = jobs(project, FEATURES, "fig10a: {test_tasks: 5}")
    assert planned == {"data": 1, "features": 1, "total": 2}


def test_more_seeds_train_only_the_new_ones(project: Project) -> None:
    planned = jobs(project, FEATURES, "fig10a: {seeds: 3}")
    assert planned == {"data": 1, "training": 2, "features": 1, "total": 4}


def test_keys_that_training_reads_train_anew(project: Project) -> None:
    assert jobs(project, FEATURES, "fig10a: {meta_batch: 3}")["training"] == 1


@contextmanager
def edited(project: Project, file: str) -> Iterator[None]:
    """A comment at the end of a file, for as long as the block runs."""
    path = project.folder / file
    stat, text = path.stat(), path.read_bytes()
    path.write_bytes(text + b"# edited\n")
    try:
        yield
    finally:
        path.write_bytes(text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("innerlr/modes", True),
        ("replication/training/device", True),
        ("innerlr/adaptation", False),
    ],
)
def test_editing_a_module_reruns_what_it_is_behind(
    project: Project, module: str, reruns: bool
) -> None:
    with edited(project, f"src/{module}.py"):
        assert bool(jobs(project, FEATURES)) == reruns


FAMILIES = "src/replication/figures"
STAGES = ("data", "features", "sweep", "estimates", "judge")
# the first word of what each rule says
MESSAGES = dict(zip([*STAGES, "figure"], [*STAGES[:4], "claims", "figure"], strict=True))


@pytest.mark.parametrize(
    ("file", "of_fig06", "of_fig05"),
    [
        (f"{FAMILIES}/coefficients/draw.py", {"figure"}, set()),
        (f"{FAMILIES}/coefficients/captions/fig06.rst", {"figure"}, set()),
        (f"{FAMILIES}/coefficients/settings.py", {*STAGES, "figure"}, set()),
        (f"{FAMILIES}/coefficients/experiment.py", {*STAGES, "figure"}, set()),
        # of all families
        ("src/replication/drawing.py", {"figure"}, {"figure"}),
        ("src/replication/pipeline/notebook.py", {"figure"}, {"figure"}),
        ("src/replication/settings/section.py", {*STAGES, "figure"}, {*STAGES, "figure"}),
        ("src/replication/experiment.py", {*STAGES, "figure"}, {*STAGES, "figure"}),
        ("scripts/sweep.py", {*STAGES[2:], "figure"}, {*STAGES[2:], "figure"}),
        # they find and record what is run
        ("src/replication/families.py", set(), set()),
        ("src/replication/pipeline/job.py", set(), set()),
        ("src/replication/pipeline/targets.py", set(), set()),
    ],
)
def test_editing_a_file_reruns_what_depends_on_it(
    project: Project, file: str, of_fig06: set[str], of_fig05: set[str]
) -> None:
    """A family's own files rerun it alone; what families share reruns them all."""
    targets = [f"results/small/figures/{figure}.png" for figure in ("fig05", "fig06")]
    with edited(project, file):
        said = project.snakemake("-n", "--configfile", "small.yaml", "--", *targets)
    planned = set(re.findall(r"^Job \d+: (fig\d\d): (\w+)", said, re.M))
    expected = {("fig06", MESSAGES[rule]) for rule in of_fig06}
    assert planned == expected | {("fig05", MESSAGES[rule]) for rule in of_fig05}


def test_the_device_matters_where_networks_are_trained(project: Project) -> None:
    assert jobs(project, UNTRAINED, "device: cpu") == {}
    assert jobs(project, FEATURES, "device: cpu")["training"] == 1


def test_a_stand_in_gives_way_once_a_folder_is_named(project: Project, tmp_path: Path) -> None:
    # nobody listens there
    offline = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    run(project, BANK, XDG_CACHE_HOME=str(tmp_path), **offline)
    assert jobs(project, BANK) == {}
    assert jobs(project, BANK, **{ENVIRONMENT: str(tmp_path)}) == {"image_bank": 1, "total": 1}
    wanted = jobs(project, BANK, "fig03: {images: {source: stand_in}}")
    assert wanted == {"image_bank": 1, "total": 1}


@pytest.mark.skipif(ENVIRONMENT not in os.environ, reason=f"{ENVIRONMENT} is not set")
def test_images_once_had_stay_wherever_the_archives_go(project: Project, tmp_path: Path) -> None:
    folder = Path(os.environ[ENVIRONMENT]).resolve()
    run(project, BANK, **{ENVIRONMENT: str(folder)})
    assert jobs(project, BANK, **{ENVIRONMENT: str(folder)}) == {}
    assert jobs(project, BANK) == {}
    moved = tmp_path / "moved"
    moved.symlink_to(folder)
    assert jobs(project, BANK, f"fig03: {{images: {{directory: {moved}}}}}") == {}
