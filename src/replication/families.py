"""The paper's experiments, each in four stages: data, features, sweep, estimates.

A stage takes plain values and returns arrays or a tidy table; files are the scripts' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from innerlr.errors import InnerlrError, nearest
from replication.config import Config, OwnExperiment

# experiment: its module of this package, and its class there. Modules are imported when an
# experiment is made: some need PyTorch, whose import costs more than most jobs.
EXPERIMENTS: dict[str, tuple[str, str]] = {
    "fig01": ("trajectory.experiment", "Trajectory"),
    "fig02": ("tangent.experiment", "Tangent"),
    "fig03": ("omniglot.experiment", "Omniglot"),
    "fig04a": ("variance.basis", "BasisVariance"),
    "fig04b": ("variance.tangent", "TangentVariance"),
    "fig05": ("gaps.experiment", "AdaptationGap"),
    "fig06": ("coefficients.experiment", "Coefficients"),
    "fig07": ("trajectory.experiment", "Trajectory"),
    "fig08": ("convergence.experiment", "Convergence"),
    "fig09": ("landscape.experiment", "Landscape"),
    "fig10a": ("rate_sweep.experiment", "RateSweep"),
    "fig10b": ("rate_sweep.experiment", "RateSweep"),
    "fig11": ("mixed_regression.experiment", "MixedRegression"),
    "fig12": ("rate_sweep.experiment", "RateSweep"),
    "table2": ("pretrained.experiment", "Pretrained"),
    "h3": ("landscape.experiment", "Landscape"),
    "theory": ("theory.experiment", "Theory"),
}
OWN = ("own.experiment", "Own")


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
        model: Any = Config.model_fields[name].annotation
        return _class(*EXPERIMENTS[name])(name, model.model_validate(section), seed)
    if not {"file", "function"} & set(section):
        raise InnerlrError(f"experiment: unknown {name!r}. {nearest(name, EXPERIMENTS)}")
    return _class(*OWN)(name, OwnExperiment.model_validate(section), seed)


def _class(module: str, name: str) -> Any:
    return getattr(import_module(f"replication.figures.{module}"), name)
