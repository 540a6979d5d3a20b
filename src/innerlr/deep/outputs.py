"""The one tensor that the loss is of, in whatever a model returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from innerlr.errors import InnerlrError, nearest

if TYPE_CHECKING:
    from torch import Tensor

# a key or an attribute, a position, or a function of what the model returns
Output: TypeAlias = "str | int | Callable[[Any], Tensor] | None"


def picked(made: Any, output: Output, name: str) -> Tensor:
    """The output of a call.

    Args:
        made: what the model returned.
        output: which of it; None where there is one tensor.
        name: of the inputs, for the message.

    Raises:
        InnerlrError: no tensor, or several and none chosen.
    """
    import torch

    parts = _parts(made)
    if output is None:
        held = (torch.Tensor, list, tuple, Mapping)
        tensors = [value for value in parts.values() if isinstance(value, held)]
        if len(tensors) != 1 or not isinstance(tensors[0], torch.Tensor):
            raise InnerlrError(
                f"{name}: expected one tensor as the model's output, got {_said(made, parts)}. "
                f"Say which is the output: output={next(iter(parts), 'lambda made: ...')!r}."
            )
        return tensors[0]
    if callable(output):
        value = output(made)
    elif output in parts:
        value = parts[output]
    elif isinstance(output, str) and hasattr(made, output):
        value = getattr(made, output)
    else:
        raise InnerlrError(
            f"output: the model's output has no {output!r}, it is {_said(made, parts)}. "
            f"{nearest(str(output), map(str, parts)) if parts else 'Leave it out.'}"
        )
    if not isinstance(value, torch.Tensor):
        raise InnerlrError(
            f"output: expected a tensor at {output!r}, got {type(value).__name__}. "
            "Give the key, the position or a function of what the model returns."
        )
    return value


def _parts(made: Any) -> dict[Any, Any]:
    import torch

    if isinstance(made, torch.Tensor):
        return {0: made}
    if isinstance(made, Mapping):
        return dict(made)
    if isinstance(made, list | tuple):
        return dict(enumerate(made))
    return dict(vars(made)) if hasattr(made, "__dict__") else {}


def _said(made: Any, parts: Mapping[Any, Any]) -> str:
    kind = type(made).__name__
    return f"{kind} of {', '.join(map(repr, parts))}" if parts else kind
