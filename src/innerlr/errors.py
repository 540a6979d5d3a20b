"""What innerlr raises and warns of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InnerlrError(ValueError):
    """Bad input. The message says what, where, what was expected and how to mend it.

    Example:
        >>> import innerlr
        >>> try:
        ...     innerlr.alpha_lim([[1.0, 2.0]])
        ... except innerlr.InnerlrError as error:
        ...     print(str(error).partition(".")[0])
        features: expected shape (tasks, shots, dim), got (1, 2)
    """


class NoInteriorMinimum(InnerlrError):
    """A search over the learning rate ended at an edge of its interval.

    Attributes:
        alpha: the edge at which the loss is smallest.
        loss: the loss there.

    Example:
        >>> import numpy as np
        >>> import innerlr
        >>> moments = innerlr.GramMoments()
        >>> moments.update_optima(np.array([[[1.0]], [[2.0]]]), np.array([[0.0], [1.0]]))
        >>> try:
        ...     moments.alpha_empirical((0.0, 0.01))
        ... except innerlr.NoInteriorMinimum as error:
        ...     print(error.alpha)
        0.01
    """

    def __init__(self, message: str, *, alpha: float, loss: float) -> None:
        super().__init__(message)
        self.alpha = alpha
        self.loss = loss


class IllConditionedWarning(UserWarning):
    """The result has lost digits; the message carries the estimated relative error.

    Example:
        >>> import warnings
        >>> import numpy as np
        >>> import innerlr
        >>> x = np.linspace(0.0, 1.0, 60).reshape(10, 6, 1)
        >>> moments = innerlr.GramMoments()
        >>> moments.update_optima(x ** np.arange(13), np.ones((10, 13)))  # monomials to x^12
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     w = moments.w_erm()
        >>> caught[0].category.__name__
        'IllConditionedWarning'
    """


def nearest(name: str, valid: Iterable[str]) -> str:
    """' Did you mean ...?' for a misspelt name, or the list of valid ones."""
    valid = list(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Valid: {', '.join(map(repr, valid))}."
