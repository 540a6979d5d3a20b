"""How the claims of an experiment are laid out over pages of specification curves.

The workflow needs the number of pages before any job runs, so that nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replication.settings.section import PRIMARY

# inches: a claim's quantity, a line of the matrix below it, what is between two claims, a page
ABOVE, LINE, GAP, HEIGHT = 1.2, 0.12, 0.45, 8.5


def pages(
    claims: Sequence[Mapping[str, Any]], choices: Mapping[str, Mapping[str, Any]]
) -> list[list[Mapping[str, Any]]]:
    """The claims that share a figure, so that none is higher than a window.

    Where there are several figures, claims of one quantity stand together.

    Args:
        claims: entries of claims.yaml on one experiment.
        choices: of each of its readings, the keys it changes and their values there.
    """
    lines = {line for values in choices.values() for line in in_words(values)}
    down = max(1, int(HEIGHT / (ABOVE + LINE * len(lines) + GAP)))
    each = down * across_page(len(claims), len(choices))
    ordered = list(claims)
    if len(claims) > each:
        first = {claim["quantity"]: i for i, claim in reversed(list(enumerate(claims)))}
        ordered.sort(key=lambda claim: first[claim["quantity"]])
    return [ordered[start : start + each] for start in range(0, len(ordered), each)]


def across_page(claims: int, readings: int) -> int:
    """Claims side by side: two where there is room below, or very many readings to tell apart."""
    two = readings > 60 or (claims <= 4 and readings <= 24)
    return min(claims, 2 if two else 4)


def in_words(values: Mapping[str, Any]) -> list[str]:
    """What a reading chooses, a line a key."""

    def short(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(short, value))}]"
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return f"{value:.4g}" if number else str(value)

    return [f"{key} = {short(value)}" for key, value in values.items()] or [PRIMARY]
