"""The paper's experiments, each in four stages: data, features, sweep, estimates.

A stage takes plain values and returns arrays or a tidy table; files are the scripts' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from innerlr.config import Config, OwnExperiment
from innerlr.errors import InnerlrError, nearest
from innerlr.experiments.adaptation_gap import AdaptationGap
from innerlr.experiments.base import Experiment, TrainedExperiment
from innerlr.experiments.basis_variance import BasisVariance
from innerlr.experiments.coefficients import Coefficients
from innerlr.experiments.convergence import Convergence
from innerlr.experiments.landscape import Landscape
from innerlr.experiments.mixed_regression import MixedRegression
from innerlr.experiments.omniglot import Omniglot
from innerlr.experiments.own import Own
from innerlr.experiments.pretrained import Pretrained
from innerlr.experiments.rate_sweep import RateSweep
from innerlr.experiments.tangent import Tangent
from innerlr.experiments.tangent_variance import TangentVariance
from innerlr.experiments.theory import Theory
from innerlr.experiments.trajectory import Trajectory

EXPERIMENTS: dict[str, type[Experiment] | type[TrainedExperiment]] = {
    "fig01": Trajectory,
    "fig02": Tangent,
    "fig03": Omniglot,
    "fig04a": BasisVariance,
    "fig04b": TangentVariance,
    "fig05": AdaptationGap,
    "fig06": Coefficients,
    "fig07": Trajectory,
    "fig08": Convergence,
    "fig09": Landscape,
    "fig10a": RateSweep,
    "fig10b": RateSweep,
    "fig11": MixedRegression,
    "fig12": RateSweep,
    "table2": Pretrained,
    "h3": Landscape,
    "theory": Theory,
}


def make(name: str, section: Mapping[str, Any], seed: int) -> Any:
    """The experiment `name` with its section of the configuration.

    Args:
        name: a key of EXPERIMENTS, or the name of an experiment of the user's own.
        section: the section, as plain values.
        seed: the run's seed.

    Returns:
        An Experiment, or a TrainedExperiment where networks are trained.
    """
    if name in EXPERIMENTS:
        model = Config.model_fields[name].annotation
        return EXPERIMENTS[name](name, model.model_validate(section), seed)  # type: ignore[union-attr]
    if not {"file", "function"} & set(section):
        raise InnerlrError(f"experiment: unknown {name!r}. {nearest(name, EXPERIMENTS)}")
    return Own(name, OwnExperiment.model_validate(section), seed)
