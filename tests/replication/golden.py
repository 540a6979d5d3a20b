"""Golden tables: the estimates of every experiment at a small scale, as this code made them.

    python tests/replication/golden.py      makes them anew, below tests/replication/golden

They guard against change alone. A value here proves nothing: what a quantity should be is worked
out by hand or by other code in the tests of its family. Make them anew in the commit that means to
change a number, and say there which and why.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import small
import small_trained
import torch
from small_trained import CPU, TRAINED

from replication.families import make
from replication.images.glyphs import stand_in
from replication.measuring import write_estimates
from replication.settings.config import Config

FOLDER = Path(__file__).with_suffix("")
OWN = "own"
NAMES = [*small.SMALL, *TRAINED, OWN]


def table(name: str) -> pd.DataFrame:
    """The estimates of an experiment at its small scale."""
    if name in small.SMALL:
        return small.stages(small.experiment(name))[3]
    if name == OWN:
        return _own()
    if name == "fig03":
        return _omniglot()
    torch.set_num_threads(1)
    return small_trained.stages(name, **TRAINED[name])[4]


def _own() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tasks.npz")
        np.savez(file, features=rng.normal(size=(20, 5, 2)), targets=rng.normal(size=(20, 5)))
        made = make("mine", {"file": str(file), "seeds": 50}, 5)
        features = made.features()
        return made.estimates(features, made.sweep(features))


def _omniglot() -> pd.DataFrame:
    section = Config().fig03.model_dump() | TRAINED["fig03"]
    made = make("fig03", section, 7)
    bank = stand_in(20, np.random.default_rng(0))
    made.images = {**bank.to_arrays(), "source": np.array("stand_in")}
    trained = {run: made.training(run, device=CPU) for run in made.cfg.runs()}
    features = made.features(trained, device=CPU)
    return made.estimates(features, made.sweep(features))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        write_estimates(table(name), FOLDER / f"{name}.csv")
        print(f"wrote {FOLDER / name}.csv")
