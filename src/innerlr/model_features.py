"""Features that a PyTorch model adapts on: its tangent features, or the inputs of its head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from innerlr.checks import positive
from innerlr.errors import InnerlrError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn


class Reader(Protocol):
    """Reads features: inputs (samples, ...) to (samples, outputs, features), and a sample's shape.

    The shape is that of the model's output for one sample.
    """

    def __call__(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]: ...


def reader(model: nn.Module, head: str | nn.Module | None, block: int) -> Reader:
    """What a model adapts on: the inputs of its head, or without one its tangent features.

    Args:
        model: any.
        head: a linear layer of the model, or its name; None where all parameters are adapted.
        block: outputs whose gradients are taken at once.

    Raises:
        InnerlrError: an unknown head, one that is not linear, a block below 1, no parameters.
    """
    size = positive(block, "block", integer=True)
    return TangentFeatures(model, size) if head is None else HeadFeatures(model, head)


class _Features:
    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def call(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        """The model's output; what it writes into its buffers is lost."""
        from torch.func import functional_call

        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        made: Tensor = functional_call(self.model, (parameters, buffers), (x,))
        return made


class TangentFeatures(_Features):
    """Gradients of the outputs in all parameters, (samples, outputs, parameters).

    With them comes the shape of the outputs of a sample.
    """

    def __init__(self, model: nn.Module, block: int) -> None:
        super().__init__(model)
        self.block = block
        if not any(p.requires_grad for p in model.parameters()):
            raise InnerlrError(
                "model: expected parameters that require gradients, got none. Tangent features "
                "are gradients with respect to them."
            )

    def __call__(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        import torch

        values = {
            name: p.detach().requires_grad_(p.requires_grad)
            for name, p in self.model.named_parameters()
        }
        adapted = [value for value in values.values() if value.requires_grad]
        with torch.enable_grad():
            output = self.call(values, x)
            if output.ndim == 0 or len(output) != len(x):
                raise ValueError(f"its output has shape {tuple(output.shape)}, not a row a sample")
            flat = output.reshape(-1)
        parts = []
        for at in torch.eye(len(flat), dtype=flat.dtype, device=flat.device).split(self.block):
            rows = torch.autograd.grad(
                flat,
                adapted,
                at,
                retain_graph=True,
                is_grads_batched=True,
                allow_unused=True,
            )
            filled = [
                at.new_zeros(len(at), p.numel()) if row is None else row.flatten(1)
                for row, p in zip(rows, adapted, strict=True)
            ]
            parts.append(torch.cat(filled, 1))
        return torch.cat(parts).unflatten(0, (len(x), -1)), tuple(output.shape[1:])


class HeadFeatures(_Features):
    """Inputs of a linear layer, with a 1 for its bias, (samples, 1, features)."""

    def __init__(self, model: nn.Module, head: str | nn.Module) -> None:
        from torch import nn

        super().__init__(model)
        layers = dict(model.named_modules())
        if isinstance(head, str):
            linear = [name for name, layer in layers.items() if isinstance(layer, nn.Linear)]
            if head not in layers:
                raise InnerlrError(f"head: the model has no {head!r}. {nearest(head, linear)}")
            head = layers[head]
        elif not any(head is layer for layer in layers.values()):
            raise InnerlrError("head: expected a layer of the model, got one that is not in it.")
        if not isinstance(head, nn.Linear):
            raise InnerlrError(
                f"head: expected a torch.nn.Linear, got a {type(head).__name__}. "
                "Leave it out to adapt all parameters."
            )
        self.head = head

    def __call__(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        import torch

        seen: list[Tensor] = []
        handle = self.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            with torch.no_grad():
                self.call(dict(self.model.named_parameters()), x)
        finally:
            handle.remove()
        if len(seen) != 1 or seen[0].ndim != 2 or len(seen[0]) != len(x):
            shapes = ", ".join(str(tuple(value.shape)) for value in seen) or "nothing"
            raise ValueError(f"the head sees {shapes}, not one row of features a sample")
        phi = seen[0]
        if self.head.bias is not None:
            phi = torch.cat([phi, phi.new_ones(len(phi), 1)], 1)
        return phi.unsqueeze(1), (self.head.out_features,)
