"""Adaptation in closed form against plain gradient steps, scalar formulas and high precision."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr import Adaptation, distance_gap, loss_gap
from innerlr.errors import InnerlrError
from tolerances import SAME, STEPS

Array = np.ndarray


def tasks(seed: int = 0, n: int = 12, k: int = 6, d: int = 4) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k, d)), rng.normal(size=(n, d)), rng.normal(size=d)


def descend(phi: Array, a: Array, w: Array, steps: int, rate: float) -> Array:
    """One task after the other, one step after the other."""
    ends = []
    for features, optimum in zip(phi, a, strict=True):
        v = w.copy()
        for _ in range(steps):
            gradient = 2 / len(features) * features.T @ (features @ v - features @ optimum)
            v = v - rate * gradient
        ends.append(v)
    return np.array(ends)


# 0.02 contracts every direction, 0.3 turns some over (factors below 0), 0.5 lets some grow
@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_adapted_weights_are_those_of_plain_descent(steps: int, rate: float) -> None:
    phi, a, w = tasks()
    found = Adaptation(phi, a, rate).adapted(w, steps)
    plain = descend(phi, a, w, steps, rate)
    assert np.abs(found - plain).max() < STEPS * np.abs(plain).max()


def test_several_numbers_of_steps_at_once() -> None:
    phi, a, w = tasks()
    made = Adaptation(phi, a, 0.3)  # odd and even powers of factors below 0
    found = made.adapted(w, [0, 1, 2, 7])
    np.testing.assert_array_equal(found, [made.adapted(w, steps) for steps in (0, 1, 2, 7)])


def test_two_hundred_steps() -> None:
    phi, a, w = tasks()
    found = Adaptation(phi, a, 0.05).adapted(w, 200)
    assert np.abs(found - descend(phi, a, w, 200, 0.05)).max() < STEPS


def test_two_hundred_steps_with_factors_below_zero() -> None:
    """Near -1 the error turns over at every step and hardly shrinks."""
    phi, a, w = tasks()
    rate = 0.99 * 2 / (2 / 6 * np.linalg.eigvalsh(phi.swapaxes(1, 2) @ phi).max())
    made = Adaptation(phi, a, rate)
    assert made.contraction.min() == pytest.approx(-0.98, rel=1e-12)
    for steps in (199, 200):
        assert np.abs(made.adapted(w, steps) - descend(phi, a, w, steps, rate)).max() < STEPS


def test_one_step_to_the_optimum() -> None:
    """Orthogonal features of equal length and eta = K / (2 lambda): the factor is exactly 0."""
    phi, a, w = np.array([np.eye(4)]), np.arange(4.0)[None], np.ones(4)
    made = Adaptation(phi, a, 2.0)  # K = 4, lambda = 1
    np.testing.assert_array_equal(made.contraction, 0)
    np.testing.assert_array_equal(made.adapted(w, 0), w[None])
    np.testing.assert_array_equal(made.adapted(w, 1), a)
    assert made.distance(w, [0, 1, 10]).tolist() == [6.0, 0.0, 0.0]  # 1 + 0 + 1 + 4


def test_a_million_steps_in_three_dimensions() -> None:
    """Against matrix powers in 50 digits; the decays are neither 1 nor 0."""
    phi, a, w = tasks(7, n=3, d=3)
    rate, steps = 1e-7, 10**6
    made = Adaptation(phi, a, rate)
    loss, distance = precise_gaps(phi, a, w, w + 1, steps, rate)
    shrunk = made.distance(w, [0, steps])
    assert 0.05 < shrunk[1] / shrunk[0] < 0.9
    # eigenvalues are right to eps of the largest: t times that, 2 t eta lambda eps / K, remains
    assert made.loss_gap(w, w + 1, [steps])[0] == pytest.approx(loss, rel=STEPS)
    assert made.distance_gap(w, w + 1, [steps])[0] == pytest.approx(distance, rel=STEPS)


def test_the_rates_include_contractions_below_zero() -> None:
    phi, a, _ = tasks()
    assert Adaptation(phi, a, 0.02).contraction.min() > 0
    assert Adaptation(phi, a, 0.3).contraction.min() < 0
    assert Adaptation(phi, a, 0.5).contraction.min() < -1


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5])
def test_loss_and_distance_are_those_of_the_adapted_weights(rate: float) -> None:
    phi, a, w = tasks()
    made = Adaptation(phi, a, rate)
    steps = [0, 1, 5]
    for t, loss, distance in zip(steps, made.loss(w, steps), made.distance(w, steps), strict=True):
        error = made.adapted(w, t) - a
        residual = np.einsum("nkd,nd->nk", phi, error)
        assert loss == pytest.approx(float((residual**2).sum()), rel=STEPS)
        assert distance == pytest.approx(float((error**2).sum(1).mean()), rel=STEPS)


@pytest.mark.parametrize("steps", [0, 1, 1000, 10**6])
def test_one_feature_has_a_scalar_formula(steps: int) -> None:
    """d = 1: the error after t steps is (1 - 2 eta G / K)^t times the first one."""
    phi = np.full((1, 4, 1), 0.5)  # G = 1, K = 4
    made = Adaptation(phi, np.array([[2.0]]), 1e-5)
    with mpmath.workdps(40):
        factor = (1 - mpmath.mpf(2) * mpmath.mpf(1e-5) / 4) ** steps
        exact = float((3 - 2) ** 2 * factor**2)
    # log(1 - x) comes from x, not from 1 - x, which would have lost eps / x = 4e-11 of it
    assert made.distance([3.0], [steps])[0] == pytest.approx(exact, rel=SAME)


def precise_gaps(phi: Array, a: Array, w: Array, v: Array, steps: int, rate: float) -> list[float]:
    """Loss and distance gaps by 50-digit descent."""
    gaps = [mpmath.mpf(0), mpmath.mpf(0)]
    with mpmath.workdps(50):
        for features, optimum in zip(phi, a, strict=True):
            x = mpmath.matrix(features.tolist())
            gram = x.T * x
            q = mpmath.eye(len(optimum)) - gram * (2 * mpmath.mpf(rate) / len(features))
            power = q**steps
            for sign, start in ((1, w), (-1, v)):
                error = power * mpmath.matrix((precise(start) - precise(optimum)).tolist())
                gaps[0] += sign * (error.T * gram * error)[0]
                gaps[1] += sign * (error.T * error)[0] / len(phi)
    return [float(gap) for gap in gaps]


def precise(values: Array) -> Array:
    return np.array([mpmath.mpf(float(v)) for v in values], dtype=object)


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_gaps_keep_their_digits_when_they_are_a_millionth(steps: int) -> None:
    phi, a, w = tasks(1, n=5, d=3)
    v = w + 1e-7 * np.array([1.0, -2.0, 0.5])
    loss, distance = precise_gaps(phi, a, w, v, steps, 0.05)
    assert abs(loss) < 1e-5 * Adaptation(phi, a, 0.05).loss(w, [0])[0]
    found = loss_gap(phi, a, w, v, [steps], 0.05)[0]
    # the eigenvectors' rounding, eps, against gaps that are sums of terms of both signs
    assert found == pytest.approx(loss, rel=1e-8)
    assert distance_gap(phi, a, w, v, [steps], 0.05)[0] == pytest.approx(distance, rel=1e-8)


@given(st.integers(0, 10**6), st.floats(1e-6, 0.05))
def test_gaps_are_antisymmetric_and_vanish_for_equal_weights(steps: int, rate: float) -> None:
    phi, a, w = tasks(2)
    v = -w
    made = Adaptation(phi, a, rate)
    forth, back = made.distance_gap(w, v, [steps]), made.distance_gap(v, w, [steps])
    assert forth == pytest.approx(-back, rel=1e-12)
    assert made.loss_gap(w, w, [steps])[0] == 0


def test_no_difference_leaves_no_gap_where_adaptation_diverges() -> None:
    phi, a, w = tasks(2)
    made = Adaptation(phi, a, 10.0)
    with np.errstate(over="ignore"):
        assert np.isinf(made.distance(w, [10_000])[0])
        assert made.distance_gap(w, w, [1, 100, 10_000]).tolist() == [0, 0, 0]


@given(st.floats(1e-4, 0.04))
def test_small_rates_only_shrink_distance_and_loss(rate: float) -> None:
    phi, a, w = tasks(3)
    made = Adaptation(phi, a, rate)
    steps = [0, 1, 2, 10, 100, 10**6]
    for values in (made.distance(w, steps), made.loss(w, steps)):
        assert np.all(np.diff(values) <= 0)


def test_an_orthogonal_change_of_features_changes_nothing() -> None:
    phi, a, w = tasks(4)
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))
    first = Adaptation(phi, a, 0.1).distance(w, [0, 5, 50])
    second = Adaptation(phi @ rotation, a @ rotation, 0.1).distance(w @ rotation, [0, 5, 50])
    assert first == pytest.approx(second, rel=1e-12)


def test_fewer_samples_than_features_leave_the_rest_alone() -> None:
    phi, a, w = tasks(6, k=2, d=5)
    made = Adaptation(phi, a, 0.05)
    null = np.eye(5) - np.linalg.pinv(phi[0]) @ phi[0]
    moved = made.adapted(w, 10**6)[0] - w
    assert np.abs(null @ moved).max() < 1e-12
    assert np.abs(phi[0] @ (made.adapted(w, 10**6)[0] - a[0])).max() < 1e-9


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"eta": 0.0}, "eta"),
        ({"eta": float("nan")}, "eta"),
        ({"a": np.ones((11, 4))}, "tasks"),
        ({"a": np.ones((12, 3))}, "dim"),
        ({"phi": np.ones((12, 0, 4))}, "empty"),
        ({"phi": np.full((12, 6, 4), np.inf)}, "finite"),
        ({"w": np.ones(3)}, "w"),
        ({"steps": [-1]}, "steps"),
        ({"steps": [0.5]}, "steps"),
    ],
)
def test_bad_input(change: dict, part: str) -> None:
    phi, a, w = tasks()
    good = {"phi": phi, "a": a, "w": w, "steps": [1], "eta": 0.1} | change
    with pytest.raises(InnerlrError, match=part):
        Adaptation(good["phi"], good["a"], good["eta"]).distance(good["w"], good["steps"])


def test_expected_gaps_are_the_mean_over_weights_of_the_two_covariances() -> None:
    """Weights +-sqrt(d) L e_j have mean zero and covariance L L'; gaps are quadratic in them."""
    rng = np.random.default_rng(8)
    phi, a = rng.normal(size=(7, 5, 3)), np.zeros((7, 3))
    tasks, steps = Adaptation(phi, a, 0.05), [0, 1, 4, 30]
    roots = [rng.normal(size=(3, 3)) for _ in range(2)]
    change = roots[0] @ roots[0].T - roots[1] @ roots[1].T
    points = [np.sqrt(3) * np.concatenate([root.T, -root.T]) for root in roots]
    for of, expected in (
        (tasks.distance, tasks.expected_distance_gap),
        (tasks.loss, tasks.expected_loss_gap),
    ):
        means = [np.mean([of(w, steps) for w in of_root], axis=0) for of_root in points]
        np.testing.assert_allclose(expected(change, steps), means[0] - means[1], rtol=1e-10)
    with pytest.raises(InnerlrError, match=r"change: expected shape \(3, 3\)"):
        tasks.expected_loss_gap(np.eye(2), steps)
