"""What Figs. 10 and 12 measure, curve by curve: a seed, a strategy and a stage of the training.

`progress`, by which most vary, is the share of the training that is done; 1 at its end.
"""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from replication.quantity import Estimated, quantity, recorded

Range = tuple[float, float]

# what the grid of rates leaves open
NEIGHBOURS = "neighbours on the grid"
ONE_POINT = "one point of the grid to either side"

# ------------------------------------------------------------------ the best rate


@quantity(
    unit="alpha",
    place="Figs. 10, 12",
    kind="grid minimiser",
    by=("progress",),
    estimator="rate of the grid with the least test loss",
)
def alpha_star(alphas: Array, losses: Array) -> Estimated:
    """The rate of the grid with the lowest test loss, between its neighbours on the grid."""
    below, star, above = _bracketed(alphas, losses)
    return Estimated(star, below, above, NEIGHBOURS)


@quantity(unit="1", place="Figs. 10, 12", kind="mean over seeds", by=("progress",), positive=True)
def loss_at_star(losses: Array) -> float:
    """The lowest test loss of the grid."""
    return float(losses.min())


@quantity(unit="1", place="Figs. 10, 12", kind="mean over seeds", by=("progress",), positive=True)
def loss_at_0(alphas: Array, losses: Array) -> float:
    """The test loss of training without an inner step; infinite where the grid has no rate 0."""
    return _without_inner_step(alphas, losses)


@quantity(unit="1", place="Abstract, sentence 2", kind="mean over seeds", by=("progress",))
def gain_over_0(alphas: Array, losses: Array) -> float:
    """By how much the best rate lowers the test loss, over the loss without an inner step."""
    return float(1 - losses.min() / _without_inner_step(alphas, losses))


@quantity(unit="1", place="Figs. 10, 12", kind="mean over seeds", by=("progress",))
def diverged(losses: Array) -> float:
    """The number of rates whose network has no finite test loss."""
    return float((~np.isfinite(losses)).sum())


# ------------------------------------------------------------------ the paper's range

range_low = recorded(
    "range_low",
    "The lower end of the paper's range of rates; N counts the tasks of a batch.",
    unit="alpha",
    place="(H.18), (H.19)",
    kind="exact",
    estimator="lower end of the range of (H.18), (H.19); N of a batch",
)
range_high = recorded(
    "range_high",
    "The upper end of the paper's range of rates; N counts the tasks of a batch.",
    unit="alpha",
    place="(H.18), (H.19)",
    kind="exact",
    estimator="upper end of the range of (H.18), (H.19); N of a batch",
)
range_all_low = recorded(
    "range_all_low",
    "The lower end of the paper's range of rates; N counts all tasks of the training.",
    unit="alpha",
    place="(H.18), (H.19)",
    kind="exact",
    estimator="lower end of the range of (H.18), (H.19); N of all tasks",
)
range_all_high = recorded(
    "range_all_high",
    "The upper end of the paper's range of rates; N counts all tasks of the training.",
    unit="alpha",
    place="(H.18), (H.19)",
    kind="exact",
    estimator="upper end of the range of (H.18), (H.19); N of all tasks",
)


@quantity(unit="decades", place="(H.18), (H.19)", kind="exact")
def range_decades(low: float, high: float) -> float:
    """The decades that the paper's range spans; N counts the tasks of a batch."""
    return float(np.log10(high / low))


@quantity(unit="decades", place="(H.18), (H.19)", kind="exact")
def range_all_decades(low: float, high: float) -> float:
    """The decades that the paper's range spans; N counts all tasks of the training."""
    return float(np.log10(high / low))


@quantity(unit="1", place="(H.18), (H.19); H.4.4", kind="grid minimiser", by=("progress",))
def star_position_in_range(alphas: Array, losses: Array, ends: Range) -> Estimated:
    """Where the best rate of the grid lies in the paper's range, in log alpha: 0 at the lower end,
    1 at the upper end. N counts the tasks of a batch."""
    below, star, above = (position(rate, *ends) for rate in _bracketed(alphas, losses))
    return Estimated(star, below, above, NEIGHBOURS)


