"""GramMoments against 50 digits on ill-conditioned bases.

`given` features are judged as the float64 numbers they are; `exact` ones against the basis
evaluated to 50 digits, so that the rounding of the features counts, too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from innerlr import GramMoments, IllConditionedWarning, InnerlrError, pooled_whitener
from oracles import (
    DIGITS,
    Array,
    Tasks,
    maml_loss,
    precise,
    precise_minimum,
    precise_slope,
    precise_tasks,
    same_samples,
)
from tolerances import HONEST, LOSS, PROMISED_CONDITION, SAME

TASKS, SHOTS = 24, 5


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(DIGITS):
        yield


class Basis:
    """A basis of functions of one input on [low, high], in float64 and in 50 digits."""

    def __init__(self, low: float, high: float, d: int, width: float | None = None) -> None:
        self.low, self.high, self.d, self.width = low, high, d, width
        self.centres = np.linspace(low, high, d)

    def inputs(self, rng: np.random.Generator, n: int = TASKS) -> Array:
        return rng.uniform(self.low, self.high, (n, SHOTS))

    def __call__(self, x: Array) -> Array:
        if self.width is None:
            return x[..., None] ** np.arange(self.d)
        return np.exp(-((x[..., None] - self.centres) ** 2) / (2 * self.width**2))

    def exact(self, x: Array) -> Array:
        x = precise(x)[..., None]
        if self.width is None:
            return np.concatenate([x**j for j in range(self.d)], axis=-1)
        z = (x - precise(self.centres)) / mpmath.mpf(self.width)
        return np.vectorize(lambda v: mpmath.exp(-v * v / 2), otypes=[object])(z)

    def __repr__(self) -> str:
        kind = "polynomial" if self.width is None else f"gaussian {self.width}"
        return f"{kind} d={self.d} on [{self.low}, {self.high}]"


# Condition numbers of the pooled Gram from 1e1 to 1e14 ...
WITHIN = [
    Basis(-1, 1, 3),
    Basis(-1, 1, 6),
    Basis(-1, 1, 10),
    Basis(0, 1, 7),
    Basis(0, 1, 10),
    Basis(1, 2, 4),
    Basis(1, 2, 5),
    Basis(1, 2, 6),
    Basis(-5, 5, 6),
    Basis(-5, 5, 10),
    Basis(-3, 8, 8),
    Basis(-3, 8, 10),
    Basis(-1, 1, 6, 0.6),
    Basis(-1, 1, 8, 0.6),
    Basis(-1, 1, 8, 0.8),
    Basis(-5, 5, 10, 2.0),
]
# ... and beyond.
BEYOND = [
    Basis(-1, 1, 10, 0.6),
    Basis(-1, 1, 10, 0.8),
    Basis(1, 2, 8),
    Basis(1, 2, 10),
]


def by_optima(rng: np.random.Generator, features: Array) -> Array:
    return np.einsum("nkd,nd->nk", features, rng.normal(size=(len(features), features.shape[2])))


def by_noise(rng: np.random.Generator, features: Array) -> Array:
    """Nothing to explain: the weights are large, along the weak directions."""
    return rng.normal(size=features.shape[:2])


def by_shared_function(rng: np.random.Generator, features: Array) -> Array:
    """Nearly one optimum for all: the loss is 1e-6 of the targets' energy."""
    a = rng.normal(size=features.shape[2])
    shared = features @ a
    return shared + 1e-3 * np.sqrt(np.mean(shared**2)) * by_noise(rng, features)


def by_weakest_direction(rng: np.random.Generator, features: Array) -> Array:
    """Targets along the smallest singular vector: the weights are as large as can be."""
    u, _, _ = np.linalg.svd(features.reshape(-1, features.shape[2]), full_matrices=False)
    weakest = np.sqrt(len(u)) * u[:, -1].reshape(features.shape[:2])
    return weakest + 1e-3 * by_noise(rng, features)


TARGETS = [by_optima, by_noise, by_shared_function, by_weakest_direction]


def condition(features: Array) -> float:
    return float(np.linalg.cond(features.reshape(-1, features.shape[-1])) ** 2)


def scaled_condition(features: Array) -> float:
    """Of features of one length: rounding is relative to each, so their scales do not count."""
    rows = features.reshape(-1, features.shape[-1])
    return float(np.linalg.cond(rows / np.linalg.norm(rows, axis=0)) ** 2)


