"""Lemmas 1, 2 and 4, Propositions 2, 3 and 6, (D.4) and (G.22) on random cases.

Each as stated, and with one premise changed or weakened.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from innerlr.checks import Array
from innerlr.distributions import Uniform
from innerlr.theory import schur_complement
from replication.experiment import Arrays
from replication.figures.theory import quantities as q
from replication.figures.theory.spectral import Setting, spectral_features
from replication.figures.theory.statement import At, Point

LEMMAS = ("lemma_1", "lemma_2", "lemma_4", "a_1", "a_2", "prop_3", "prop_6", "d_4", "g_22")
SERIES = ("as stated", "changed")
# at which the lemmas on sequences of functions are looked at
LATE = 1e6


def features(setting: Setting) -> Arrays:
    """Share of random cases that violate each of LEMMAS, as stated and changed: (2,)."""
    rng, n = setting.rng(9), setting.cfg.lemma_seeds
    psd, symmetric = partial(semidefinite, rng, n), partial(indefinite, rng, n)
    jumps = partial(jump_violations, n=n)
    brackets = partial(bracket_violations, rng, setting.law, n)
    # the order of the draws is part of the random stream
    grams = np.stack([psd(3) for _ in range(4)], axis=1)
    positive, signed = rng.exponential(size=(n, 6)), rng.normal(size=(n, 6))
    tilts = rng.normal(size=(n, 2))
    shares = {
        # changed: the functions converge at every point, and not uniformly
        "lemma_1": (jumps(setting.rng(11), dips=False), jumps(setting.rng(11), dips=True)),
        # changed: the limit has one minimiser
        "lemma_2": (well_violations(tilts, 1.0), well_violations(tilts, 0.0)),
        # changed, up to (A.2): the matrices are indefinite
        "lemma_4": (
            ruhe_violations(psd(4), psd(4)),
            ruhe_violations(symmetric(4), symmetric(4)),
        ),
        "a_1": (
            product_violations(psd(4), psd(4)),
            product_violations(symmetric(4), symmetric(4)),
        ),
        "a_2": (square_violations(psd(4)), square_violations(symmetric(4))),
        # changed: x has both signs
        "prop_3": (moment_violations(positive), moment_violations(signed)),
        # changed: A is indefinite
        "prop_6": (
            smallest_violations(-psd(4), psd(4)),
            smallest_violations(symmetric(4), psd(4)),
        ),
        # changed: the second power, of a law of one task
        "d_4": (jensen_violations(grams, 3), jensen_violations(grams[:, :1], 2)),
        # changed: the Grams do not commute
        "g_22": (brackets("commuting"), brackets("rotated")),
    }
    return {f"l/{name}": np.array(shares[name]) for name in LEMMAS}


def curves(setting: Setting, features: Arrays) -> Iterator[Point]:
    """The shares; all at x = 0."""
    for name in LEMMAS:
        for series, value in zip(SERIES, features[f"l/{name}"], strict=True):
            yield Point(f"{name} {series}", None, 0.0, value)


def estimates(setting: Setting, features: Arrays, of_panel: pd.DataFrame, at: At) -> None:
    """The shares with their intervals."""
    cases = setting.cfg.lemma_seeds
    for name in LEMMAS:
        for form, share in zip(SERIES, features[f"l/{name}"], strict=True):
            hits = np.arange(cases) < round(share * cases)
            at(statement=name, form=form)(q.violated_share, hits)


# ---------------------------------------------------------------- random matrices


def semidefinite(rng: np.random.Generator, n: int, dim: int) -> Array:
    """n positive semidefinite matrices of every rank from 1 to dim: (n, dim, dim)."""
    rank = rng.integers(1, dim + 1, size=(n, 1, 1))
    x = rng.normal(size=(n, dim, dim)) * (np.arange(dim) < rank)
    return x @ x.swapaxes(1, 2)


def indefinite(rng: np.random.Generator, n: int, dim: int) -> Array:
    """n symmetric matrices: (n, dim, dim)."""
    x = rng.normal(size=(n, dim, dim))
    return x + x.swapaxes(1, 2)


def trace(x: Array) -> Array:
    """Of each matrix (n, dim, dim): (n,)."""
    return np.trace(x, axis1=1, axis2=2)


# ---------------------------------------------------------------- the share of cases that violate


def above(low: Array, high: Array) -> float:
    """Share of low > high, both (n,), but for rounding."""
    return float(np.mean(low > high + 1e-10 * (np.abs(low) + np.abs(high))))


def ruhe_violations(a: Array, b: Array) -> float:
    """Lemma 4: tr A B lies between the sums of products of eigenvalues in opposite and equal order.

    Args:
        a, b: (n, dim, dim), symmetric.

    Returns:
        The larger of the shares that violate either bound.
    """
    x, y = np.linalg.eigvalsh(a), np.linalg.eigvalsh(b)
    middle = trace(a @ b)
    return max(above((x * y[:, ::-1]).sum(1), middle), above(middle, (x * y).sum(1)))


def product_violations(a: Array, b: Array) -> float:
    """(A.1): tr A B <= tr A tr B, of (n, dim, dim) each."""
    return above(trace(a @ b), trace(a) * trace(b))


def square_violations(a: Array) -> float:
    """(A.2): (tr A)^2 / dim <= tr A^2, of (n, dim, dim)."""
    return above(trace(a) ** 2 / a.shape[-1], trace(a @ a))


def moment_violations(x: Array) -> float:
    """Proposition 3: (E x^2)^2 <= E x E x^3, the expectations over the columns of x (n, points)."""
    return above((x**2).mean(1) ** 2, x.mean(1) * (x**3).mean(1))


def smallest_violations(a: Array, b: Array) -> float:
    """Proposition 6: tr A B <= (least eigenvalue of B) tr A, of (n, dim, dim) each."""
    return above(trace(a @ b), np.linalg.eigvalsh(b)[:, 0] * trace(a))


def jensen_violations(grams: Array, p: int) -> float:
    """(D.4): (E tr G)^p / dim <= E tr G^p <= (E tr G)^p.

    Args:
        grams: (n, tasks, dim, dim): n laws, each of equally likely Grams.
        p: the power.

    Returns:
        The larger of the shares of laws that violate either bound.
    """
    dim, mean = grams.shape[-1], np.einsum("ntii->n", grams) / grams.shape[1]
    powers = np.einsum("ntii->n", np.linalg.matrix_power(grams, p)) / grams.shape[1]
    return max(above(mean**p / dim, powers), above(powers, mean**p))


def bracket_violations(rng: np.random.Generator, law: Uniform, n: int, kind: str) -> float:
    """(G.22): the bracket of Theorem 2 has no negative eigenvalue.

    Args:
        rng: generator.
        law: of the Grams' eigenvalues.
        n: sets of 4 tasks with 3 features.
        kind: of the tasks; see :data:`~replication.figures.theory.spectral.KINDS`.
    """
    sets = (spectral_features(rng, kind, law, 4, 3) for _ in range(n))
    values = np.array([np.linalg.eigvalsh(schur_complement(phi)) for phi in sets])
    return float(np.mean(values[:, 0] < -1e-10 * values[:, -1]))


def well_violations(tilts: Array, apart: float) -> float:
    """Lemma 2: where functions converge uniformly, so do their minimisers.

    They are (x^2 - apart)^2 + tilt x / m at m = LATE and the next m; minimisers more than 0.5
    apart do not converge.

    Args:
        tilts: (n, 2), at both m.
        apart: 1 for two minimisers of the limit, 0 for one.
    """
    x = np.linspace(-2, 2, 4001)
    base = (x**2 - apart) ** 2
    places = [x[np.argmin(base + tilts[:, i, None] * x / LATE, axis=1)] for i in (0, 1)]
    return float(np.mean(np.abs(places[0] - places[1]) > 0.5))


def jump_violations(rng: np.random.Generator, n: int, *, dips: bool) -> float:
    """Lemma 1: near a jump of F the least value of F_m tends to the least of F's lower envelope.

    F_m - F is sin(m x + shift) / m, which converges uniformly, or a dip that leaves every point.

    Args:
        rng: generator.
        n: functions, each with its own values left of, at and right of its jump.
        dips: take the dips.
    """
    left, at, right, depth = rng.uniform(size=(4, n))
    x = np.linspace(-1e-3, 1e-3, 2001)
    f = np.where(x < 0, left[:, None], right[:, None])
    f[:, len(x) // 2] = at
    if dips:
        low = np.minimum(f.min(1), right - depth)  # at some 0 < x < 1/m
    else:
        low = (f + np.sin(LATE * x + 2 * np.pi * depth[:, None]) / LATE).min(1)
    return float(np.mean(np.abs(low - np.minimum(np.minimum(left, at), right)) > 0.01))
