"""Quantities that more than one family measures; a family imports those that it has."""

from __future__ import annotations

from replication.quantity import quantity, recorded

alpha_lim = recorded(
    "alpha_lim",
    "The limit of the optimal rate, from the law itself.",
    unit="alpha",
    place="(3.3)",
    kind="exact",
    estimator="alpha_lim, exact (3.3)",
)
alpha_lim_sampled = recorded(
    "alpha_lim_sampled",
    "alpha_lim from the sampled tasks: (3.3), or (H.6) where they have a query.",
    unit="alpha",
    place="(3.3), (H.6)",
    kind="mean over seeds",
    estimator="alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
)
alpha_star = recorded(
    "alpha_star",
    "The minimiser of the training loss of N tasks.",
    unit="alpha",
    place="(2.5), (3.1)",
    kind="mean over seeds",
    estimator="alpha*(N), argmin of the training loss",
)
alpha_star_risk = recorded(
    "alpha_star_risk",
    "The minimiser of the population risk of the solution for N tasks.",
    unit="alpha",
    place="(3.2)",
    kind="mean over seeds",
    estimator="alpha*(N), argmin of the population risk (3.2)",
)
alpha_est = recorded(
    "alpha_est",
    "The paper's estimate for overparameterised models.",
    unit="alpha",
    place="(H.15)",
    kind="mean over seeds",
    estimator="alpha_est (H.15)",
)
corollary1_lower = recorded(
    "corollary1_lower",
    "The lower bound of Corollary 1 in its right form.",
    unit="alpha",
    place="Corollary 1",
    kind="mean over seeds",
    estimator="lower bound, right form of Corollary 1",
)
corollary1_upper = recorded(
    "corollary1_upper",
    "The upper bound of Corollary 1 in its right form.",
    unit="alpha",
    place="Corollary 1",
    kind="mean over seeds",
    estimator="upper bound, right form of Corollary 1",
)
alpha_star_capped = recorded(
    "alpha_star_capped",
    "Whether the search for the minimiser of the training loss ended at its cap.",
    unit="1",
    place="(3.1)",
    kind="share",
)


@quantity(unit="1", place="(3.3); H.3", kind="mean over seeds")
def ratio_lim_to_star(limit: float, star: float) -> float:
    """alpha_lim over the minimiser of the training loss."""
    return limit / star


@quantity(unit="1", place="(3.2), (3.3)", kind="mean over seeds")
def ratio_lim_to_star_risk(limit: float, star: float) -> float:
    """alpha_lim over the minimiser of the population risk."""
    return limit / star


@quantity(unit="1", place="H.3", kind="mean over seeds", positive=True)
def excess_loss_at_lim(at_limit: float, lowest: float) -> float:
    """The training loss at alpha_lim over the lowest training loss, less 1."""
    return at_limit / lowest - 1
