"""The experiment on the theorems: its tasks, networks and lemmas against plain computations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from innerlr import alpha_lim, alpha_lim_split
from innerlr.distributions import Uniform
from innerlr.empirical_ntk import empirical_gram
from innerlr.theory import (
    AdaptedSums,
    Spectrum,
    first_order_gap,
    first_order_gap_matrix,
    largest_constant,
)
from oracles import blocks
from replication.experiment import Arrays
from replication.figures.theory.experiment import Theory
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.spectral import (
    Setting,
    grouped,
    mean_square,
    rotations,
    spectral_features,
    stacked,
)
from replication.figures.theory.statement import At
from replication.figures.theory.statements import (
    bounds,
    derivative,
    deviations,
    gap,
    gap_bound,
    isotropy,
    lemmas,
    limit,
    near_zero,
    overparameterised,
    polynomial,
    proof,
    random_matrices,
    tails,
)
from replication.figures.theory.statements.overparameterised import (
    Measured,
    initial_weights,
    network_features,
)
from replication.figures.theory.statements.tails import hanson_wright
from replication.quantity import Estimates
from tolerances import SEARCH


def setting(**change: object) -> Setting:
    return Theory("theory", TheorySection.model_validate(change), 0).setting


# ------------------------------------------------------------------ tasks, networks


def test_anisotropic_tasks_can_start_farther_away() -> None:
    """Theorem 2 needs isotropic optima: a slope below zero, and the gap itself below zero."""
    law = Uniform(1.0, 4.0)
    features = spectral_features(np.random.default_rng(1), "rotated", law, 20, 5, 64.0)
    slope = first_order_gap_matrix(features)[0, 0]
    assert slope < 0
    alpha = 1e-4 * alpha_lim(features)
    size = []
    for rate in (0.0, alpha):
        b = blocks(features, features, rate)
        size.append(float((np.linalg.solve(b.sum(0), b)[..., 0] ** 2).sum()))
    assert size[1] > size[0]
    assert size[0] - size[1] == pytest.approx(slope * alpha, rel=0.02)  # second order in alpha


def test_rotations_are_orthogonal_and_unbiased() -> None:
    q = rotations(np.random.default_rng(0), 4000, 3)
    assert np.abs(q @ q.swapaxes(1, 2) - np.eye(3)).max() < 1e-12
    assert np.abs(q.mean(0)).max() < 5 / np.sqrt(3 * 4000)  # each entry has variance 1/3


@pytest.mark.parametrize("kind", ["commuting", "rotated", "split"])
def test_the_exact_population_is_that_of_the_tasks(kind: str) -> None:
    made = setting()
    rng = np.random.default_rng(3)
    u, t = (spectral_features(rng, kind, made.law, 20_000, 5) for _ in range(2))
    gram = u.swapaxes(1, 2) @ u
    values = np.linalg.eigvalsh(gram)
    assert values.min() >= 1 - 1e-9
    assert values.max() <= 4 + 1e-9
    off = gram - np.einsum("nii->ni", gram)[..., None] * np.eye(5)
    assert (np.abs(off).max() > 0.1) == (kind != "commuting")
    sampled = AdaptedSums.of(u, t if kind == "split" else None).first / len(u)
    assert np.abs(sampled - made.population(kind).first).max() < 0.02 * np.abs(sampled).max()
    estimate = alpha_lim_split(u, t) if kind == "split" else alpha_lim(u)
    assert made.limit(kind) == pytest.approx(estimate, rel=0.005)  # 100,000 eigenvalues


def test_network_features_are_the_tangents_of_that_network() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(1, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    ).double()
    w1, b1, w2, b2, v, c = (p.detach().numpy() for p in model.parameters())
    x = np.linspace(-3, 3, 7)
    predicted, psi = network_features([w1, b1, w2, b2, v[0], c], x)
    np.testing.assert_allclose(predicted, model(torch.from_numpy(x[:, None])).detach()[:, 0])
    np.testing.assert_allclose(psi @ psi.T, empirical_gram(model, x[:, None]), rtol=1e-10)


def test_statements_hold_as_stated_and_fail_when_changed() -> None:
    """Panel (l). Lemma 2 and (D.4) fail as stated; a weaker premise breaks four."""
    made = lemmas.features(setting(lemma_seeds=300))
    stated = {name: made[f"l/{name}"][0] for name in lemmas.LEMMAS}
    changed = {name: made[f"l/{name}"][1] for name in lemmas.LEMMAS}
    fail = {"lemma_2", "d_4"}
    assert all((share > 0.2) == (name in fail) for name, share in stated.items())
    assert all(share == 0 for name, share in stated.items() if name not in fail)
    fail = {"lemma_1", "a_1", "prop_3", "prop_6"}
    assert all((share > 0.2) == (name in fail) for name, share in changed.items())


def test_the_constant_of_lemma_3_is_the_largest_that_holds() -> None:
    """By the exact tails: it holds at every t, and 1% more fails somewhere."""
    norm = np.sqrt(2 / np.pi)
    for size, law, scale in ((16, stats.chi2(16), 1.0), (16, stats.chi2(1), 16.0)):
        c = hanson_wright(size)[0 if scale == 1 else 1]
        t = np.geomspace(0.1, 20, 200) * size
        tail = law.sf((size + t) / scale) + law.cdf((size - t) / scale)
        exponent = np.minimum(t**2 / (norm**4 * size), t / norm**2)
        assert np.all(tail <= 2 * np.exp(-c * exponent) * (1 + 1e-9))
        assert np.any(tail > 2 * np.exp(-1.01 * c * exponent))


# ------------------------------------------------------------------ what is measured, by hand


def measured(
    estimates: Callable[[Setting, Arrays, pd.DataFrame, At], None],
    made: Setting,
    features: Arrays,
    curves: pd.DataFrame,
) -> pd.DataFrame:
    """What a statement measures, in a panel of its own."""
    found = Estimates()
    estimates(made, features, curves, partial(found.at, "x"))
    return found.table()


def value(table: pd.DataFrame, quantity: str, seed: int | None = None, **at: object) -> float:
    """The one value of a quantity at a seed and at keys."""
    rows = table[(table.quantity == quantity) & (table.seed.isna() if seed is None else True)]
    for key, wanted in {"seed": seed, **at}.items():
        if wanted is not None:
            rows = rows[rows[key] == wanted]
    return float(rows.value.item())


def test_a_slope_of_two_numbers_of_tasks_is_left_out() -> None:
    rows = [("1", seed, n, 1 / n) for n in (4, 8) for seed in (0, 1)]
    rows += [("10", seed, n, 5 / n) for n in (4, 8) for seed in (0, 1)]
    curves = pd.DataFrame(rows, columns=["series", "seed", "x", "value"])
    found = measured(deviations.estimates, setting(), {}, curves)
    assert "deviation_slope" not in set(found.quantity)
    # at the most tasks, the largest rate over alpha_lim
    assert value(found, "large_to_lim_deviation", seed=1) == 5
    third = [(series, seed, 16, v / 4) for series, seed, n, v in rows if n == 4]
    curves = pd.DataFrame(rows + third, columns=["series", "seed", "x", "value"])
    found = measured(deviations.estimates, setting(), {}, curves)
    assert value(found, "deviation_slope", alpha_over_lim=10) == pytest.approx(-1)


def test_epsilon_falls_as_the_square_of_the_rate() -> None:
    rows = [(name, 0, 4, 1.0) for name in ("1", "10")]
    curves = pd.DataFrame(rows, columns=["series", "seed", "x", "value"])
    made = setting()
    found = measured(deviations.estimates, made, {}, curves)
    # lower powers still count at 10,000 alpha_lim
    assert value(found, "epsilon_order") == pytest.approx(-2, abs=0.02)
    assert value(found, "epsilon_at_0") == made.spectrum.epsilon(0.0)
    first = made.spectrum.excluded()[0]
    assert value(found, "lim_over_first_end") == made.limit("commuting") / first


def test_a_group_of_sets_comes_back_as_it_was_stored() -> None:
    sums = [AdaptedSums.of(np.full((3, 2, 2), i) + np.eye(2)) for i in (1.0, 2.0)]
    arrays = stacked("key", sums)
    assert set(arrays) == {"key/first", "key/second"}
    group = grouped(arrays, "key", 2)
    for i, one in enumerate(sums):
        np.testing.assert_array_equal(group.gram(0.1)[i], one.gram(0.1))


def equal_tasks(n: int, d: int = 2) -> Arrays:
    """A set of n tasks that are all alike, features the identity: w_m is their mean optimum."""
    return stacked(f"commuting/{n}/0", [AdaptedSums.of(np.repeat(np.eye(d)[None], n, axis=0))])


def test_the_mean_of_equal_tasks_has_the_variance_of_a_mean() -> None:
    sums = grouped(equal_tasks(5, 3), "commuting/5/0", 3)
    np.testing.assert_allclose(mean_square(sums, np.array([0.0, 0.3])), [[3 / 5, 3 / 5]])


def test_the_minimiser_of_the_mean_risk_by_hand() -> None:
    """Equal tasks: the risk goes as A = (1 - 2 alpha)^2 of the population, K = d = 1."""
    population = AdaptedSums(np.array([1.0, -2.0, 1.0])[:, None, None], np.zeros((5, 1, 1)), 1, 1)
    sums = grouped(stacked("x", [AdaptedSums.of(np.full((4, 1, 1), 2.0))]), "x", 1)
    # (tr A + tr A W) / k2 with W = 1/4
    assert limit.mean_risk(sums, population, [0.0, 0.25]) == pytest.approx([1.25, 1.25 / 4])
    assert limit.minimiser(sums, population, 0.4) == pytest.approx(0.5, abs=SEARCH)


def test_minima_of_a_curve_are_counted() -> None:
    assert limit.count_minima(np.array([2.0, 1.0, 0.0])) == 0
    assert limit.count_minima(np.array([1.0, 0.0, 1.0, 0.0, 1.0])) == 2
    assert limit.count_minima(np.array([1.0, 0.0, 0.0, 1.0])) == 1


def test_the_excess_of_equal_tasks_by_hand() -> None:
    """W = 1/N, so N (risk - L_apx) is L_apx; eigenvalues U(1, 4): moments 2.5, 7, 21.25."""
    found = proof.excess(setting(dim=2), equal_tasks(7), 7, 0, np.array([0.0, 1.5]))
    # c = 2 alpha / K = 1.5: 2.5 - 2 c 7 + c^2 21.25
    assert found == pytest.approx([1, (2.5 - 21 + 2.25 * 21.25) / 2.5])


def test_sampled_risks_are_those_of_a_normal_w() -> None:
    covariance, gram = np.array([[[4.0]], [[9.0]]]), np.array([[3.0]])
    found = deviations.sampled_risk(np.random.default_rng(1), covariance, gram)
    normal = np.random.default_rng(1).normal(size=(2, deviations.OPTIMA, 1))[..., 0]
    np.testing.assert_allclose(found, 3 * np.array([[4.0], [9.0]]) * normal**2)


def test_scaled_bounds_are_in_units_of_the_upper_one() -> None:
    for d in (1, 3):
        alpha, printed, lower, upper = bounds.scaled_bounds(np.random.default_rng(2), d, 0.5)
        assert upper == d
        assert 0 < lower < alpha < upper
        assert printed > 0


def test_violations_of_corollary_1_by_hand() -> None:
    """Columns alpha_lim, printed lower, lower, upper; d = 2."""
    values = np.array([[1.0, 0.5, 0.5, 2.0], [0.4, 0.5, 0.3, 2.0], [2.5, 0.5, 0.5, 2.0]])
    made = setting(feature_dims=[2], feature_spreads=[0.5])
    found = measured(bounds.estimates, made, {"d/2/0.5": values}, pd.DataFrame())
    by_dim = value(found, "printed_lower_violated_by_dim", dim=2, spread=0.5)
    assert by_dim == pytest.approx(1 / 3)
    for name in ("printed_lower_violated", "printed_upper_violated", "corrected_violated"):
        assert value(found, name) == pytest.approx(1 / 3)
    points = list(bounds.curves(made, {"d/2/0.5": values}))
    # of 0.4, 1 and 2.5: a twentieth of the way from the first to the second, and so on
    assert points == [
        ("0.5, low", None, 2, pytest.approx(0.43)),
        ("0.5, median", None, 2, 1.0),
        ("0.5, high", None, 2, pytest.approx(2.425)),
    ]


def test_the_gap_is_that_of_plain_solutions() -> None:
    """Its tangent is the library's slope; its size at the interval's end is from C'C itself."""
    made = setting(dim=3, seeds=2, grid_points=12)
    phi = spectral_features(np.random.default_rng(6), "rotated", made.law, 8, 3)
    arrays: Arrays = {}
    for kind in ("commuting", "rotated"):
        for seed in (0, 1):
            arrays |= stacked(f"gap/{kind}/{seed}", [AdaptedSums.of(phi)])
    points = list(gap.curves(made, arrays))
    (tangent,) = {p.value for p in points if p.series == "rotated, first order" and p.x == 0.5}
    start = mean_square_of(phi, 0.0)
    slope_at_0 = first_order_gap(phi, np.eye(3)) * made.limit("commuting") / start
    assert tangent == pytest.approx(0.5 * slope_at_0, rel=1e-4)  # a difference over 1e-6
    curves = pd.DataFrame(points)
    found = measured(gap.estimates, made, arrays, curves)
    end = value(found, "interval_end")
    expected = 1 - mean_square_of(phi, end) / start
    assert expected > 0
    for seed in (0, 1):
        in_interval = value(found, "gap_in_interval", seed=seed, grams="rotated")
        assert in_interval == pytest.approx(expected, rel=1e-6)
    assert value(found, "interval_over_lim") == end / made.limit("commuting")
    constant = largest_constant(*([made.law.moment(p)] for p in (1, 2, 3)))
    assert value(found, "largest_constant") == constant
    # eigenvalues from 1 to 4 become 4 to 16, and the constant 16 times as large
    longer = Spectrum(4.0, 16.0, 3).interval(16 * constant)
    assert value(found, "interval_scaling") == pytest.approx(4 * longer / end)


