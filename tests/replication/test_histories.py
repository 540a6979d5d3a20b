"""The training histories that are kept of a long run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from innerlr.io.files import digest
from innerlr.io.records import SUFFIX
from replication.figures.omniglot.experiment import HISTORY
from replication.settings.config import Config

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results/histories/fig03full"
REFERENCE = ROOT / "results/reference"
FILES = sorted(KEPT.glob("training/fig03/*.npz"))
SECTION = Config.model_validate(yaml.safe_load((KEPT / "config.yaml").read_text())).fig03


def kept(scheme: str, array: str) -> np.ndarray:
    """That array of each of a scheme's runs, (seeds, ...)."""
    runs = [KEPT / f"training/fig03/{scheme}-seed{seed}.npz" for seed in range(SECTION.seeds)]
    return np.stack([np.load(path)[array] for path in runs])


def test_every_run_is_kept() -> None:
    assert {path.stem for path in FILES} == set(SECTION.runs())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_history_is_a_whole_run_on_the_real_images(path: Path) -> None:
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


@pytest.mark.parametrize("scheme", SECTION.schemes)
def test_the_page_says_what_the_histories_hold(scheme: str) -> None:
    lines = (KEPT.parent / "README.md").read_text().splitlines()
    titled = [line for line in lines if line.startswith(f"| {SECTION.schemes[scheme].title} |")]
    expected = []
    for seed, (history, final) in enumerate(
        zip(kept(scheme, "history"), kept(scheme, "final"), strict=True)
    ):
        run = dict(zip(HISTORY, history.T, strict=True))
        best = run["test_accuracy"].argmax()
        expected.append(
            f"| {SECTION.schemes[scheme].title} | {seed} | {run['alpha'][-1]:.3g} | "
            f"{run['test_accuracy'][best]:.3f} | {run['iteration'][best]:,.0f} | {final[1]:.3f} | "
            f"{run['train_accuracy'][run['iteration'] > SECTION.iterations - 1000].mean():.3f} |"
        )
    assert titled == expected


def test_the_reference_figure_is_of_the_histories() -> None:
    drawn = pd.read_csv(REFERENCE / "figures/fig03.csv")
    drawn = drawn[(drawn.panel == "b") & (drawn.series == "test_accuracy")]
    for scheme in SECTION.schemes:
        histories = kept(scheme, "history")
        line = drawn[drawn.scheme == scheme].sort_values("iteration")
        early = histories[0, :, 0] <= SECTION.drawn_iterations
        assert (line.iteration == histories[0, early, 0]).all()
        expected = histories[:, early, HISTORY.index("test_accuracy")].mean(0)
        np.testing.assert_allclose(line["mean"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("claim", "scheme", "base"),
    [
        ("fig03-published", "default", None),
        ("fig03-summed-published", "summed", None),
        ("fig03-same-end", "online", "default"),
        ("fig03-summed-same-end", "summed_online", "summed"),
    ],
)
def test_the_reference_judges_the_histories(claim: str, scheme: str, base: str | None) -> None:
    judged = pd.read_csv(REFERENCE / "claims.csv", index_col="id").loc[claim]
    values = kept(scheme, "final")[:, 1] - (kept(base, "final")[:, 1] if base else 0)
    interval = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose(
        judged[["measured", "low", "high"]].astype(float), [values.mean(), *interval], rtol=1e-9
    )
