"""How many digits of a result rounding leaves, and the warning where they are too few."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from innerlr.checks import Array
from innerlr.errors import IllConditionedWarning, InnerlrError
from innerlr.moments.sums import Sums
from innerlr.moments.whitening import EPS

# Relative error meant for the losses: past it, a warning.
ACCURACY = 1e-10
# Past this condition number of the pooled Gram (of features scaled to one length) the rounding of
# the features as they were given moves the losses by more than about ACCURACY, however the sums are
# kept: a warning, too.
WARN_ABOVE = 1e14


class Doubt(NamedTuple):
    """What rounding may have done to a loss.

    Attributes:
        error: its estimated relative error.
        what: where the error comes from.
        mend: what mends it.
    """

    error: float
    what: str
    mend: str


NO_DOUBT = Doubt(0.0, "", "")


def warn_inexact(*doubts: Doubt) -> None:
    """Warn the caller of the public method that calls this, of the worst doubt."""
    error, what, mend = max(doubts)
    if error > ACCURACY:
        warnings.warn(
            f"{what}; the estimated relative error of the losses is {error:.0e}. {mend}",
            IllConditionedWarning,
            stacklevel=3,
        )


def lengths(sums: Sums) -> Array:
    """Lengths (dim,) of the features as kept, which the rounding of each is relative to."""
    found = np.sqrt(np.diagonal(sums.gram[0]))
    return np.where(found > 0, found, 1.0)


def root(sums: Sums) -> Array:
    """Upper-triangular (dim, dim), with the pooled Gram as its square."""
    scale = lengths(sums)
    factor = np.linalg.cholesky(sums.gram[0] / np.outer(scale, scale)).T * scale
    return factor if sums.whitener is None else factor @ sums.whitener


def condition_number(sums: Sums) -> float:
    """Condition number of the pooled Gram (2-norm); infinite where it is singular."""
    try:
        return float(np.linalg.cond(root(sums))) ** 2
    except np.linalg.LinAlgError:
        return np.inf


def of_the_gram(sums: Sums) -> Doubt:
    """What the condition of the pooled Gram leaves of the minimiser.

    Raises:
        InnerlrError: the Gram is singular, so the minimiser is not unique.
    """
    scale = lengths(sums)
    values = np.linalg.eigvalsh(sums.gram[0] / np.outer(scale, scale))
    known = values > sums.dim * EPS * values[-1]
    if not known.all():
        raise InnerlrError(
            f"singular Gram: the pooled features of {sums.n_tasks} tasks have numerical rank "
            f"{known.sum()} < dim = {sums.dim}, so the minimiser is not unique. Give more "
            "tasks or samples, drop dependent features, or use a minimum-norm (kernel) "
            "solution; features that are only ill-conditioned need "
            "whitener=innerlr.pooled_whitener(features)."
        )
    # Rounding is relative to each feature, so their scales do not count.
    factor = root(sums)
    condition = float(np.linalg.cond(factor / np.linalg.norm(factor, axis=0))) ** 2
    inner = float(values[-1] / values[0])
    if EPS * inner > ACCURACY:
        mend = "Pass whitener=innerlr.pooled_whitener(features) of all features."
    elif condition > WARN_ABOVE:
        mend = "Use fewer or better separated features."
    else:
        return NO_DOUBT
    return Doubt(
        EPS * (inner + np.sqrt(condition)),
        f"pooled Gram of condition number {condition:.1e} (of features of one scale)",
        mend,
    )


def of_cancellation(value: Array, size: Array) -> Doubt:
    """What cancellation leaves of losses.

    Args:
        value: (n,), losses.
        size: (n,), the sums of the sizes of the terms that each is the difference of.
    """
    # at most 1: a loss that is all rounding
    error = EPS * float(np.max(size / np.maximum(value, EPS * size + np.finfo(float).tiny)))
    return Doubt(
        error,
        "loss far below the terms that it is the difference of",
        "Read it as zero, or keep these moments with whitener=innerlr.pooled_whitener(features).",
    )
