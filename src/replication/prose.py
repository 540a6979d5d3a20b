"""Numbers as sentences have them."""

from __future__ import annotations

from collections.abc import Mapping

from innerlr.intervals import Interval


def between(interval: Interval, form: str = ".3g") -> str:
    """A mean with its interval, "mean (low to high)".

    Args:
        interval: what was measured.
        form: how each of its numbers is written, as in format().

    Example:
        >>> between(Interval(0.68655, 0.6, 0.75))
        '0.687 (0.6 to 0.75)'
        >>> between(Interval(0.05, 0.02, 0.08), ".1%")
        '5.0% (2.0% to 8.0%)'
    """
    return f"{interval.mean:{form}} ({interval.low:{form}} to {interval.high:{form}})"


def listed(intervals: Mapping[str, Interval], form: str = ".3g") -> str:
    """Means with their intervals by name.

    Args:
        intervals: what was measured, by name.
        form: how each number is written, as in format().

    Example:
        >>> listed({"a": Interval(1.0, 0.5, 1.5), "b": Interval(2.0, 1.0, 3.0)})
        'a: 1 (0.5 to 1.5); b: 2 (1 to 3)'
    """
    return "; ".join(f"{name}: {between(value, form)}" for name, value in intervals.items())
