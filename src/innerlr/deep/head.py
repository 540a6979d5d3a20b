"""The layer that alone adapts, and the short way where it is linear and the model's last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from innerlr.errors import InnerlrError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from innerlr.deep.linearised import Linearised

# what wrappers put before the names of layers
_PREFIXES = ("module.", "_orig_mod.")


def layer_of(model: nn.Module, head: str | nn.Module) -> nn.Module:
    """A layer of the model, or the layer of that name.

    Raises:
        InnerlrError: no such layer, nothing in it that requires gradients.
    """
    layers = dict(model.named_modules(remove_duplicate=False))
    name = repr(head) if isinstance(head, str) else f"a {type(head).__name__}"
    if isinstance(head, str):
        own = [
            key for key, layer in layers.items() if key and any(True for _ in layer.parameters())
        ]
        for prefix in _PREFIXES:
            head = head if head in layers else head.removeprefix(prefix)
        if head not in layers or not head:  # '' is the model itself
            raise InnerlrError(f"head: the model has no {name}. {nearest(head, own)}")
        layer = layers[head]
    else:
        if not any(head is layer for layer in layers.values()):
            raise InnerlrError(
                f"head: expected a layer of the model, or its name, got {name} that is not in it. "
                "Give one from model.named_modules()."
            )
        layer = head
    if not any(p.requires_grad for p in layer.parameters()):
        raise InnerlrError(
            f"head: expected parameters that require gradients in {name}, got none. "
            "Unfreeze what the inner loop adapts."
        )
    return layer


@contextmanager
def watched(layer: nn.Module | None) -> Iterator[list[Tensor]]:
    """What the layer is called with while this is open, as it was then."""
    import torch

    seen: list[Tensor] = []
    if layer is None or isinstance(layer, torch.jit.ScriptModule):  # that takes no hooks
        yield seen
        return

    def keep(_: object, inputs: tuple[object, ...]) -> None:
        first = inputs[0] if len(inputs) == 1 else None
        seen.append(first.detach().clone() if isinstance(first, torch.Tensor) else torch.empty(0))

    handle = layer.register_forward_pre_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def plain_features(layer: nn.Module, seen: list[Tensor], made: Linearised) -> Tensor | None:
    """Inputs of a linear layer, (samples, features), with a 1 where its bias adapts.

    They are the features of each class where the model's output is the layer's. Whether it is shows
    in J'v for a random v: any other way from the layer to the output, or of its parameters into it,
    gives another vector.

    Returns:
        The features, or None where the Jacobian has to be made.
    """
    import torch
    from torch import nn

    if type(layer).forward is not nn.Linear.forward or len(seen) != 1:
        return None
    assert isinstance(layer, nn.Linear)
    x = seen[0]
    if made.shape != (len(x), layer.out_features) or x.ndim != 2:
        return None
    own = [layer.weight, *([] if layer.bias is None else [layer.bias])]
    names = [i for p in made.parameters for i, q in enumerate(own) if p is q]
    if names not in ([0], [0, 1]):
        return None
    v = made.probe.reshape(made.shape)
    expected = [(v.T @ x.to(v)).reshape(-1), v.sum(0)][: len(names)]
    # one matrix product rounds little; a scale of 1.001 is not rounding
    if not made.agrees(made.image, torch.cat(expected), share=0.1):
        return None
    return torch.cat([x, x.new_ones(len(x), 1)], 1) if len(names) > 1 else x
