"""What innerlr raises and warns of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InnerlrError(ValueError):
    """Bad input. The message says what, where, what was expected and how to mend it."""


class NoInteriorMinimum(InnerlrError):
    """A search over the learning rate ended at an edge of its interval.

    Attributes:
        alpha: the edge at which the loss is smallest.
        loss: the loss there.
    """

    def __init__(self, message: str, *, alpha: float, loss: float) -> None:
        super().__init__(message)
        self.alpha = alpha
        self.loss = loss


class IllConditionedWarning(UserWarning):
    """The result has lost digits; the message carries the estimated relative error."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """' Did you mean ...?' for a misspelt name, or the list of valid ones."""
    valid = list(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Valid: {', '.join(map(repr, valid))}."
