"""The time that a job takes, over all attempts at it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Clock:
    """Starts when it is made; goes on from an earlier attempt that was cut off.

    Example:
        >>> first, second = Clock(), Clock()
        >>> second.resume(first.spent())
        >>> second.spent()["resumed"]
        1
    """

    def __init__(self) -> None:
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        self._before: Mapping[str, Any] = {"wall_seconds": 0.0, "cpu_seconds": 0.0, "resumed": 0}

    def spent(self) -> dict[str, Any]:
        """Since the first attempt began, without the pauses between attempts.

        Returns:
            `started`, when the first attempt began (UTC, ISO 8601); `wall_seconds`;
            `cpu_seconds`, those of child processes that have ended among them; and `resumed`, how
            often the job was cut off and went on. Of an attempt that was cut off, what it did after
            its last checkpoint is lost and not counted.
        """
        before = self._before
        return {
            "started": before.get("started", self._started),
            "wall_seconds": round(before["wall_seconds"] + time.perf_counter() - self._wall, 3),
            "cpu_seconds": round(before["cpu_seconds"] + _cpu_seconds() - self._cpu, 3),
            "resumed": before["resumed"],
        }

    def resume(self, spent: Mapping[str, Any]) -> None:
        """Go on from what an earlier attempt had spent at a checkpoint; of several, from the last.

        Args:
            spent: what :meth:`spent` said then.
        """
        if spent["wall_seconds"] > self._before["wall_seconds"] or not self._before["resumed"]:
            self._before = {**spent, "resumed": spent["resumed"] + 1}


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended, such as a notebook's kernel."""
    return sum(os.times()[:4])
