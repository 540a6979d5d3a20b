"""Estimators against exhaustive enumeration, each other, Monte Carlo and properties."""

from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from innerlr import (
    InnerlrError,
    RowMoments,
    alpha_bounds,
    alpha_est,
    alpha_lim,
    alpha_lim_iid_entries,
    alpha_lim_iid_rows,
    alpha_lim_polynomial,
    alpha_lim_split,
    heuristic_range,
)
from innerlr.distributions import ChiSquare, Exponential, Normal, Uniform
from innerlr.features import GaussianBasis, Polynomial, RandomMatrix, TaskLaw
from innerlr.modes import alpha_lim_gram
from oracles import (
    Law,
    all_features,
    exact_alpha,
    gram_powers,
    independent_rows,
    polynomial_rows,
)
from tolerances import SAME, Z

# Every odd moment differs from zero, so that no term of a formula can hide.
SKEWED = Law((-1, 0, 2), (1, 1, 2))
SIGNS = Law((-1, 1), (1, 1))
TWO = Law((1, 3), (3, 1))
LAWS = {"skewed": SKEWED, "signs": SIGNS, "two": TWO}
SQUARE = list(itertools.product((1, 2, 3), repeat=2))
SIZES = [(k, d) for k, d in SQUARE if k * d < 9]


def entries(law: Law, d: int):
    return independent_rows([law] * d)


# ---------------------------------------------------------------- enumeration


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("k", "d"), [*SIZES, (3, 3), (1, 4), (4, 1)])
def test_iid_entries_is_the_enumeration(law: Law, k: int, d: int) -> None:
    moments = [float(law.moment(p)) for p in range(1, 7)]
    expected = float(exact_alpha(entries(law, d), k))
    assert alpha_lim_iid_entries(k, d, moments) == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_alpha_lim_of_all_feature_matrices_is_the_enumeration(law: Law, k: int, d: int) -> None:
    features, weights = all_features(entries(law, d), k)
    tasks = np.repeat(features, weights, axis=0)  # each as often as it is likely
    assert alpha_lim(tasks) == pytest.approx(float(exact_alpha(entries(law, d), k)), rel=SAME)


@pytest.mark.parametrize("law", [SKEWED, Law((-2, 1, 3), (1, 2, 1))])
@pytest.mark.parametrize(("k", "d"), SQUARE)
def test_polynomial_is_the_enumeration(law: Law, k: int, d: int) -> None:
    rows = polynomial_rows(law, d)
    expected = float(exact_alpha(rows, k))
    assert alpha_lim_polynomial(k, d, lambda p: float(law.moment(p))) == pytest.approx(
        expected, rel=SAME
    )
    weights = rows.weights / rows.weights.sum()
    assert alpha_lim_iid_rows(k, rows.values, weights) == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize(("k", "d"), SIZES)
def test_task_covariance_is_the_enumeration(k: int, d: int) -> None:
    root = np.arange(1, d * d + 1).reshape(d, d) % 4 - 1
    weight = (root @ root.T + np.eye(d, dtype=int)).tolist()
    rows = entries(SKEWED, d)
    features, weights = all_features(rows, k)
    expected = float(exact_alpha(rows, k, weight))
    tasks = np.repeat(features, weights, axis=0)
    assert alpha_lim(tasks, task_covariance=weight) == pytest.approx(expected, rel=SAME)
    if d > 1:
        assert expected != pytest.approx(float(exact_alpha(rows, k)), rel=1e-3)


# ---------------------------------------------------------------- the paper's printed formulas


