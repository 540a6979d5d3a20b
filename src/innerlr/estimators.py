r"""Estimators of the adaptation learning rate, one function per equation.

All rates are for a loss without the factor 1/2 (the paper's): a step is
:math:`w - (2\alpha/K)\,\Phi^\top(\Phi w - y)`. Twice the value is the rate for a loss with 1/2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, as_chunks, positive, same_length, symmetric
from innerlr.errors import InnerlrError
from innerlr.modes import alpha_lim_modes, gram_modes
from innerlr.rows import RowMoments
from innerlr.traces import Traces, alpha_lim_traces, scaled, unit_of


def alpha_lim(
    features: ArrayLike | Iterable[ArrayLike],
    *,
    task_covariance: ArrayLike | None = None,
    steps: int = 1,
) -> float:
    r"""Limit of the optimal adaptation learning rate, eq. (3.3).

    .. math:: \alpha_{\lim} = \frac{K \operatorname{tr} E[G^2]}{2 \operatorname{tr} E[G^3]},
        \qquad G = \Phi^\top \Phi

    Traces are taken on the smaller of the shots and dim sides (tr G^p = tr (Phi Phi')^p).
    With task optima of covariance S not proportional to the identity, eq. (3.3) no longer holds;
    `task_covariance` gives the form that does, with tr(S E[G^p]). Several inner steps have no
    closed form; see :func:`innerlr.modes.alpha_lim_modes`.

    Args:
        features: (tasks, shots, dim), or an iterator (or list) of such chunks.
        task_covariance: (dim, dim), covariance of the task optima; None for isotropic ones.
        steps: of the inner loop.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: wrong shape, empty axis, NaN, features all zero.

    Example:
        >>> import numpy as np
        >>> alpha_lim(np.ones((1, 4, 1)))  # one feature, always 1: K K^2 / (2 K^3)
        0.5
    """
    shots, traces = 0, Traces()
    weight: Array | None = None
    modes: list[tuple[Array, Array]] = []
    for given in as_chunks(features, "features", fixed=("shots", "dim")):
        shots, d = given.shape[1:]
        if task_covariance is not None and weight is None:
            weight = symmetric(task_covariance, "task_covariance", d)
        if steps != 1:
            _, lengths, axes = np.linalg.svd(given, full_matrices=False)
            values = lengths**2
            spread = 1.0 if weight is None else ((axes @ weight) * axes).sum(-1)  # v_i' S v_i
            modes.append((values.ravel(), (values * spread).ravel()))
            continue
        unit = unit_of(given)
        phi = given / unit if unit != 1 else given
        if weight is not None:
            gram = phi @ phi.swapaxes(1, 2)  # tr(S G^2) = tr(Phi S Phi' Phi Phi')
            left = (phi @ weight) @ phi.swapaxes(1, 2)
        else:
            flipped = phi.swapaxes(1, 2)
            gram = flipped @ phi if d <= shots else phi @ flipped
            left = gram
        traces.add(float(np.vdot(left, gram)), float(np.vdot(left, gram @ gram)), unit)
    if modes:
        eigenvalues, weights = (np.concatenate(parts) for parts in zip(*modes, strict=True))
        return alpha_lim_modes(shots, eigenvalues, weights, steps=steps)
    return traces.alpha_lim(shots, "alpha_lim")


def alpha_lim_split(
    support: ArrayLike | Iterable[ArrayLike],
    query: ArrayLike | Iterable[ArrayLike],
    *,
    task_covariance: ArrayLike | None = None,
    steps: int = 1,
) -> float:
    r"""The limit when the inner step and the loss use different samples, eqs. (H.1), (H.6).

    .. math:: \alpha_{\lim} = \frac{k_1 \operatorname{tr} E[G_u G_t]}
                                   {2 \operatorname{tr} E[G_u G_t G_u]}

    Args:
        support: (tasks, k1, dim), u: the samples of the inner step; or an iterator (or list) of
            such chunks.
        query: (tasks, k2, dim), t: the samples of the outer loss; or chunks of the same tasks.
        task_covariance: (dim, dim) or None for isotropic task optima.
        steps: of the inner loop; above 1 for isotropic task optima alone.

    Returns:
        The learning rate, of a loss without 1/2; equal to :func:`alpha_lim` when support and query
        are the same.

    Raises:
        InnerlrError: wrong or disagreeing shapes, NaN, features all zero; a covariance for several
            steps.

    Example:
        >>> import numpy as np
        >>> support, query = np.ones((1, 4, 1)), 3 * np.ones((1, 2, 1))
        >>> alpha_lim_split(support, query)  # G_u = 4, G_t = 18: k1 G_u G_t / (2 G_u^2 G_t)
        0.5
    """
    if steps != 1 and task_covariance is not None:
        raise InnerlrError(
            f"task_covariance: expected None with {steps} inner steps on a split, for which "
            "there is no form with a covariance. Leave it out, or give steps=1."
        )
    shots, traces = 0, Traces()
    weight: Array | None = None
    modes: list[tuple[Array, Array]] = []
    for phi_u, phi_t in _split_chunks(support, query):
        shots = phi_u.shape[1]
        if steps != 1:
            cross = phi_t @ phi_u.swapaxes(1, 2)
            modes.append(gram_modes(phi_u @ phi_u.swapaxes(1, 2), cross))
            continue
        unit, other = unit_of(phi_u), unit_of(phi_t)
        phi_u, phi_t = (p / u if u != 1 else p for p, u in ((phi_u, unit), (phi_t, other)))
        cross = phi_t @ phi_u.swapaxes(1, 2)  # (tasks, k2, k1): tr G_u G_t = |Phi_t Phi_u'|^2
        adapted = cross @ phi_u  # Phi_t G_u
        if task_covariance is None:
            second, third = float(np.vdot(cross, cross)), float(np.vdot(adapted, adapted))
        else:
            if weight is None:
                weight = symmetric(task_covariance, "task_covariance", phi_u.shape[2])
            second = float(np.vdot(phi_t @ weight, adapted))
            third = float(np.vdot(adapted @ weight, adapted))
        traces.add(second, third, unit, other)
    if modes:
        eigenvalues, weights = (np.concatenate(parts) for parts in zip(*modes, strict=True))
        return alpha_lim_modes(shots, eigenvalues, weights, steps=steps)
    return traces.alpha_lim(shots, "alpha_lim_split")


def _split_chunks(
    support: ArrayLike | Iterable[ArrayLike], query: ArrayLike | Iterable[ArrayLike]
) -> Iterator[tuple[Array, Array]]:
    """Chunks of both, of the same tasks."""
    fixed = ("shots", "dim")
    both = (
        as_chunks(support, "support", fixed=fixed, shots="k1"),
        as_chunks(query, "query", fixed=fixed, shots="k2"),
    )
    for phi_u, phi_t in zip_longest(*both):
        if phi_u is None or phi_t is None:
            short = "support" if phi_u is None else "query"
            raise InnerlrError(
                f"support and query: {short} has fewer chunks. Both must have the same tasks."
            )
        same_length(phi_u, phi_t, ("support", "query"), 0, "tasks")
        same_length(phi_u, phi_t, ("support", "query"), 2, "dim")
        yield phi_u, phi_t


def alpha_lim_iid_rows(shots: int, nodes: ArrayLike, weights: ArrayLike) -> float:
    """Exact (3.3) for i.i.d. feature rows, expectations by quadrature.

    tr E G^2 = K E|y|^4 + K(K-1) tr M^2 and
    tr E G^3 = K E|y|^6 + 3K(K-1) tr(M B) + K(K-1)(K-2) tr M^3 with M = E yy', B = E |y|^2 yy'.

    Args:
        shots: K, samples per task.
        nodes: (n, dim), the feature vector y at each quadrature node.
        weights: (n,), nonnegative, summing to 1.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: weights that are negative or do not sum to 1; features all zero.

    Example:
        >>> alpha_lim_iid_rows(4, [[1.0]], [1.0])  # one feature, always 1
        0.5
        >>> alpha_lim_iid_rows(1, [[1.0, 0.0], [0.0, 2.0]], [0.5, 0.5])  # (1 + 16) / (2 (1 + 64))
        0.13076923076923078
    """
    y = as_array(nodes, "nodes", ("nodes", "dim"))
    unit = unit_of(y)
    rate = RowMoments.from_quadrature(y / unit, weights).alpha_lim(shots)
    return scaled(rate, (unit, unit), "alpha_lim_iid_rows")


def alpha_lim_iid_entries(shots: int, dim: int, moments: ArrayLike) -> float:
    """Exact (3.3) when all K d feature entries are i.i.d.: (E.8), and (E.11) corrected.

    Args:
        shots: K, samples per task.
        dim: d, features.
        moments: (m1, ..., m6), raw moments of an entry.

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: not six moments, or impossible ones (negative variance).

    Example:
        >>> rate = alpha_lim_iid_entries(10, 40, [0, 1, 0, 3, 0, 15])  # normal entries
        >>> round(rate / (10 * 51 / (2 * 3054)), 12)  # Wishart: K (K + d + 1) / (2 (K^2 + ...))
        1.0
    """
    k, d = positive(shots, "shots", integer=True), positive(dim, "dim", integer=True)
    m1, m2, m3, m4, m5, m6 = _six_moments(moments)
    del m5  # drops out: odd powers of an entry come in products only
    k2, d2 = k * (k - 1), d * (d - 1)
    k3, d3 = k2 * (k - 2), d2 * (d - 2)
    # (E.8)
    second = d * k * m4 + (d * k2 + d2 * k) * m2**2 + d2 * k2 * m1**4
    # (E.11), corrected
    third = (
        k * d * m6
        + 3 * (k2 * d + k * d2) * m4 * m2
        + (k3 * d + k * d3 + 3 * k2 * d2) * m2**3
        + 6 * k2 * d2 * m3 * m1**3
        + 3 * (k3 * d2 + k2 * d3) * m2 * m1**4
        + k3 * d3 * m1**6
    )
    return alpha_lim_traces(k, second, third, "alpha_lim_iid_entries")


def _six_moments(moments: ArrayLike) -> Array:
    m = as_array(moments, "moments", ("6",))
    if m.shape != (6,):
        raise InnerlrError(
            f"moments: expected six, the raw moments (m1, ..., m6), got {m.shape[0]}. "
            "Give E x^1 to E x^6 of an entry."
        )
    if m[1] < m[0] ** 2 * (1 - 1e-12):
        raise InnerlrError(
            f"moments: expected a positive variance, got m2 - m1^2 = {m[1] - m[0] ** 2:g}. "
            "Give raw moments E x^k, not central ones."
        )
    return m


def alpha_lim_polynomial(shots: int, dim: int, moment: Callable[[int], float]) -> float:
    """Exact (3.3) for features (1, x, ..., x^(d-1)), x i.i.d.: (E.3), and (E.4) corrected.

    Args:
        shots: K, samples per task.
        dim: d, number of monomials.
        moment: k -> E x^k, called for k = 0, ..., 6 (d - 1).

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: shots or dim below 1, a moment that is not finite.

    Example:
        >>> alpha_lim_polynomial(10, 2, lambda k: 1.0)  # x = 1: one direction of length sqrt(2)
        0.25
    """
    k, d = positive(shots, "shots", integer=True), positive(dim, "dim", integer=True)
    m = as_array([moment(p) for p in range(6 * d - 5)], "moment", ("orders",))
    j = np.arange(d)
    pair = j[:, None] + j
    triple = pair[:, :, None] + j
    k2 = k * (k - 1)
    k3 = k2 * (k - 2)
    hankel = m[pair]  # M_jm = E x^(j+m)
    # (E.3), 0-based
    second = k * m[2 * pair].sum() + k2 * (hankel**2).sum()
    # (E.4), corrected, 0-based
    third = (
        k * m[2 * triple].sum()
        + 3 * k2 * np.einsum("jml,ml->", m[triple + j[:, None, None]], hankel)
        + k3 * np.einsum("jm,ml,lj->", hankel, hankel, hankel)
    )
    return alpha_lim_traces(k, float(second), float(third), "alpha_lim_polynomial")


def alpha_est(features: ArrayLike) -> float:
    r"""The overparameterised estimate, eq. (H.15): 1 / (2 N K sigma^2).

    sigma is the standard deviation of all entries of the stacked features, as section H.2 says;
    the paper's text also admits other readings, which give very different values.

    Args:
        features: (tasks, shots, dim).

    Returns:
        The learning rate, of a loss without 1/2.

    Raises:
        InnerlrError: wrong shape, NaN, or all entries equal.

    Example:
        >>> alpha_est([[[1.0], [-1.0]], [[1.0], [-1.0]]])  # N = K = 2, entries of variance 1
        0.125
    """
    sums = EntrySums()
    sums.add(as_array(features, "features", ("tasks", "shots", "dim")))
    return sums.alpha_est()


class EntrySums:
    """What (H.15) needs of features of any size, which may come in chunks."""

    def __init__(self) -> None:
        self.rows = self.count = 0
        self.mean = self.variance = self.unit = 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, phi: Array) -> None:
        """More tasks, (tasks, shots, dim)."""
        self.low, self.high = min(self.low, phi.min()), max(self.high, phi.max())
        unit = max(unit_of(phi), self.unit)
        phi, old = (phi / unit if unit != 1 else phi), self.unit / unit
        n, total = phi.size, self.count + phi.size
        share, apart = n / total, float(phi.mean()) - self.mean * old
        pooled = (1 - share) * self.variance * old**2 + share * float(phi.var())
        self.variance = pooled + apart**2 * share * (1 - share)
        self.mean = self.mean * old + apart * share
        self.rows, self.count = self.rows + phi.shape[0] * phi.shape[1], total
        self.unit = unit

    def alpha_est(self) -> float:
        """(H.15).

        Raises:
            InnerlrError: all entries are equal.
        """
        if self.low == self.high:  # rounding leaves a variance above 0
            raise InnerlrError(
                f"features: expected entries that differ, got {self.low:g} everywhere: their "
                "variance is zero and (H.15) has no value. Check the feature map."
            )
        rate = 1 / (2 * self.rows * self.variance)
        return scaled(rate, (self.unit, self.unit), "alpha_est")
