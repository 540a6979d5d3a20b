"""Small experiments whose networks are trained."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from small import CLAIMS

from replication.families import make
from replication.judging.claims import measured
from replication.registry import registry
from replication.settings.config import Config

torch.set_num_threads(1)
CPU = torch.device("cpu")


SMALL_OMNIGLOT: dict[str, Any] = {
    "images": {"split": {"train": 12, "validation": 0, "test": 8}},
    "ways": 5,
    "width": 8,
    "meta_batch": 2,
    "iterations": 6,
    "evaluate_every": 2,
    "test_tasks": 3,
    "final_tasks": 4,
    "seeds": 2,
    "specifications": {
        "iterations": 2,
        "seeds": 1,
        "forward_norm": ["none", "l2"],
        "sigma2": ["cov", "trace"],
        "alphas": [0.1, 2.0, "alpha_lim", "learned"],
        "named": {"inner_steps_1": {"inner_steps": 1}},
    },
}


RATES = {"iterations": 4, "seeds": 2, "test_tasks": 6, "test_seeds": 3, "estimate_tasks": 4}
TRAINED: dict[str, dict[str, Any]] = {
    "fig03": SMALL_OMNIGLOT,
    **dict.fromkeys(("fig10a", "fig10b", "fig12"), RATES),
    "table2": {
        "seeds": 2,
        "pretraining_iterations": 4,
        "tasks": 40,
        "test_tasks": 30,
        "query_shots": 16,
    },
}


def stages(name: str, **change: Any) -> tuple[Any, dict, dict, pd.DataFrame, pd.DataFrame]:
    section = getattr(Config(), name).model_dump() | change
    experiment = make(name, section, 7)
    trained = {run: experiment.training(run, device=CPU) for run in experiment.cfg.runs()}
    features = experiment.features(trained, device=CPU)
    sweep = experiment.sweep(features)
    return experiment, trained, features, sweep, experiment.estimates(features, sweep)


def assert_claims_and_quantities_are_measured(name: str, estimates: pd.DataFrame) -> None:
    """Each claim on the experiment finds its quantity, and each registered quantity has a row."""
    known = registry(name)
    claims = [claim for claim in CLAIMS if claim.get("experiment") == name]
    assert claims
    for claim in claims:
        measured(claim, estimates, known)
    assert set(estimates.quantity) == set(known)
