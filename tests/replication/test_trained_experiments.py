"""What holds of the experiments whose networks are trained, on small sections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_trained import CPU

from innerlr.errors import InnerlrError
from innerlr.intervals import geometric_interval
from replication.families import make
from replication.figures.pretrained.settings import Table2
from replication.figures.rate_sweep.settings import Fig10a, Fig12
from replication.settings.config import Config
from replication.training.checkpoint import Checkpoint


class Interrupted(Checkpoint):
    """Saves at every step, and is cut off at one of them."""

    def save(self, state: Any) -> None:
        super().save(state)
        if state["done"] == 70:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["fig10a", "table2"])
def test_a_run_that_was_cut_off_ends_the_same(name: str, tmp_path: Any) -> None:
    small = {"iterations": 120} if name == "fig10a" else {"pretraining_iterations": 120, "seeds": 2}
    experiment = make(name, getattr(Config(), name).model_dump() | small, 7)
    run = experiment.cfg.runs()[0]
    whole = experiment.training(run, device=CPU)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        experiment.training(run, device=CPU, checkpoint=Interrupted(path, {}, interval=0.0))
    state = Checkpoint(path, {}).load()
    assert state is not None
    assert state["done"] == 70
    again = experiment.training(run, device=CPU, checkpoint=Checkpoint(path, {}))
    for key, values in whole.items():
        assert np.array_equal(values, again[key]), key


@pytest.mark.parametrize("section", [Fig12(), Fig10a(), Table2()])
def test_keys_that_training_does_not_read_keep_the_networks(section: Any) -> None:
    kept = section.for_stage("training")
    assert not {"test_tasks", "specifications"} & set(kept)
    changed = section.model_copy(update={"test_tasks": 17})
    assert changed.for_stage("training") == kept
    assert changed.for_stage("features") != section.for_stage("features")


def test_geometric_intervals() -> None:
    """Student-t of the logarithms: of e^0 and e^2 the mean is e, the half-width 12.7 in logs."""
    found = geometric_interval([1.0, np.exp(2)])
    assert found.mean == pytest.approx(np.e)
    assert np.log(found.high / found.mean) == pytest.approx(12.706204736432095, rel=1e-6)
    assert found.low * found.high == pytest.approx(found.mean**2)
    with pytest.raises(InnerlrError, match="expected positive values"):
        geometric_interval([1.0, 0.0])
