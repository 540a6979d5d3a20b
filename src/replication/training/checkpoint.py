"""Checkpoints: a run that was cut off goes on as if it had not been."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from innerlr.errors import InnerlrError
from replication.pipeline.clock import Clock
from replication.pipeline.files import atomic
from replication.settings.section import dotted


class Checkpoint:
    """The state of one training run, in a file of its own.

    Args:
        path: where it lies; its folder is made if needed.
        settings: what the run depends on, plain values: of a job its section, and the digests of
            its inputs and code. A checkpoint of other settings is refused.
        interval: seconds between two saves.
        clock: of the job. What it has spent is saved too, and a job that goes on from there counts
            it.
    """

    def __init__(
        self,
        path: str | Path,
        settings: Mapping[str, Any],
        *,
        interval: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self.path = Path(path)
        self.interval = interval
        self._clock = clock or Clock()
        self.settings = json.loads(json.dumps(settings, default=str))

    def load(self) -> dict[str, Any] | None:
        """The state last saved (tensors on the CPU), or None where there is none.

        Raises:
            InnerlrError: a file that cannot be read, or of a run with other settings.
        """
        if not self.path.is_file():
            return None
        mend = f"Remove {self.path} to train from the start."
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            settings, state = content["settings"], content["state"]
            spent = content.get("spent")  # checkpoints of before have none
        except (
            *(OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError),
            *(pickle.UnpicklingError, zipfile.BadZipFile),
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InnerlrError(
                f"checkpoint: {self.path} cannot be read; it was cut short or is no checkpoint "
                f"({reason}). {mend}"
            ) from error
        was, now = dict(dotted(settings)), dict(dotted(self.settings))
        keys = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
        if keys:
            key = keys[0]
            raise InnerlrError(
                f"checkpoint: {self.path} is of a run with other settings: {', '.join(keys)} "
                f"({key} was {was.get(key)!r}, is {now.get(key)!r}). {mend} Or put back what it "
                "was to go on."
            )
        if spent:
            self._clock.resume(spent)
        return dict(state)

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file by `state` (tensors, numbers, text and containers of them) at once."""
        with atomic(self.path) as temporary:
            content = {"settings": self.settings, "state": dict(state)}
            torch.save(content | {"spent": self._clock.spent()}, temporary)

    def remove(self) -> None:
        """Forget the run."""
        self.path.unlink(missing_ok=True)
