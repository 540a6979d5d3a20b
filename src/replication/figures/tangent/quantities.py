"""What Fig. 2 measures of the test loss on tangent features.

A curve of the panels (a) and (b) is known by its panel, K (`shots`) and N (`tasks`). The points of
our panel (c) have other N or d than the figure: `tasks` or `width` is another one there. The key
`estimate` names an estimate of the rate, by the quantity that it is itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from innerlr.checks import Array
from innerlr.intervals import Interval, geometric_interval
from replication.quantity import Estimated, quantity, recorded, with_interval

alpha_star = recorded(
    "alpha_star",
    "The rate with the lowest mean test loss; infinite if there is no such rate.",
    unit="alpha",
    place="Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks"),
    estimator="argmin of the test loss",
)
minimum_in_range = recorded(
    "minimum_in_range",
    "Whether the mean test loss has its minimum at a positive rate on the axis.",
    unit="1",
    place="Fig. 2",
    kind="share",
    by=("shots", "tasks"),
)
loss_at_star = recorded(
    "loss_at_star",
    "The lowest mean test loss; the lowest on the axis if no rate is the minimiser.",
    unit="squared error",
    place="Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks"),
)
rank = recorded(
    "rank",
    "The number of eigenvalues of the training tasks' Gram that the pseudo-inverse keeps.",
    unit="1",
    place="(H.9)",
    kind="mean over seeds",
    by=("shots", "tasks"),
)
alpha_lim_sampled = recorded(
    "alpha_lim_sampled",
    "alpha_lim from the K x K Grams of the training tasks.",
    unit="alpha",
    place="(3.3)",
    kind="mean over seeds",
    by=("shots", "tasks"),
    estimator="alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
)
alpha_lim_split = recorded(
    "alpha_lim_split",
    "alpha_lim of test tasks, support and query apart.",
    unit="alpha",
    place="(H.6)",
    kind="mean over seeds",
    by=("shots", "tasks"),
    estimator="alpha_lim, support and query apart (H.6)",
)
alpha_pooled = recorded(
    "alpha_pooled",
    "The paper's estimate for overparameterised models before its simplification.",
    unit="alpha",
    place="(H.14)",
    kind="mean over seeds",
    by=("shots", "tasks"),
    estimator="alpha_est before its simplification (H.14)",
)
alpha_est = recorded(
    "alpha_est",
    "The paper's estimate for overparameterised models, 1 / (2 N K sigma~^2).",
    unit="alpha",
    place="(H.15)",
    kind="mean over seeds",
    by=("shots", "tasks"),
    estimator="alpha_est (H.15)",
)
alpha_est_of_sigma2 = recorded(
    "alpha_est_of_sigma2",
    "(H.15) with each statistic of the features' entries that H.2's words admit for sigma~^2.",
    unit="alpha",
    place="(H.15); H.2",
    kind="mean over seeds",
    by=("shots", "tasks", "sigma2"),
)
alpha_dim = recorded(
    "alpha_dim",
    "1 / (2 d var), with the variance of the features' entries: (H.15) with d in place of N K.",
    unit="alpha",
    place="ours",
    kind="mean over seeds",
    by=("shots", "tasks"),
)
alpha_rms = recorded(
    "alpha_rms",
    "1 / (2 rms), with the root mean square of the entries of Psi Psi'.",
    unit="alpha",
    place="ours",
    kind="mean over seeds",
    by=("shots", "tasks"),
)


@quantity(unit="squared error", place="Fig. 2", kind="mean over seeds", by=("shots", "tasks"))
def loss_at_first(losses: Array) -> float:
    """The mean test loss at the first rate of the axis."""
    return float(losses[0])


@quantity(unit="squared error", place="Fig. 2", kind="mean over seeds", by=("shots", "tasks"))
def loss_at_last(losses: Array) -> float:
    """The mean test loss at the last rate of the axis."""
    return float(losses[-1])


@quantity(unit="squared error", place="Fig. 2, the axis", kind="mean over seeds")
def highest_loss(losses: Array) -> float:
    """The highest mean test loss on the axis, of all curves of a panel."""
    return float(losses.max())


@quantity(
    unit="1",
    place="Fig. 2; Section 5.1",
    kind="mean over seeds",
    by=("shots", "tasks", "estimate"),
)
def ratio_to_star(estimate: float, star: float) -> float:
    """An estimate of the rate over the minimiser of the mean test loss."""
    return estimate / star


@quantity(
    unit="1",
    place="Fig. 2; Section 5.1",
    kind="mean over seeds",
    by=("shots", "tasks", "estimate"),
    positive=True,
)
def excess_loss(at_estimate: float, lowest: float) -> float:
    """The mean test loss at an estimate of the rate over the lowest, less 1."""
    return at_estimate / lowest - 1


# ------------------------------------------------ our panel (c), N or d varied


@quantity(
    unit="1",
    place="our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks", "width"),
)
def samples_over_dim(dim: float, est: float) -> float:
    """N K / d: alpha_dim over alpha_est, which has N K where the other has d."""
    return dim / est


@quantity(
    unit="1",
    place="our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks", "width"),
)
def second_over_variance(est: float, est_of_second: float) -> float:
    """s_2 / sigma^2, the second moment of the features' entries over their variance: alpha_est
    over (H.15) with the second moment."""
    return est / est_of_second


@quantity(
    unit="1",
    place="our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks", "width"),
)
def effective_rank(limit: float, dim: float, est: float, est_of_second: float) -> float:
    """r = tr EG tr EG^2 / tr EG^3 of a task's Gram, 1 where all rows are alike and K where they
    are independent: alpha_lim = r / (2 d s_2) over alpha_dim, times s_2 / sigma^2."""
    return limit / dim * (est / est_of_second)


@quantity(
    unit="1",
    place="our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks", "width", "estimate"),
)
def ratio_to_star_varied(estimate: float, star: float) -> float:
    """As ratio_to_star, where N or d is varied; the figure's own are among them."""
    return estimate / star