def mean_square_of(phi: np.ndarray, alpha: float) -> float:
    """E|w_m|^2 for optima of unit variance, from C'C of each task."""
    b = blocks(phi, phi, alpha)
    return float((np.linalg.solve(b.sum(0), b) ** 2).sum())


def test_the_lowest_ratio_of_gap_and_bound() -> None:
    rows = [("d^1, commuting", 1, 2, 4.0), ("d^1, commuting", 1, 5, 3.0)]
    rows += [("d^2, rotated", 0, 2, 0.5), ("d^2, rotated", 0, 5, 0.25)]
    curves = pd.DataFrame(rows, columns=["series", "seed", "x", "value"])
    found = measured(gap_bound.estimates, setting(), {}, curves)
    columns = ["seed", "grams", "power", "quantity", "value"]
    assert found[columns].to_numpy().tolist() == [
        [0, "rotated", 2, "lowest_gap_over_bound", 0.25],
        [1, "commuting", 1, "lowest_gap_over_bound", 3.0],
    ]


def test_slopes_are_over_the_isotropic_one() -> None:
    made = setting(seeds=2, stretches=[4.0])
    matrix = np.diag([-1.0, 3.0, 4.0])  # tr / 3 = 2
    points = list(isotropy.curves(made, {f"stretch/4/{seed}": matrix for seed in (0, 1)}))
    assert points[:2] == [("shortest", 0, 4.0, -0.5), ("longest", 0, 4.0, 2.0)]
    features = {f"stretch/4/{seed}": matrix for seed in (0, 1)}
    found = measured(isotropy.estimates, made, features, pd.DataFrame(points))
    assert value(found, "shortest_slope_at_most_stretched", seed=1) == -0.5
    assert value(found, "longest_slope_at_most_stretched", seed=1) == 2
    assert value(found, "isotropic_slope_lowest", seed=1) == 6


