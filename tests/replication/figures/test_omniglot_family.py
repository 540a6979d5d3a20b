"""Fig. 3 at a small scale: training, resuming, curves, numbers, readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_trained import SMALL_OMNIGLOT, assert_claims_and_quantities_are_measured
from torch.utils._python_dispatch import TorchDispatchMode

from innerlr.errors import InnerlrError
from replication.families import make
from replication.figures.omniglot.experiment import HISTORY, Omniglot, Run
from replication.figures.omniglot.settings import Fig03
from replication.images.glyphs import stand_in
from replication.settings.config import Config, load
from replication.training.checkpoint import Checkpoint

CPU = torch.device("cpu")
SCHEMES = Fig03().model_dump()["schemes"]


@pytest.fixture(scope="module")
def images() -> dict[str, Any]:
    bank = stand_in(20, np.random.default_rng(0))
    return {**bank.to_arrays(), "source": np.array("stand_in")}


def experiment(images: dict[str, Any], **change: Any) -> Omniglot:
    made = Omniglot("fig03", Fig03.model_validate(SMALL_OMNIGLOT | change), 7)
    made.images = images
    return made


def of_run(images: dict[str, Any], run: str) -> Omniglot:
    """As a job makes it: with the section of the one run."""
    section = Fig03.model_validate(SMALL_OMNIGLOT).for_run(run)
    made = make("fig03", section, 7)
    made.images = images
    return made


@pytest.fixture(scope="module")
def trained(images: dict[str, Any]) -> dict[str, Any]:
    made = experiment(images)
    return {run: made.training(run, device=CPU) for run in made.cfg.runs()}


def test_every_run_has_its_history(trained: dict[str, Any]) -> None:
    assert set(trained) == {f"{s}-seed{n}" for s in Fig03().schemes for n in range(2)}
    for run, arrays in trained.items():
        history = pd.DataFrame(arrays["history"], columns=list(HISTORY))
        assert list(history.iteration) == [2, 4, 6]
        assert np.isfinite(history).all(axis=None)
        assert history.test_accuracy.between(0, 1).all()
        if "online" in run:
            assert history.alpha.nunique() == 3
        else:  # on the mean loss: a sum is over 5 ways x 1 shot
            assert (history.alpha == (0.5 if run.startswith("summed") else 0.1)).all()


def test_a_job_trains_as_the_experiment_does(
    images: dict[str, Any], trained: dict[str, Any]
) -> None:
    arrays = of_run(images, "online-seed1").training("online-seed1", device=CPU)
    assert np.array_equal(arrays["history"], trained["online-seed1"]["history"])


def test_training_does_not_depend_on_where_the_images_lie() -> None:
    moved = SMALL_OMNIGLOT | {
        "images": {**SMALL_OMNIGLOT["images"], "source": "directory", "directory": "/moved"}
    }
    section = Fig03.model_validate(SMALL_OMNIGLOT).for_run("online-seed0")
    assert Fig03.model_validate(moved).for_run("online-seed0") == section
    larger = SMALL_OMNIGLOT | {"images": {"split": {"train": 13, "validation": 0, "test": 8}}}
    assert Fig03.model_validate(larger).for_run("online-seed0") != section


class CutOff(Exception):
    """Stands for a kill."""


class Cutting(Checkpoint):
    """A checkpoint after whose second writing the run is killed."""

    writings = 0

    def save(self, state: Any) -> None:
        super().save(state)
        self.writings += 1
        if self.writings == 2:
            raise CutOff


@pytest.mark.parametrize("run", ["online-seed0", "default-seed0"])
def test_a_run_that_was_cut_off_ends_the_same_to_the_bit(
    images: dict[str, Any], trained: dict[str, Any], tmp_path: Path, run: str
) -> None:
    made = experiment(images)
    with pytest.raises(CutOff):
        made.training(run, device=CPU, checkpoint=Cutting(tmp_path / "x.pt", {}))
    checkpoint = Checkpoint(tmp_path / "x.pt", {})
    state = checkpoint.load()
    assert state is not None
    assert state["iteration"] == 4
    again = made.training(run, device=CPU, checkpoint=checkpoint)
    for key in ("history", "final"):
        assert np.array_equal(again[key], trained[run][key])


def test_schemes_share_the_initial_weights_tasks_and_test_tasks(images: dict[str, Any]) -> None:
    schemes = {"one": {"alpha": 0.1}, "same": {"alpha": 0.1}, "summed": {"alpha": 0.02}}
    schemes["summed"] |= {"inner_loss": "sum"}  # 0.02 x 5 ways is 0.1
    made = experiment(images, schemes=schemes)
    first, *others = (made.training(f"{name}-seed0", device=CPU)["history"] for name in schemes)
    for other in others:
        assert np.allclose(other, first, rtol=1e-5)
    assert not np.allclose(made.training("one-seed1", device=CPU)["history"], first, rtol=1e-5)


def test_it_learns(images: dict[str, Any]) -> None:
    change = {"iterations": 90, "evaluate_every": 90, "test_tasks": 40, "outer_lr": 0.01}
    made = experiment(images, **change)
    history = made.training("online-seed0", device=CPU)["history"]
    accuracy = dict(zip(HISTORY, history[-1], strict=True))["test_accuracy"]
    assert accuracy > 0.3  # chance is 0.2; its standard error below 0.03


class Reads(TorchDispatchMode):
    """Counts the numbers handed from tensors to Python, for each of which a GPU is waited for."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("scheme", ["online", "summed", "learned"])
