"""Numbers as sentences have them."""

from __future__ import annotations

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
