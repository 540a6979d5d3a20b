"""Laws: exact moments against sampling, quadrature and scipy; impossible ones refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from innerlr.distributions import (
    ChiSquare,
    Exponential,
    Normal,
    Uniform,
    Zipf,
)
from innerlr.errors import InnerlrError
from tolerances import QUADRATURE, SAME, Z

LAWS = [
    (Uniform(-5.0, 5.0), stats.uniform(-5, 10)),
    (Uniform(0.0, 3.0), stats.uniform(0, 3)),
    (Normal(0.0, 2.0), stats.norm(0, 2)),
    (Normal(-1.0, 0.5), stats.norm(-1, 0.5)),
    (Exponential(1.5), stats.expon(scale=1.5)),
    (ChiSquare(7.0), stats.chi2(7)),
    (ChiSquare(3.0), stats.chi2(3)),
    (ChiSquare(0.5), stats.chi2(0.5)),
    (ChiSquare(1.5), stats.chi2(1.5)),
]
CONTINUOUS = pytest.mark.parametrize(("law", "twin"), LAWS, ids=lambda v: repr(v)[:30])


@CONTINUOUS
@pytest.mark.parametrize("order", range(5))  # beyond 4 scipy integrates, to fewer digits
def test_moments_are_those_of_scipy(law, twin, order: int) -> None:
    scale = math.sqrt(twin.moment(2 * order))  # at least E |x|^order
    assert law.moment(order) == pytest.approx(twin.moment(order), rel=SAME, abs=SAME * scale)


@CONTINUOUS
def test_samples_have_the_moments(law, twin) -> None:
    x = law.sample(np.random.default_rng(0), (200_000,))
    for order in (1, 2, 3):
        values = x**order
        assert abs(values.mean() - law.moment(order)) < Z * values.std() / math.sqrt(x.size)
    assert stats.kstest(x[:5000], twin.cdf).pvalue > 1e-4


@CONTINUOUS
@pytest.mark.parametrize("order", range(7))
def test_quadrature_has_the_moments(law, twin, order: int) -> None:
    nodes, weights = law.quadrature()
    scale = math.sqrt(law.moment(2 * order))
    assert weights @ nodes**order == pytest.approx(law.moment(order), abs=QUADRATURE * scale)


@CONTINUOUS
def test_quadrature_integrates_bounded_functions(law, twin) -> None:
    nodes, weights = law.quadrature()
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert weights.min() >= 0
    for centre, width in ((0.0, 2.0), (3.0, 0.5)):

        def bump(x: np.ndarray, centre: float = centre, width: float = width) -> np.ndarray:
            return np.exp(-((x - centre) ** 2) / (2 * width**2))

        low, high = twin.support()
        points = [p for p in (centre - width, centre, centre + width) if low < p < high]
        inside = np.clip([low, high], -40, 60)
        pieces = np.unique([*inside, *points])
        exact = sum(
            twin.expect(bump, lb=a, ub=b, epsabs=0, epsrel=1e-11)
            for a, b in itertools.pairwise(pieces)
        )
        assert weights @ bump(nodes) == pytest.approx(exact, rel=1e-8)


def test_zipf_has_scipys_moments_where_they_exist() -> None:
    law = Zipf(5.5)
    for order in (0, 1, 2, 3, 4):
        assert law.moment(order) == pytest.approx(stats.zipf(5.5).moment(order), rel=1e-9)
    x = law.sample(np.random.default_rng(1), (200_000,))
    assert abs(x.mean() - law.moment(1)) < Z * x.std() / math.sqrt(x.size)
    assert x.dtype == np.float64


def test_zipf_refuses_infinite_moments() -> None:
    """E x^p is finite for p < s - 1 only."""
    law = Zipf(4.0)
    assert law.moment(2) == pytest.approx(stats.zipf(4.0).moment(2), rel=1e-9)
    for order in (3, 4):
        with pytest.raises(
            InnerlrError, match=rf"E x\^{order} is infinite at s = 4.0.*s > {order + 1}"
        ):
            law.moment(order)


@pytest.mark.parametrize(("law", "twin"), [*LAWS, (Zipf(5.5), stats.zipf(5.5))])
def test_variance_is_that_of_scipy(law, twin) -> None:
    assert law.variance == pytest.approx(twin.var(), rel=SAME)


def test_a_variance_far_from_zero_keeps_its_digits() -> None:
    assert Uniform(1e6, 1e6 + 1).variance == pytest.approx(1 / 12, rel=SAME)


def test_powers_of_numpy_integers_do_not_overflow() -> None:
    low, high, scale = np.int64(-10_000), np.int64(10_000), np.int64(2000)
    assert Uniform(low, high).moment(4) == pytest.approx(1e16 / 5, rel=SAME)
    assert Exponential(scale).moment(6) == pytest.approx(math.factorial(6) * 2000.0**6, rel=SAME)


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: Normal(0, -2.0), ["standard deviation", "positive", "-2.0"]),
        (lambda: Normal("0", 1), ["mean", "finite number", "'0'"]),
        (lambda: Normal(0, "1"), ["standard deviation", "'1'"]),
        (lambda: Uniform(2, 1), ["low < high"]),
        (lambda: Uniform(float("-inf"), 1), ["low", "-inf"]),
        (lambda: Zipf(3), ["no finite variance", "s > 3"]),
        (lambda: ChiSquare(0), ["df"]),
        (lambda: Exponential(float("nan")), ["scale", "nan"]),
        (lambda: Exponential("1"), ["scale", "positive finite number", "'1'"]),
    ],
)
def test_bad_laws(make, parts: list[str]) -> None:
    with pytest.raises(InnerlrError) as error:
        make()
    for part in parts:
        assert part in str(error.value)
