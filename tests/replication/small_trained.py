"""Small experiments whose networks are trained."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch

from replication.families import make
from replication.settings.config import Config

torch.set_num_threads(1)
CPU = torch.device("cpu")


def stages(name: str, **change: Any) -> tuple[Any, dict, dict, pd.DataFrame, pd.DataFrame]:
    section = getattr(Config(), name).model_dump() | change
    experiment = make(name, section, 7)
    trained = {run: experiment.training(run, device=CPU) for run in experiment.cfg.runs()}
    features = experiment.features(trained, device=CPU)
    sweep = experiment.sweep(features)
    return experiment, trained, features, sweep, experiment.estimates(features, sweep)
