"""The printed equations of docs/errata.md and docs/equations.md, each against what is right.

`printed_*` are the paper's formulas as they stand. Exact arithmetic (sympy, fractions) where the
statement allows it.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import oracles
from innerlr import (
    alpha_bounds,
    alpha_est,
    alpha_lim,
    alpha_lim_iid_entries,
    alpha_lim_polynomial,
)
from innerlr.distributions import Distribution, Exponential, Normal, Uniform
from innerlr.theory import Spectrum
from replication.figures.coefficients.experiment import Coefficients, counts
from replication.figures.coefficients.quantities import g2_dominates_share, wrong_share
from replication.figures.coefficients.settings import Fig06
from replication.figures.theory.statements.random_matrices import OF_ONE_VARIANCE
from replication.measuring import measure
from tolerances import SAME

ROOT = Path(__file__).resolve().parents[2]
A = sp.Symbol("alpha", positive=True)

# ------------------------------------------------------------------ one feature, in exact numbers
# d = 1: a task is its G = l, w_m = sum q a / sum q with q = l (1 - 2 alpha l / K)^2. K = 1 below.


def q(value: sp.Expr, alpha: sp.Expr = A) -> sp.Expr:
    return value * (1 - 2 * alpha * value) ** 2


def spread(values: tuple[int, ...], alpha: sp.Expr = A) -> sp.Expr:
    """E_a w_m^2 for optima of unit variance."""
    terms = [q(sp.Integer(v), alpha) for v in values]
    return sum(t**2 for t in terms) / sum(terms) ** 2


def sums(values: tuple[int, ...]) -> list[sp.Integer]:
    """S_1, ..., S_4."""
    return [sp.Integer(sum(v**p for v in values)) for p in range(1, 5)]


def slope_of_gap(values: tuple[int, ...]) -> sp.Expr:
    """Theorem 2's first order, 8 / K V^2 (S3 - S2^2 / S1)."""
    s1, s2, s3, _ = sums(values)
    return 8 * (s3 - s2**2 / s1) / s1**2


LAW = (1, 2)  # eigenvalues, equally likely


def expectation(n: int, function, law: tuple[int, ...] = LAW) -> sp.Expr:
    """E of a function of n independent eigenvalues."""
    draws = list(itertools.product(law, repeat=n))
    return sp.nsimplify(sum(function(v) for v in draws) / len(draws))


def test_slope_of_gap_is_that_of_the_spread() -> None:
    for values in ((1, 2), (1, 1, 3), (2, 5, 7, 7)):
        assert sp.simplify(-sp.diff(spread(values), A).subs(A, 0) - slope_of_gap(values)) == 0


# ------------------------------------------------------------------ sections 2 and 3


def test_w_m_takes_each_task_with_its_own_optimum() -> None:
    """(3.1), (B.1): of the printed C_j'C_j a_i only a_j minimises the MAML loss."""
    rng = np.random.default_rng(0)
    features, optima = rng.normal(size=(5, 6, 3)), rng.normal(size=(5, 3))
    tasks = oracles.same_samples(features, np.einsum("nkd,nd->nk", features, optima))
    w, least = oracles.minimum(tasks, 0.1)
    step = np.eye(3) - 0.2 / 6 * features.swapaxes(1, 2) @ features
    c = features @ step
    b = c.swapaxes(1, 2) @ c
    right = np.linalg.solve(b.sum(0), np.einsum("nij,nj->i", b, optima))
    assert np.abs(right - w).max() < SAME * 1e3
    for i in range(5):
        printed = np.linalg.solve(b.sum(0), b.sum(0) @ optima[i])
        assert oracles.maml_loss(printed, tasks, 0.1) > 1.1 * least


def test_adaptation_steps_start_at_the_initial_weights() -> None:
    """(3.6), (A.4): the printed sum over j = 1, ..., t is an implicit step; (G.1) is explicit."""
    w0, w1, a, eta, g = sp.symbols("w0 w1 a eta g", positive=True)
    printed = sp.solve(sp.Eq(w1, w0 - eta * 2 * g * (w1 - a)), w1)[0]
    assert sp.simplify((printed - a) * (1 + 2 * eta * g) - (w0 - a)) == 0
    explicit = w0 - eta * 2 * g * (w0 - a)  # (G.1) at t = 0
    assert sp.simplify(explicit - a - (1 - 2 * eta * g) * (w0 - a)) == 0
    assert sp.simplify(printed - explicit) != 0


# ------------------------------------------------------------------ appendix A


