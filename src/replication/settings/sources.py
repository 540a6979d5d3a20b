"""Where a value of the configuration comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Source:
    """Where a value comes from."""

    kind: Literal["paper", "assumed", "ours"]
    text: str
    alternatives: str = ""

    def __str__(self) -> str:
        tail = f" Alternatives: {self.alternatives}." if self.alternatives else ""
        return f"{self.kind}: {self.text}.{tail}"


def paper(place: str) -> Source:
    return Source("paper", place)


def assumed(reason: str, alternatives: str) -> Source:
    return Source("assumed", reason, alternatives)


def ours(text: str) -> Source:
    return Source("ours", text)
