"""innerlr: the adaptation learning rate of MAML, derived from features.

Estimators and exact solutions of Zou, Liu and Li, "Unraveling Model-Agnostic Meta-Learning via the
Adaptation Learning Rate" (ICLR 2022), corrected and extended. Learning rates are for a loss
without the factor 1/2.
"""

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
from innerlr.models import OnlineAlpha, head_alpha, model_alpha
from innerlr.moments import GramMoments, pooled_whitener
from innerlr.rows import RowMoments

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
