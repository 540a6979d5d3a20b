"""Feature maps and streams of tasks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from innerlr import alpha_lim, alpha_lim_polynomial
from innerlr.distributions import Exponential, Normal, Uniform, Zipf
from innerlr.errors import InnerlrError
from innerlr.features import (
    GaussianBasis,
    Polynomial,
    RandomMatrix,
    TaskLaw,
    generator,
)
from innerlr.moments import GramMoments
from tolerances import SAME, Z

ONE = Normal(0.0, 1.0)


def laws() -> dict[str, TaskLaw]:
    grid = tuple(np.linspace(-2, 2, 4))
    maps = {
        "matrix": RandomMatrix(4),
        "polynomial": Polynomial((1.0, 1.0, 0.5, 0.25)),
        "entrywise": GaussianBasis(grid, (1.0,) * 4),
        "scalar": GaussianBasis(grid, (1.0,) * 4, entrywise=False),
    }
    return {name: TaskLaw(Uniform(-2, 2), phi, ONE, 6) for name, phi in maps.items()}


@pytest.mark.parametrize("name", laws())
def test_exact_alpha_lim_is_reached_by_sampling(name: str) -> None:
    law = laws()[name]
    batches = []
    for seed in range(20):
        features, _ = law.sample(np.random.default_rng(seed), 2000)
        batches.append(alpha_lim(features))
    error = np.std(batches, ddof=1) / np.sqrt(len(batches))
    assert abs(np.mean(batches) - law.alpha_lim()) < Z * error


@pytest.mark.parametrize("name", laws())
def test_exact_gram_powers_are_reached_by_sampling(name: str) -> None:
    law = laws()[name]
    phi, _ = law.sample(np.random.default_rng(1), 60_000)
    gram = phi.swapaxes(1, 2) @ phi
    exact = law.features.row_moments(law.inputs).gram_powers(law.shots)
    for expected, power in zip(exact, (gram, gram @ gram, gram @ gram @ gram), strict=True):
        error = power.std(0) / np.sqrt(len(power))
        assert np.all(np.abs(power.mean(0) - expected) < Z * error + SAME)


@pytest.mark.parametrize("name", laws())
def test_the_population_is_the_limit_of_many_tasks(name: str) -> None:
    law = laws()[name]
    population, w = law.population(), np.linspace(-1, 1, 4)
    alphas = np.array([0.0, law.alpha_lim()])
    losses = [law.moments(np.random.default_rng(s), 1500).loss(w, alphas) for s in range(20)]
    error = np.std(losses, axis=0, ddof=1) / np.sqrt(20)
    assert np.all(np.abs(np.mean(losses, axis=0) - population.loss(w, alphas)) < Z * error)
    assert population.alpha_lim() == pytest.approx(law.alpha_lim(), rel=SAME)


def bump(law: Normal | Exponential, centre: float, width: float) -> float:
    """E exp(-(x - centre)^2 / (2 width^2)) in closed form."""
    if isinstance(law, Normal):
        spread = width**2 + law.sd**2
        return width / np.sqrt(spread) * np.exp(-((centre - law.mean) ** 2) / (2 * spread))
    s = law.scale
    inside = stats.norm.cdf(centre / width - width / s)
    lift = np.exp(-centre / s + width**2 / (2 * s**2))
    return lift * width * np.sqrt(2 * np.pi) / s * inside


@pytest.mark.parametrize("entrywise", [True, False])
@pytest.mark.parametrize("width", [1e-3, 0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("law", [Normal(0.0, 1.0), Exponential(1.0), Exponential(7.0)], ids=repr)
def test_gaussians_of_any_width_have_exact_moments(
    law: Normal | Exponential, width: float, entrywise: bool
) -> None:
    """Of a scalar input a product of two is a Gaussian as well, smaller the farther apart."""
    centres = (0.3, 1.0)
    made = GaussianBasis(centres, (width, width), entrywise).row_moments(law)
    c, d = centres
    apart = np.exp(-((c - d) ** 2) / (4 * width**2))
    joint = apart * bump(law, (c + d) / 2, width / np.sqrt(2))
    other = bump(law, c, width) * bump(law, d, width) if entrywise else joint
    m = [[bump(law, c, width / np.sqrt(2)), other], [other, bump(law, d, width / np.sqrt(2))]]
    np.testing.assert_allclose(made.m, m, rtol=1e-11, atol=1e-300)  # far tails: fewer digits


def test_polynomials_are_polynomials() -> None:
    x = np.array([[0.5, -2.0]])
    phi = Polynomial((2.0, 3.0, 4.0))(x)
    assert phi.tolist() == [[[2, 1.5, 1.0], [2, -6.0, 16.0]]]


def test_polynomial_row_moments_are_the_closed_form() -> None:
    law = Normal(0.3, 1.1)
    for shots, d in ((1, 1), (2, 3), (7, 5)):
        closed = alpha_lim_polynomial(shots, d, law.moment)
        by_rows = Polynomial((1.0,) * d).row_moments(law).alpha_lim(shots)
        assert by_rows == pytest.approx(closed, rel=1e-11)


def test_gaussian_bases_differ_by_their_argument() -> None:
    centres, widths = (0.0, 1.0), (1.0, 2.0)
    entries = np.array([[[0.3, -0.4]]])
    of_entries = GaussianBasis(centres, widths)(entries)[0, 0]
    expected = [np.exp(-(0.3**2) / 2), np.exp(-(1.4**2) / 8)]
    assert of_entries == pytest.approx(expected, rel=1e-15)
    of_scalar = GaussianBasis(centres, widths, entrywise=False)(np.array([[0.3]]))[0, 0]
    assert of_scalar == pytest.approx([expected[0], np.exp(-(0.7**2) / 8)], rel=1e-15)


def test_streams_are_independent_of_each_other_and_repeatable() -> None:
    draws = {
        cell: generator(1, *cell).normal(size=4).tobytes()
        for cell in [("a",), ("a", 0), ("a", 1), ("b", 0), ("a", 0, 1)]
    }
    assert len(set(draws.values())) == len(draws)
    assert generator(1, "a", 1).normal(size=4).tobytes() == draws["a", 1]
    assert generator(2, "a", 1).normal(size=4).tobytes() != draws["a", 1]


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1100])
def test_a_generator_gives_the_same_tasks_however_they_are_asked_for(n: int) -> None:
    law = laws()["matrix"]
    whole = law.sample(np.random.default_rng(0), n)
    parts = list(law.blocks(np.random.default_rng(0), n))
    full, rest = divmod(n, 512)
    assert [len(a) for _, a in parts] == [512] * full + [rest] * (rest > 0)
    for i in (0, 1):
        np.testing.assert_array_equal(whole[i], np.concatenate([part[i] for part in parts]))
    # a block's inputs are drawn before its optima, and the next block after both
    rng = np.random.default_rng(0)
    for features, optima in parts:
        inputs = law.inputs.sample(rng, (len(optima), *law.features.input_shape(law.shots)))
        np.testing.assert_array_equal(features, law.features(inputs))
        np.testing.assert_array_equal(optima, law.optima.sample(rng, optima.shape))


def test_no_tasks_at_all_are_refused() -> None:
    with pytest.raises(InnerlrError, match="empty"):
        laws()["matrix"].sample(np.random.default_rng(0), 0)


def test_sums_are_those_of_the_sampled_tasks() -> None:
    law = laws()["matrix"]
    sums = law.moments(np.random.default_rng(3), 1100)
    whole = GramMoments()
    whole.update_optima(*law.sample(np.random.default_rng(3), 1100))
    assert sums.alpha_lim() == pytest.approx(whole.alpha_lim(), rel=SAME)


def test_sums_over_many_tasks_take_constant_memory() -> None:
    law = laws()["matrix"]
    peaks = []
    for n in (2_000, 20_000):
        tracemalloc.start()
        law.moments(np.random.default_rng(0), n)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: RandomMatrix(0), "dim"),
        (lambda: GaussianBasis((0.0, 1.0), (1.0,)), "one width"),
        (lambda: GaussianBasis((0.0,), (0.0,)), "width"),
        (lambda: Polynomial(()), "empty"),
        (lambda: RandomMatrix(2)(np.ones((3, 4))), "tasks, shots, dim"),
        (lambda: GaussianBasis((0.0,), (1.0,)).row_moments(Zipf(4.0)), "density"),
    ],
)
def test_bad_features(make, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        make()