@quantity(
    unit="1",
    place="(H.18), (H.19); H.4.4",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
def excess_loss_in_range(alphas: Array, losses: Array, ends: Range) -> float:
    """The lowest test loss at a grid point in the paper's range over the lowest of all, less 1;
    infinite without a grid point there. N counts the tasks of a batch."""
    return float(_sorted_within(alphas, losses, ends)[0] / losses.min() - 1)


@quantity(
    unit="1",
    place="(H.18), (H.19); H.4.4",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
def second_excess_loss_in_range(alphas: Array, losses: Array, ends: Range) -> float:
    """The second lowest test loss at a grid point in the paper's range over the lowest of all,
    less 1; infinite with fewer than two grid points there. N counts the tasks of a batch."""
    within = _sorted_within(alphas, losses, ends)
    return float((within[1] if len(within) > 1 else np.inf) / losses.min() - 1)


@quantity(unit="1", place="(H.18), (H.19); section 3.1", kind="grid minimiser", by=("progress",))
def useless_share_of_range(alphas: Array, losses: Array, ends: Range) -> Estimated:
    """The share of the grid points in the paper's range whose test loss is not below the loss
    without an inner step; the grid tells it to one of its points. N counts the tasks of a batch."""
    return _useless_share(alphas, losses, ends)


@quantity(unit="1", place="(H.18), (H.19); H.4.4", kind="grid minimiser", by=("progress",))
def star_position_in_range_all(alphas: Array, losses: Array, ends: Range) -> Estimated:
    """Where the best rate of the grid lies in the paper's range, in log alpha: 0 at the lower end,
    1 at the upper end. N counts all tasks of the training."""
    below, star, above = (position(rate, *ends) for rate in _bracketed(alphas, losses))
    return Estimated(star, below, above, NEIGHBOURS)


@quantity(
    unit="1",
    place="(H.18), (H.19); H.4.4",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
def excess_loss_in_range_all(alphas: Array, losses: Array, ends: Range) -> float:
    """The lowest test loss at a grid point in the paper's range over the lowest of all, less 1;
    infinite without a grid point there. N counts all tasks of the training."""
    return float(_sorted_within(alphas, losses, ends)[0] / losses.min() - 1)


@quantity(
    unit="1",
    place="(H.18), (H.19); H.4.4",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
def second_excess_loss_in_range_all(alphas: Array, losses: Array, ends: Range) -> float:
    """The second lowest test loss at a grid point in the paper's range over the lowest of all,
    less 1; infinite with fewer than two grid points there. N counts all tasks of the training."""
    within = _sorted_within(alphas, losses, ends)
    return float((within[1] if len(within) > 1 else np.inf) / losses.min() - 1)


@quantity(unit="1", place="(H.18), (H.19); section 3.1", kind="grid minimiser", by=("progress",))
def useless_share_of_range_all(alphas: Array, losses: Array, ends: Range) -> Estimated:
    """The share of the grid points in the paper's range whose test loss is not below the loss
    without an inner step; the grid tells it to one of its points. N counts all tasks of the
    training."""
    return _useless_share(alphas, losses, ends)


# ------------------------------------------------------------------ estimates from tangent features

alpha_lim_tangent_initial = recorded(
    "alpha_lim_tangent_initial",
    "alpha_lim of the tangent features before training.",
    unit="alpha",
    place="(3.3)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
    estimator="alpha_lim of the initial tangent features (3.3)",
)
alpha_lim_tangent_split_initial = recorded(
    "alpha_lim_tangent_split_initial",
    "alpha_lim, support and query apart, of the tangent features before training.",
    unit="alpha",
    place="(H.6)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
alpha_h18_initial = recorded(
    "alpha_h18_initial",
    "(H.18) with entry_variance_initial in the place of (H.19); see alpha_h18.",
    unit="alpha",
    place="(H.18)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
    estimator="(H.18) with the variance of the initial tangent features",
)

entry_variance_initial = recorded(
    "entry_variance_initial",
    "The variance of the entries of the tangent features before training.",
    unit="1",
    place="H.4.4, (H.24)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
share_in_unit_initial = recorded(
    "share_in_unit_initial",
    "The share of the tangent features before training that lie in [0, 1].",
    unit="1",
    place="H.4.4, before (H.19)",
    kind="mean over seeds",
    by=("progress",),
)

alpha_lim_tangent_trained = recorded(
    "alpha_lim_tangent_trained",
    "alpha_lim of the tangent features of the network of the best rate.",
    unit="alpha",
    place="(3.3)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
    estimator="alpha_lim of the best network's tangent features (3.3)",
)
alpha_lim_tangent_split_trained = recorded(
    "alpha_lim_tangent_split_trained",
    "alpha_lim, support and query apart, of the tangent features of the network of the best rate.",
    unit="alpha",
    place="(H.6)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
alpha_h18_trained = recorded(
    "alpha_h18_trained",
    "(H.18) with entry_variance_trained in the place of (H.19); see alpha_h18.",
    unit="alpha",
    place="(H.18)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
    estimator="(H.18) with the variance of the best network's tangent features",
)

entry_variance_trained = recorded(
    "entry_variance_trained",
    "The variance of the entries of the tangent features of the network of the best rate.",
    unit="1",
    place="H.4.4, (H.24)",
    kind="mean over seeds",
    by=("progress",),
    positive=True,
)
share_in_unit_trained = recorded(
    "share_in_unit_trained",
    "The share of the tangent features of the network of the best rate that lie in [0, 1].",
    unit="1",
    place="H.4.4, before (H.19)",
    kind="mean over seeds",
    by=("progress",),
)


@quantity(unit="1", place="(3.3)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_lim_tangent_initial_to_star(estimate: float, star: float) -> float:
    """alpha_lim_tangent_initial over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(3.3)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_lim_tangent_initial(
    alphas: Array, losses: Array, estimate: float
) -> float:
    """The test loss at alpha_lim_tangent_initial over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


@quantity(unit="1", place="(H.6)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_lim_tangent_split_initial_to_star(estimate: float, star: float) -> float:
    """alpha_lim_tangent_split_initial over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(H.6)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_lim_tangent_split_initial(
    alphas: Array, losses: Array, estimate: float
) -> float:
    """The test loss at alpha_lim_tangent_split_initial over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


@quantity(unit="1", place="(H.18)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_h18_initial_to_star(estimate: float, star: float) -> float:
    """alpha_h18_initial over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(H.18)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_h18_initial(alphas: Array, losses: Array, estimate: float) -> float:
    """The test loss at alpha_h18_initial over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


@quantity(unit="1", place="(3.3)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_lim_tangent_trained_to_star(estimate: float, star: float) -> float:
    """alpha_lim_tangent_trained over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(3.3)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_lim_tangent_trained(
    alphas: Array, losses: Array, estimate: float
) -> float:
    """The test loss at alpha_lim_tangent_trained over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


@quantity(unit="1", place="(H.6)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_lim_tangent_split_trained_to_star(estimate: float, star: float) -> float:
    """alpha_lim_tangent_split_trained over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(H.6)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_lim_tangent_split_trained(
    alphas: Array, losses: Array, estimate: float
) -> float:
    """The test loss at alpha_lim_tangent_split_trained over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


@quantity(unit="1", place="(H.18)", kind="mean over seeds", by=("progress",), positive=True)
def ratio_alpha_h18_trained_to_star(estimate: float, star: float) -> float:
    """alpha_h18_trained over the best rate of the grid, infinite unless that is
    positive."""
    return _over(estimate, star)


@quantity(unit="1", place="(H.18)", kind="mean over seeds", by=("progress",), positive=True)
def excess_loss_at_alpha_h18_trained(alphas: Array, losses: Array, estimate: float) -> float:
    """The test loss at alpha_h18_trained over the lowest of the grid, less 1; linear
    between the grid's rates, infinite beyond them."""
    return _excess_at(alphas, losses, estimate)


# ------------------------------------------------------------------ what several of them share


def alpha_h18(samples: int, dim: int, variance: float) -> float:
    """(H.18) with a measured variance of the features' entries in the place of (H.19).

    Args:
        samples: of a batch of tasks, N K.
        dim: d, parameters of the network.
        variance: of the entries.
    """
    return 1 / (2 * min(samples, dim) * variance)


def position(rate: float, low: float, high: float) -> float:
    """0 at the lower end of a range, 1 at its upper end, in log alpha; minus infinite for none.

    Args:
        rate: anywhere.
        low, high: ends of the range, positive.
    """
    return float(np.log(rate / low) / np.log(high / low)) if rate > 0 else -np.inf


def loss_at(alphas: Array, losses: Array, rate: float) -> float:
    """The loss at a rate, linear between the grid's points; infinite outside the grid.

    Args:
        alphas: (rates,), ascending.
        losses: (rates,), infinite where a network diverged.
        rate: anywhere.
    """
    if not alphas[0] <= rate <= alphas[-1]:
        return np.inf
    loss = float(np.interp(rate, alphas, losses))
    return loss if np.isfinite(loss) else np.inf


def _bracketed(alphas: Array, losses: Array) -> tuple[float, float, float]:
    """The best rate between its neighbours; beyond the ends of the grid nothing is known."""
    best = int(np.argmin(losses))
    below, star, above = (float(x) for x in np.r_[-np.inf, alphas, np.inf][best : best + 3])
    return below, star, above


def _without_inner_step(alphas: Array, losses: Array) -> float:
    return float(losses[alphas == 0].min(initial=np.inf))


def _sorted_within(alphas: Array, losses: Array, ends: Range) -> Array:
    """The losses at the grid points in a range, lowest first; infinite if there is none."""
    inside = (alphas >= ends[0]) & (alphas <= ends[1])
    # no grid point inside: nothing is known of the range
    return np.sort(losses[inside]) if inside.any() else np.array([np.inf])


def _useless_share(alphas: Array, losses: Array, ends: Range) -> Estimated:
    within = _sorted_within(alphas, losses, ends)
    share = float((within >= _without_inner_step(alphas, losses)).mean())
    # where the losses cross is known to a step of the grid
    step = 1 / len(within)
    return Estimated(share, max(0.0, share - step), min(1.0, share + step), ONE_POINT)


def _over(estimate: float, star: float) -> float:
    return estimate / star if star > 0 else np.inf


def _excess_at(alphas: Array, losses: Array, estimate: float) -> float:
    return loss_at(alphas, losses, estimate) / float(losses.min()) - 1
