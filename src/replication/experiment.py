"""What every experiment has in common."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from innerlr.checks import Array
from innerlr.features import generator
from innerlr.moments import GramMoments
from replication.settings.laws import LawSection

if TYPE_CHECKING:
    import torch

    from replication.training.checkpoint import Checkpoint

T = TypeVar("T")
Arrays = dict[str, Array]

# The data sheet looks at this many tasks of a cell.
SAMPLE = 256


class Stages(ABC):
    """What the stages of every experiment share; see :class:`Experiment`.

    Args:
        name: its section of the configuration; also seeds its random streams.
        cfg: the section.
        seed: the run's seed.
    """

    def __init__(self, name: str, cfg: Any, seed: int) -> None:
        self.name = name
        self.cfg = cfg
        self.seed = seed

    @abstractmethod
    def data(self) -> pd.DataFrame:
        """The data sheet: what is drawn in each cell, its first draws' digest and moments."""

    @abstractmethod
    def sweep(self, features: Arrays) -> pd.DataFrame:
        """Tidy curves: one row a (panel, seed, abscissa)."""

    @abstractmethod
    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        """Tidy scalars for the claims: a table of :class:`replication.quantity.Estimates`."""

    def rng(self, *cell: int) -> np.random.Generator:
        """The generator of one cell."""
        return generator(self.seed, self.name, *cell)

    def progress(self, items: Iterable[T], total: int | None = None) -> Iterable[T]:
        """`items`, with progress and time left on standard error (the rule's log)."""
        return tqdm(items, total=total, desc=self.name, mininterval=2.0, ascii=True)


class Experiment(Stages):
    """Four stages of one experiment: data, features, sweep, estimates."""

    @abstractmethod
    def features(self) -> Arrays:
        """Sufficient statistics of the features, independent of the learning rates swept."""

    def all_stages(self) -> pd.DataFrame:
        """The estimates, from the data on, in one go; for readings."""
        features = self.features()
        return self.estimates(features, self.sweep(features))


class TrainedExperiment(Stages):
    """An experiment with networks to train: data, training, features, sweep, estimates.

    Its section is a :class:`replication.settings.section.TrainedSection`, whose `runs()` names the
    independent training jobs.

    Attributes:
        images: arrays of the image bank, for an experiment on images.
    """

    images: Arrays | None = None

    @abstractmethod
    def training(
        self, run: str, *, device: torch.device, checkpoint: Checkpoint | None = None
    ) -> Arrays:
        """The trained weights and the history of one run.

        Args:
            run: one of the section's `runs()`.
            device: where to train.
            checkpoint: from which to go on, and which to keep; None for neither.
        """

    @abstractmethod
    def features(self, trained: Mapping[str, Arrays], *, device: torch.device) -> Arrays:
        """What the trained networks do on the test tasks, and statistics of their features.

        Args:
            trained: run: what :meth:`training` returned.
            device: where to evaluate.
        """

    def all_stages(
        self, *, device: torch.device, checkpoints: Mapping[str, Checkpoint]
    ) -> pd.DataFrame:
        """As that of :class:`Experiment`, with the training before it.

        Args:
            device: where to train.
            checkpoints: of each run.
        """
        trained = {
            run: self.training(run, device=device, checkpoint=checkpoint)
            for run, checkpoint in checkpoints.items()
        }
        features = self.features(trained, device=device)
        return self.estimates(features, self.sweep(features))


def sheet_row(cell: dict[str, Any], law: LawSection, draws: Array) -> dict[str, Any]:
    """A row of the data sheet: the cell, the law, and the moments and digest of `draws`."""
    exact = law.build()
    mean = exact.moment(1)
    error = draws.std() / np.sqrt(draws.size)
    return {
        **cell,
        "law": " ".join(f"{k}={v}" for k, v in law.model_dump().items()),
        "draws": draws.size,
        "mean": draws.mean(),
        "mean_exact": mean,
        "z": (draws.mean() - mean) / error,
        "variance": draws.var(),
        "variance_exact": exact.moment(2) - mean**2,
        "digest": hashlib.sha256(np.ascontiguousarray(draws).tobytes()).hexdigest()[:16],
    }


def prefixed(cell: str, sums: GramMoments) -> Arrays:
    """The state of `sums`, each array under the key cell/moments/name."""
    return {f"{cell}/moments/{key}": value for key, value in sums.to_arrays().items()}


def unprefixed(cell: str, arrays: Arrays) -> GramMoments:
    """Inverse of :func:`prefixed`."""
    start = f"{cell}/moments/"
    state = {key.removeprefix(start): arrays[key] for key in arrays if key.startswith(start)}
    return GramMoments.from_arrays(state)


def table(rows: Sequence[Any], by: list[str]) -> pd.DataFrame:
    """Rows as a frame in a stable order."""
    frame = pd.concat(rows) if rows and isinstance(rows[0], pd.DataFrame) else pd.DataFrame(rows)
    return frame.sort_values(by, kind="stable").reset_index(drop=True)