def test_training_waits_for_the_device_at_evaluations_only(
    images: dict[str, Any], scheme: str
) -> None:
    schemes = {**SCHEMES, "learned": {"alpha": "learned"}}
    counts = []
    for steps in (1, 5):
        every = {"iterations": 2 * steps, "evaluate_every": steps}
        made = experiment(images, schemes=schemes, **every)
        with Reads() as reads:
            made.training(f"{scheme}-seed0", device=CPU)
        counts.append(reads.count)
    assert counts[0] == counts[1] > 0


def test_a_gpu_rounds_convolutions_only_where_tf32_is_asked_for(images: dict[str, Any]) -> None:
    backend = torch.backends.cudnn.conv
    before, seen = backend.fp32_precision, []

    class Noting(Checkpoint):
        def load(self) -> None:
            seen.append(backend.fp32_precision)

        def save(self, state: Any) -> None:
            pass

    for precision in ("float32", "tf32", "bfloat16"):
        made = experiment(images, precision=precision)
        made.training("default-seed0", device=CPU, checkpoint=Noting("x", {}))
    assert seen == ["ieee", "tf32", "ieee"]
    assert backend.fp32_precision == before


def test_bfloat16_changes_little(images: dict[str, Any], trained: dict[str, Any]) -> None:
    half = experiment(images, precision="bfloat16").training("default-seed0", device=CPU)
    loss = HISTORY.index("train_loss")
    # eight bits of mantissa, a few layers, six steps
    assert half["history"][0, loss] == pytest.approx(
        trained["default-seed0"]["history"][0, loss], rel=0.02
    )


