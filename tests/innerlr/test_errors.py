"""Bad input: one error each, which says what, where, what was expected, what came, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

import innerlr
from innerlr import GramMoments, InnerlrError
from innerlr.errors import nearest
from innerlr.features import GaussianBasis, RandomMatrix
from innerlr.kernels import alpha_lim_kernel
from innerlr.modes import alpha_lim_gram, alpha_lim_split_gram, alpha_pooled

GOOD = np.random.default_rng(0).normal(size=(6, 5, 3))
NAN = GOOD.copy()
NAN[2, 1, 0] = np.nan
TARGETS = GOOD @ np.ones(3)
MASKED = np.ma.masked_array(GOOD.copy(), mask=False)
MASKED[4] = np.ma.masked
DISTANCES = np.linalg.norm(GOOD[:, :, None] - GOOD[:, None], axis=-1)


class WithGradient:
    """What torch does when numpy asks for a tensor that is part of a graph."""

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


def moments(features: np.ndarray = GOOD, targets: np.ndarray = TARGETS) -> GramMoments:
    made = GramMoments()
    made.update(features, targets)
    return made


CASES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "one task without its axis": (
        lambda: innerlr.alpha_lim(GOOD[0]),
        ["features", "(tasks, shots, dim)", "(5, 3)", "leading axis"],
    ),
    "no tasks": (lambda: innerlr.alpha_lim(GOOD[:0]), ["features", "'tasks'", "empty"]),
    "no shots": (lambda: innerlr.alpha_lim(GOOD[:, :0]), ["features", "'shots'", "empty"]),
    "no features": (lambda: innerlr.alpha_lim(GOOD[:, :, :0]), ["'dim'", "empty"]),
    "nan": (lambda: innerlr.alpha_lim(NAN), ["features", "nan", "(2, 1, 0)", "finite"]),
    "infinite": (lambda: innerlr.alpha_est(NAN * np.inf), ["features", "finite"]),
    "text": (lambda: innerlr.alpha_lim([[["a"]]]), ["features", "real numbers", "got list", "<U1"]),
    "digits in text": (lambda: innerlr.alpha_lim([[["1"]]]), ["features", "real numbers", "<U1"]),
    "None": (lambda: innerlr.alpha_lim(None), ["features", "(tasks, shots, dim)", "got ()"]),
    "ragged": (
        lambda: innerlr.alpha_est([[[1.0], [1.0, 2.0]]]),
        ["features", "(tasks, shots, dim)", "inhomogeneous", "rectangular"],
    ),
    "ragged at the top": (
        lambda: innerlr.alpha_lim([[[1.0], [1.0, 2.0]], [[1.0]]]),
        ["features", "inhomogeneous", "rectangular"],
    ),
    "complex": (
        lambda: innerlr.alpha_lim(GOOD * 1j),
        ["features", "real numbers", "got ndarray", "complex128"],
    ),
    "a tensor with a gradient": (
        lambda: innerlr.alpha_lim(WithGradient()),
        ["features", "got WithGradient", "requires grad"],
    ),
    "nan in a chunk": (
        lambda: innerlr.alpha_lim(iter([GOOD, NAN])),
        ["features, chunk 1", "nan", "(2, 1, 0)"],
    ),
    "a rate too small for float64": (
        lambda: innerlr.alpha_lim(GOOD * 1e200),
        ["alpha_lim", "float64 holds", "another unit"],
    ),
    "moments of huge features": (
        lambda: moments(GOOD * 1e60),
        ["update", "features", "1e40", "Divide"],
    ),
    "moments of huge targets": (
        lambda: moments(GOOD, TARGETS * 1e-60),
        ["update", "targets", "1e-40", "Divide"],
    ),
    "masked entries": (
        lambda: innerlr.alpha_lim(MASKED),
        ["features", "15 entries are masked", "Leave out"],
    ),
    "masked tasks in a list": (
        lambda: innerlr.alpha_est(list(MASKED)),
        ["features", "15 entries are masked", "Leave out"],
    ),
    "distances in the place of Grams": (
        lambda: alpha_lim_gram(DISTANCES),
        ["grams", "no negative eigenvalue", "not distances"],
    ),
    "features in the place of Grams": (
        lambda: alpha_lim_gram(GOOD[:, :3]),
        ["grams", "symmetric", "index (0, 0, 1)", "same rows"],
    ),
    "a support that is no Gram": (
        lambda: alpha_lim_split_gram(-np.ones((2, 3, 3)), np.ones((2, 4, 3))),
        ["support", "negative eigenvalue", "-3"],
    ),
    "a kernel that is none": (
        lambda: alpha_lim_kernel(3, [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.5]),
        ["gram", "negative eigenvalue"],
    ),
    "negative eigenvalues": (
        lambda: alpha_pooled([1.0, -0.5]),
        ["eigenvalues", "at or above 0", "-0.5"],
    ),
    "chunks of fewer tasks": (
        lambda: innerlr.alpha_lim_split(iter([GOOD, GOOD]), iter([GOOD])),
        ["support and query", "query has fewer chunks"],
    ),
    "all zero": (lambda: innerlr.alpha_lim(GOOD * 0), ["zero"]),
    "constant entries": (lambda: innerlr.alpha_est(GOOD * 0 + 1), ["features", "differ"]),
    "an empty iterator": (lambda: innerlr.alpha_lim(iter(())), ["features", "at least one"]),
    "chunks of two shapes": (
        lambda: innerlr.alpha_lim(iter([GOOD, GOOD[:, :4]])),
        ["features, chunk 1", "'shots': 5", "'shots': 4"],
    ),
    "whitener from chunks of two dims": (
        lambda: innerlr.pooled_whitener(iter([GOOD, GOOD[:, :, :2]])),
        ["features, chunk 1", "'dim': 3", "'dim': 2"],
    ),
    "covariance of another size": (
        lambda: innerlr.alpha_lim(GOOD, task_covariance=np.eye(2)),
        ["task_covariance", "(3, 3)", "(2, 2)"],
    ),
    "covariance not symmetric": (
        lambda: innerlr.alpha_lim(GOOD, task_covariance=np.triu(np.ones((3, 3)))),
        ["task_covariance", "symmetric"],
    ),
    "negative covariance": (
        lambda: innerlr.alpha_lim(GOOD, task_covariance=-np.eye(3)),
        ["task_covariance", "positive semidefinite", "eigenvalue"],
    ),
    "query of other tasks": (
        lambda: innerlr.alpha_lim_split(GOOD, GOOD[:4]),
        ["support and query", "tasks"],
    ),
    "query of another dim": (
        lambda: innerlr.alpha_lim_split(GOOD, GOOD[:, :, :2]),
        ["support and query", "dim"],
    ),
    "K = 0": (lambda: innerlr.alpha_lim_iid_entries(0, 3, [0, 1, 0, 3, 0, 15]), ["shots", "0"]),
    "K = 2.5": (
        lambda: innerlr.alpha_lim_iid_entries(2.5, 3, [0, 1, 0, 3, 0, 15]),
        ["shots", "positive integer", "got 2.5", "1, 2, 3"],
    ),
    "K = '2'": (
        lambda: innerlr.alpha_lim_iid_entries("2", 3, [0, 1, 0, 3, 0, 15]),
        ["shots", "positive integer", "got '2'"],
    ),
    "K = True": (
        lambda: innerlr.alpha_lim_iid_entries(True, 3, [0, 1, 0, 3, 0, 15]),
        ["shots", "got True"],
    ),
    "five moments": (
        lambda: innerlr.alpha_lim_iid_entries(2, 3, [0, 1, 0, 3, 0]),
        ["moments", "six", "got 5"],
    ),
    "negative variance": (
        lambda: innerlr.alpha_lim_iid_entries(2, 3, [2, 1, 0, 3, 0, 15]),
        ["moments", "variance", "m2 - m1^2 = -3", "raw moments"],
    ),
    "negative variance of an entry": (
        lambda: innerlr.RowMoments.independent(np.ones((6, 2)) * [1, 3]),
        ["moments", "positive variances", "got -6 for entry 1"],
    ),
    "five rows of moments": (
        lambda: innerlr.RowMoments.independent(np.ones((5, 2))),
        ["moments", "6 rows", "got 5"],
    ),
    "weights that sum to 2": (
        lambda: innerlr.alpha_lim_iid_rows(2, np.eye(2), [1.0, 1.0]),
        ["weights", "sum to 1", "a sum of 2"],
    ),
    "weights of another length": (
        lambda: innerlr.alpha_lim_iid_rows(2, np.eye(2), [1.0]),
        ["nodes and weights", "(2, 2)", "(1,)"],
    ),
    "rows all zero": (
        lambda: innerlr.alpha_lim_iid_rows(2, np.zeros((2, 2)), [0.5, 0.5]),
        ["RowMoments.alpha_lim", "zero"],
    ),
    "infinite moment": (
        lambda: innerlr.alpha_lim_polynomial(2, 2, lambda k: np.inf),
        ["moment", "finite"],
    ),
    "observations": (lambda: innerlr.heuristic_range(1, 1, 1, 0), ["n_observations", "0"]),
    "one_observation": (lambda: innerlr.heuristic_range(1, 1, 1, 1), ["n_observations", "two"]),
    "no task yet": (lambda: GramMoments().w_erm(), ["at least one task"]),
    "singular Gram": (
        lambda: moments(GOOD * [1, 1, 0]).w_erm(),
        ["singular", "rank 2", "dim = 3"],
    ),
    "targets of another length": (lambda: moments(GOOD, TARGETS[:, :4]), ["support_targets"]),
    "query without targets": (
        lambda: GramMoments().update(GOOD, TARGETS, GOOD),
        ["query and query_targets", "both or neither", "got query without query_targets"],
    ),
    "targets without query": (
        lambda: GramMoments().update(GOOD, TARGETS, None, TARGETS),
        ["got query_targets without query"],
    ),
    "zero features": (lambda: moments(GOOD * 0).alpha_lim(), ["GramMoments.alpha_lim", "zero"]),
    "one solution for all": (
        lambda: moments().alpha_empirical(),
        ["alpha_empirical", "got zero", "6 tasks", "different optima"],
    ),
    "tasks of another shape": (
        lambda: moments().update(GOOD[:, :4], TARGETS[:, :4]),
        ["update", "k1"],
    ),
    "merging another shape": (
        lambda: moments().merge(moments(GOOD[:, :4], TARGETS[:, :4])),
        ["merge"],
    ),
    "optima of another dim": (
        lambda: GramMoments().update_optima(GOOD, np.ones((6, 2))),
        ["features and optima", "dim"],
    ),
    "rates in a matrix": (
        lambda: moments().training_loss([[0.1]]),
        ["alpha", "(n_alpha)", "(1, 1)"],
    ),
    "rates as text": (lambda: moments().training_loss("0.1"), ["alpha", "real numbers", "got str"]),
    "three bounds": (
        lambda: moments().alpha_empirical((0.0, 1.0, 2.0)),
        ["bounds", "(low, high)", "(0.0, 1.0, 2.0)"],
    ),
    "another number of weights than rates": (
        lambda: moments().loss(np.ones((2, 3)), [0.1, 0.2, 0.3]),
        ["w and alpha", "2 initial weights", "3 learning rates"],
    ),
    "singular after the step": (
        lambda: moments(np.ones((4, 4, 1)), np.arange(16.0).reshape(4, 4)).w_maml(0.5),
        ["singular system", "alpha = 0.5", "another learning rate"],
    ),
    "population of another dim": (
        lambda: moments().population_risk(0.1, moments(GOOD[:, :, :2])),
        ["population", "dim = 2", "expected 3"],
    ),
    "two powers of the Gram": (
        lambda: GramMoments.expected(np.ones((2, 3, 3)), 4, mean=np.ones(3), covariance=np.eye(3)),
        ["gram_powers", "(3, dim, dim)", "(2, 3, 3)"],
    ),
    "mean of another dim": (
        lambda: GramMoments.expected(np.ones((3, 3, 3)), 4, mean=np.ones(2), covariance=np.eye(3)),
        ["mean", "(3,)", "(2,)"],
    ),
    "stored arrays incomplete": (
        lambda: GramMoments.from_arrays({"gram": np.ones((3, 2, 2))}),
        ["from_arrays", "missing", "'counts'", "['gram']", "to_arrays"],
    ),
    "stored arrays of two shapes": (
        lambda: GramMoments.from_arrays(moments().to_arrays() | {"cross": np.ones((3, 2))}),
        ["from_arrays", "cross", "(3, 3)", "(3, 2)"],
    ),
    "nan rate": (lambda: moments().w_maml(np.nan), ["alpha", "finite"]),
    "empty bounds": (lambda: moments().alpha_empirical((1.0, 1.0)), ["bounds", "low < high"]),
    "weights of another dim": (lambda: moments().loss(np.ones(2), 0.1), ["w", "dim = 3"]),
    "whitener not triangular": (
        lambda: GramMoments(whitener=np.ones((3, 3))),
        ["whitener", "upper-triangular"],
    ),
    "whitener of zeros": (
        lambda: GramMoments(whitener=np.diag([1.0, 0.0, 1.0])),
        ["whitener", "zero on its diagonal", "pooled_whitener"],
    ),
    "whitener of another dim": (
        lambda: GramMoments(whitener=np.eye(2)).update(GOOD, TARGETS),
        ["whitener", "dim = 2", "dim = 3"],
    ),
    "merging into a whitener of another dim": (
        lambda: GramMoments(whitener=np.eye(2)).merge(moments()),
        ["whitener", "dim = 2", "dim = 3"],
    ),
    "steps that are no numbers": (
        lambda: innerlr.loss_gap(GOOD, GOOD[:, 0], np.ones(3), np.zeros(3), ["1"], 0.1),
        ["steps", "real numbers"],
    ),
    "a negative number of steps": (
        lambda: innerlr.Adaptation(GOOD, GOOD[:, 0], 0.1).adapted(np.ones(3), -1),
        ["steps", "whole numbers", "got -1"],
    ),
    "inputs for another dim": (
        lambda: RandomMatrix(2)(GOOD),
        ["inputs", "(tasks, shots, 2)", "(6, 5, 3)"],
    ),
    "entries for another dim": (
        lambda: GaussianBasis((0.0, 1.0), (1.0, 1.0))(GOOD),
        ["inputs", "(tasks, shots, 2)", "(6, 5, 3)"],
    ),
    "no whitener exists": (
        lambda: innerlr.pooled_whitener(GOOD[:1, :2]),
        ["rank", "Give more rows"],
    ),
}


MEND = (
    "Add|At least one|Both|Call|Check|Choose|Did you mean|Give|Leave|Make|Only|Pass|Remove|Reshape|"
    "The last axis|Use|Widen|use|rescale|Divide"
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_clear_error(name: str) -> None:
    call, parts = CASES[name]
    with pytest.raises(InnerlrError) as error:
        call()
    message = str(error.value)
    for part in parts:
        assert part in message, message
    assert type(error.value) is InnerlrError
    assert "\n" not in message
    assert len(message) < 500
    assert re.search(rf"[.?;:] ({MEND})\b", message), message  # what to do


def test_failed_updates_leave_the_sums_as_they_were() -> None:
    made = moments()
    before = made.to_arrays()
    for bad in (NAN, GOOD[:, :4]):
        with pytest.raises(InnerlrError):
            made.update(bad, TARGETS)
    after = made.to_arrays()
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_errors_are_value_errors() -> None:
    assert issubclass(InnerlrError, ValueError)


def test_nearest_name() -> None:
    assert "'normal'" in nearest("normall", ["uniform", "normal"])
    assert "Valid: 'a', 'b'." in nearest("zzz", ["a", "b"])