def printed_e11(law: Law, k: int, d: int) -> Fraction:
    """tr E G^3 as eq. (E.11) prints it, group by group."""
    m1, m2, m3, m4, m5, m6 = (law.moment(p) for p in range(1, 7))
    k2, d2 = k * (k - 1), d * (d - 1)
    k3 = k**3 - 3 * k**2 + 2 * k
    b1, b2 = k2 * d * m4 * m2, k3 * d * m2**3
    return (
        k * d * m6
        + k * d2 * (m5 * m1 + m4 * m2 + m3**2)
        + b1
        + k2 * d2 * (m3 * m1**3 + m3 * m2 * m1 + m2**2 * m1**2)
        + b1
        + k2 * d2 * (m3 * m1**3 + m3 * m2 * m1 + m2**2 * m1**2)
        + b1
        + k2 * d2 * (m4 * m1**2 + m2**3 + m2**2 * m1**2)
        + b2
        + k3 * d2 * (m1**6 + m2**2 * m1**2 + m2 * m1**4)
    )


def printed_e4(law: Law, k: int, d: int) -> Fraction:
    """tr E G^3 as eq. (E.4) prints it, with the paper's 1-based indices."""
    m = law.moment
    return sum(
        (
            k * m(3 * j + i + 2 * n - 6)
            + 3 * k * (k - 1) * m(2 * j + 2 * n - 4) ** 2 * m(j + i - 2)
            + (k**3 - 3 * k**2 + 2 * k) * m(j + i + n - 3) ** 3
            for j, i, n in itertools.product(range(1, d + 1), repeat=3)
        ),
        Fraction(0),
    )


def exact_trace(rows, k: int, power: int) -> Fraction:
    matrix = gram_powers(rows, k)[power - 1]
    return sum((matrix[i][i] for i in range(len(matrix))), Fraction(0))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_e11_as_printed_holds_only_for_one_feature(law: Law, k: int, d: int) -> None:
    right = exact_trace(entries(law, d), k, 3)
    assert (printed_e11(law, k, d) == right) == (d == 1)


def test_e11_counterexample() -> None:
    """K = 1, d = 2, signs: |y|^2 = 2 always, so tr G^3 = |y|^6 = 8; (E.11) prints 4."""
    assert exact_trace(entries(SIGNS, 2), 1, 3) == 2**3
    assert printed_e11(SIGNS, 1, 2) == 4


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("k", "d"), SIZES)
def test_e8_as_printed_is_right(law: Law, k: int, d: int) -> None:
    m1, m2, m4 = law.moment(1), law.moment(2), law.moment(4)
    printed = (
        d * k * m4 + (d * k * (k - 1) + d * (d - 1) * k) * m2**2 + d * (d - 1) * k * (k - 1) * m1**4
    )
    assert printed == exact_trace(entries(law, d), k, 2)


@pytest.mark.parametrize("law", [SKEWED, TWO])
@pytest.mark.parametrize(("k", "d"), SQUARE)
def test_e4_as_printed_holds_only_for_one_feature(law: Law, k: int, d: int) -> None:
    right = exact_trace(polynomial_rows(law, d), k, 3)
    assert (printed_e4(law, k, d) == right) == (d == 1)


def test_e4_counterexample() -> None:
    """K = 1, d = 2, x = 3: one row (1, 3), tr G^3 = |y|^6 = 1000; (E.4) prints 1120."""
    always_three = Law((3,), (1,))
    assert exact_trace(polynomial_rows(always_three, 2), 1, 3) == 10**3
    # sum of 3^(3j + m + 2l) over j, m, l in {0, 1} = (1 + 27)(1 + 3)(1 + 9)
    assert printed_e4(always_three, 1, 2) == 28 * 4 * 10


# ---------------------------------------------------------------- exact forms against Monte Carlo