def test_curves_and_numbers(images: dict[str, Any], trained: dict[str, Any]) -> None:
    made = experiment(images)
    features = made.features(trained, device=CPU)
    sweep = made.sweep(features)
    assert len(sweep) == 4 * 2 * 3
    assert set(sweep.data) == {"stand_in"}
    estimates = made.estimates(features, sweep)
    assert_claims_and_quantities_are_measured("fig03", estimates)
    pairs = {"online": "default", "summed_online": "summed"}
    against = {f"{name} against {base}": (name, base) for name, base in pairs.items()}
    assert set(estimates.panel) == {*made.cfg.schemes, *against}
    ideal = estimates[estimates.quantity == "ideal_loss"]
    assert set(ideal.panel) == {"default", "online"}  # the others' features have no fixed length
    gain = estimates[estimates.quantity == "accuracy_gain"]
    assert len(gain) == 2 * 2
    mean = sweep.groupby(["panel", "seed"]).test_accuracy.mean()
    for row in gain.itertuples():
        name, base = against[row.panel]
        assert row.value == pytest.approx(mean[name, row.seed] - mean[base, row.seed])
    of = estimates.set_index(["quantity", "panel", "seed"]).value
    for run, arrays in trained.items():
        name, _, seed = run.rpartition("-seed")
        last = dict(zip(HISTORY, arrays["history"][-1], strict=True))
        assert of["alpha", name, int(seed)] == last["alpha"]
        assert of["norm", name, int(seed)] == last["norm"]
        assert of["final_loss", name, int(seed)] == arrays["final"][0]
        assert of["final_accuracy", name, int(seed)] == arrays["final"][1]
    # the losses of the online scheme are held to those of the default one, not the other way
    losses = sweep.groupby(["panel", "seed"]).test_loss.mean()
    for seed in (0, 1):
        gain = of["loss_gain", "online against default", seed]
        assert gain == pytest.approx(losses["default", seed] - losses["online", seed])
        end = of["final_gain", "online against default", seed]
        accuracies = (of["final_accuracy", name, seed] for name in ("online", "default"))
        assert end == pytest.approx(np.subtract(*accuracies))


def test_a_scheme_is_held_to_the_one_it_names_or_to_the_first() -> None:
    def held_to(**bases: str | None) -> dict[str, str]:
        schemes = {name: {"alpha": 0.1, "baseline": base} for name, base in bases.items()}
        return Fig03.model_validate({"schemes": schemes}).held_to()

    assert held_to(a=None, b=None, c=None) == {"b": "a", "c": "a"}
    assert held_to(a=None, b=None, c=None, d="c") == {"b": "a", "d": "c"}
    assert held_to(a=None, b="a", c="b") == {"b": "a", "c": "b"}
    assert held_to(a="b", b=None) == {"a": "b"}


def test_a_run_has_the_columns_of_its_history() -> None:
    run = Run.of({"history": np.arange(14.0).reshape(2, 7), "final": np.array([0.3, 0.9])})
    found = [run.iterations, run.losses, run.accuracies, run.training_accuracies]
    assert [values.tolist() for values in found] == [[0, 7], [1, 8], [2, 9], [4, 11]]
    assert (run.rates.tolist(), run.norms.tolist()) == ([5, 12], [6, 13])
    assert (run.final_loss, run.final_accuracy) == (0.3, 0.9)
    assert HISTORY[:3] == ("iteration", "test_loss", "test_accuracy")
    assert HISTORY[4:] == ("train_accuracy", "alpha", "norm")


def test_the_table_of_readings(images: dict[str, Any]) -> None:
    made = experiment(images)
    runs = made.cfg.specification_runs()
    # the primary forward normalisation, default rates and sigma^2 are always among them
    assert len(runs) == 3 * (5 + 3) + 2
    trained = {run: of_run(images, run).training(run, device=CPU) for run in runs}
    frame = made.rates(trained).set_index("scheme")
    assert len(frame) == len(runs)
    row = frame.loc["l2_cov"]
    assert (row.forward_norm, row.rate, row.sigma2) == ("l2", "online", "cov")
    assert frame.setting["l2_cov"] == ""
    assert frame.setting["inner_steps_1_online"] == "inner_steps = 1"
    assert frame.inner_steps["inner_steps_1_online"] == 1
    ours = frame.loc["none_alpha_lim"]
    assert (ours.rate, ours.alpha > 0) == ("alpha_lim", True)
    learned = frame.alpha["none_learned"]
    assert learned != 0.1
    assert learned == pytest.approx(0.1, abs=0.01)


