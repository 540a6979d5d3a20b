"""What an experiment of the user's own measures."""

from replication.common_quantities import (
    alpha_est,
    alpha_lim_sampled,
    alpha_star,
    alpha_star_capped,
    corollary1_lower,
    corollary1_upper,
    excess_loss_at_lim,
)
from replication.quantity import quantity, recorded

__all__ = [
    "alpha_est",
    "alpha_lim_sampled",
    "alpha_star",
    "alpha_star_capped",
    "corollary1_lower",
    "corollary1_upper",
    "excess_loss_at_lim",
    "ratio_star_to_lim",
    "resamples_dropped",
]

BOOTSTRAP = "percentiles of a bootstrap over tasks"


@quantity(unit="1", place="(3.3)", kind="mean over seeds")
def ratio_star_to_lim(star: float, limit: float) -> float:
    """The minimiser of the training loss over alpha_lim of the tasks."""
    return star / limit


resamples_dropped = recorded(
    "resamples_dropped",
    "Resamples of a file's tasks that fix no minimiser, and are left out.",
    unit="resamples",
    place="",
    kind="exact",
)
