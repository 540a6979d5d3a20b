"""Checkpoints: a run that was cut off goes on as if it had not been."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from innerlr.errors import InnerlrError
from replication.pipeline.clock import Clock
from replication.pipeline.files import atomic
from replication.settings.section import dotted

# A file is this line, with the SHA-256 of what follows it, and then what torch.save writes. torch
# checks nothing when it reads: training would go on from a flipped bit.
_HEAD = re.compile(rb"innerlr checkpoint, sha256 ([0-9a-f]{64})\n")
# how a file of torch.save begins
_TORCH = b"PK\x03\x04"


class Checkpoint:
    """The state of one training run, in a file of its own, and the state before it beside it.

    Args:
        path: where it lies; its folder is made if needed.
        settings: what the run depends on, plain values: of a job its section, and the digests of
            its inputs and code. A checkpoint of other settings is refused.
        interval: seconds between two saves.
        clock: of the job. What it has spent is saved too, and a job that goes on from there counts
            it.

    Attributes:
        before: the file with the state that was saved before the last one.
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
        self.before = self.path.with_name(f"{self.path.name}.before")
        self.interval = interval
        self._clock = clock or Clock()
        self.settings = json.loads(json.dumps(settings, default=str))

    def load(self) -> dict[str, Any] | None:
        """The state last saved (tensors on the CPU), or None where there is none.

        A file that is damaged is not used: standard error says so, and the state before it is
        taken, or none.

        Raises:
            InnerlrError: a whole file that is no checkpoint, or of a run with other settings.
        """
        damaged = False
        for path in (self.path, self.before):
            if not path.is_file():
                continue
            payload = _payload(path)
            if payload is not None:
                if damaged:
                    _say(f"{path} is whole: training goes on from that state, which is older.")
                return self._state(path, payload)
            damaged = True
            _say(f"{path} is damaged (its bytes are not those that were saved) and is not used.")
        if damaged:
            _say("no other state is left: training starts anew.")
        return None

    def _state(self, path: Path, payload: bytes) -> dict[str, Any]:
        both = (
            f"{path} and {self.before}" if path != self.before and self.before.is_file() else path
        )
        mend = f"Remove {both} to train from the start."
        try:
            content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        except (
            *(OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError),
            *(pickle.UnpicklingError, zipfile.BadZipFile),
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InnerlrError(
                f"checkpoint: {path} cannot be read, though it is whole; another version of "
                f"PyTorch may have written it ({reason}). {mend}"
            ) from error
        parts = content if isinstance(content, dict) else {}
        settings, state = parts.get("settings"), parts.get("state")
        if not isinstance(settings, dict) or not isinstance(state, dict):
            raise _no_checkpoint(
                path, "its content is not a dictionary of settings and a dictionary of state"
            )
        spent = parts.get("spent")  # checkpoints of before have none
        was, now = dict(dotted(settings)), dict(dotted(self.settings))
        keys = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
        if keys:
            key = keys[0]
            raise InnerlrError(
                f"checkpoint: {path} is of a run with other settings: {', '.join(keys)} "
                f"({key} was {was.get(key)!r}, is {now.get(key)!r}). {mend} Or put back what it "
                "was to go on."
            )
        if spent:
            self._clock.resume(spent)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the file by `state` (tensors, numbers, text and containers of them) at once.

        What it was is kept as `before`.

        Raises:
            InnerlrError: the disk is full.
        """
        stream = io.BytesIO()
        content = {"settings": self.settings, "state": dict(state), "spent": self._clock.spent()}
        torch.save(content, stream)
        payload = stream.getvalue()
        head = f"innerlr checkpoint, sha256 {hashlib.sha256(payload).hexdigest()}\n".encode()
        with atomic(self.path) as temporary:
            with open(temporary, "wb") as file:
                file.write(head)
                file.write(payload)
            if self.path.is_file():
                os.replace(self.path, self.before)

    def remove(self) -> None:
        """Forget the run."""
        self.path.unlink(missing_ok=True)
        self.before.unlink(missing_ok=True)


def _payload(path: Path) -> bytes | None:
    """What torch.save wrote, or None where the bytes are not those that were saved.

    Raises:
        InnerlrError: a file of torch.save that no run of ours has written.
    """
    content = path.read_bytes()
    if content.startswith(_TORCH):
        raise _no_checkpoint(path, "it has no digest")
    head = _HEAD.match(content)
    if head is None:
        return None
    payload = content[head.end() :]
    return payload if hashlib.sha256(payload).hexdigest().encode() == head[1] else None


def _no_checkpoint(path: Path, reason: str) -> InnerlrError:
    return InnerlrError(
        f"checkpoint: {path} is no checkpoint of this program, or one of an older version: "
        f"{reason}. Remove {path} to train from the start."
    )


def _say(message: str) -> None:
    print(f"checkpoint: {message}", file=sys.stderr, flush=True)