def printed_ruhe_middle(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    x, y = np.linalg.eigvalsh(a), np.linalg.eigvalsh(b)
    return float(x @ y[::-1]), float(np.trace(a @ b)), float(x @ y)


@given(st.integers(0, 2**31))
def test_lemma_4_holds_for_all_symmetric_matrices(seed: int) -> None:
    """Which Proposition 6 needs: one of its matrices is negative."""
    x, y = np.random.default_rng(seed).normal(size=(2, 4, 4))
    low, middle, high = printed_ruhe_middle(x + x.T, y + y.T)
    assert low <= middle + 1e-12
    assert middle <= high + 1e-12


@given(st.integers(0, 2**31))
def test_proposition_6_holds_by_the_upper_half_of_lemma_4(seed: int) -> None:
    """Its proof cites tr(AB) >= ..., a lower bound, for an upper one."""
    x, y = np.random.default_rng(seed).normal(size=(2, 3, 3))
    a, b = -x @ x.T - 1e-6 * np.eye(3), y @ y.T
    low, middle, high = printed_ruhe_middle(a, b)
    smallest = np.linalg.eigvalsh(b)[0]
    assert middle <= high + 1e-12
    assert high <= smallest * np.trace(a) + 1e-12
    assert low <= middle + 1e-12  # true, and no help


def test_lemma_2_needs_a_unique_minimiser() -> None:
    """F = (x^2 - 1)^2 with tilts (-1)^n x / n: Gamma-limit F, minimisers near 1 and -1 in turn."""
    x = np.linspace(-2, 2, 8001)
    wells = (x**2 - 1) ** 2
    places = [x[np.argmin(wells + (-1) ** n * x / n)] for n in (1000, 1001, 1002, 1003)]
    assert np.allclose(places, [-1, 1, -1, 1], atol=0.01)
    assert abs((wells - x / 1000).min() - wells.min()) < 0.01  # the minima do converge


def test_lemma_1_on_a_function_that_is_not_lower_semicontinuous() -> None:
    """F = 1 at 0 and x^2 elsewhere, F_n = F + 1/n: the Gamma-limit at 0 is F^lsc(0) = 0."""

    def f(x: np.ndarray, n: int) -> np.ndarray:
        return np.where(x == 0, 1.0, x**2) + 1 / n

    for n in (10, 100, 1000):
        nearby = np.linspace(-1 / n, 1 / n, 101)
        assert f(nearby, n).min() < 2 / n  # a recovery sequence tends to 0 with value 0
        assert f(np.zeros(1), n)[0] > 1


# ------------------------------------------------------------------ appendix B


def test_b10_needs_c1_in_its_second_term() -> None:
    """G = 1 or 2, so c_1 = 1, c_2 = 2; alpha = 1/8: tr C'C = 9/16 exceeds the printed 1/2."""
    alpha, c1, c2 = sp.Rational(1, 8), 1, 2
    printed = c2 * (1 - 4 * alpha * c2 + 4 * alpha**2 * c2**2)
    right = c2 - 4 * alpha * c1**2 + 4 * alpha**2 * c2**3
    assert (q(sp.Integer(1), alpha), printed) == (sp.Rational(9, 16), sp.Rational(1, 2))
    for value in (1, 2):
        assert q(sp.Integer(value), alpha) <= right


@given(st.floats(0, 5), st.floats(0.5, 4), st.floats(1, 4), st.integers(0, 2**31))
def test_b12_holds_for_rates_that_are_not_negative(
    alpha: float, low: float, ratio: float, seed: int
) -> None:
    k, high = 3, low * ratio
    g = np.random.default_rng(seed).uniform(low, high, 20)
    values = g * (1 - 2 * alpha * g / k) ** 2
    x = 2 * alpha / k
    slack = 1e-9 * (1 + x**2) * high**3
    assert low - 2 * x * high**2 + x**2 * low**3 <= values.min() + slack
    assert values.max() <= high - 2 * x * low**2 + x**2 * high**3 + slack


def test_b12_fails_for_negative_rates() -> None:
    """As Bernacchia's are. G in [1, 2], 2 alpha / K = -1: 18 at G = 2, printed at most 12."""
    low, high, x = 1, 2, -1  # x = 2 alpha / K
    upper = high - 2 * x * low**2 + x**2 * high**3
    assert high * (1 - x * high) ** 2 > upper


def test_b11_moves_matrices_that_do_not_commute() -> None:
    """tr[B^2 M^-1 A M^-1] becomes tr[B^2 M^-2 A]; the bound that follows holds all the same."""
    b, m, a = sp.diag(1, 3), sp.Matrix([[2, 1], [1, 3]]), sp.diag(1, 0)
    inverse = m.inv()
    start = (b**2 * inverse * a * inverse).trace()
    printed = (b**2 * inverse**2 * a).trace()
    assert start != printed
    assert start <= (b**2).trace() * (inverse**2).trace() * a.trace()


@pytest.mark.parametrize("n", [2, 3])
def test_b17_bounds_from_above_with_c1(n: int) -> None:
    """alpha = 0, d = K = 1, G = 1 or 2: printed c_1^3 / (N l_I^2) is below the difference."""
    mean = sp.Rational(sum(LAW), len(LAW))
    difference = mean * expectation(n, lambda v: spread(v, sp.Integer(0)))
    c1, c2 = min(LAW), max(LAW)
    assert sp.Rational(c1**3, n * c1**2) < difference < sp.Rational(c2**3, n * c1**2)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_b18_is_not_uniform_up_to_infinity(n: int) -> None:
    """For every N the difference grows as alpha^2: its supremum is infinite."""
    difference = expectation(1, lambda v: q(sp.Integer(v[0]))) * expectation(n, spread)
    assert sp.limit(difference / A**2, A, sp.oo) > 0


# ------------------------------------------------------------------ appendix C


def test_c19_has_epsilon_outside_the_root() -> None:
    """Solve the first term of (C.18) for t: 2 exp(-t^2 N^2 / (L^4 d e^2)) = delta."""
    t, n, length, d, e, delta = sp.symbols("t N L d epsilon delta", positive=True)
    solved = sp.solve(sp.Eq(t**2 * n**2 / (length**4 * d * e**2), sp.log(2 / delta)), t)
    right = length**2 * e * sp.sqrt(d * sp.log(2 / delta)) / n
    printed = length**2 * sp.sqrt(d * e / n**2 * sp.log(2 / delta))
    assert any(sp.simplify((s - right).subs(delta, 2 * sp.exp(-3))) == 0 for s in solved)
    assert sp.simplify(printed / right) == 1 / sp.sqrt(e)


def test_c1_grows_with_alpha() -> None:
    """epsilon falls as alpha^-2 but L^2, of u = C'C a, grows as alpha^4: 'tighter' is false."""
    low, high = sp.Integer(1), sp.Integer(2)
    numerator = high - 4 * A * low**2 + 4 * A**2 * high**3
    epsilon = numerator / (low - 4 * A * high**2 + 4 * A**2 * low**3) ** 2
    length = q(high)  # of u, in units of that of a
    assert sp.limit(epsilon * A**2, A, sp.oo) == 2
    assert sp.limit(length**2 * epsilon / A**2, A, sp.oo) > 0


def test_c11_norms_of_the_block_matrix() -> None:
    """A~ = 1 1' (x) A: both norms are N times those of A; the square on the left is missing."""
    a = np.random.default_rng(1).normal(size=(3, 3))
    block = np.kron(np.ones((4, 4)), a)
    assert np.linalg.norm(block, 2) == pytest.approx(4 * np.linalg.norm(a, 2), rel=SAME)
    assert np.linalg.norm(block) ** 2 == pytest.approx(16 * (a**2).sum(), rel=SAME)


def test_c8_components_of_u_depend_on_each_other() -> None:
    """Hanson-Wright needs independent ones; C'C mixes them. Independent a: Cov u = (C'C)^2."""
    c = np.array([[1.0, 1.0], [0.0, 1.0]])
    assert np.abs(np.triu((c.T @ c) @ (c.T @ c), 1)).max() > 1


# ------------------------------------------------------------------ appendix D


def test_d4_fails_on_both_sides() -> None:
    """p = 3. G = I in two dimensions: 2^3 / 2 = 4 > 2. d = 1, G = 0 or 2: 8 / 2 = 4 > 1."""

    def traces(law: list[np.ndarray]) -> tuple[float, float]:
        """tr E G and tr E G^3."""
        first = np.mean([np.trace(g) for g in law])
        return float(first), float(np.mean([np.trace(np.linalg.matrix_power(g, 3)) for g in law]))

    mean, cube = traces([np.eye(2)])
    assert mean**3 / 2 > cube
    assert mean**3 / 2**2 <= cube  # Jensen on the d eigenvalues of all tasks: d^(p - 1)
    mean, cube = traces([np.zeros((1, 1)), 2 * np.eye(1)])
    assert cube > mean**3


def test_d3_needs_features_of_mean_zero() -> None:
    """The feature 1, as in Example 1: variance 0, so (3.5) would have alpha_lim infinite."""
    features = np.ones((3, 4, 1))
    assert features.var() == 0
    assert alpha_lim(features) == 0.5
    assert alpha_bounds(features).upper == 0.5  # with the second moment


def test_d6_lower_bound_holds_for_one_gram() -> None:
    """Printed 1 / (2 d s^2) fails only because tasks differ."""
    for seed in range(20):
        phi = np.random.default_rng(seed).normal(size=(1, 4, 3))
        bounds = alpha_bounds(phi)
        assert bounds.printed_lower < bounds.alpha_lim


# ------------------------------------------------------------------ appendix E

SIGMA = sp.Symbol("sigma", positive=True)


def normal_moment(order: int) -> sp.Expr:
    return sp.Integer(0) if order % 2 else SIGMA**order * sp.factorial2(order - 1)


def polynomial_traces(k: sp.Expr, d: int) -> tuple[sp.Expr, sp.Expr]:
    """tr E G^2 and tr E G^3 of Example 1: (E.3), and (E.4) corrected."""
    m, r = normal_moment, range(d)
    second = sum(k * m(2 * (j + i)) + k * (k - 1) * m(j + i) ** 2 for j in r for i in r)
    third = sum(
        k * m(2 * (j + i + n))
        + 3 * k * (k - 1) * m(2 * j + i + n) * m(i + n)
        + k * (k - 1) * (k - 2) * m(j + i) * m(i + n) * m(n + j)
        for j in r
        for i in r
        for n in r
    )
    return sp.expand(second), sp.expand(third)


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("k", [1, 5])
def test_example_1_falls_as_a_power_that_depends_on_d(k: int, d: int) -> None:
    """1/sigma^2 is the power for d = 2 only; at sigma -> 0 the limit is 1/2."""
    second, third = polynomial_traces(sp.Integer(k), d)
    ratio = k * second / (2 * third)
    assert sp.limit(ratio, SIGMA, 0) == sp.Rational(1, 2)
    assert sp.degree(third, SIGMA) - sp.degree(second, SIGMA) == 2 * (d - 1)
    exact = alpha_lim_polynomial(k, d, Normal(0.0, 1.5).moment)
    assert float(ratio.subs(SIGMA, sp.Rational(3, 2))) == pytest.approx(exact, rel=SAME)


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_e5_and_e6_hold_as_upper_bounds(k: int, d: int) -> None:
    """sigma^2 alpha_lim stays bounded, and vanishes as sigma goes to zero."""
    grid = np.geomspace(1e-3, 1e3, 601)
    values = np.array([s**2 * alpha_lim_polynomial(k, d, Normal(0.0, s).moment) for s in grid])
    assert values[0] < 1e-5
    # Corollary 1's d / (2 s^2), where s^2 = 1 + sigma^2 + ... is above sigma^2
    assert values.max() < d / 2
    if (k, d) == (1, 2):
        assert values.max() == pytest.approx(0.107, abs=1e-3)


def test_e5_second_line_is_not_its_first() -> None:
    """sum g2 E x^j becomes sum g2 sigma^2j (2j - 1)!!, which is E x^2j."""
    g2 = [int(v) for v in counts(2, (3, 1, 2))]
    first = sum(g * normal_moment(j) for j, g in enumerate(g2))
    second = sum(g * normal_moment(2 * j) for j, g in enumerate(g2))
    assert sp.degree(second, SIGMA) == 2 * sp.degree(first, SIGMA)


def test_g1_as_printed_counts_pairs() -> None:
    """g1(d, i) = C(i + 1, 1) - 2 C(i - d + 1, 1), binomials of negative numbers being zero."""
    for d in (2, 5, 50):
        printed = [i + 1 - 2 * max(i - d + 1, 0) for i in range(2 * d - 1)]
        assert printed == counts(d, (1, 1)).tolist()


def test_g3_is_no_coefficient_of_the_trace() -> None:
    """K to infinity: tr M^3 with M_jm = E x^(j+m); (E.6) prints sum g3(i) (E x^i)^3."""

    def printed(d: int) -> sp.Expr:
        return sum(int(g) * normal_moment(i) ** 3 for i, g in enumerate(counts(d, (1, 1, 1))))

    def right(d: int) -> sp.Expr:
        m = sp.Matrix(d, d, lambda j, n: normal_moment(j + n))
        return sp.expand((m**3).trace())

    assert right(2) == 1 + SIGMA**6
    assert printed(2) == 1 + 3 * SIGMA**6
    assert (sp.degree(right(3), SIGMA), sp.degree(printed(3), SIGMA)) == (12, 18)
    k = sp.Symbol("K")
    for d in (2, 3):
        # the leading coefficient of (E.4) corrected
        assert (
            sp.expand(sp.Poly(polynomial_traces(k, d)[1], k).coeff_monomial(k**3) - right(d)) == 0
        )


def test_a_third_moment_is_a_cube_where_its_indices_agree() -> None:
    """What fig06-g3-is-the-count takes for right, by enumeration."""
    d = 6
    terms = [(j + m, m + n, n + j) for j, m, n in itertools.product(range(d), repeat=3)]
    cubes = [t[0] for t in terms if len(set(t)) == 1]
    assert sorted(cubes) == list(range(0, 2 * d - 1, 2))
    made = Coefficients("fig06", Fig06(dim=d), 1)
    found = made.estimates(made.features(), pd.DataFrame())
    wrong = [g != cubes.count(i) for i, g in enumerate(counts(d, (1, 1, 1)))]
    assert measure(found, wrong_share, "b", {"series": "g3"}).mean == np.mean(wrong)
    # equal at i = 0 and 1, larger beyond
    share = measure(found, g2_dominates_share, "a").mean
    assert share == pytest.approx(1 - 2 / (2 * d - 1))


def test_e10_third_factor_has_the_wrong_index() -> None:
    """One row (1, 2): (G^3)_11 = 1 * 5^2 = 25; Y_jm Y_js in the place of Y_jm Y_jn gives 27."""
    y = np.array([[1, 2]])
    g = y.T @ y
    right = sum(g[0, s] * g[n, s] * g[0, n] for n in range(2) for s in range(2))
    printed = sum(g[0, s] * g[n, s] * g[0, s] for n in range(2) for s in range(2))
    assert np.linalg.matrix_power(g, 3)[0, 0] == right == 25
    assert printed == 27
    # (E.9) is right
    assert (g @ g == np.einsum("ms,ns->mn", g, g)).all()


def test_e12_holds_for_one_feature_only() -> None:
    """K = 1, d = 2, entries +-1: |y|^2 = 2, alpha_lim = 4 / (2 * 8); (E.12) prints 1/2."""
    signs = [0, 1, 0, 1, 0, 1]
    assert alpha_lim_iid_entries(1, 2, signs) == 0.25
    assert alpha_lim_iid_entries(1, 1, signs) == 0.5
    law = Uniform(-5, 5)
    m = [law.moment(p) for p in range(1, 7)]
    right = (m[3] + 6 * m[1] ** 2) / (m[5] + 18 * m[3] * m[1] + 30 * m[1] ** 3) / 2
    assert alpha_lim_iid_entries(1, 7, m) == pytest.approx(right, rel=SAME)


def test_e13_limits() -> None:
    """Centred: K (K + d) / (2 m2 (K^2 + 3 K d + d^2)); else 1 / (2 d m1^2), not E Y^4 / E Y^6."""
    k = d = 10**5
    m = [Uniform(-5, 5).moment(p) for p in range(1, 7)]
    assert alpha_lim_iid_entries(k, d, m) == pytest.approx(1 / (5 * m[1]), rel=1e-3)
    k = 10**7
    assert alpha_lim_iid_entries(k, d, m) == pytest.approx(1 / (2 * m[1]), rel=0.05)
    m = [Exponential(1).moment(p) for p in range(1, 7)]
    assert alpha_lim_iid_entries(d, d, m) == pytest.approx(1 / (2 * d * m[0] ** 2), rel=1e-3)


@pytest.mark.parametrize("law", [Uniform(-5, 5), Exponential(1), Normal(3.0, 1.0)])
def test_e13_holds_as_an_upper_bound(law: Distribution) -> None:
    """Corollary 1 bounds alpha_lim by d / (2 d m2), whatever d = K."""
    m = [law.moment(p) for p in range(1, 7)]
    ratios = [alpha_lim_iid_entries(d, d, m) * m[5] / m[3] for d in (1, 10, 100, 10**4, 10**6)]
    assert max(ratios) <= m[5] / (2 * m[1] * m[3])


def test_of_centred_entries_the_variance_alone_counts() -> None:
    """Example 2's last sentence: m4 / m6 from 0.067 to 1, alpha_lim within half a percent."""
    limits = [alpha_lim_iid_entries(1000, 1000, [0, 1, 0, m4, 0, m6]) for m4, m6 in OF_ONE_VARIANCE]
    assert max(m4 / m6 for m4, m6 in OF_ONE_VARIANCE) == 1
    assert min(m4 / m6 for m4, m6 in OF_ONE_VARIANCE) < 0.067
    assert min(limits) == pytest.approx(0.1994, abs=1e-4)
    assert max(limits) == pytest.approx(0.2001, abs=1e-4)
    # the moments are those of the laws: Laplace is a difference of exponentials
    for law, (m4, m6) in zip(
        (Normal(0.0, 1.0), Uniform(-(3**0.5), 3**0.5)), OF_ONE_VARIANCE[1:3], strict=True
    ):
        assert (law.moment(4), law.moment(6)) == pytest.approx((m4, m6))
    assert [stats.laplace(scale=0.5**0.5).moment(p) for p in (2, 4, 6)] == pytest.approx([1, 6, 90])


# ------------------------------------------------------------------ appendix F

TWO_TASKS = (1, 2)
OPTIMA = sp.symbols("a1 a2")


def w_m(alpha: sp.Expr) -> sp.Expr:
    terms = [q(sp.Integer(v), alpha) for v in TWO_TASKS]
    return sum(t * a for t, a in zip(terms, OPTIMA, strict=True)) / sum(terms)


def test_f1_remainder_has_the_first_power() -> None:
    """Taylor with the second derivative under the integral: alpha - xi, not (alpha - xi)^2 / 2."""
    xi = sp.Symbol("xi")
    numbers = {OPTIMA[0]: 3, OPTIMA[1]: -1}
    w = w_m(xi).subs(numbers)
    second = sp.lambdify(xi, sp.diff(w, xi, 2))
    alpha = 0.125
    nodes, weights = np.polynomial.legendre.leggauss(60)
    nodes, weights = alpha * (nodes + 1) / 2, alpha * weights / 2
    rest = float(w.subs(xi, alpha) - w.subs(xi, 0) - alpha * sp.diff(w, xi).subs(xi, 0))
    right = float(weights @ (second(nodes) * (alpha - nodes)))
    printed = float(weights @ (second(nodes) * (alpha - nodes) ** 2 / 2))
    assert right == pytest.approx(rest, rel=1e-10)
    assert abs(printed) < 0.1 * abs(rest)


def test_f6_slope_is_at_w_r() -> None:
    """(F.3) to (F.6) with w_r in the place of the undefined w_s."""
    s1 = sums(TWO_TASKS)[0]
    w_r = w_m(sp.Integer(0))
    assert sp.simplify(w_r - (OPTIMA[0] + 2 * OPTIMA[1]) / 3) == 0
    pull = sum(4 * v**2 * (w_r - a) for v, a in zip(TWO_TASKS, OPTIMA, strict=True)) / s1
    assert sp.simplify(sp.diff(w_m(A), A).subs(A, 0) - pull) == 0
    total = sum(q(sp.Integer(v)) for v in TWO_TASKS)
    assert sp.expand(sp.diff(total, A) - sum(-4 * v**2 + 8 * A * v**3 for v in TWO_TASKS)) == 0


# ------------------------------------------------------------------ appendix G


def second_derivative() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """w_m''(0) by differentiation, by the third line of (G.34) and by its fourth; K = d = 1."""
    s1 = sums(TWO_TASKS)[0]
    w_r = w_m(sp.Integer(0))
    pairs = list(itertools.product(zip(TWO_TASKS, OPTIMA, strict=True), repeat=2))
    third = sum(
        4 * i**2 * j**2 * w_r - i**3 * j * w_r + i**3 * j * a_i - 4 * i**2 * j**2 * a_j
        for (i, a_i), (j, a_j) in pairs
    )
    fourth = sum((4 * i**2 * j**2 - i**3 * j) * (w_r - a_j) for (i, _), (j, a_j) in pairs)
    exact = sp.diff(w_m(A), A, 2).subs(A, 0)
    return exact, 8 * third / s1**2, 8 * fourth / s1**2


def test_g34_last_line_takes_the_wrong_optimum() -> None:
    """G_i^3 G_j a_i becomes G_i^3 G_j a_j, whose sum with w_r vanishes: that term is lost."""
    exact, third, fourth = second_derivative()
    assert sp.simplify(exact - third) == 0
    assert sp.simplify(exact - fourth) != 0


def test_g8_drops_a_term_of_second_order() -> None:
    """(G.10) keeps alpha^2 E w'^2; E w_r w'' stands beside it in the coefficient of alpha^2."""
    values = TWO_TASKS
    exact = sp.diff(spread(values), A, 2).subs(A, 0) / 2

    def covariance(f: sp.Expr, g: sp.Expr) -> sp.Expr:
        """E over independent optima of unit variance of two linear forms."""
        return sum(sp.diff(f, a) * sp.diff(g, a) for a in OPTIMA)

    w_r, first = w_m(sp.Integer(0)), sp.diff(w_m(A), A).subs(A, 0)
    kept = covariance(first, first)
    lost = covariance(w_r, sp.diff(w_m(A), A, 2).subs(A, 0))
    assert sp.simplify(exact - kept - lost) == 0
    assert abs(lost) > kept


def test_g38_is_an_upper_bound() -> None:
    """E w'(0)^2 has three more terms than the printed tr[P V S4 V], together negative."""
    s1, s2, s3, s4 = sums(TWO_TASKS)
    exact = 16 * (s2**3 / s1**2 - 2 * s2 * s3 / s1 + s4) / s1**2
    first = sp.diff(w_m(A), A).subs(A, 0)
    assert sp.simplify(exact - sum(sp.diff(first, a) ** 2 for a in OPTIMA)) == 0
    assert exact < 16 * s4 / s1**2


def test_g22_holds_in_the_limit_only() -> None:
    """N = 1: the bracket is zero; printed N ((E l^2)^2 / E l - E l^3) is not."""

    def bracket(values: tuple[int, ...]) -> sp.Expr:
        s1, s2, s3, _ = sums(values)
        return s2**2 / s1 - s3

    m1, m2, m3 = (sp.Rational(sum(v**p for v in LAW), 2) for p in (1, 2, 3))
    printed = m2**2 / m1 - m3
    assert expectation(1, bracket) == 0 > printed
    gaps = [abs(expectation(n, bracket) / n - printed) for n in (1, 2, 4, 8)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < gaps[0] / 4


@pytest.mark.parametrize("n", [1, 2, 5])
def test_g28_is_right(n: int) -> None:
    m1, m2, m3 = (sp.Rational(sum(v**p for v in LAW), 2) for p in (1, 2, 3))

    def difference(values: tuple[int, ...]) -> sp.Expr:
        s1, s2, s3, _ = sums(values)
        return s2**2 - s1 * s3

    assert expectation(n, difference) == (n**2 - n) * (m2**2 - m3 * m1)


def largest_c(law: tuple[int, ...] = LAW) -> sp.Rational:
    """The largest c~ that (G.29) allows."""
    m1, m2, m3 = (sp.Rational(sum(v**p for v in law), len(law)) for p in (1, 2, 3))
    return m3 * m1 - m2**2


@pytest.mark.parametrize("n", [2, 3, 6])
def test_theorem_2_holds_with_d_and_not_with_d_squared(n: int) -> None:
    """Diagonal Grams, entries 1 or 2, K = 1, t = 0, first order: the gap is d times that of one.

    (G.26) and (G.29) give d once; (G.27) has a second d that no step makes.
    """
    one = expectation(n, slope_of_gap)
    bound = 4 * largest_c() / (n * sp.Integer(max(LAW)) ** 3)
    for d in (1, 3, 10, 30):
        assert d * one >= d * bound
    d = 2 * sp.ceiling(one / bound)
    assert d * one < d**2 * bound


def test_theorem_2_needs_a_small_adaptation_rate() -> None:
    """(G.25) has (1 - 2 eta l_S / K)^2t as the least eigenvalue; true if 2 eta l_S <= K.

    Entries 1 (99 times) or 2, 2 eta = 1: one step ends at the optimum but for one task in a
    hundred, so the gap is a hundredth of what it was; the printed factor is 1.
    """
    law = (1,) * 99 + (2,)
    decay = sp.Rational(sum((1 - v) ** 2 for v in law), len(law))
    n = 2
    draws = {(1, 1): 99 * 99, (1, 2): 99, (2, 1): 99, (2, 2): 1}
    one = sum(count * slope_of_gap(v) for v, count in draws.items()) / 100**n
    bound = 4 * largest_c(law) / (n * sp.Integer(2) ** 3)
    assert one >= bound  # t = 0
    assert decay * one < bound  # t = 1, with the printed factor (1 - 2)^2 = 1


def test_g42_is_not_a_learning_rate() -> None:
    """Features twice as long need a quarter of the rate; (G.42) has neither this nor any power."""
    spectrum, longer = Spectrum(1.0, 2.0, 3), Spectrum(4.0, 8.0, 3)
    ratio = spectrum.interval(0.25) / longer.interval(0.25 * 4**4)
    assert ratio != pytest.approx(4, rel=0.1)
    # (G.36) drops the l_I^-3 of V^3: with it the quadratic (G.39) is homogeneous
    a, b, c, s, x = sp.symbols("low high c s alpha", positive=True)

    def quadratic(power: int) -> sp.Expr:
        return x**2 * (4 * b**6 - a**6) / a**power + 4 * x * b**4 / a**2 - 2 * c / b**3

    scaled = {a: s * a, b: s * b, c: s**4 * c, x: x / s}
    for power, homogeneous in ((0, False), (3, True)):
        change = quadratic(power).subs(scaled, simultaneous=True) / quadratic(power)
        assert (sp.simplify(sp.diff(change, x)) == 0) == homogeneous


def test_g42_is_g40_at_four_tasks() -> None:
    """Called alpha(2), and alpha(N) <= alpha(2); its 1.5 is N = 4, and alpha(N) grows with N."""
    low, high, c, k = 1.0, 2.0, 0.25, 3

    def printed_g40(n: int) -> float:
        b, rest = 4 * high**4 / (low**2 * k), (4 * high**6 - low**6) / k**2
        return (-b + np.sqrt(b**2 + 4 * rest * 2 * c / high**3 * (1 - 1 / n))) / (2 * rest)

    assert Spectrum(low, high, k).interval(c) == pytest.approx(printed_g40(4), rel=1e-9)
    assert printed_g40(2) < printed_g40(3) < printed_g40(4)


def test_g41_goes_to_zero_with_t() -> None:
    """r = ((1 - 2 eta l_x / K) / (1 - 2 eta l_s / K))^2t is not O(1) from below for large t."""
    low, high, step = sp.Integer(1), sp.Integer(2), sp.Rational(1, 10)
    t = sp.Symbol("t", positive=True)
    ratio = ((1 - step * high) / (1 - step * low)) ** (2 * t)
    assert sp.limit(ratio, t, sp.oo) == 0


# ------------------------------------------------------------------ appendix H


def pooled(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Psi_all (6, 10) of 3 tasks and 2 samples, and its pooled C_all at alpha = 0.3."""
    psi = np.random.default_rng(seed).normal(size=(6, 10))
    return psi, psi @ (np.eye(10) - 2 * 0.3 / 6 * psi.T @ psi)


def test_h8_subtracts_vectors_of_different_length() -> None:
    """|C_all w - a| has NK entries against d; C_all (w - a) is the loss after the step."""
    psi, c = pooled()
    w, a = np.random.default_rng(1).normal(size=(2, 10))
    stepped = w - 2 * 0.3 / 6 * psi.T @ (psi @ w - psi @ a)
    loss = ((psi @ stepped - psi @ a) ** 2).sum()
    assert ((c @ (w - a)) ** 2).sum() == pytest.approx(loss, rel=SAME)
    with pytest.raises(ValueError, match="broadcast"):
        c @ w - a


def test_h9_is_the_minimum_norm_solution() -> None:
    _, c = pooled()
    a = np.random.default_rng(2).normal(size=10)
    printed = c.T @ np.linalg.solve(c @ c.T, c @ a)
    assert np.abs(printed - np.linalg.lstsq(c, c @ a)[0]).max() < 1e-10


def test_h10_lacks_the_variance_of_the_mean_optimum() -> None:
    """E a_bar a_bar' = sigma_a^2 I / N: the first trace of its third line is N times too large."""
    _, c = pooled()
    projection = c.T @ np.linalg.solve(c @ c.T, c)
    fresh = np.random.default_rng(3).normal(size=(2, 10))
    n = 3
    # the risk is quadratic in the optima: sum over those that are zero but for one entry
    exact = 0.0
    for optima in np.eye(n * 10).reshape(-1, n, 10):
        exact += ((fresh @ projection @ optima.mean(0)) ** 2).sum()
    printed = np.trace(projection @ fresh.T @ fresh @ projection)
    assert printed == pytest.approx(n * exact, rel=1e-10)


def test_h11_takes_the_trace_of_a_projection_for_one() -> None:
    """By (A.1) the factor is tr P = N K; P <= I gives the printed result without (A.1)."""
    _, c = pooled()
    projection = c.T @ np.linalg.solve(c @ c.T, c)
    assert np.trace(projection) == pytest.approx(6, rel=1e-10)
    fresh = np.random.default_rng(4).normal(size=(2, 10))
    square = fresh.T @ fresh
    assert np.trace(projection @ square) <= np.trace(square)


def test_h14_is_n_times_the_limit_of_one_task() -> None:
    """(H.13) puts the pooled step 2 alpha / (N K) into C of one task of K samples."""
    phi = np.random.default_rng(5).normal(size=(7, 4, 9))
    gram = phi @ phi.swapaxes(1, 2)
    second, third = np.vdot(gram, gram), np.vdot(gram @ gram, gram)
    assert 7 * 4 * second / (2 * third) == pytest.approx(7 * alpha_lim(phi), rel=SAME)


@pytest.mark.parametrize("d", [10**4, 10**6])
def test_h15_is_not_the_limit_of_h14(d: int) -> None:
    """Independent centred entries, d >> n = N K: (H.14) is n / (2 d s^2), not 1 / (2 n s^2)."""
    n = 20
    moments = [Normal(0.0, np.sqrt(3.0)).moment(p) for p in range(1, 7)]
    h14 = alpha_lim_iid_entries(n, d, moments)  # n rows and the step 2 alpha / n: a task of n
    assert h14 == pytest.approx(n / (2 * d * 3.0), rel=5 * n / d)
    sampled = np.random.default_rng(6).normal(0, np.sqrt(3.0), (5, 4, 2000))
    assert alpha_est(sampled) == pytest.approx(1 / (2 * n * 3.0), rel=0.05)


@pytest.mark.parametrize("k", [7, 15])
def test_h15_is_right_at_one_number_of_samples_only(k: int) -> None:
    """(3.3) has no N; (H.15) meets it at N K = d / K (independent rows) or N K = d (alike ones)."""
    d, s2 = 10**6, 3.0
    moments = [Normal(0.0, np.sqrt(s2)).moment(p) for p in range(1, 7)]
    independent = alpha_lim_iid_entries(k, d, moments)
    assert independent == pytest.approx(k / (2 * d * s2), rel=5 * k / d)
    assert 1 / (2 * (d / k) * s2) == pytest.approx(independent, rel=5 * k / d)
    row, signs = np.array([1.0, -2.0, 4.0, -3.0]), np.where(np.arange(3 * k) % 2, 1.0, -1.0)
    alike = np.outer(signs, row).reshape(3, k, 4)
    assert alpha_lim(alike) == pytest.approx(1 / (2 * 4 * alike.var()), rel=SAME)
    # (H.14), all rows stacked, is the same number
    pooled = alpha_lim(alike.reshape(1, 3 * k, 4))
    assert pooled == pytest.approx(alpha_lim(alike), rel=SAME)


def test_h18_is_not_the_limit_of_many_samples() -> None:
    """Independent centred entries, K >> d: 1 / (2 s^2); (H.18) prints 1 / (2 d s^2)."""
    d = 8
    moments = [Normal(0.0, np.sqrt(3.0)).moment(p) for p in range(1, 7)]
    assert alpha_lim_iid_entries(10**6, d, moments) == pytest.approx(1 / (2 * 3.0), rel=1e-3)
    # it is right for entries that hardly differ from their mean m, with m^2 for s^2
    nearly = [Normal(1.0, 0.01).moment(p) for p in range(1, 7)]
    assert alpha_lim_iid_entries(10**6, d, nearly) == pytest.approx(1 / (2 * d), rel=0.01)


def test_h19_lower_end_needs_the_range_to_be_attained() -> None:
    """Four equal features in [0, 1]: variance 0 < 1/8; with 0 and 1 among them it holds."""
    assert np.full(4, 0.5).var() < 1 / (2 * 4)
    assert np.array([0, 0.5, 0.5, 1]).var() == 1 / (2 * 4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_h24_upper_end_holds(values: list[float]) -> None:
    """Popoviciu, (H.20) to (H.24)."""
    x = np.array([0.0, 1.0, *values])
    assert x.var() <= 0.25
    assert x.var() >= 1 / (2 * len(x)) - 1e-12  # (H.25), with the range attained


# ------------------------------------------------------------------ statements of the text


def test_alpha_lim_can_be_farther_than_erm() -> None:
    """One feature, G = 1 or 2, two tasks: E w_m^2 at alpha_lim exceeds E w_r^2."""
    m2, m3 = (sp.Rational(sum(v**p for v in LAW), 2) for p in (2, 3))
    limit = m2 / (2 * m3)
    erm = expectation(2, lambda v: spread(v, sp.Integer(0)))
    assert expectation(2, lambda v: spread(v, limit)) > erm
    assert expectation(2, lambda v: spread(v, limit / 20)) < erm


def test_the_distance_need_not_fall_at_first() -> None:
    """Three tasks on a line, G = 1, 1, 2: the mean distance's slope has either sign."""
    signs = set()
    for a in ((0, 4, 1), (0, 1, 4)):
        terms = [q(sp.Integer(v)) for v in (1, 1, 2)]
        w = sum(t * x for t, x in zip(terms, a, strict=True)) / sum(terms)
        start, slope = w.subs(A, 0), sp.diff(w, A).subs(A, 0)
        signs.add(sp.sign(sum(sp.sign(start - x) * slope for x in a)))
    assert signs == {-1, 1}


# ------------------------------------------------------------------ the pages

PAGES = ("docs/errata.md", "docs/equations.md")
# how many numbered equations each section of the paper has
NUMBERED = {"2": 5, "3": 8, "A": 8, "B": 21, "C": 19, "D": 6, "E": 13, "F": 7, "G": 42, "H": 25}


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`(test_\w+)::(test_\w+)`", (ROOT / page).read_text())
    assert len(named) > 20
    for module, name in named:
        sources = [path.read_text() for path in (ROOT / "tests").rglob(f"{module}.py")]
        assert any(re.search(rf"^def {name}\(", s, re.M) for s in sources), f"{module}::{name}"


def test_every_erratum_has_its_parts() -> None:
    entries = re.split(r"^### ", (ROOT / "docs/errata.md").read_text(), flags=re.M)[1:]
    assert len(entries) > 20
    for entry in entries:
        title = entry.splitlines()[0]
        for part in ("Printed:", "Right:", "Counterexample:", "Proof:"):
            assert f"**{part}**" in entry, f"{title}: {part}"
        assert re.search(r"`test_\w+::test_\w+`", entry), title


def test_every_numbered_equation_is_audited_once() -> None:
    text = (ROOT / "docs/equations.md").read_text()
    found: list[str] = []
    for cell in re.findall(r"^\| ([0-9A-H][^|]*) \|", text, re.M):
        for item in cell.split(", "):
            section, first, last = re.fullmatch(r"(\w)\.(\d+)(?: to \w\.(\d+))?", item).groups()
            found += [f"{section}.{i}" for i in range(int(first), int(last or first) + 1)]
    expected = [f"{s}.{i}" for s, n in NUMBERED.items() for i in range(1, n + 1)]
    assert sorted(found) == sorted(expected)