def test_slopes_of_a_power_law_of_example_1() -> None:
    x = np.geomspace(1e-3, 1e3, 4)
    rows = [(f"d = {d}", None, v, v**-power / d) for d, power in ((2, 1), (3, 2)) for v in x]
    curves = pd.DataFrame(rows, columns=["series", "seed", "x", "value"])
    found = measured(polynomial.estimates, setting(example_dims=[3, 2]), {}, curves)
    assert value(found, "slope_at_large_variance", dim=2) == pytest.approx(-1)
    assert value(found, "slope_at_small_variance", dim=3) == pytest.approx(-2)
    assert value(found, "decreasing_in_variance_share", dim=2) == 1
    assert value(found, "limit_at_small_variance", dim=3) == pytest.approx(1e6 / 3)
    # of the four variances, d = 3 is lower at the two above one only
    assert value(found, "decreasing_in_dim_share") == 0.5


def test_of_one_entry_alpha_lim_is_the_ratio_of_moments() -> None:
    ratios, limits = random_matrices.of_one_variance(1)
    assert ratios == pytest.approx([6 / 90, 3 / 15, 1.8 / (27 / 7), 1])
    assert limits == pytest.approx(ratios / 2)  # m4 / (2 m6)


def test_printed_values_of_example_2_by_law_and_formula() -> None:
    made = setting(matrix_dims=[1, 2, 4])
    points = [
        (f"{formula}, {law}", None, d, scale * d**power)
        for formula, power in (("(E.12)", 1), ("(E.13)", 2))
        for law, scale in (("uniform", 3.0), ("exponential", 5.0))
        for d in (1, 2, 4)
    ]
    curves = pd.DataFrame(points, columns=["series", "seed", "x", "value"])
    found = measured(random_matrices.estimates, made, {}, curves)
    at = {"formula": "(E.13)", "law": "exponential"}
    assert value(found, "printed_over_lim_growth", **at) == pytest.approx(2)
    assert value(found, "printed_over_lim_at_first", **at) == 5
    assert value(found, "printed_over_lim_at_last", **at) == 80
    at = {"formula": "(E.12)", "law": "uniform"}
    assert value(found, "printed_over_lim_growth", **at) == pytest.approx(1)
    assert value(found, "printed_over_lim_at_last", **at) == 12


