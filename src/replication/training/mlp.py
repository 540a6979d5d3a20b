r"""Stacks of multilayer perceptrons: many models of one shape, computed together.

The parameters of a stack of M models are a list of weights (M, in, out) and biases (M, 1, out),
layer by layer. Models never mix: one that overflows does not touch the others.

Inner steps adapt every model to every task. A step adds to the weights of a layer a matrix of rank
K, the number of samples: with inputs :math:`H_s` of the layer on the support and the gradient
:math:`D` of the loss in its output,

.. math:: h W' = h W - \alpha\,(h H_s^\top) D,

so that adapted weights need not be formed where both sides of the layer are wide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from innerlr.checks import choice, positive
from replication.settings.choices import Activation, NetworkInit

Parameters = list[Tensor]


def _relu_backward(grad: Tensor, output: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward(grad, output.detach(), 0.0)


# name: (function, (gradient in the output, output) -> gradient in the input)
ACTIVATIONS: dict[
    Activation, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
] = {
    "relu": (torch.relu, _relu_backward),
    "tanh": (torch.tanh, lambda grad, output: grad * (1 - output * output)),
    "softplus": (torch.nn.functional.softplus, lambda grad, output: grad * -torch.expm1(-output)),
}


def activation_named(name: Activation) -> tuple[Any, Any]:
    """The activation and its backward pass.

    Raises:
        InnerlrError: an unknown name.
    """
    choice(name, "activation", get_args(Activation))
    return ACTIVATIONS[name]


# law of the initial parameters, given the fan in: (kind, size) of weights, of biases
INITS: dict[NetworkInit, Callable[[int], tuple[tuple[str, float], tuple[str, float]]]] = {
    # PyTorch's default of a linear layer
    "pytorch": lambda i: (("uniform", 1 / math.sqrt(i)), ("uniform", 1 / math.sqrt(i))),
    # Finn et al. (2017), in their code: truncated at two standard deviations
    "truncated_normal": lambda i: (("truncated", 0.01), ("zero", 0.0)),
    "lecun_normal": lambda i: (("normal", 1 / math.sqrt(i)), ("zero", 0.0)),
    "he_normal": lambda i: (("normal", math.sqrt(2 / i)), ("zero", 0.0)),
}


def _draw(
    rng: np.random.Generator, law: tuple[str, float], shape: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    kind, size = law
    if kind == "zero":
        return np.zeros(shape)
    if kind == "uniform":
        return rng.uniform(-size, size, shape)
    values = rng.standard_normal(shape)
    while kind == "truncated" and (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return size * values


@dataclass(frozen=True)
class MLP:
    """The shape of a multilayer perceptron with scalar output; every layer has a bias.

    Args:
        input_dim: length of an input.
        hidden: width of each hidden layer.
        activation: relu, tanh or softplus.
        init: pytorch (its default), truncated_normal (sd 0.01, no biases; Finn's code),
            lecun_normal (sd 1/sqrt(fan in)) or he_normal.

    Raises:
        InnerlrError: a width below 1, an unknown activation or init.

    Example:
        >>> MLP(1, (40, 40)).size
        1761
    """

    input_dim: int
    hidden: tuple[int, ...]
    activation: Activation = "relu"
    init: NetworkInit = "pytorch"

    def __post_init__(self) -> None:
        positive(self.input_dim, "input_dim", integer=True)
        for width in self.hidden:
            positive(width, "hidden", integer=True)
        activation_named(self.activation)
        choice(self.init, "init", get_args(NetworkInit))

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(in, out) of each layer."""
        widths = [self.input_dim, *self.hidden, 1]
        return list(itertools.pairwise(widths))

    @property
    def size(self) -> int:
        """Number of parameters d."""
        return sum(i * o + o for i, o in self.layers)

    def initial(self, rng: np.random.Generator) -> Parameters:
        """Initial parameters of one model, float64: weights (1, in, out), biases (1, 1, out)."""
        parameters = []
        for i, o in self.layers:
            weight, bias = INITS[self.init](i)
            parameters += [_draw(rng, weight, (1, i, o)), _draw(rng, bias, (1, 1, o))]
        return [torch.from_numpy(values) for values in parameters]

    def hidden_outputs(self, parameters: Sequence[Tensor], x: Tensor) -> list[Tensor]:
        """The input and the outputs of all hidden layers.

        Args:
            parameters: of M models.
            x: (M or 1, rows, input_dim).

        Returns:
            A list of (M, rows, width); its first entry is `x` for every model.
        """
        forward, _ = activation_named(self.activation)
        models = parameters[0].shape[0]
        outputs = [x.expand(models, -1, -1)]
        for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            outputs.append(forward(torch.baddbmm(bias, outputs[-1], weight)))
        return outputs

    def __call__(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Outputs (M, rows) at inputs (M or 1, rows, input_dim)."""
        last = self.hidden_outputs(parameters, x)[-1]
        return torch.baddbmm(parameters[-1], last, parameters[-2])[..., 0]

    def tangent(self, parameters: Sequence[Tensor], x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Factors of the tangent features: psi(x) of a layer is (h, 1) times delta.

        Args:
            parameters: of M models.
            x: (M or 1, rows, input_dim).

        Returns:
            Layer by layer, inputs h (M, rows, in) and deltas (M, rows, out), the gradients of the
            network's output in the layer's output.
        """
        _, backward = activation_named(self.activation)
        inputs = self.hidden_outputs(parameters, x)
        deltas = [torch.ones_like(inputs[-1][..., :1])]
        for weight, h in zip(parameters[-2:0:-2], inputs[:0:-1], strict=True):
            deltas.append(backward(deltas[-1] @ weight.mT, h))
        return inputs, deltas[::-1]

    def tangent_grams(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Psi Psi' of each task's tangent features (H.17).

        Args:
            parameters: of M models.
            x: (tasks, rows, input_dim), the same tasks for every model.

        Returns:
            (M, tasks, rows, rows).
        """
        tasks, rows, _ = x.shape
        inputs, deltas = self.tangent(parameters, x.reshape(1, tasks * rows, -1))
        total: Tensor | None = None
        for h, delta in zip(inputs, deltas, strict=True):
            h, delta = (part.unflatten(1, (tasks, rows)) for part in (h, delta))
            gram = (h @ h.mT + 1) * (delta @ delta.mT)
            total = gram if total is None else total + gram
        assert total is not None
        return total

    def tangent_features(self, parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        """Psi, the gradient of the output in all parameters (H.17).

        Args:
            parameters: of M models.
            x: (M or 1, rows, input_dim).

        Returns:
            (M, rows, size), layer by layer: weights, then biases.
        """
        inputs, deltas = self.tangent(parameters, x)
        parts = []
        for h, delta in zip(inputs, deltas, strict=True):
            parts += [(h.unsqueeze(-1) * delta.unsqueeze(-2)).flatten(2), delta]
        return torch.cat(parts, -1)


class _InnerProducts(torch.autograd.Function):
    """a @ b' of batches, with gradients that are products of the same good shape.

    PyTorch's own gradient in b is one of (n, rows) with (rows, rows), three times as slow for few
    rows. It can be differentiated once.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return torch.bmm(a, b.mT)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        return torch.bmm(grad, b), torch.bmm(grad.mT, a)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b, by elementwise products where a batch of tiny matrix-vector products would be slow."""
    if a.shape[-1] == 1:
        return a * b
    if b.shape[-1] == 1:
        return (a * b.mT).sum(-1, keepdim=True)
    return a @ b


@dataclass
class _Layer:
    """A layer of every model, adapted to every task.

    Attributes:
        weight, bias: (M, in, out) and (M, 1, out), before adaptation.
        formed: whether adapted weights are formed, for each task, or kept as low-rank updates.
        updates: (inputs, rate times gradient) of each step: (M tasks, K, in) and (.., K, out).
        own: (M, tasks, in, out) and (M, tasks, 1, out), where formed and once there is a step.
    """

    weight: Tensor
    bias: Tensor
    formed: bool
    updates: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    own: tuple[Tensor, Tensor] | None = None

    def __call__(self, h: Tensor) -> Tensor:
        if self.own is not None:
            return _product(h, self.own[0]) + self.own[1]
        models, tasks, rows, _ = h.shape
        flat = h.flatten(0, 1)
        z = torch.baddbmm(self.bias, h.reshape(models, tasks * rows, -1), self.weight)
        z = z.view(models * tasks, rows, -1)
        for inputs, gradient in self.updates:
            z = torch.baddbmm(z, _InnerProducts.apply(flat, inputs) + 1, gradient, alpha=-1)
        return z.view(models, tasks, rows, -1)

    def back(self, delta: Tensor) -> Tensor:
        """The gradient in the layer's input."""
        if self.own is not None:
            return _product(delta, self.own[0].mT)
        models, tasks, rows, _ = delta.shape
        flat = delta.flatten(0, 1)
        g = torch.bmm(delta.reshape(models, tasks * rows, -1), self.weight.mT)
        g = g.view(models * tasks, rows, -1)
        for inputs, gradient in self.updates:
            g = torch.baddbmm(g, torch.bmm(flat, gradient.mT), inputs, alpha=-1)
        return g.view(models, tasks, rows, -1)

    def step(self, inputs: Tensor, gradient: Tensor) -> None:
        """Descend: `gradient` is the gradient of the loss in the layer's output, times the rate."""
        if not self.formed:
            self.updates.append((inputs.flatten(0, 1), gradient.flatten(0, 1)))
            return
        weight, bias = self.own or (self.weight.unsqueeze(1), self.bias.unsqueeze(1))
        self.own = (weight - _product(inputs.mT, gradient), bias - gradient.sum(2, keepdim=True))


class AdaptedMLP:
    """A stack of models, each adapted to each task by steps of gradient descent.

    The loss of a task is its mean squared error without a factor 1/2.

    Args:
        network: the models' shape.
        parameters: of M models.
        rows: samples that will be predicted at once, which decides what is formed.
        first_order: take the inner gradients as constants.
    """

    def __init__(
        self,
        network: MLP,
        parameters: Sequence[Tensor],
        *,
        rows: int,
        first_order: bool = False,
    ) -> None:
        self._forward, self._backward = activation_named(network.activation)
        self._first_order = first_order
        self._layers = [
            _Layer(weight, bias, formed=i * o <= rows * (i + o))
            for weight, bias, (i, o) in zip(
                parameters[::2], parameters[1::2], network.layers, strict=True
            )
        ]

    def _outputs(self, x: Tensor) -> list[Tensor]:
        """The input of every layer, and the output: each (M, tasks, rows, .)."""
        outputs = [x]
        for i, layer in enumerate(self._layers):
            z = layer(outputs[-1])
            outputs.append(z if i == len(self._layers) - 1 else self._forward(z))
        return outputs

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (M, tasks, rows) at (M, tasks, rows, input_dim)."""
        return self._outputs(x)[-1][..., 0]

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> None:
        """One inner step w - rate * gradient on every task.

        Args:
            x: (M, tasks, K, input_dim).
            y: (M or 1, tasks, K).
            rate: (M,).
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._first_order):
            outputs = self._outputs(x)
            # d/df of (1/K) sum (f - y)^2, times the rate
            scale = (2 / y.shape[-1] * rate).view(-1, 1, 1, 1)
            delta = scale * (outputs[-1] - y.unsqueeze(-1))
            steps = [(outputs[-2], delta)]
            for layer, h in zip(self._layers[:0:-1], outputs[-2:0:-1], strict=True):
                delta = self._backward(layer.back(delta), h)
                steps.append((outputs[len(self._layers) - 1 - len(steps)], delta))
        for layer, (inputs, gradient) in zip(self._layers, reversed(steps), strict=True):
            layer.step(inputs, gradient)