@quantity(
    unit="1",
    place="(H.8); our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks", "width"),
)
def ratio_est_to_star_pooled_step(est: float, star: float, factor: int, tasks: int) -> float:
    """(H.15) over the minimiser with the test step of (H.8), 2 alpha / (N K). That minimiser is
    N times the one for a step of 2 alpha / K."""
    # factor: of the minimiser's own step, N if it is the pooled one and 1 if not
    return est / star * factor / tasks


def _slope(at: Array, ratios: Array) -> float:
    """Least-squares slope of the logarithms; infinite where there is no minimum."""
    if not (ratios > 0).all():
        return np.inf
    return float(np.polyfit(np.log(at), np.log(ratios), 1)[0])


@quantity(
    unit="1",
    place="our panel (c) of Fig. 2",
    kind="slope",
    by=("shots", "tasks", "estimate", "varied"),
)
def slope_of_curve(at: Array, ratios: Array) -> float:
    """The power of N K / d with which an estimate over the minimiser goes as N (`varied` is tasks)
    or d (dim) varies: the slope of the logarithms. It is infinite where there is no minimum."""
    return _slope(at, ratios)


@quantity(
    unit="1",
    place="(H.8); our panel (c) of Fig. 2",
    kind="slope",
    by=("shots", "tasks", "varied"),
)
def slope_pooled_step_of_curve(at: Array, ratios: Array) -> float:
    """As slope_of_curve, of (H.15) with the test step of (H.8)."""
    return _slope(at, ratios)


@quantity(unit="1", place="our panel (c) of Fig. 2", kind="slope", by=("estimate", "varied"))
def slope(of_curves: Array) -> float:
    """The mean of slope_of_curve over the curves whose N and d are varied."""
    return float(np.mean(of_curves))


@quantity(unit="1", place="(H.8); our panel (c) of Fig. 2", kind="slope", by=("varied",))
def slope_pooled_step(of_curves: Array) -> float:
    """The mean of slope_pooled_step_of_curve over the curves whose N and d are varied."""
    return float(np.mean(of_curves))


@quantity(
    unit="1",
    place="(H.15); our panel (c) of Fig. 2",
    kind="mean over seeds",
    by=("shots", "tasks"),
)
def est_right_at(at: Array, ratios: Array) -> float:
    """The N K / d at which (H.15) is at the minimum, by the power law -1 through all points; it is
    infinite where there is no minimum."""
    products = at * ratios
    return float(np.exp(np.log(products).mean())) if (products > 0).all() else np.inf


@quantity(unit="1", place="our panel (c) of Fig. 2", kind="worst case", by=("estimate",))
def farthest(ratios: Sequence[Sequence[float]]) -> Estimated:
    """How far an estimate is from the minimiser at the point where it is farthest, as a factor
    above 1 in either direction; at each point the geometric mean over draws."""
    # ratios: of each point, (draws,)
    found = []
    for of_point in ratios:
        if min(of_point) <= 0:  # no minimum
            found = [Interval(np.inf, np.inf, np.inf)]
            break
        mean, low, high = geometric_interval(of_point)
        if mean < 1:
            mean, low, high = 1 / mean, 1 / high, 1 / low if low > 0 else np.inf
        found.append(Interval(mean, low, high))
    return with_interval(max(found), "Student's t of the logarithms, at the farthest point")
