"""What Fig. 3 measures: how soon each scheme learns and where it ends, and what a pair gains.

A panel is a scheme, or a pair of schemes ("online against default") paired by seed. A gain is
positive, and a speedup above 1, where the first scheme of the pair does better.
"""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from replication.quantity import quantity, recorded

# ------------------------------------------------------------------ of a scheme


@quantity(unit="iterations", place="Fig. 3 (b)", kind="mean over seeds", positive=True)
def iterations_to_50(iterations: Array, accuracies: Array) -> float:
    """The first evaluation with a test accuracy of 50%; infinite if there is none."""
    return first_reaching(iterations, accuracies, 0.5)


@quantity(unit="iterations", place="Fig. 3 (b)", kind="mean over seeds", positive=True)
def iterations_to_80(iterations: Array, accuracies: Array) -> float:
    """The first evaluation with a test accuracy of 80%; infinite if there is none."""
    return first_reaching(iterations, accuracies, 0.8)


@quantity(unit="iterations", place="Fig. 3 (b)", kind="mean over seeds", positive=True)
def iterations_to_90(iterations: Array, accuracies: Array) -> float:
    """The first evaluation with a test accuracy of 90%; infinite if there is none."""
    return first_reaching(iterations, accuracies, 0.9)


@quantity(unit="1", place="Fig. 3 (b)", kind="mean over seeds")
def accuracy_area(iterations: Array, accuracies: Array, until: int) -> float:
    """The test accuracy, mean over the evaluations of the iterations drawn."""
    return mean_until(iterations, accuracies, until)


@quantity(unit="1", place="Fig. 3 (a)", kind="mean over seeds", positive=True)
def loss_area(iterations: Array, losses: Array, until: int) -> float:
    """The test loss, mean over the evaluations of the iterations drawn."""
    return mean_until(iterations, losses, until)


@quantity(unit="1", place="Fig. 3 (b)", kind="mean over seeds")
def peak_accuracy(accuracies: Array) -> float:
    """The highest test accuracy on the way."""
    return float(accuracies.max())


@quantity(unit="1", place="Section 5.1", kind="mean over seeds")
def gap(iterations: Array, training: Array, test: Array) -> float:
    """Training less test accuracy, mean over the evaluations of the last tenth of the run."""
    late = iterations > 0.9 * iterations[-1]
    return float((training - test)[late].mean())


alpha = recorded(
    "alpha",
    "The adaptation rate in use at the last evaluation, of the mean loss.",
    unit="alpha",
    place="Section 5.1",
    kind="mean over seeds",
    positive=True,
)
norm = recorded(
    "norm",
    "The mean length of the features at the last evaluation.",
    unit="1",
    place="Section 5.1",
    kind="mean over seeds",
)
final_loss = recorded(
    "final_loss",
    "The test loss after training, on test tasks that were not used before.",
    unit="1",
    place="Section 5.1",
    kind="mean over seeds",
    positive=True,
)
final_accuracy = recorded(
    "final_accuracy",
    "The test accuracy after training, on test tasks that were not used before.",
    unit="1",
    place="Section 5.1, after Raghu et al. (2020)",
    kind="mean over seeds",
)
ideal_loss = recorded(
    "ideal_loss",
    "The loss that perfect features of a fixed length would have at the rate in use at the end.",
    unit="1",
    place="Fig. 3 (a)",
    kind="mean over seeds",
)

# ------------------------------------------------------------------ of a pair


@quantity(unit="1", place="Fig. 3 (b); Section 5.1", kind="mean over seeds")
def accuracy_gain(area: float, baseline_area: float) -> float:
    """accuracy_area of the scheme less that of the scheme it is held to."""
    return area - baseline_area


@quantity(unit="1", place="Fig. 3 (a); Section 5.1", kind="mean over seeds")
def loss_gain(area: float, baseline_area: float) -> float:
    """loss_area of the scheme it is held to, less the scheme's own."""
    return baseline_area - area


@quantity(unit="1", place="Section 5.1", kind="mean over seeds")
def final_gain(final: float, baseline_final: float) -> float:
    """final_accuracy of the scheme less that of the scheme it is held to."""
    return final - baseline_final


@quantity(unit="1", place="Fig. 3 (b); Section 5.1", kind="mean over seeds", positive=True)
def speedup_50(iterations: float, baseline_iterations: float) -> float:
    """How many times as many iterations to 50% the scheme it is held to needs; 1 if neither gets
    there."""
    return _speedup(iterations, baseline_iterations)


@quantity(unit="1", place="Fig. 3 (b); Section 5.1", kind="mean over seeds", positive=True)
def speedup_80(iterations: float, baseline_iterations: float) -> float:
    """How many times as many iterations to 80% the scheme it is held to needs; 1 if neither gets
    there."""
    return _speedup(iterations, baseline_iterations)


@quantity(unit="1", place="Fig. 3 (b); Section 5.1", kind="mean over seeds", positive=True)
def speedup_90(iterations: float, baseline_iterations: float) -> float:
    """How many times as many iterations to 90% the scheme it is held to needs; 1 if neither gets
    there."""
    return _speedup(iterations, baseline_iterations)


# ------------------------------------------------------------------ what several of them share


def first_reaching(iterations: Array, accuracies: Array, level: float) -> float:
    """The first evaluation with an accuracy of `level` at least; infinite if there is none.

    Args:
        iterations, accuracies: (evaluations,).
        level: between 0 and 1.
    """
    return float(iterations[accuracies >= level].min(initial=np.inf))


def mean_until(iterations: Array, values: Array, until: int) -> float:
    """Mean over the evaluations up to an iteration.

    Args:
        iterations, values: (evaluations,).
        until: the last iteration that counts.
    """
    return float(values[iterations <= until].mean())


def _speedup(iterations: float, baseline_iterations: float) -> float:
    if np.isinf(iterations) and np.isinf(baseline_iterations):
        return 1.0
    return baseline_iterations / iterations
