"""innerlr: the adaptation learning rate of MAML, derived from features.

Estimators and exact solutions of Zou, Liu and Li, "Unraveling Model-Agnostic Meta-Learning via the
Adaptation Learning Rate" (ICLR 2022), corrected and extended. Learning rates are for a loss
without the factor 1/2.

A name is imported from its module when it is first used (PEP 562), so that `import innerlr` costs
no more than what is then called.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from innerlr.adaptation import Adaptation, distance_gap, loss_gap
    from innerlr.bounds import AlphaBounds, alpha_bounds, heuristic_range
    from innerlr.errors import IllConditionedWarning, InnerlrError, NoInteriorMinimum
    from innerlr.estimators import (
        alpha_est,
        alpha_lim,
        alpha_lim_iid_entries,
        alpha_lim_iid_rows,
        alpha_lim_polynomial,
        alpha_lim_split,
    )
    from innerlr.models import head_alpha, model_alpha
    from innerlr.moments import GramMoments, pooled_whitener
    from innerlr.online import OnlineAlpha
    from innerlr.rows import RowMoments

    __version__: str

__all__ = [
    "Adaptation",
    "AlphaBounds",
    "GramMoments",
    "IllConditionedWarning",
    "InnerlrError",
    "NoInteriorMinimum",
    "OnlineAlpha",
    "RowMoments",
    "alpha_bounds",
    "alpha_est",
    "alpha_lim",
    "alpha_lim_iid_entries",
    "alpha_lim_iid_rows",
    "alpha_lim_polynomial",
    "alpha_lim_split",
    "distance_gap",
    "head_alpha",
    "heuristic_range",
    "loss_gap",
    "model_alpha",
    "pooled_whitener",
]

# module: the names that it gives
_GIVES = {
    "adaptation": ("Adaptation", "distance_gap", "loss_gap"),
    "bounds": ("AlphaBounds", "alpha_bounds", "heuristic_range"),
    "errors": ("IllConditionedWarning", "InnerlrError", "NoInteriorMinimum"),
    "estimators": (
        "alpha_est",
        "alpha_lim",
        "alpha_lim_iid_entries",
        "alpha_lim_iid_rows",
        "alpha_lim_polynomial",
        "alpha_lim_split",
    ),
    "models": ("head_alpha", "model_alpha"),
    "online": ("OnlineAlpha",),
    "moments": ("GramMoments", "pooled_whitener"),
    "rows": ("RowMoments",),
}

_HOMES = {name: module for module, names in _GIVES.items() for name in names}

if not TYPE_CHECKING:  # or every misspelt name would be one that exists

    def __getattr__(name: str) -> object:
        """A name of `__all__`, or the version, at its first use."""
        if name == "__version__":
            from importlib.metadata import version

            value = version("innerlr")
        elif name in _HOMES:
            value = getattr(import_module(f"innerlr.{_HOMES[name]}"), name)
        else:
            raise AttributeError(f"module 'innerlr' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})
