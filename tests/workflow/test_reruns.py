"""What a change reruns, on one trained experiment at its smallest scale and on the image bank."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from project import Project, counts

from replication.images.sources import ENVIRONMENT

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMALL = """
preset: small
fig10a: {iterations: 2, seeds: 1, test_tasks: 4, estimate_tasks: 2}
fig03: {images: {split: {train: 3, validation: 0, test: 3}}}
"""
FEATURES = "results/small/features/fig10a.npz"
UNTRAINED = "results/small/features/fig06.npz"
BANK = "results/small/data/omniglot.npz"
NOTHING = "Nothing to be done"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    (made.folder / "small.yaml").write_text(SMALL)
    run(made, FEATURES)
    run(made, UNTRAINED)
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


def test_keys_that_training_does_not_read_keep_the_networks(project: Project) -> None:
    planned = jobs(project, FEATURES, "fig10a: {test_tasks: 5}")
    assert planned == {"data": 1, "features": 1, "total": 2}


def test_more_seeds_train_only_the_new_ones(project: Project) -> None:
    planned = jobs(project, FEATURES, "fig10a: {seeds: 3}")
    assert planned == {"data": 1, "training": 2, "features": 1, "total": 4}


def test_keys_that_training_reads_train_anew(project: Project) -> None:
    assert jobs(project, FEATURES, "fig10a: {meta_batch: 3}")["training"] == 1


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
    file = project.folder / f"src/{module}.py"
    stat, text = file.stat(), file.read_bytes()
    file.write_bytes(text + b"# edited\n")
    try:
        assert bool(jobs(project, FEATURES)) == reruns
    finally:
        file.write_bytes(text)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


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
