"""Expected powers of the Gram against exhaustive enumeration with fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr import InnerlrError, RowMoments
from innerlr.features import GaussianBasis, Polynomial
from oracles import (
    Law,
    Rows,
    exact_alpha,
    gram_powers,
    independent_rows,
    polynomial_rows,
)
from tolerances import SAME

# Entries of different laws, all moments nonzero: terms of unlike indices cannot cancel.
UNLIKE = [
    Law((-1, 2), (1, 2)),
    Law((-2, 1, 3), (1, 2, 1)),
    Law((0, 1), (1, 3)),
    Law((2, -1), (1, 1)),
]
# Rows whose entries depend on each other.
DEPENDENT = Rows(np.array([[1, 0, 2], [-1, 3, 1], [2, 2, -1], [0, 1, 1]]), np.array([1, 2, 1, 3]))


def floats(powers) -> np.ndarray:
    return np.array([[[float(v) for v in row] for row in matrix] for matrix in powers])


def probabilities(rows: Rows) -> np.ndarray:
    return rows.weights / rows.weights.sum()


def raw_moments(laws) -> np.ndarray:
    return np.array([[float(law.moment(p)) for law in laws] for p in range(1, 7)])


@pytest.mark.parametrize("shots", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_independent_entries_are_the_enumeration(d: int, shots: int) -> None:
    exact = floats(gram_powers(independent_rows(UNLIKE[:d]), shots))
    powers = RowMoments.independent(raw_moments(UNLIKE[:d])).gram_powers(shots)
    np.testing.assert_allclose(powers, exact, rtol=SAME, atol=SAME * np.abs(exact).max())


@pytest.mark.parametrize("shots", [1, 2])
def test_independent_entries_are_the_enumeration_in_four_dimensions(shots: int) -> None:
    """d = 4 has terms with four different indices, which d = 3 lacks."""
    exact = floats(gram_powers(independent_rows(UNLIKE), shots))
    powers = RowMoments.independent(raw_moments(UNLIKE)).gram_powers(shots)
    np.testing.assert_allclose(powers, exact, rtol=SAME, atol=SAME * np.abs(exact).max())


@pytest.mark.parametrize("shots", [1, 2, 3, 4])
def test_dependent_entries_are_the_enumeration(shots: int) -> None:
    exact = floats(gram_powers(DEPENDENT, shots))
    moments = RowMoments.from_quadrature(DEPENDENT.values, probabilities(DEPENDENT))
    np.testing.assert_allclose(moments.gram_powers(shots), exact, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("shots", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_polynomial_rows_are_the_enumeration(d: int, shots: int) -> None:
    law = Law((-2, 1, 3), (1, 2, 1))

    class Finite:
        def moment(self, order: int) -> float:
            return float(law.moment(order))

    exact = floats(gram_powers(polynomial_rows(law, d), shots))
    powers = Polynomial((1.0,) * d).row_moments(Finite()).gram_powers(shots)
    np.testing.assert_allclose(powers, exact, rtol=SAME, atol=SAME * np.abs(exact).max())


@pytest.mark.parametrize("shots", [1, 2, 3])
def test_coefficients_are_applied(shots: int) -> None:
    """c = (2, 3): rows (2, 3 x) as integers."""
    law = Law((-2, 1, 3), (1, 2, 1))

    class Finite:
        def moment(self, order: int) -> float:
            return float(law.moment(order))

    rows = Rows(np.array([[2, 3 * x] for x in law.values]), np.array(law.weights))
    powers = Polynomial((2.0, 3.0)).row_moments(Finite()).gram_powers(shots)
    np.testing.assert_allclose(powers, floats(gram_powers(rows, shots)), rtol=SAME)


@pytest.mark.parametrize("entrywise", [True, False])
def test_gaussian_rows_are_the_enumeration(entrywise: bool) -> None:
    """Two input values with a law that knows only its quadrature; E G^p by float enumeration."""
    values, weights = np.array([-0.5, 1.0]), np.array([0.25, 0.75])

    class Finite:
        def quadrature(self, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return values, weights

    basis = GaussianBasis((-1.0, 0.5), (0.7, 1.5), entrywise)
    shots, d = 3, 2
    shape = basis.input_shape(shots)
    size = int(np.prod(shape))
    expected = np.zeros((3, d, d))
    for index in np.ndindex(*(2,) * size):
        inputs = values[list(index)].reshape(1, *shape)
        gram = basis(inputs)[0].T @ basis(inputs)[0]
        probability = weights[list(index)].prod()
        expected += probability * np.stack([gram, gram @ gram, gram @ gram @ gram])
    powers = basis.row_moments(Finite()).gram_powers(shots)
    np.testing.assert_allclose(powers, expected, rtol=SAME)


@pytest.mark.parametrize("shots", [1, 2, 3])
def test_alpha_lim_is_the_enumeration(shots: int) -> None:
    moments = RowMoments.from_quadrature(DEPENDENT.values, probabilities(DEPENDENT))
    covariance = [[3, 1, 0], [1, 2, -1], [0, -1, 1]]
    expected = float(exact_alpha(DEPENDENT, shots))
    weighted = float(exact_alpha(DEPENDENT, shots, covariance))
    assert moments.alpha_lim(shots) == pytest.approx(expected, rel=SAME)
    assert moments.alpha_lim(shots, task_covariance=covariance) == pytest.approx(weighted, rel=SAME)
    assert moments.alpha_lim(shots, task_covariance=5 * np.eye(3)) == pytest.approx(
        expected, rel=SAME
    )
    assert weighted != pytest.approx(expected, rel=1e-3)


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(1, 6),
)
def test_gram_powers_of_finite_laws(rows: list[list[int]], shots: int) -> None:
    """Symmetric, positive semidefinite, and E G is K E y y'."""
    values = np.array(rows, dtype=float)
    weights = np.full(len(values), 1 / len(values))
    powers = RowMoments.from_quadrature(values, weights).gram_powers(shots)
    np.testing.assert_allclose(powers[0], shots * values.T @ values / len(values), atol=SAME * 1e3)
    for power in powers:
        np.testing.assert_allclose(power, power.T, atol=SAME * (1 + np.abs(power).max()))
        assert np.linalg.eigvalsh(power)[0] >= -SAME * (1 + np.abs(power).max())


def test_weights_must_be_probabilities() -> None:
    for weights, got in (([0.5, 0.6], "1.1"), ([1.5, -0.5], "-0.5")):
        with pytest.raises(InnerlrError, match=got):
            RowMoments.from_quadrature([[1.0], [2.0]], weights)