def relative(value: float, truth: mpmath.mpf) -> float:
    return float(abs(mpmath.mpf(value) - truth) / abs(truth))


def worst_error(moments: GramMoments, tasks: Tasks) -> float:
    """Largest relative error of training losses and of `loss`, over rates to 3 alpha_lim."""
    rates = np.array([0.0, 1.0, 3.0]) * moments.alpha_lim()
    precise_ones = precise_tasks(tasks)
    losses, weights = moments.training_loss(rates), moments.w_maml(rates)
    errors = []
    for alpha, loss, w in zip(rates, losses, weights, strict=True):
        errors.append(relative(loss, precise_minimum(precise_ones, alpha)[1]))
        for v in (w, 0.9 * w):  # the minimiser as rounded, and weights off it
            truth = maml_loss(precise(v), precise_ones, mpmath.mpf(alpha))
            errors.append(relative(moments.loss(v, alpha), truth))
    return max(errors)


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("basis", WITHIN, ids=repr)
def test_losses_within_the_promised_condition(basis: Basis, targets: Callable) -> None:
    rng = np.random.default_rng(17)
    features = basis(basis.inputs(rng))
    assert scaled_condition(features) < PROMISED_CONDITION
    tasks = same_samples(features, targets(rng, features))
    moments = GramMoments()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moments.update(tasks.support, tasks.support_targets)
        assert worst_error(moments, tasks) < LOSS
    # a condition number is itself computed to its square root times eps
    assert moments.condition_number() == pytest.approx(
        condition(features), rel=1e-9 * np.sqrt(condition(features))
    )


def test_the_bases_span_the_promise() -> None:
    conditions = [condition(basis(basis.inputs(np.random.default_rng(17)))) for basis in WITHIN]
    assert min(conditions) < 1e2
    assert sum(1e6 < c < 1e10 for c in conditions) >= 3
    assert sum(1e10 < c < PROMISED_CONDITION for c in conditions) >= 4


@pytest.mark.parametrize("targets", [by_optima, by_noise])
@pytest.mark.parametrize("basis", WITHIN, ids=repr)
def test_losses_of_the_basis_itself(basis: Basis, targets: Callable) -> None:
    """The features in 50 digits: float64 rounds them, and the losses still hold 1e-10."""
    rng = np.random.default_rng(18)
    x = basis.inputs(rng)
    targets = targets(rng, basis(x))
    moments = GramMoments()
    moments.update(basis(x), targets)
    exact = same_samples(basis.exact(x), precise(targets))
    for alpha in (0.0, moments.alpha_lim()):
        truth = precise_minimum(exact, alpha)[1]
        assert relative(moments.training_loss(alpha), truth) < LOSS


@pytest.mark.parametrize("basis", BEYOND, ids=repr)
@pytest.mark.parametrize("targets", [by_optima, by_noise])
def test_beyond_the_promise_a_warning_says_how_much(basis: Basis, targets: Callable) -> None:
    rng = np.random.default_rng(19)
    x = basis.inputs(rng)
    features = basis(x)
    assert scaled_condition(features) > PROMISED_CONDITION
    tasks = same_samples(features, targets(rng, features))
    moments = GramMoments()
    moments.update(tasks.support, tasks.support_targets)
    alpha = moments.alpha_lim()
    estimate, loss = warned(lambda: moments.training_loss(alpha))
    for features_meant in (precise(features), basis.exact(x)):
        meant = same_samples(features_meant, precise(tasks.support_targets))
        assert relative(loss, precise_minimum(meant, alpha)[1]) < HONEST * estimate
    assert estimate < 1e-3  # it says more than that anything may be wrong


def warned(compute: Callable[[], float]) -> tuple[float, float]:
    """The estimated relative error of the one warning, and the result."""
    with pytest.warns(IllConditionedWarning) as record:
        result = compute()
    assert len(record) == 1
    assert record[0].filename == __file__  # it points at the caller
    return estimated(str(record[0].message)), result


