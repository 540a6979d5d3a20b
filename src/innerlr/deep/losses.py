"""Losses by the curvature that they have in a model's outputs."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from innerlr.checks import choice
from innerlr.choices import LossName
from innerlr.errors import InnerlrError


class Loss(NamedTuple):
    """How a loss curves in the model's outputs.

    Attributes:
        curvature: h. With J the Jacobian of a task's outputs, n of them in all, the Hessian of the
            loss is h J'J / n.
        centred: whether an output common to all classes does not count.
    """

    curvature: float
    centred: bool = False


LOSSES: dict[LossName, Loss] = {
    "mse": Loss(2.0),
    "cross_entropy": Loss(1.0, centred=True),
    "binary_cross_entropy": Loss(0.25),
}
TWO_CLASSES = (
    "loss: expected two classes at least for a cross_entropy, got one output. "
    "Use binary_cross_entropy, or say how many `classes` there are."
)
# PyTorch's modules and functions, by the names that they have there
_TORCHS: dict[str, LossName] = {
    "MSELoss": "mse",
    "mse_loss": "mse",
    "CrossEntropyLoss": "cross_entropy",
    "cross_entropy": "cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy",
}


def loss_of(loss: object) -> Loss:
    """The loss of a name, or of PyTorch's module or function.

    Raises:
        InnerlrError: another loss; a module that sums or weights.
    """
    if not isinstance(loss, str):
        loss = _name(loss)
    choice(loss, "loss", get_args(LossName))
    return LOSSES[loss]  # type: ignore[index]


def _name(loss: Any) -> LossName:
    from torch import nn

    kind = type(loss) if isinstance(loss, nn.Module) else loss
    name = getattr(kind, "__name__", type(loss).__name__)
    if name not in _TORCHS or not str(kind.__module__).startswith("torch.nn"):
        raise InnerlrError(
            f"loss: the curvature of {name} is not known. Give the loss of your inner loop: "
            f"{', '.join(map(repr, get_args(LossName)))}, or PyTorch's module or function."
        )
    if getattr(loss, "reduction", "mean") != "mean":
        raise InnerlrError(
            f"loss: expected a mean, got {name}(reduction={loss.reduction!r}). Give the mean, and "
            "divide the rate by the number of terms that your loss sums."
        )
    for weight in ("weight", "pos_weight"):
        if getattr(loss, weight, None) is not None:
            raise InnerlrError(
                f"loss: {name} with `{weight}` curves differently for each class, for which there "
                "is no form. Leave the weights out."
            )
    return _TORCHS[name]