def test_cases_near_zero_are_the_scales_then_the_numbers() -> None:
    path = {"feature_scales": [0.5, 2.0], "new_counts": [3], "new_tasks": {"count": 9}}
    found = near_zero.cases(setting(path=path).cfg.path)
    assert [case.key for case in found[:3]] == ["j/central/0.5/9", "j/central/2/9", "j/central/2/3"]
    assert {case.law for case in found[3:]} == {"uncentral"}


def test_shares_near_zero_by_law_scale_and_count() -> None:
    path = {"feature_scales": [0.5, 2.0], "new_counts": [3, 9], "new_tasks": {"count": 9}}
    made = setting(path=path)
    # slope and curvature of three draws
    arrays = {
        case.key: np.array([[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
        for case in near_zero.cases(made.cfg.path)
    }
    arrays["j/central/2/3"] = np.array([[1.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])
    found = measured(near_zero.estimates, made, arrays, pd.DataFrame())
    at = {"law": "central", "scale": 2.0}
    assert value(found, "decreasing_share", **at) == pytest.approx(2 / 3)
    assert value(found, "convex_share", **at) == pytest.approx(1 / 3)
    at = {"law": "central", "count": 3}
    assert value(found, "decreasing_share_of_count", **at) == pytest.approx(1 / 3)
    assert value(found, "convex_share_of_count", **at) == pytest.approx(2 / 3)
    # the usual number of new tasks may be one of the others
    at = {"law": "central", "count": 9}
    assert value(found, "convex_share_of_count", **at) == pytest.approx(1 / 3)
    points = list(near_zero.curves(made, arrays))
    assert points[2:4] == [
        ("central, decreasing", None, 2.0, pytest.approx(2 / 3)),
        ("central, convex", None, 2.0, pytest.approx(1 / 3)),
    ]


def test_slope_and_curvature_near_zero_by_hand() -> None:
    """Optima 0, 0, 1 on a line and G = 1, 1, 2, K = 2: w = q_3 / S, q = l (1 - alpha l)^2.

    At 0: S = 4, S' = -12, S'' = 20; w = 1/2, w' = -1/2, w'' = -3/2. The mean distance is
    (2 w + 1 - w) / 3.
    """
    phi = np.sqrt([1.0, 1.0, 2.0])[:, None, None] * np.eye(2)
    optima = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    # differences over h = 6e-4 leave h^2 of the third and fourth derivatives
    assert near_zero.slope_and_curvature(phi, optima) == pytest.approx((-1 / 6, -1 / 2), rel=1e-4)


def test_the_estimates_of_an_overparameterised_network_by_hand() -> None:
    """Loss 3 - 4 a + 4 a^2: least at 1/2, where it is 2; at 1 it is 3, and at 3/4 it is 2.25."""
    network = np.array([3.0, -4.0, 4.0, 1.0, 0.75, 40.0])
    made = setting(seeds=2, network={"tasks": 5, "shots": 4})
    arrays = {f"network/{seed}": network for seed in (0, 1)}
    found = measured(overparameterised.estimates, made, arrays, pd.DataFrame())
    assert value(found, "ratio_lim_to_star", seed=1) == pytest.approx(2)
    assert value(found, "ratio_est_to_star", seed=1) == pytest.approx(1.5)
    assert value(found, "excess_loss_at_lim", seed=1) == pytest.approx(0.5)
    assert value(found, "excess_loss_at_est", seed=1) == pytest.approx(0.125)
    assert value(found, "samples_over_dim", seed=1) == 0.5


def test_the_proof_s_interval_and_orders() -> None:
    made = setting(dim=2, seeds=2, grid_points=12, log2_tasks=[2, 4])
    # equal tasks: N times the error is the same for every N, so the error is of order 1 / N
    arrays = {
        f"commuting/{n}/{seed}/{part}": values
        for n in (4, 16)
        for seed in (0, 1)
        for part, values in (
            (key.rpartition("/")[2], array) for key, array in equal_tasks(n).items()
        )
    }
    found = measured(proof.estimates, made, arrays, pd.DataFrame())
    assert value(found, "compact_error_order", seed=1) == pytest.approx(-1)
    # L_apx goes as alpha^2; lower powers still count at 100 alpha_lim
    assert value(found, "far_error_order", seed=1) == pytest.approx(2, abs=0.02)
    low, high = made.spectrum.excluded()
    limit = made.limit("commuting")
    assert value(found, "excluded_from") == pytest.approx(low / limit)
    assert value(found, "excluded_to") == pytest.approx(high / limit)
    assert value(found, "outside_excluded") == 0


def test_errors_of_the_limit_by_hand() -> None:
    made = setting(dim=2, seeds=2, seeds_per_group=2, grid_points=12, log2_tasks=[2, 3, 4])
    arrays = limit.features(made)
    rows = [
        (kind, seed, n, (seed + 1) * n**-power)
        for kind, power in (("commuting", 1.0), ("rotated", 0.5), ("split", 2.0))
        for n in (4, 8, 16)
        for seed in (0, 1)
    ]
    curves = pd.DataFrame(rows, columns=["series", "seed", "x", "value"])
    found = measured(limit.estimates, made, arrays, curves)
    assert value(found, "error_slope", grams="rotated") == pytest.approx(-0.5)
    assert value(found, "error_slope", grams="split") == pytest.approx(-2)
    at_last = value(found, "relative_error_at_last", seed=1, grams="commuting")
    assert at_last == pytest.approx(2 / 16)
    # Theorem 1, remark: the average risk has one minimum
    assert value(found, "most_minima", seed=0, grams="commuting") == 1


def test_shares_of_lemmas_and_constants_of_tails_have_their_names() -> None:
    made = setting(lemma_seeds=4)
    arrays = {f"l/{name}": np.array([0.25, 0.75]) for name in lemmas.LEMMAS}
    arrays["l/prop_6"] = np.array([0.0, 0.5])
    found = measured(lemmas.estimates, made, arrays, pd.DataFrame())
    assert value(found, "violated_share", statement="a_1", form="as stated") == 0.25
    assert value(found, "violated_share", statement="prop_6", form="changed") == 0.5
    constants = {"l/tails": np.array([[1.0, 2.0, 4.0], [8.0, 4.0, 1.0]])}
    found = measured(tails.estimates, made, constants, pd.DataFrame())
    # sizes grow by 16 from the second to the third
    assert value(found, "tail_constant_power", components="independent") == pytest.approx(0.25)
    assert value(found, "tail_constant_power", components="dependent") == pytest.approx(-0.5)
    assert value(found, "tail_constant_at_last", components="dependent") == 1
    orders = {"l/taylor": np.array([2.0, 1.9])}
    found = measured(derivative.estimates, made, orders, pd.DataFrame())
    assert value(found, "prop_5_order", seed=1) == 1.9


def test_a_network_s_loss_and_initial_weights() -> None:
    assert Measured(1.0, -2.0, 3.0, 0.0, 0.0, 0.0).loss(2.0) == 9
    shapes = [(4, 1), (4,), (4, 4), (4,), (4,), (1,)]
    for weights, shape, end in zip(
        initial_weights(np.random.default_rng(0), 4),
        shapes,
        (1, 1, 0.5, 0.5, 0.5, 0.5),
        strict=True,
    ):
        assert weights.shape == shape
        assert np.abs(weights).max() <= end


def test_the_derivative_of_proposition_5_leaves_the_second_order() -> None:
    orders = derivative.features(setting(lemma_seeds=5))["l/taylor"]
    assert orders == pytest.approx(np.full(5, 2.0), abs=0.02)  # the third order, at 1e-3


I2 = np.eye(2)[None]
UP, DOWN = np.diag([1.0, 2.0])[None], np.diag([2.0, 1.0])[None]


def test_lemmas_on_matrices_by_hand() -> None:
    """Each bound where it holds with equality or nearly, and where it is violated."""
    assert lemmas.above(np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0 - 1e-12, 1.0])) == 1 / 3
    # eigenvalues in equal order reach the upper bound 5, in opposite order the lower one 4
    assert lemmas.ruhe_violations(UP, UP) == lemmas.ruhe_violations(UP, DOWN) == 0
    # no symmetric matrices: the eigenvalues are those of the lower triangles, 0 and +-5
    upper, lower = np.array([[[0.0, 5.0], [0.0, 0.0]]]), np.array([[[0.0, 0.0], [5.0, 0.0]]])
    assert lemmas.ruhe_violations(upper, lower) == 1  # tr = 25 > 0
    assert lemmas.ruhe_violations(-upper, lower) == 1  # tr = -25 < 0
    assert lemmas.product_violations(I2, I2) == 0  # 2 <= 4
    mixed = np.diag([1.0, -1.0])[None]
    assert lemmas.product_violations(mixed, mixed) == 1  # 2 > 0
    assert lemmas.square_violations(I2) == 0  # 4 / 2 = 2
    assert lemmas.square_violations(np.array([[[1.0, 1.0], [-1.0, 1.0]]])) == 1  # 2 > 0
    assert lemmas.smallest_violations(-I2, UP) == 0  # -3 <= -2
    assert lemmas.smallest_violations(I2, UP) == 1  # 3 > 2


def test_lemmas_on_moments_by_hand() -> None:
    # 2.5^2 = 6.25 against 1.5 times 4.5, and against 0.5 times 3.5
    assert lemmas.moment_violations(np.array([[1.0, 2.0], [-1.0, 2.0]])) == 0.5
    one = I2[None]  # a law of one Gram: tr G^p = 2
    assert lemmas.jensen_violations(one, 2) == 0  # 2^2 / 2 = 2 <= 4
    assert lemmas.jensen_violations(one, 3) == 1  # 2^3 / 2 = 4 > 2
    spread = np.stack([np.zeros((2, 2)), np.diag([4.0, 0.0])])[None]
    assert lemmas.jensen_violations(spread, 2) == 1  # mean 8 > 2^2


def test_lemmas_on_functions_by_hand() -> None:
    # a tilt to the right moves the minimum to the left well
    tilts = np.array([[1.0, -1.0], [1.0, 1.0]])
    assert lemmas.well_violations(tilts, 1.0) == 0.5
    assert lemmas.well_violations(tilts, 0.0) == 0
    assert lemmas.jump_violations(np.random.default_rng(0), 50, dips=False) == 0
    assert lemmas.jump_violations(np.random.default_rng(0), 50, dips=True) > 0.2


def test_random_matrices_of_the_lemmas_are_what_they_are_called() -> None:
    psd = lemmas.semidefinite(np.random.default_rng(0), 200, 4)
    values = np.linalg.eigvalsh(psd)
    assert values.min() > -1e-12 * values.max()
    assert set(np.linalg.matrix_rank(psd)) == {1, 2, 3, 4}
    symmetric = lemmas.indefinite(np.random.default_rng(0), 200, 4)
    np.testing.assert_array_equal(symmetric, symmetric.swapaxes(1, 2))
    assert np.linalg.eigvalsh(symmetric).min() < -1
