"""No stage reads a key of the configuration whose change does not rerun it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from small import SMALL, section
from small_trained import TRAINED

from replication.experiment import TrainedExperiment
from replication.families import experiments, make
from replication.figures.gaps.settings import Fig05
from replication.figures.pretrained.settings import Table2
from replication.images.glyphs import stand_in
from replication.settings.config import Config
from replication.settings.section import Section


class HiddenKey(Exception):
    """A stage has read what its job does not depend on."""


def guarded(cfg: Section, shown: Mapping[str, Any]) -> Any:
    """A copy that refuses every key that `shown`, its plain values, lacks."""
    copy = cfg.model_copy(deep=True)  # sections share their defaults
    guard(copy, shown)
    return copy


def guard(node: Any, shown: Any, where: str = "") -> None:
    """Make every section below `node` refuse the keys that `shown` lacks."""
    if isinstance(node, Section):
        hidden = {key: f"{where}{key}" for key in type(node).model_fields if key not in shown}
        inner = {key: getattr(node, key) for key in type(node).model_fields if key in shown}

        def read(self: Any, key: str) -> Any:
            if key in hidden:
                raise HiddenKey(hidden[key])
            return Section.__getattribute__(self, key)

        strict = type(type(node).__name__, (type(node),), {"__getattribute__": read})
        object.__setattr__(node, "__class__", strict)
        node = inner
    if isinstance(node, Mapping):
        for key, value in node.items():
            guard(value, shown[key], f"{where}{key}.")


@contextmanager
def job(name: str, shown: Mapping[str, Any], stage: str) -> Iterator[Any]:
    """The experiment as a job of `stage` makes it, with the keys that it was not given guarded."""
    made = make(name, shown, 5)
    if name == "fig03":
        images = stand_in(20, np.random.default_rng(0)).to_arrays()
        made.images = {**images, "source": np.array("stand_in")}
    made.cfg = guarded(made.cfg, shown)
    try:
        yield made
    except HiddenKey as error:
        pytest.fail(f"{name}: {stage} reads {error}, a change of which does not rerun it")


def all_stages(name: str, cfg: Any) -> None:
    """Each stage in a job of its own, as the workflow runs it."""
    with job(name, cfg.for_stage("data"), "data") as made:
        made.data()
    trained, device = [], {}
    if isinstance(made, TrainedExperiment):
        device = {"device": torch.device("cpu")}
        arrays = {}
        for run in cfg.runs():
            with job(name, cfg.for_run(run), "training") as made:
                arrays[run] = made.training(run, **device)
        trained = [arrays]
    with job(name, cfg.for_stage("features"), "features") as made:
        features = made.features(*trained, **device)
    with job(name, cfg.for_stage("sweep"), "sweep") as made:
        sweep = made.sweep(features)
    with job(name, cfg.for_stage("estimates"), "estimates") as made:
        made.estimates(features, sweep)


@pytest.mark.parametrize("name", experiments())
def test_no_stage_reads_a_key_that_is_hidden_from_it(name: str) -> None:
    cfg = getattr(Config(), name)
    small = section(name) if name in SMALL else cfg.model_dump() | TRAINED[name]
    all_stages(name, type(cfg).model_validate(small))


def test_a_hidden_key_that_is_read_is_found() -> None:
    """Also below the section, and where one of its methods reads it."""
    shown = Fig05().for_stage("features") | {"optima": {"name": "normal"}}
    cfg = guarded(Fig05(), shown)
    assert cfg.tasks == Fig05().tasks
    with pytest.raises(HiddenKey, match="eta"):
        cfg.eta  # noqa: B018
    with pytest.raises(HiddenKey, match=r"optima\.mean"):
        cfg.optima.mean  # noqa: B018
    with pytest.raises(HiddenKey, match="panels"):
        guarded(Table2(), {}).runs()
    assert Fig05().optima.mean == 0
