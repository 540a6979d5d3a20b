"""Tangent features of a two-layer ReLU network for scalar inputs, by sums over its kinks.

A neuron switches on or off at its kink -b/w. With the kinks sorted and running sums over them, an
inner product of features needs no pass over the neurons, however many there are.
"""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array


class Kinks:
    """Kinks and running sums, of neurons that open to either side.

    A neuron with w > 0 is active right of its kink, one with w < 0 left of it; one with
    w = 0 < b everywhere. The columns of the sums are the coefficients of
    sum_active (w x + b)(w x' + b) + v^2 (x x' + hidden bias) in x x', x + x' and 1, and of
    sum_active (w x + b) + v (x + hidden bias) in x and 1.

    Args:
        w: (width,), hidden weights.
        b: (width,), hidden biases.
        v: (width,), output weights.
        hidden_bias: whether the hidden biases are parameters.
    """

    def __init__(self, w: Array, b: Array, v: Array, hidden_bias: bool) -> None:
        bias = float(hidden_bias)
        terms = np.stack([w**2 + v**2, w * b, b**2 + bias * v**2, w + v, b + bias * v], axis=1)
        with np.errstate(divide="ignore", over="ignore"):
            kink = np.where(w == 0, -np.inf, -b / np.where(w == 0, 1.0, w))
        sides = []
        for side, sign in (((w > 0) | ((w == 0) & (b > 0)), 1), (w < 0, -1)):
            order = np.argsort(sign * kink[side], kind="stable")
            sums = np.cumsum(terms[side][order], axis=0)
            sides.append(((sign * kink[side])[order], np.vstack([np.zeros((1, 5)), sums])))
        self._right, self._left = sides

    def active_sums(self, x: Array) -> tuple[Array, Array]:
        """Sums over the neurons with w >= 0, and with w < 0, that are active at x: (n, 5) each."""
        (right, right_sums), (left, left_sums) = self._right, self._left
        # strictly beyond the kink: ReLU'(0) = 0
        opened = right_sums[np.searchsorted(right, x, side="left")]
        return opened, left_sums[np.searchsorted(left, -x, side="left")]

    def _separable(self, x: Array) -> tuple[Array, Array]:
        """Factors (n, 4) whose product is the Gram's entry, of the smaller and the larger input.

        Of a pair, w > 0 neurons that are active at both are those active at the smaller input,
        w < 0 neurons those active at the larger: (A x x' + B (x + x') + C) of each.
        """
        (a, b, c), (d, e, f) = (side.T[:3] for side in self.active_sums(x))
        one = np.ones_like(x)
        smaller = np.stack([a * x + b, b * x + c, x, one], axis=1)
        larger = np.stack([x, one, d * x + e, e * x + f], axis=1)
        return smaller, larger

    def gram(self, x: Array, x2: Array | None, *, block: int) -> Array:
        """Inner products of the features, without that of the output bias.

        Args:
            x: (n,), inputs.
            x2: (n2,), inputs of the columns; None for x itself.
            block: entries computed at once.

        Returns:
            (n, n2).
        """
        smaller, larger = self._separable(x)
        if x2 is None:
            product = smaller @ larger.T
            return np.where(x[:, None] <= x, product, product.T)
        smaller2, larger2 = self._separable(x2)
        out = np.empty((len(x), len(x2)))
        size = max(1, block // len(x2))
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            out[part] = np.where(
                x[part, None] <= x2, smaller[part] @ larger2.T, larger[part] @ smaller2.T
            )
        return out