def estimated(message: str) -> float:
    """The relative error that a warning estimates."""
    found = re.search(r"estimated relative error of the losses is (\S+)\.", message)
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize(
    "basis", [Basis(-1, 1, 6, 0.6), Basis(-1, 1, 8, 0.8), Basis(1, 2, 6)], ids=repr
)
def test_population_risk(basis: Basis) -> None:
    """Trained on some tasks, judged on others whose moments have a whitener of their own."""
    rng = np.random.default_rng(20)
    sets = []
    for _ in range(2):
        features = basis(basis.inputs(rng))
        sets.append(same_samples(features, by_noise(rng, features)))
    moments, population = GramMoments(), GramMoments()
    moments.update(*sets[0][:2])
    population.update(*sets[1][:2])
    alpha = moments.alpha_lim()
    train, test = (precise_tasks(tasks) for tasks in sets)
    truth = maml_loss(precise_minimum(train, alpha)[0], test, mpmath.mpf(alpha))
    assert relative(moments.population_risk(alpha, population), truth) < LOSS


@pytest.mark.parametrize("basis", [Basis(-1, 1, 5), Basis(1, 2, 5), Basis(-1, 1, 8, 0.6)], ids=repr)
def test_split_samples(basis: Basis) -> None:
    rng = np.random.default_rng(21)
    support, query = basis(basis.inputs(rng)), basis(basis.inputs(rng))
    tasks = Tasks(support, by_noise(rng, support), query, by_noise(rng, query))
    moments = GramMoments()
    moments.update(*tasks)
    assert worst_error(moments, tasks) < LOSS


@pytest.mark.parametrize("basis", [Basis(-1, 1, 6), Basis(0, 1, 7), Basis(-1, 1, 8, 0.6)], ids=repr)
def test_alpha_empirical(basis: Basis) -> None:
    """The zero of the exact derivative, in 50 digits."""
    rng = np.random.default_rng(22)
    features = basis(basis.inputs(rng))
    tasks = same_samples(features, by_optima(rng, features))
    moments = GramMoments()
    moments.update(*tasks[:2])
    alpha = moments.alpha_empirical()
    exact = precise_tasks(tasks)
    with mpmath.workdps(30):
        root = mpmath.findroot(
            lambda rate: precise_slope(exact, rate),
            (mpmath.mpf(alpha * (1 - 1e-6)), mpmath.mpf(alpha * (1 + 1e-6))),
            solver="secant",
            tol=1e-20,
            verify=False,
        )
    assert relative(alpha, root) < LOSS