def test_a_reading_is_one_pair_of_schemes(images: dict[str, Any]) -> None:
    made = experiment(images)
    runs = made.cfg.specification_runs()
    trained = {run: of_run(images, run).training(run, device=CPU) for run in runs}
    frame, rates = made.specifications(trained), made.rates(trained).set_index("scheme")
    pairs = made.cfg.pairs()
    assert list(dict.fromkeys(frame.reading)) == list(pairs)
    assert next(iter(pairs)) == "primary"
    for name, pair in pairs.items():
        rows = frame[(frame.reading == name) & (frame.panel == "online against default")]
        gain = rows[rows.quantity == "accuracy_gain"].value.mean()
        areas = rates.accuracy_area
        assert gain == pytest.approx(areas[pair.online] - areas[pair.default])
    choices = made.cfg.choices()
    assert choices["primary"] == {}
    assert choices["l2_cov_against_0.1"]["schemes.online.sigma2"] == "cov"
    assert choices["inner_steps_1"] == {"inner_steps": 1}
    schemes = made.cfg.specifications.schemes(made.cfg.schemes)
    default, online = list(made.cfg.schemes.values())[:2]
    assert schemes[pairs["primary"].default].scheme == default
    assert schemes[pairs["primary"].online].scheme == online


def test_the_picture_of_the_readings_shows_every_reading(images: dict[str, Any]) -> None:
    from replication.figures.omniglot import draw

    made = experiment(images)
    runs = made.cfg.specification_runs()
    trained = {run: of_run(images, run).training(run, device=CPU) for run in runs}
    frame = made.rates(trained)
    _, shown = draw.rates_and_accuracy(frame)
    assert sorted(shown.scheme) == sorted(frame.scheme)
    assert np.isfinite(shown[["alpha", "accuracy_area"]]).all(axis=None)


def test_without_images_it_says_so() -> None:
    made = Omniglot("fig03", Fig03.model_validate(SMALL_OMNIGLOT), 7)
    with pytest.raises(InnerlrError, match="no images"):
        made.training("default-seed0", device=CPU)


def test_what_a_job_reads_does_not_depend_on_other_jobs() -> None:
    base = Fig03()
    other = Fig03.model_validate(
        base.model_dump()
        | {"seeds": 5, "specifications": {"iterations": 9}, "drawn_iterations": 10}
    )
    assert base.for_run("online-seed0") == other.for_run("online-seed0")
    reading = base.for_run("reading-none_cov-seed0")
    assert reading["iterations"] == base.specifications.iterations
    assert reading["schemes"]["reading-none_cov"]["sigma2"] == "cov"
    assert base.for_run("reading-inner_steps_1_default-seed0")["inner_steps"] == 1


def test_the_data_sheet_needs_no_images() -> None:
    sheet = Omniglot("fig03", Config().fig03, 2022).data().set_index("panel")
    assert dict(sheet.classes) == {"train": 4400, "validation": 400, "test": 1692}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"schemes": {"x": {"alpha": "onlin"}}}, ["fig03.schemes.x.alpha"]),
        ({"schemes": {"x": {"alpha": 0.0}}}, ["fig03.schemes.x.alpha", "greater than 0"]),
        ({"schemes": {"x": {"alpha": 1, "baseline": "x"}}}, ["schemes.x.baseline", "itself"]),
        (
            {"schemes": {"x": {"alpha": 1, "baseline": "y"}}},
            ["schemes.x.baseline", "no scheme 'y'"],
        ),
        (
            {"specifications": {"named": {"y": {"inner_step": 1}}}},
            ["y.inner_step: unknown key", "'inner_steps'"],
        ),
        (
            {"specifications": {"named": {"y": {"inner_steps": 0}}}},
            ["y.inner_steps", "greater than 0"],
        ),
        ({"images": {"split": {"test": 0}}}, ["fig03.images.split.test", "greater than 0"]),
    ],
    ids=str,
)
def test_a_wrong_section_gives_one_clear_error(change: dict, parts: list[str]) -> None:
    with pytest.raises(InnerlrError) as error:
        load({"fig03": change})
    for part in parts:
        assert part in str(error.value)
