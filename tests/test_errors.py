"""Bad input: one error each, which says what, where, what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import innerlr
from innerlr import GramMoments, InnerlrError
from innerlr.errors import nearest

GOOD = np.random.default_rng(0).normal(size=(6, 5, 3))
NAN = GOOD.copy()
NAN[2, 1, 0] = np.nan
TARGETS = GOOD @ np.ones(3)


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
    "text": (lambda: innerlr.alpha_lim([[["a"]]]), ["features", "real numbers"]),
    "ragged": (lambda: innerlr.alpha_est([[[1.0], [1.0, 2.0]]]), ["features"]),
    "complex": (lambda: innerlr.alpha_lim(GOOD * 1j), ["features"]),
    "all zero": (lambda: innerlr.alpha_lim(GOOD * 0), ["zero"]),
    "constant entries": (lambda: innerlr.alpha_est(GOOD * 0 + 1), ["features", "differ"]),
    "an empty iterator": (lambda: innerlr.alpha_lim(iter(())), ["features", "at least one"]),
    "chunks of two shapes": (
        lambda: innerlr.alpha_lim(iter([GOOD, GOOD[:, :4]])),
        ["features", "shots"],
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
    "K = 2.5": (lambda: innerlr.alpha_lim_iid_entries(2.5, 3, [0, 1, 0, 3, 0, 15]), ["shots"]),
    "five moments": (lambda: innerlr.alpha_lim_iid_entries(2, 3, [0, 1, 0, 3, 0]), ["moments"]),
    "negative variance": (
        lambda: innerlr.alpha_lim_iid_entries(2, 3, [2, 1, 0, 3, 0, 15]),
        ["moments", "variance"],
    ),
    "weights that sum to 2": (
        lambda: innerlr.alpha_lim_iid_rows(2, np.eye(2), [1.0, 1.0]),
        ["weights", "sum"],
    ),
    "infinite moment": (
        lambda: innerlr.alpha_lim_polynomial(2, 2, lambda k: np.inf),
        ["moment", "finite"],
    ),
    "observations": (lambda: innerlr.heuristic_range(1, 1, 1, 0), ["n_observations", "0"]),
    "no task yet": (lambda: GramMoments().w_erm(), ["at least one task"]),
    "singular Gram": (
        lambda: moments(GOOD * [1, 1, 0]).w_erm(),
        ["singular", "rank 2", "dim = 3"],
    ),
    "targets of another length": (lambda: moments(GOOD, TARGETS[:, :4]), ["support_targets"]),
    "query without targets": (
        lambda: GramMoments().update(GOOD, TARGETS, GOOD),
        ["query", "query_targets"],
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
    "nan rate": (lambda: moments().w_maml(np.nan), ["alpha", "finite"]),
    "empty bounds": (lambda: moments().alpha_empirical((1.0, 1.0)), ["bounds", "low < high"]),
    "weights of another dim": (lambda: moments().loss(np.ones(2), 0.1), ["w", "dim = 3"]),
    "whitener not triangular": (
        lambda: GramMoments(whitener=np.ones((3, 3))),
        ["whitener", "upper-triangular"],
    ),
    "no whitener exists": (
        lambda: innerlr.pooled_whitener(GOOD[:1, :2]),
        ["rank", "Give more rows"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_clear_error(name: str) -> None:
    call, parts = CASES[name]
    with pytest.raises(InnerlrError) as error:
        call()
    message = str(error.value)
    for part in parts:
        assert part in message, message
    assert len(message) < 500


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