SAMPLED = {
    "uniform matrix": TaskLaw(Uniform(-5, 5), RandomMatrix(4), Normal(0, 1), 6),
    "few shots": TaskLaw(Uniform(-1, 3), RandomMatrix(6), Normal(0, 1), 2),
    "exponential matrix": TaskLaw(Exponential(1), RandomMatrix(3), Normal(0, 1), 5),
    "polynomial": TaskLaw(Normal(0, 0.5), Polynomial((1.0,) * 3), Normal(0, 1), 5),
    "taylor": TaskLaw(Uniform(-2, 2), Polynomial((1.0, 1.0, 0.5, 1 / 6)), Normal(0, 1), 7),
    "gaussian basis of a matrix": TaskLaw(
        Normal(1, 2), GaussianBasis((-1.0, 0.0, 2.0), (1.0, 2.0, 0.5)), Normal(0, 1), 4
    ),
    "gaussian basis of a scalar": TaskLaw(
        ChiSquare(7), GaussianBasis((2.0, 5.0, 9.0), (1.0, 3.0, 2.0), False), Normal(0, 1), 4
    ),
}


@pytest.mark.parametrize("law", SAMPLED.values(), ids=SAMPLED)
def test_exact_forms_agree_with_monte_carlo(law: TaskLaw) -> None:
    features, _ = law.sample(np.random.default_rng(11), 40_000)
    estimate = alpha_lim(features)
    # delta method for the ratio K A / (2 B) of means
    gram = features.swapaxes(1, 2) @ features
    a = np.einsum("nij,nji->n", gram, gram)
    b = np.einsum("nij,nji->n", gram @ gram, gram)
    error = law.shots * np.std(a - a.mean() / b.mean() * b) / (2 * b.mean() * np.sqrt(len(a)))
    assert error < 0.05 * estimate  # the comparison has power
    assert abs(estimate - law.alpha_lim()) < Z * error


@pytest.mark.parametrize("law", [Uniform(-5, 5), Normal(1, 2), Exponential(0.5)])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 5), (50, 20)])
def test_exact_forms_agree_with_each_other(law, k: int, d: int) -> None:
    moments = [law.moment(p) for p in range(1, 7)]
    by_entries = alpha_lim_iid_entries(k, d, moments)
    by_rows = RowMoments.independent(np.tile(moments, (d, 1)).T).alpha_lim(k)
    assert by_rows == pytest.approx(by_entries, rel=SAME)
    by_sum = alpha_lim_polynomial(k, 5, law.moment)
    by_map = Polynomial((1.0,) * 5).row_moments(law).alpha_lim(k)
    assert by_map == pytest.approx(by_sum, rel=SAME)


# ---------------------------------------------------------------- what the limit means


def mean_risk(features: np.ndarray, alpha: float, covariance: np.ndarray) -> float:
    """E |C(alpha) (E a - a)|^2: the population risk at the mean optimum, eq. (B.6)."""
    gram = features.swapaxes(1, 2) @ features
    step = np.eye(gram.shape[1]) - 2 * alpha / features.shape[1] * gram
    c = features @ step
    return float(np.einsum("nki,ij,nkj->", c, covariance, c)) / len(features)


@pytest.mark.parametrize("isotropic", [True, False])
def test_alpha_lim_minimises_the_risk_at_the_mean_optimum(isotropic: bool) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(40, 3, 4)) * [1, 1, 2, 4]
    covariance = np.eye(4) if isotropic else np.diag([9.0, 1.0, 1.0, 0.1])
    alpha = alpha_lim(features, task_covariance=None if isotropic else covariance)
    # a parabola in alpha: its vertex by three values
    x = np.array([0.5, 1.0, 2.0]) * alpha
    curve = np.polyfit(x, [mean_risk(features, a, covariance) for a in x], 2)
    assert -curve[1] / (2 * curve[0]) == pytest.approx(alpha, rel=1e-10)
    if not isotropic:
        assert alpha > 1.05 * alpha_lim(features)


def test_split_minimises_the_risk_at_the_mean_optimum() -> None:
    rng = np.random.default_rng(3)
    support, query = rng.normal(size=(30, 3, 4)), rng.normal(size=(30, 7, 4))
    covariance = np.diag([4.0, 1.0, 0.2, 0.1])
    for weight in (np.eye(4), covariance):
        alpha = alpha_lim_split(support, query, task_covariance=weight)

        def risk(rate: float, weight=weight) -> float:
            step = np.eye(4) - 2 * rate / 3 * support.swapaxes(1, 2) @ support
            c = query @ step
            return float(np.einsum("nki,ij,nkj->", c, weight, c))

        x = np.array([0.5, 1.0, 2.0]) * alpha
        curve = np.polyfit(x, [risk(a) for a in x], 2)
        assert -curve[1] / (2 * curve[0]) == pytest.approx(alpha, rel=1e-10)


