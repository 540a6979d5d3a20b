r"""Tangent features of a two-layer ReLU network, through their Gram matrix.

The network is :math:`f(x) = \sum_j v_j \max(0, w_j^\top x + b_j) + c`; its tangent features
:math:`\psi(x) = \nabla f(x)`, eq. (H.17), are in the order hidden weights, hidden biases, output
weights, output bias. With n inputs the Gram :math:`\Psi\Psi^\top` is n x n, however wide the
network. PyTorch is imported only by what takes or returns its objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, choice, positive
from innerlr.choices import GramMethod, Init
from innerlr.entries import EntryMoments
from innerlr.errors import InnerlrError
from innerlr.kinks import Kinks

if TYPE_CHECKING:
    from torch import Tensor, nn

# what numpy.random.default_rng takes
Seed: TypeAlias = (
    int
    | Sequence[int]
    | np.random.SeedSequence
    | np.random.BitGenerator
    | np.random.Generator
    | None
)
# Entries of one block: what bounds the memory beside the result.
BLOCK = 1 << 22

# law of a layer's parameters: (fan in, fan out) -> (kind, bound | standard deviation)
INITS: dict[Init, Callable[[int, int], tuple[str, float]]] = {
    "pytorch": lambda i, o: ("symmetric", 1 / math.sqrt(i)),
    "uniform": lambda i, o: ("symmetric", 1.0),
    "uniform01": lambda i, o: ("positive", 1.0),
    "normal": lambda i, o: ("normal", 1.0),
    "he_uniform": lambda i, o: ("symmetric", math.sqrt(6 / i)),
    "he_normal": lambda i, o: ("normal", math.sqrt(2 / i)),
    "xavier_uniform": lambda i, o: ("symmetric", math.sqrt(6 / (i + o))),
    "xavier_normal": lambda i, o: ("normal", math.sqrt(2 / (i + o))),
    "lecun_uniform": lambda i, o: ("symmetric", math.sqrt(3 / i)),
    "lecun_normal": lambda i, o: ("normal", 1 / math.sqrt(i)),
}


def _draw(rng: np.random.Generator, kind: str, size: float, shape: tuple[int, ...]) -> Array:
    if kind == "normal":
        return rng.normal(0.0, size, shape)
    return rng.uniform(-size if kind == "symmetric" else 0.0, size, shape)


class TwoLayerNTK:
    """A two-layer ReLU network with scalar output, and its tangent features (H.17).

    Args:
        width: hidden neurons.
        input_dim: length of an input.
        init: law of every layer's weights, and of its biases too: pytorch (its default,
            U(+-1/sqrt(fan in))), uniform U(-1, 1), uniform01 U(0, 1), normal N(0, 1), or
            {he,xavier,lecun}_{uniform,normal}.
        hidden_bias, output_bias: whether the layer has one.
        seed: whatever :func:`numpy.random.default_rng` takes.
        scaled: multiply all drawn values by 1/sqrt(width); the Gram is then that of the tangent
            kernel's parametrisation, of order 1 for uniform and normal.

    Raises:
        InnerlrError: a width or input_dim below 1, an unknown init.

    Example:
        >>> model = TwoLayerNTK(10_000, 1, seed=0)
        >>> model.dim
        30001
        >>> model.gram([0.0, 1.0]).shape
        (2, 2)
    """

    def __init__(
        self,
        width: int,
        input_dim: int,
        init: Init = "pytorch",
        hidden_bias: bool = True,
        output_bias: bool = True,
        seed: Seed = 0,
        scaled: bool = False,
    ) -> None:
        m = positive(width, "width", integer=True)
        p = positive(input_dim, "input_dim", integer=True)
        choice(init, "init", get_args(Init))
        rng = np.random.default_rng(seed)
        scale = 1 / math.sqrt(m) if scaled else 1.0
        hidden, output = INITS[init](p, m), INITS[init](m, 1)
        # All four are always drawn, so that switching a bias off changes nothing else.
        w, b = (scale * _draw(rng, *hidden, shape) for shape in ((m, p), (m,)))
        v, c = (scale * _draw(rng, *output, shape) for shape in ((m,), (1,)))
        self._set(w, b if hidden_bias else None, v, float(c[0]) if output_bias else None)

    def _set(self, w: Array, b: Array | None, v: Array, c: float | None) -> None:
        self.w = w
        self.hidden_bias, self.output_bias = b is not None, c is not None
        self.b = np.zeros(len(w)) if b is None else b
        self.v = v
        self.c = 0.0 if c is None else c

    @classmethod
    def from_parameters(
        cls, w: ArrayLike, b: ArrayLike | None, v: ArrayLike, c: float | None
    ) -> Self:
        """A network with given parameters.

        Args:
            w: (width, input_dim), hidden weights.
            b: (width,), hidden biases; None for none.
            v: (width,), output weights.
            c: output bias; None for none.

        Returns:
            The network.

        Raises:
            InnerlrError: shapes that do not agree, NaN.
        """
        model = cls.__new__(cls)
        weights = as_array(w, "w", ("width", "input_dim"))
        output = as_array(v, "v", ("width",))
        biases = None if b is None else as_array(b, "b", ("width",))
        for name, other in (("v", output), ("b", biases)):
            if other is not None and len(other) != len(weights):
                raise InnerlrError(
                    f"{name}: expected {len(weights)} values, one for each row of w, "
                    f"got {len(other)}. Give all parameters of one network."
                )
        model._set(weights, biases, output, None if c is None else float(c))
        return model

    @classmethod
    def from_torch(cls, network: nn.Module) -> Self:
        """The parameters of a torch.nn.Sequential(Linear, ReLU, Linear) with one output.

        Args:
            network: that, on any device.

        Returns:
            The same network.

        Raises:
            InnerlrError: another kind of network.
        """
        from torch import nn

        layers = list(network) if isinstance(network, nn.Sequential) else []
        kinds = tuple(type(layer) for layer in layers)
        if kinds != (nn.Linear, nn.ReLU, nn.Linear) or layers[2].out_features != 1:
            raise InnerlrError(
                "network: expected torch.nn.Sequential(Linear, ReLU, Linear) with one output, got "
                f"{type(network).__name__}({', '.join(k.__name__ for k in kinds)}). "
                "Use innerlr.empirical_ntk.empirical_gram for any other model."
            )
        hidden, _, output = layers
        assert isinstance(hidden, nn.Linear)
        assert isinstance(output, nn.Linear)
        return cls.from_parameters(
            _numpy(hidden.weight),
            None if hidden.bias is None else _numpy(hidden.bias),
            _numpy(output.weight)[0],
            None if output.bias is None else float(_numpy(output.bias)[0]),
        )

    def to_torch(self) -> nn.Sequential:
        """The same network in PyTorch.

        Returns:
            A torch.nn.Sequential(Linear, ReLU, Linear) in float64.
        """
        import torch
        from torch import nn

        network = nn.Sequential(
            nn.Linear(self.input_dim, self.width, bias=self.hidden_bias),
            nn.ReLU(),
            nn.Linear(self.width, 1, bias=self.output_bias),
        ).double()
        values = [self.w, *([self.b] if self.hidden_bias else []), self.v[None]]
        values += [np.array([self.c])] if self.output_bias else []
        with torch.no_grad():
            for parameter, value in zip(network.parameters(), values, strict=True):
                parameter.copy_(torch.from_numpy(np.array(value)))
        return network

    @property
    def width(self) -> int:
        """Hidden neurons."""
        return self.w.shape[0]

    @property
    def input_dim(self) -> int:
        """Length of an input."""
        return self.w.shape[1]

    @property
    def dim(self) -> int:
        """Parameters d, the length of a feature vector."""
        return self.width * (self.input_dim + 1 + self.hidden_bias) + self.output_bias

    def _inputs(self, x: ArrayLike, name: str) -> Array:
        if self.input_dim == 1 and np.ndim(x) == 1:
            return as_array(x, name, ("n",))[:, None]
        inputs = as_array(x, name, ("n", "input_dim"))
        if inputs.shape[1] != self.input_dim:
            raise InnerlrError(
                f"{name}: expected shape (n, {self.input_dim}), got {inputs.shape}. "
                "Give one row an input, of the length the network takes."
            )
        return inputs

    def _neurons(self, inputs: int) -> Iterator[slice]:
        size = max(1, BLOCK // max(1, inputs))
        for start in range(0, self.width, size):
            yield slice(start, start + size)

    def predict(self, x: ArrayLike) -> Array:
        """f(x) at the initial parameters; time O(n width), bounded memory.

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.

        Returns:
            (n,).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim.
        """
        inputs = self._inputs(x, "x")
        total = np.full(len(inputs), self.c)
        for part in self._neurons(len(inputs)):
            total += np.maximum(inputs @ self.w[part].T + self.b[part], 0) @ self.v[part]
        return total

    def features(self, x: ArrayLike) -> Array:
        """Tangent features, eq. (H.17); for small cases, memory O(n d).

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.

        Returns:
            (n, d).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim.
        """
        inputs = self._inputs(x, "x")
        h = inputs @ self.w.T + self.b
        slope = np.where(h > 0, self.v, 0.0)  # ReLU'(0) = 0, as in PyTorch
        parts = [(slope[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)]
        if self.hidden_bias:
            parts.append(slope)
        parts.append(np.maximum(h, 0))
        if self.output_bias:
            parts.append(np.ones((len(inputs), 1)))
        return np.concatenate(parts, axis=1)

    def gram(
        self, x: ArrayLike, x2: ArrayLike | None = None, *, method: GramMethod = "auto"
    ) -> Array:
        """Inner products of tangent features, exact up to rounding.

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.
            x2: (n2, input_dim), or (n2,), for the columns; None for x itself.
            method: kinks (scalar inputs: time O(n n2 + width log width), independent of the
                width for each pair), blocked (matrix products over blocks of neurons: time
                O(n n2 width)), or auto: kinks where it applies. Both need bounded memory beside
                the result.

        Returns:
            (n, n2).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim, kinks for vector inputs.
        """
        rows = self._inputs(x, "x")
        columns = rows if x2 is None else self._inputs(x2, "x2")
        choice(method, "method", get_args(GramMethod))
        if method == "blocked" or (method == "auto" and self.input_dim > 1):
            return self._blocked_gram(rows, columns)
        if self.input_dim > 1:
            raise InnerlrError(
                f"method: 'kinks' needs scalar inputs, the network takes {self.input_dim} values. "
                "Use 'blocked'."
            )
        gram = self._kinks.gram(rows[:, 0], None if x2 is None else columns[:, 0], block=BLOCK)
        return gram + self.output_bias

    def _blocked_gram(self, x: Array, x2: Array) -> Array:
        ramps = np.zeros((len(x), len(x2)))
        slopes = np.zeros((len(x), len(x2)))
        for part in self._neurons(len(x) + len(x2)):
            h, h2 = (i @ self.w[part].T + self.b[part] for i in (x, x2))
            ramps += np.maximum(h, 0) @ np.maximum(h2, 0).T
            slopes += ((h > 0) * self.v[part]) @ ((h2 > 0) * self.v[part]).T
        return ramps + slopes * (x @ x2.T + self.hidden_bias) + self.output_bias

    @cached_property
    def _kinks(self) -> Kinks:
        return Kinks(self.w[:, 0], self.b, self.v, self.hidden_bias)

    def diagonal(self, x: ArrayLike) -> Array:
        """Squared norms of the features of each input, without their Gram.

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.

        Returns:
            (n,).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim.
        """
        return self._sums_of_rows(self._inputs(x, "x"))[1]

    def row_sums(self, x: ArrayLike) -> Array:
        """Sum of all d features of each input.

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.

        Returns:
            (n,).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim.
        """
        return self._sums_of_rows(self._inputs(x, "x"))[0]

    def _sums_of_rows(self, x: Array) -> tuple[Array, Array]:
        if self.input_dim == 1:
            z = x[:, 0]
            opened, others = self._kinks.active_sums(z)
            a, b, c, d, e = (opened + others).T
            return d * z + e + self.output_bias, (a * z + 2 * b) * z + c + self.output_bias
        total = np.full(len(x), float(self.output_bias))
        square = total.copy()
        inner = x.sum(1) + self.hidden_bias
        norm = (x**2).sum(1) + self.hidden_bias
        for part in self._neurons(len(x)):
            h = x @ self.w[part].T + self.b[part]
            ramp, active = np.maximum(h, 0), h > 0
            total += ramp.sum(1) + inner * (active @ self.v[part])
            square += (ramp**2).sum(1) + norm * (active @ self.v[part] ** 2)
        return total, square

    def entry_moments(self, x: ArrayLike) -> EntryMoments:
        """Moments of all n d entries of the stacked features; they are never formed.

        Args:
            x: (n, input_dim), or (n,) where input_dim is 1.

        Returns:
            Their mean, mean square and number; the variance is sigma^2 of (H.15).

        Raises:
            InnerlrError: empty or non-finite inputs, another input_dim.
        """
        total, square = self._sums_of_rows(self._inputs(x, "x"))
        count = len(total) * self.dim
        return EntryMoments(float(total.sum()) / count, float(square.sum()) / count, count)


def _numpy(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().double().numpy(), dtype=np.float64)
