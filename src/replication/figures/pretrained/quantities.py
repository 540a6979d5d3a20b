"""What Table 2 measures, network by network."""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from replication.quantity import quantity, recorded

alpha_lim_split = recorded(
    "alpha_lim_split",
    "alpha_lim of the network's features, support and query apart.",
    unit="alpha",
    place="(H.6); H.4.3",
    kind="mean over seeds",
    positive=True,
    estimator="alpha_lim, support and query apart (H.6)",
)
alpha_lim_weighted = recorded(
    "alpha_lim_weighted",
    "The same estimate, weighted by the covariance of the tasks' least-squares weights.",
    unit="alpha",
    place="H.1, (H.6) with the task covariance",
    kind="mean over seeds",
    positive=True,
    estimator="alpha_lim_split, weighted by the covariance of the task optima",
)
alpha_empirical = recorded(
    "alpha_empirical",
    "The minimiser of the training loss of the sines on the network's features.",
    unit="alpha",
    place="(3.1); Table 2",
    kind="mean over seeds",
    positive=True,
    estimator="argmin of the training loss",
)
alpha_empirical_isotropic = recorded(
    "alpha_empirical_isotropic",
    "The minimiser of the training loss of isotropic task optima on the same features.",
    unit="alpha",
    place="(3.1); Theorem 1",
    kind="mean over seeds",
    positive=True,
)
pretraining_loss = recorded(
    "pretraining_loss",
    "The last training loss of the pretraining, which has no inner step.",
    unit="1",
    place="H.4.3",
    kind="mean over seeds",
    positive=True,
)
rank = recorded(
    "rank",
    "The number of directions that the network's features span.",
    unit="1",
    place="H.4.3",
    kind="mean over seeds",
)


@quantity(
    unit="alpha",
    place="Table 2",
    kind="mean over seeds",
    estimator="rate of the grid with the least test loss",
)
def alpha_star(alphas: Array, post: Array) -> float:
    """The rate of the table with the lowest test error after the inner step."""
    return float(alphas[post.argmin()])


@quantity(unit="1", place="Table 2; H.4.3", kind="share")
def best_is_nearest(alphas: Array, post: Array, limit: float) -> float:
    """Whether the best rate of the table is the one nearest to alpha_lim; an estimate beyond the
    table's rates is near none of them."""
    return _is_nearest(alphas, post, limit)


@quantity(unit="1", place="Table 2; H.1", kind="share")
def best_is_nearest_weighted(alphas: Array, post: Array, weighted: float) -> float:
    """Whether the best rate of the table is the one nearest to the weighted estimate; an estimate
    beyond the table's rates is near none of them."""
    return _is_nearest(alphas, post, weighted)


@quantity(unit="1", place="Table 2; H.4.3", kind="mean over seeds", positive=True)
def ratio_lim_to_star(limit: float, star: float) -> float:
    """alpha_lim over the rate of the table with the lowest test error."""
    return limit / star


@quantity(unit="1", place="(H.6), (3.1)", kind="mean over seeds", positive=True)
def ratio_lim_to_empirical(limit: float, empirical: float) -> float:
    """alpha_lim over the minimiser of the training loss; infinite where there is none."""
    return _ratio(limit, empirical)


@quantity(unit="1", place="H.1, (H.6)", kind="mean over seeds", positive=True)
def ratio_weighted_to_empirical(weighted: float, empirical: float) -> float:
    """The weighted estimate over the minimiser of the training loss; infinite where there is
    none."""
    return _ratio(weighted, empirical)


@quantity(unit="1", place="Theorem 1; (H.6)", kind="mean over seeds", positive=True)
def ratio_lim_to_isotropic(limit: float, isotropic: float) -> float:
    """alpha_lim over the minimiser of the training loss with isotropic task optima; infinite where
    there is none."""
    return _ratio(limit, isotropic)


@quantity(unit="1", place="Table 2, second row", kind="mean over seeds")
def pre_level(pre: Array) -> float:
    """The test error before the inner step, mean over the table's rates."""
    return float(pre.mean())


@quantity(unit="1", place="Table 2, second row", kind="mean over seeds", positive=True)
def pre_spread(pre: Array) -> float:
    """The largest less the smallest test error before the inner step, over their mean."""
    return float((pre.max() - pre.min()) / pre.mean())


@quantity(unit="1", place="Table 2", kind="mean over seeds")
def gain_at_best(pre: Array, post: Array) -> float:
    """By how much the inner step lowers the test error at the best rate, over the error before
    it."""
    best = post.argmin()
    return float(1 - post[best] / pre[best])


@quantity(unit="1", place="Table 2; H.4.3", kind="mean over seeds")
def gain_at_lim(alphas: Array, pre: Array, post: Array, limit: float) -> float:
    """By how much the inner step lowers the test error at alpha_lim, over the error before it;
    linear between the table's rates."""
    return float(1 - np.interp(limit, alphas, post / pre))


@quantity(unit="1", place="Table 2, last column", kind="mean over seeds", positive=True)
def post_over_pre_at_last(pre: Array, post: Array) -> float:
    """The test error after the inner step over the one before it, at the table's last rate."""
    return float(post[-1] / pre[-1])


@quantity(unit="1", place="Table 2; H.4.3", kind="mean over seeds", positive=True)
def excess_loss_at_lim(alphas: Array, post: Array, limit: float) -> float:
    """The test error after the inner step at alpha_lim, linear between the table's rates, over the
    lowest of the table, less 1."""
    return float(np.interp(limit, alphas, post) / post.min() - 1)


def _is_nearest(alphas: Array, post: Array, estimate: float) -> float:
    inside = alphas[0] <= estimate <= alphas[-1]
    return float(inside and np.abs(alphas - estimate).argmin() == post.argmin())


def _ratio(estimate: float, minimiser: float) -> float:
    return estimate / minimiser if np.isfinite(minimiser) else np.inf