# ---------------------------------------------------------------- properties

# Multiples of 1/4, so that nothing under- or overflows at the sixth power.
ENTRY = st.integers(-20, 20).map(lambda i: i / 4)


@st.composite
def some_features(draw, max_side: int = 4) -> np.ndarray:
    shape = tuple(draw(st.integers(1, max_side)) for _ in range(3))
    features = draw(arrays(np.float64, shape, elements=ENTRY))
    assume(np.abs(features).max() > 0)
    return features


@given(some_features(), st.sampled_from([0.125, 0.5, 3.0, 10.0]))
def test_scale_law(features: np.ndarray, scale: float) -> None:
    assert alpha_lim(scale * features) == pytest.approx(alpha_lim(features) / scale**2, rel=SAME)
    if features.std() > 0:
        assert alpha_est(scale * features) == pytest.approx(
            alpha_est(features) / scale**2, rel=SAME
        )


@given(some_features())
def test_the_same_samples_twice_are_no_split(features: np.ndarray) -> None:
    assert alpha_lim_split(features, features) == pytest.approx(alpha_lim(features), rel=SAME)


@given(some_features(), st.sampled_from([0.01, 1.0, 7.0]))
def test_isotropic_task_covariance_changes_nothing(features: np.ndarray, c: float) -> None:
    isotropic = c * np.eye(features.shape[2])
    assert alpha_lim(features, task_covariance=isotropic) == pytest.approx(
        alpha_lim(features), rel=SAME
    )
    assert alpha_lim_split(features, features, task_covariance=isotropic) == pytest.approx(
        alpha_lim(features), rel=SAME
    )


@given(some_features())
def test_both_sides_give_the_same_traces(features: np.ndarray) -> None:
    """tr G^p on the dim side, by definition, whichever side alpha_lim takes."""
    k = features.shape[1]
    gram = np.einsum("nki,nkj->nij", features, features)
    second = np.trace(np.linalg.matrix_power(gram, 2), axis1=1, axis2=2).sum()
    third = np.trace(np.linalg.matrix_power(gram, 3), axis1=1, axis2=2).sum()
    assert alpha_lim(features) == pytest.approx(k * second / (2 * third), rel=SAME)