@pytest.mark.parametrize(
    "basis", [Basis(1, 2, 5), Basis(-1, 1, 8, 0.6), Basis(-1, 1, 8, 0.8)], ids=repr
)
def test_merging_keeps_the_digits(basis: Basis) -> None:
    rng = np.random.default_rng(23)
    features = basis(basis.inputs(rng))
    tasks = same_samples(features, by_noise(rng, features))
    halves = []
    for half in (slice(0, TASKS // 2), slice(TASKS // 2, None)):
        moments = GramMoments()
        moments.update(tasks.support[half], tasks.support_targets[half])
        halves.append(moments)
    assert not np.array_equal(halves[0].whitener, halves[1].whitener)
    assert worst_error(halves[0].merge(halves[1]), tasks) < LOSS


# ---------------------------------------------------------------- a misleading first chunk


def two_chunks(rng: np.random.Generator, basis: Basis, width: float) -> Tasks:
    """A first chunk with inputs in a small part of the range, then one of the whole range."""
    middle = (basis.low + basis.high) / 2
    near = middle + width * (basis.inputs(rng, 16) - middle)
    features = basis(np.concatenate([near, basis.inputs(rng, 16)]))
    return same_samples(features, by_noise(rng, features))


def streamed(tasks: Tasks, whitener: Array | None = None) -> GramMoments:
    moments = GramMoments(whitener=whitener)
    for chunk in (slice(0, 16), slice(16, None)):
        moments.update(tasks.support[chunk], tasks.support_targets[chunk])
    return moments


@pytest.mark.parametrize("width", [0.3, 0.1, 0.03])
@pytest.mark.parametrize("basis", [Basis(-1, 1, 6), Basis(1, 2, 6), Basis(-1, 1, 6, 0.6)], ids=repr)
def test_an_unrepresentative_first_chunk(basis: Basis, width: float) -> None:
    """Its whitener and its fit are no good for the second chunk; the losses hold all the same."""
    tasks = two_chunks(np.random.default_rng(24), basis, width)
    moments = streamed(tasks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert worst_error(moments, tasks) < LOSS


@pytest.mark.parametrize("basis", [Basis(-1, 1, 8, 0.6), Basis(-1, 1, 8, 0.8)], ids=repr)
@pytest.mark.filterwarnings("ignore:pooled Gram:innerlr.IllConditionedWarning")
def test_a_first_chunk_that_misleads_beyond_repair(basis: Basis) -> None:
    """Its features are dependent to rounding: plain sums, an honest warning, and a cure in it."""
    tasks = two_chunks(np.random.default_rng(24), basis, 0.02)
    moments = streamed(tasks)
    assert moments.whitener is None
    alpha = moments.alpha_lim()
    truth = precise_minimum(precise_tasks(tasks), alpha)[1]
    estimate, loss = warned(lambda: moments.training_loss(alpha))
    assert LOSS < relative(loss, truth) < HONEST * estimate
    assert worst_error(streamed(tasks, pooled_whitener(tasks.support)), tasks) < LOSS


def test_a_first_chunk_too_small_to_whiten() -> None:
    """Fewer rows than features say nothing of their condition: plain sums, an honest warning."""
    rng = np.random.default_rng(25)
    basis = Basis(1, 2, 5)
    features = basis(basis.inputs(rng))[:, :4]  # 4 rows a task, 5 features
    targets = by_noise(rng, features)
    moments = GramMoments()
    for task, y in zip(features, targets, strict=True):
        moments.update(task[None], y[None])
    assert moments.whitener is None
    alpha = moments.alpha_lim()
    estimate, loss = warned(lambda: moments.training_loss(alpha))
    truth = precise_minimum(precise_tasks(same_samples(features, targets)), alpha)[1]
    assert relative(loss, truth) < HONEST * estimate
    cured = GramMoments(whitener=pooled_whitener(features))
    for task, y in zip(features, targets, strict=True):
        cured.update(task[None], y[None])
    assert relative(cured.training_loss(alpha), truth) < LOSS


def test_a_loss_far_below_its_terms_is_warned_of() -> None:
    """Exact moments of a population, judged at huge weights: the cancellation is estimated."""
    rng = np.random.default_rng(26)
    basis = Basis(1, 2, 5)
    features = basis(basis.inputs(rng))
    gram = np.einsum("nki,nkj->nij", features, features)
    powers = np.stack([np.linalg.matrix_power(gram, p).mean(axis=0) for p in (1, 2, 3)])
    population = GramMoments.expected(powers, SHOTS, mean=np.zeros(5), covariance=1e-6 * np.eye(5))
    weak = np.linalg.eigh(powers[0])[1][:, 0]
    w = 1e-3 / np.sqrt(np.linalg.eigvalsh(powers[0])[0]) * weak
    estimate, loss = warned(lambda: population.loss(w, 0.0))
    truth = precise(w) @ precise(powers[0]) @ precise(w) / SHOTS
    truth += mpmath.mpf(1e-6) * sum(precise(np.diag(powers[0]))) / SHOTS
    assert LOSS < estimate < 1
    assert relative(loss, truth) < HONEST * estimate


def test_dependent_features_are_an_error_not_a_warning() -> None:
    basis = Basis(-1, 1, 4)
    features = basis(basis.inputs(np.random.default_rng(27)))
    features = np.concatenate([features, features[..., :1] + features[..., 1:2]], axis=-1)
    moments = GramMoments()
    moments.update(features, np.ones(features.shape[:2]))
    with pytest.raises(InnerlrError, match="numerical rank 4 < dim = 5"):
        moments.training_loss(0.0)
    with pytest.raises(InnerlrError, match="drop dependent features"):
        pooled_whitener(features)


def test_the_oracle_agrees_with_float64_where_nothing_is_lost() -> None:
    """A check of the oracle itself: the plain computation on a well-conditioned problem."""
    rng = np.random.default_rng(28)
    features = rng.normal(size=(10, 6, 3))
    tasks = same_samples(features, rng.normal(size=(10, 6)))
    a = np.concatenate([phi @ (np.eye(3) - 2 * 0.1 / 6 * phi.T @ phi) for phi in features])
    b = np.concatenate(
        [
            y - 2 * 0.1 / 6 * phi @ phi.T @ y
            for phi, y in zip(features, tasks.support_targets, strict=True)
        ]
    )
    w, residual, *_ = np.linalg.lstsq(a, b)
    exact_w, exact = precise_minimum(precise_tasks(tasks), 0.1)
    assert float(exact) == pytest.approx(residual[0] / len(b), rel=SAME)
    np.testing.assert_allclose(exact_w.astype(float), w, rtol=SAME)
