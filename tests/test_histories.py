"""The training histories that are kept of a long run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from innerlr.config import Config
from innerlr.experiments.omniglot import HISTORY
from innerlr.io import digest
from innerlr.io.provenance import SUFFIX

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "results/histories/fig03full"
FILES = sorted(KEPT.glob("training/fig03/*.npz"))
SECTION = Config.model_validate(yaml.safe_load((KEPT / "config.yaml").read_text())).fig03


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_history_is_a_whole_run_on_the_real_images(path: Path) -> None:
    assert path.stem in SECTION.runs()
    arrays = np.load(path)
    evaluations = np.arange(SECTION.evaluate_every, SECTION.iterations + 1, SECTION.evaluate_every)
    assert arrays["history"].shape == (len(evaluations), len(HISTORY))
    assert (arrays["history"][:, 0] == evaluations).all()
    assert np.isfinite(arrays["history"]).all()
    assert str(arrays["source"]) == "directory"
    record = json.loads(path.with_name(path.name + SUFFIX).read_text())
    assert record["sha256"] == digest(path)
    assert record["data_source"] == "directory"


def test_the_histories_are_of_one_run_and_the_page_says_of_which() -> None:
    revisions, images = set(), set()
    for path in FILES:
        record = json.loads(path.with_name(path.name + SUFFIX).read_text())
        revisions.add(record["revision"])
        images |= set(record["inputs"].values())
    assert len(revisions) == len(images) == 1
    assert (
        f"worktree add ../innerlr-fig03 {revisions.pop()[:7]}"
        in (KEPT.parent / "README.md").read_text()
    )
