"""The nine sums over tasks from which the loss at every learning rate follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from innerlr.checks import Array, as_array
from innerlr.errors import InnerlrError
from innerlr.moments import whitening
from innerlr.traces import unit_of

# Tasks are processed in blocks of about this many numbers, so that temporaries stay small.
BLOCK = 1 << 20


class Samples(NamedTuple):
    """Features and targets of a set of tasks.

    Attributes:
        features: (tasks, shots, dim).
        targets: (tasks, shots).
    """

    features: Array
    targets: Array

    def part(self, tasks: slice) -> Samples:
        """Those of some tasks."""
        return Samples(self.features[tasks], self.targets[tasks])


class _Block(NamedTuple):
    """Some tasks' features, the same in the coordinates of the sums, and centred targets."""

    phi: Array
    psi: Array
    y: Array


@dataclass(eq=False)
class Sums:
    """Sums over tasks of A'A, A'b and b'b, in the coordinates w = R^-1 (v + v_0).

    Attributes:
        gram: (3, dim, dim), coefficients of 1, -c, c^2 in A'A.
        cross: (3, dim), the same for A'b.
        energy: (3,), the same for b'b.
        centre: (dim,), v_0.
        whitener: R, (dim, dim); None for the identity.
        n_tasks: N.
        k_support: k1, samples of the inner step.
        k_query: k2, samples of the loss.
    """

    gram: Array
    cross: Array
    energy: Array
    centre: Array
    whitener: Array | None
    n_tasks: int
    k_support: int
    k_query: int

    @classmethod
    def begin(cls, first: Samples, whitener: Array | None, k_support: int) -> Self:
        """Empty sums, in coordinates chosen from the query samples of the first tasks.

        Args:
            first: query samples of these tasks.
            whitener: R, or None to whiten where these features need it.
            k_support: k1.
        """
        d = first.features.shape[-1]
        rows, targets = _leading(first)
        if whitener is None:
            whitener = whitening.if_needed(rows)
        else:
            whitening.check_dim(whitener, d)
        # the cut keeps v_0 of the size of the targets where the first tasks do not fix it
        cut = whitening.WHITEN_ABOVE**-0.5
        whitened = whitening.features_in(rows, whitener)
        return cls(
            gram=np.zeros((3, d, d)),
            cross=np.zeros((3, d)),
            energy=np.zeros(3),
            centre=np.linalg.lstsq(whitened, targets, rcond=cut)[0].astype(float),
            whitener=whitener,
            n_tasks=0,
            k_support=k_support,
            k_query=first.features.shape[1],
        )

    @property
    def dim(self) -> int:
        """Number of features d."""
        return self.gram.shape[-1]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(dim, k1, k2): what sums must share to be comparable."""
        return self.dim, self.k_support, self.k_query

    def add(self, support: Samples, query: Samples | None) -> None:
        """Add tasks; query is None where the samples are those of the support."""
        judged = support if query is None else query
        for samples in (support, judged):
            for what, array in zip(("features", "targets"), samples, strict=True):
                if unit_of(array) != 1:
                    raise InnerlrError(
                        f"update: expected {what} between 1e-40 and 1e40 in size, got "
                        f"{np.abs(array).max():.1e}; float64 does not hold the powers that are "
                        "summed. Divide them by their size: of features divided by s the rate is "
                        "s^2 times as large."
                    )
        self._check_coordinates(support, judged)
        n, k1, d = support.features.shape
        k2 = judged.features.shape[1]
        small = max(k1, k2) < d
        block = max(1, BLOCK // (max(k1, k2) * d if small else max(k1, k2, d) * d))
        for i in range(0, n, block):
            part = slice(i, i + block)
            self._add_block(
                support.part(part), None if query is None else query.part(part), small=small
            )
        self.n_tasks += n

    def _check_coordinates(self, support: Samples, query: Samples) -> None:
        """Tasks of another shape are an error; v_0 goes where it is not one of these tasks."""
        _, k2, d = query.features.shape
        these = (d, support.features.shape[1], k2)
        if these != self.shape:
            raise InnerlrError(
                f"update: earlier tasks had (dim, k1, k2) = {self.shape}, these have {these}. "
                "Sums are comparable only at equal numbers of samples: use one GramMoments each."
            )
        if not self.n_tasks:
            return  # v_0 is a fit of these tasks
        rows, targets = _leading(query)
        predicted = whitening.features_in(rows, self.whitener) @ self.centre
        if np.linalg.norm(predicted) > 4 * np.linalg.norm(targets):
            # v_0 only fits tasks unlike these: without it nothing large is subtracted
            self.cross, self.energy = _recentred(self.gram, self.cross, self.energy, -self.centre)
            self.centre = np.zeros(d)

    def _add_block(self, support: Samples, query: Samples | None, *, small: bool) -> None:
        # psi = Phi R^-1
        psi_u = whitening.features_in(support.features, self.whitener)
        psi_t = psi_u if query is None else whitening.features_in(query.features, self.whitener)
        y_u = support.targets - psi_u @ self.centre
        y_t = y_u if query is None else query.targets - psi_t @ self.centre
        phi_t = support.features if query is None else query.features
        pooled = psi_t.reshape(-1, self.dim)
        self.gram[0] += pooled.T @ pooled
        self.cross[0] += pooled.T @ y_t.reshape(-1)
        self.energy[0] += np.vdot(y_t, y_t)
        add = self._add_by_samples if small else self._add_by_features
        add(_Block(support.features, psi_u, y_u), _Block(phi_t, psi_t, y_t))

    def _add_by_samples(self, u: _Block, t: _Block) -> None:
        """Powers of c, with fewer samples than features: through M = Phi_u Phi_t', (k1, k2)."""
        d = self.dim
        m = u.phi @ t.phi.swapaxes(1, 2)
        across = m.swapaxes(1, 2) @ u.psi  # Phi_t G_u R^-1, (tasks, k2, d)
        flat_across, flat_u, flat_t = (part.reshape(-1, d) for part in (across, u.psi, t.psi))
        product = flat_across.T @ flat_t
        self.gram[1] += product + product.T
        self.gram[2] += flat_across.T @ flat_across

        step = matvec(m.swapaxes(1, 2), u.y)  # Phi_t p_u
        self.cross[1] += flat_u.T @ matvec(m, t.y).reshape(-1) + flat_t.T @ step.reshape(-1)
        self.cross[2] += flat_across.T @ step.reshape(-1)
        self.energy[1:] += [2 * np.vdot(t.y, step), np.vdot(step, step)]

    def _add_by_features(self, u: _Block, t: _Block) -> None:
        """The same through L = Phi'psi, (d, d): the task's Gram without a whitener."""
        d, same = self.dim, t.psi is u.psi
        phi_u_t = u.phi.swapaxes(1, 2)
        phi_t_t = phi_u_t if same else t.phi.swapaxes(1, 2)
        l_u = phi_u_t @ u.psi
        l_t = l_u if same else phi_t_t @ t.psi
        g_t = l_t if self.whitener is None else phi_t_t @ t.phi
        p_u = matvec(phi_u_t, u.y)
        p_t = p_u if same else matvec(phi_t_t, t.y)
        flat_u, flat_t = l_u.reshape(-1, d), l_t.reshape(-1, d)

        product = flat_u.T @ flat_t  # sum over tasks of L_u'L_t, one matrix product
        self.gram[1] += product + product.T
        self.gram[2] += flat_u.T @ (g_t @ l_u).reshape(-1, d)

        g_p = matvec(g_t, p_u)
        self.cross[1] += flat_u.T @ p_t.reshape(-1) + flat_t.T @ p_u.reshape(-1)
        self.cross[2] += flat_u.T @ g_p.reshape(-1)
        self.energy[1:] += [2 * np.vdot(p_t, p_u), np.vdot(p_u, g_p)]

    def empty_like(self, whitener: Array | None) -> Self:
        """Empty sums for tasks of the same shape, in the coordinates of `whitener`."""
        return type(self)(
            gram=np.zeros_like(self.gram),
            cross=np.zeros_like(self.cross),
            energy=np.zeros(3),
            centre=self.moved(self.centre, whitener),
            whitener=whitener,
            n_tasks=0,
            k_support=self.k_support,
            k_query=self.k_query,
        )

    def merge(self, other: Sums) -> None:
        """Add the tasks of `other`, whose sums are moved to the coordinates of self."""
        if self.shape != other.shape:
            raise InnerlrError(
                f"merge: (dim, k1, k2) differ, {self.shape} against {other.shape}. "
                "Only sums over tasks of one shape can be merged."
            )
        gram, cross, energy = other.gram, other.cross, other.energy
        change = whitening.quotient(other.whitener, self.whitener)
        if change is not None:  # psi of self is psi of other times this
            gram, cross = change.T @ gram @ change, cross @ change
        step = self.centre - other.moved(other.centre, self.whitener)
        self.gram = self.gram + gram
        cross, energy = _recentred(gram, cross, energy, step)
        self.cross = self.cross + cross
        self.energy = self.energy + energy
        self.n_tasks += other.n_tasks

    def moved(self, v: Array, whitener: Array | None) -> Array:
        """Weights (..., dim) from the coordinates of self to those of `whitener`."""
        change = whitening.quotient(whitener, self.whitener)
        return v if change is None else v @ change.T

    def to_arrays(self) -> dict[str, Array]:
        """The state as plain arrays."""
        arrays = {
            "gram": self.gram.copy(),
            "cross": self.cross.copy(),
            "energy": self.energy.copy(),
            "centre": self.centre.copy(),
            "counts": np.array([self.n_tasks, self.k_support, self.k_query], dtype=np.float64),
        }
        if self.whitener is not None:
            arrays["whitener"] = self.whitener.copy()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Inverse of :meth:`to_arrays`.

        Raises:
            InnerlrError: an array is missing, or of a wrong shape.
        """
        axes = {
            "gram": ("3", "dim", "dim"),
            "cross": ("3", "dim"),
            "energy": ("3",),
            "centre": ("dim",),
            "counts": ("3",),
        }
        missing = set(axes) - set(arrays)
        if missing:
            raise InnerlrError(
                f"GramMoments.from_arrays: missing {sorted(missing)}, got {sorted(arrays)}. "
                "Give what to_arrays returned."
            )
        given = arrays.get("whitener")
        whitener = None if given is None else whitening.checked(given)
        read = {name: as_array(arrays[name], name, labels) for name, labels in axes.items()}
        d = len(read["centre"])
        length = {"3": 3, "dim": d}
        shapes = {
            name: (read[name].shape, tuple(length[label] for label in labels))
            for name, labels in axes.items()
        }
        if whitener is not None:
            shapes["whitener"] = (whitener.shape, (d, d))
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise InnerlrError(
                    f"GramMoments.from_arrays: {name}: expected shape {expected}, got {got}. "
                    "Give what to_arrays returned."
                )
        n_tasks, k_support, k_query = (int(count) for count in read["counts"])
        return cls(
            gram=read["gram"].copy(),
            cross=read["cross"].copy(),
            energy=read["energy"].copy(),
            centre=read["centre"].copy(),
            whitener=whitener,
            n_tasks=n_tasks,
            k_support=k_support,
            k_query=k_query,
        )


def _leading(samples: Samples) -> tuple[Array, Array]:
    """The first 64 dim samples: rows (n, dim) and targets (n,)."""
    d = samples.features.shape[-1]
    return samples.features.reshape(-1, d)[: 64 * d], samples.targets.reshape(-1)[: 64 * d]


def matvec(matrices: Array, vectors: Array) -> Array:
    """Matrices (..., m, n) times vectors (..., n): (..., m)."""
    return (matrices @ vectors[..., None])[..., 0]


def _recentred(gram: Array, cross: Array, energy: Array, step: Array) -> tuple[Array, Array]:
    """Cross and energy sums when v_0 moves by `step`: of targets less by psi step."""
    moved = gram @ step
    return cross - moved, energy - 2 * cross @ step + moved @ step