@given(some_features(), st.integers(0, 2**32 - 1))
def test_alpha_lim_knows_no_basis_and_no_order(features: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    _, k, d = features.shape
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    mix, _ = np.linalg.qr(rng.normal(size=(k, k)))
    turned = mix @ rng.permutation(features) @ turn
    assert alpha_lim(turned) == pytest.approx(alpha_lim(features), rel=SAME)


@given(some_features())
def test_chunks_are_one_array(features: np.ndarray) -> None:
    whole = alpha_lim(features)
    parts = [features[:1], features[1:]] if len(features) > 1 else [features]
    assert alpha_lim(parts) == pytest.approx(whole, rel=SAME)
    assert alpha_lim(iter(parts)) == pytest.approx(whole, rel=SAME)
    assert alpha_lim(features.tolist()) == whole


@given(some_features())
def test_corollary_1_as_corrected(features: np.ndarray) -> None:
    bounds = alpha_bounds(features)
    slack = 1 + SAME
    assert bounds.lower <= bounds.alpha_lim * slack
    assert bounds.alpha_lim <= bounds.upper * slack
    assert bounds.alpha_lim == alpha_lim(features)
    # by definition: s^2 = tr E G / K and lambda_S over all tasks
    gram = np.einsum("nki,nkj->nij", features, features)
    k, d = features.shape[1:]
    trace = np.trace(gram, axis1=1, axis2=2).mean()
    assert bounds.upper == pytest.approx(k * d / (2 * trace), rel=SAME)
    assert bounds.lower == pytest.approx(k / (2 * np.linalg.eigvalsh(gram).max()), rel=SAME)
    assert bounds.printed_lower == pytest.approx(1 / (2 * d * trace / k), rel=SAME)
    assert bounds.printed_upper == bounds.upper
    assert bounds.printed_upper_appendix == pytest.approx(2 * bounds.upper, rel=SAME)


@given(arrays(np.float64, st.integers(2, 6), elements=st.integers(1, 20)))
def test_corollary_1_as_printed_is_false(x: np.ndarray) -> None:
    """K = d = 1: alpha_lim = m4 / (2 m6) <= 1 / (2 m2), the printed *lower* bound; strictly so
    unless all |x| are equal (Chebyshev's sum inequality: m2 m4 < m6)."""
    assume(len(set(x)) > 1)
    bounds = alpha_bounds(x[:, None, None])
    assert bounds.alpha_lim < bounds.printed_lower
    assert bounds.lower <= bounds.alpha_lim <= bounds.upper * (1 + SAME)


@pytest.mark.parametrize(("k", "d"), [(3, 1), (5, 3), (2, 6)])
def test_bounds_are_tight(k: int, d: int) -> None:
    """Equal Grams of equal nonzero eigenvalues reach the lower bound; at K >= d the upper, too."""
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(max(k, d), min(k, d))))
    features = (q if k >= d else q.T)[None]
    bounds = alpha_bounds(features)
    assert bounds.lower == pytest.approx(bounds.alpha_lim, rel=SAME)
    assert (bounds.upper == pytest.approx(bounds.alpha_lim, rel=SAME)) == (k >= d)


def test_several_steps_form_nothing_of_dim_by_dim() -> None:
    """The paper's tangent features have d = 30,001: a d x d matrix would take 7 GB."""
    features = np.random.default_rng(0).normal(size=(2, 5, 30_001))
    tracemalloc.start()
    alpha = alpha_lim(features, steps=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * features.nbytes
    grams = features @ features.swapaxes(1, 2)
    assert alpha == pytest.approx(alpha_lim_gram(grams, steps=2), rel=SAME)


# ---------------------------------------------------------------- the other estimators


def test_alpha_est_by_hand() -> None:
    """Entries 0, 0, 0, 4: mean 1, variance 3; N = 1, K = 2: 1 / (2 * 2 * 3)."""
    assert alpha_est([[[0, 0], [0, 4]]]) == pytest.approx(1 / 12, rel=SAME)


def test_equal_entries_have_no_variance_though_rounding_leaves_some() -> None:
    features = np.full((100, 10, 7), 3.3)
    assert features.var() > 0
    with pytest.raises(InnerlrError, match=r"entries that differ, got 3\.3"):
        alpha_est(features)


@pytest.mark.parametrize("dim", [100, 100_000])
def test_heuristic_range_is_h15_at_the_ends_of_the_variance(dim: int) -> None:
    n, k, observations = 25, 10, 250
    size = min(n * k, dim)
    low, high = heuristic_range(n, k, dim, observations)
    assert low == pytest.approx(1 / (2 * size * 0.25), rel=SAME)
    assert high == pytest.approx(1 / (2 * size * 1 / (2 * observations)), rel=SAME)


def test_six_moments_of_a_constant_are_allowed() -> None:
    """Variance zero: G = K 1 1', tr G^2 = (K d)^2, tr G^3 = (K d)^3, alpha = 1 / (2 d)."""
    assert alpha_lim_iid_entries(3, 4, [1] * 6) == pytest.approx(1 / 8, rel=SAME)


def test_all_zero_features_have_no_limit() -> None:
    with pytest.raises(InnerlrError, match="all features are zero"):
        alpha_lim(np.zeros((2, 3, 4)))
