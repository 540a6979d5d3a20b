"""What Fig. 5 measures: gaps of MAML less ERM, on three kinds of tasks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from innerlr.checks import Array
from innerlr.intervals import mean_interval, share_interval
from replication.quantity import Estimated, Quantity, quantity, with_interval

STUDENT = "Student's t over draws"
BINOMIAL = "Clopper and Pearson, of draws"


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def training_loss_gap_at_0(loss_gap: Array) -> float:
    """The summed loss of MAML less that of ERM before any step, on the training tasks."""
    return float(loss_gap[0])


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def training_loss_gap_lowest(loss_gap: Array) -> float:
    """The least summed loss of MAML less that of ERM over all t, on the training tasks."""
    return float(loss_gap.min())


@quantity(unit="steps", place="Fig. 5 (a); Section 5.3", kind="mean over seeds", positive=True)
def training_steps_to_negative_loss_gap(steps: Array, loss_gap: Array) -> float:
    """The first step with a negative loss gap on the training tasks; infinite without one."""
    return _first_negative(steps, loss_gap)


@quantity(unit="squared distance", place="Fig. 5 (b); Theorem 2", kind="mean over seeds")
def training_distance_gap_at_0(distance_gap: Array) -> float:
    """F_0 of MAML less that of ERM, on the training tasks."""
    return float(distance_gap[0])


@quantity(unit="1", place="Theorem 2; Section 3.2", kind="mean over seeds", positive=True)
def training_distance_gap_last_to_first(distance_gap: Array) -> float:
    """The gap in F_t after the last step over that at t = 0, in size, on the training tasks."""
    return _last_to_first(distance_gap)


@quantity(unit="1", place="Fig. 5 (b); Theorem 2; Section 5.3", kind="worst case")
def training_distance_gap_highest(distance_gaps: Array) -> Estimated:
    """The largest mean gap in F_t, in units of that at t = 0, on the training tasks."""
    return _highest(distance_gaps)


@quantity(unit="1", place="Fig. 5 (b); Section 5.3", kind="share")
def training_distance_gap_negative_share(distance_gaps: Array) -> Estimated:
    """The share of draws whose gap in F_t is negative at every t, on the training tasks."""
    return _negative_share(distance_gaps)


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def fresh_loss_gap_at_0(loss_gap: Array) -> float:
    """The summed loss of MAML less that of ERM before any step, on fresh tasks."""
    return float(loss_gap[0])


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def fresh_loss_gap_lowest(loss_gap: Array) -> float:
    """The least summed loss of MAML less that of ERM over all t, on fresh tasks."""
    return float(loss_gap.min())


@quantity(unit="steps", place="Fig. 5 (a); Section 5.3", kind="mean over seeds", positive=True)
def fresh_steps_to_negative_loss_gap(steps: Array, loss_gap: Array) -> float:
    """The first step with a negative loss gap on fresh tasks; infinite without one."""
    return _first_negative(steps, loss_gap)


@quantity(unit="squared distance", place="Fig. 5 (b); Theorem 2", kind="mean over seeds")
def fresh_distance_gap_at_0(distance_gap: Array) -> float:
    """F_0 of MAML less that of ERM, on fresh tasks."""
    return float(distance_gap[0])


@quantity(unit="1", place="Theorem 2; Section 3.2", kind="mean over seeds", positive=True)
def fresh_distance_gap_last_to_first(distance_gap: Array) -> float:
    """The gap in F_t after the last step over that at t = 0, in size, on fresh tasks."""
    return _last_to_first(distance_gap)


@quantity(unit="1", place="Fig. 5 (b); Theorem 2; Section 5.3", kind="worst case")
def fresh_distance_gap_highest(distance_gaps: Array) -> Estimated:
    """The largest mean gap in F_t, in units of that at t = 0, on fresh tasks."""
    return _highest(distance_gaps)


@quantity(unit="1", place="Fig. 5 (b); Section 5.3", kind="share")
def fresh_distance_gap_negative_share(distance_gaps: Array) -> Estimated:
    """The share of draws whose gap in F_t is negative at every t, on fresh tasks."""
    return _negative_share(distance_gaps)


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def expected_loss_gap_at_0(loss_gap: Array) -> float:
    """The summed loss of MAML less that of ERM before any step, expected on fresh tasks."""
    return float(loss_gap[0])


@quantity(unit="squared error", place="Fig. 5 (a); Section 5.3", kind="mean over seeds")
def expected_loss_gap_lowest(loss_gap: Array) -> float:
    """The least summed loss of MAML less that of ERM over all t, expected on fresh tasks."""
    return float(loss_gap.min())


@quantity(unit="steps", place="Fig. 5 (a); Section 5.3", kind="mean over seeds", positive=True)
def expected_steps_to_negative_loss_gap(steps: Array, loss_gap: Array) -> float:
    """The first step with a negative loss gap, expected on fresh tasks; infinite without one."""
    return _first_negative(steps, loss_gap)


@quantity(unit="squared distance", place="Fig. 5 (b); Theorem 2", kind="mean over seeds")
def expected_distance_gap_at_0(distance_gap: Array) -> float:
    """F_0 of MAML less that of ERM, expected on fresh tasks."""
    return float(distance_gap[0])


@quantity(unit="1", place="Theorem 2; Section 3.2", kind="mean over seeds", positive=True)
def expected_distance_gap_last_to_first(distance_gap: Array) -> float:
    """The gap in F_t after the last step over that at t = 0, in size, expected on fresh tasks."""
    return _last_to_first(distance_gap)


@quantity(unit="1", place="Fig. 5 (b); Theorem 2; Section 5.3", kind="worst case")
def expected_distance_gap_highest(distance_gaps: Array) -> Estimated:
    """The largest mean gap in F_t, in units of that at t = 0, expected on fresh tasks."""
    return _highest(distance_gaps)


@quantity(unit="1", place="Fig. 5 (b); Section 5.3", kind="share")
def expected_distance_gap_negative_share(distance_gaps: Array) -> Estimated:
    """The share of draws whose gap in F_t is negative at every t, expected on fresh tasks."""
    return _negative_share(distance_gaps)


@quantity(unit="1", place="Theorem 2; Fig. 5 (b)", kind="mean over seeds")
def covariance_change_highest(change: Array) -> float:
    """The largest eigenvalue of the covariance of w_m less that of w_r, over their mean one.

    If it is negative, the expected gap is negative after any number of steps, on any tasks.

    Args:
        change: (dim, dim), the difference, given the features of the training tasks.
    """
    values = np.linalg.eigvalsh(change)
    return float(values[-1] / abs(values.mean()))


def _first_negative(steps: Array, gap: Array) -> float:
    negative = np.flatnonzero(gap < 0)
    return float(steps[negative[0]]) if len(negative) else np.inf


def _last_to_first(gap: Array) -> float:
    return float(abs(gap[-1] / gap[0]))


def _highest(gaps: Array) -> Estimated:
    """Theorem 2 is about the mean; the largest gap of each draw would be biased upwards.

    Args:
        gaps: (draws, steps).
    """
    mean = gaps.mean(axis=0)
    return with_interval(mean_interval(gaps[:, mean.argmax()] / abs(mean[0])), STUDENT)


def _negative_share(gaps: Array) -> Estimated:
    """Of gaps (draws, steps)."""
    return with_interval(share_interval(gaps.max(axis=1) < 0), BINOMIAL)


class OfTasks(NamedTuple):
    """The quantities of one kind of tasks."""

    loss_gap_at_0: Quantity[Any]
    loss_gap_lowest: Quantity[Any]
    steps_to_negative_loss_gap: Quantity[Any]
    distance_gap_at_0: Quantity[Any]
    distance_gap_last_to_first: Quantity[Any]
    distance_gap_highest: Quantity[Any]
    distance_gap_negative_share: Quantity[Any]


# kind of tasks in the sweep: what is measured on them
OF_TASKS = {
    "training": OfTasks(
        training_loss_gap_at_0,
        training_loss_gap_lowest,
        training_steps_to_negative_loss_gap,
        training_distance_gap_at_0,
        training_distance_gap_last_to_first,
        training_distance_gap_highest,
        training_distance_gap_negative_share,
    ),
    "fresh": OfTasks(
        fresh_loss_gap_at_0,
        fresh_loss_gap_lowest,
        fresh_steps_to_negative_loss_gap,
        fresh_distance_gap_at_0,
        fresh_distance_gap_last_to_first,
        fresh_distance_gap_highest,
        fresh_distance_gap_negative_share,
    ),
    "expected": OfTasks(
        expected_loss_gap_at_0,
        expected_loss_gap_lowest,
        expected_steps_to_negative_loss_gap,
        expected_distance_gap_at_0,
        expected_distance_gap_last_to_first,
        expected_distance_gap_highest,
        expected_distance_gap_negative_share,
    ),
}
