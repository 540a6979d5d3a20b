"""What Fig. 9 and Section H.3 measure."""

from replication.common_quantities import (
    alpha_est,
    alpha_lim,
    alpha_lim_sampled,
    alpha_star,
    alpha_star_capped,
    alpha_star_risk,
    corollary1_lower,
    corollary1_upper,
    excess_loss_at_lim,
    ratio_lim_to_star,
    ratio_lim_to_star_risk,
)
from replication.quantity import recorded

__all__ = [
    "alpha_est",
    "alpha_lim",
    "alpha_lim_sampled",
    "alpha_star",
    "alpha_star_capped",
    "alpha_star_risk",
    "corollary1_lower",
    "corollary1_printed_lower",
    "corollary1_printed_upper",
    "corollary1_printed_upper_appendix",
    "corollary1_upper",
    "excess_loss_at_lim",
    "ratio_lim_to_star",
    "ratio_lim_to_star_risk",
]

corollary1_printed_lower = recorded(
    "corollary1_printed_lower",
    "The lower bound of Corollary 1 as printed.",
    unit="alpha",
    place="(3.5)",
    kind="mean over seeds",
    estimator="lower bound as printed (3.5)",
)
corollary1_printed_upper = recorded(
    "corollary1_printed_upper",
    "The upper bound of Corollary 1 as printed.",
    unit="alpha",
    place="(3.5)",
    kind="mean over seeds",
    estimator="upper bound as printed (3.5)",
)
corollary1_printed_upper_appendix = recorded(
    "corollary1_printed_upper_appendix",
    "The upper bound of Corollary 1 as the appendix prints it.",
    unit="alpha",
    place="(D.6)",
    kind="mean over seeds",
    estimator="upper bound as printed (D.6)",
)
