"""A learning rate for the inner loop of a PyTorch model of your own, in one call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, choice, positive, same_length
from innerlr.choices import LossName
from innerlr.errors import InnerlrError
from innerlr.model_features import Reader, reader
from innerlr.modes import alpha_lim_modes, gram_modes

if TYPE_CHECKING:
    from torch import Tensor, nn


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


def model_alpha(
    model: nn.Module,
    tasks: Iterable[Tensor | Sequence[Tensor]],
    *,
    head: str | nn.Module | None = None,
    loss: LossName = "mse",
    steps: int = 1,
    block: int = 64,
) -> float:
    r"""Inner learning rate of MAML, or of ANIL, for a model at its present parameters.

    The model is linearised: its features are the gradients of its outputs (section 5.1), and
    (3.3), or (H.6) where support and query are apart, is the rate at which adapting a solution to
    many tasks leaves the least risk; for several steps as in
    :func:`innerlr.modes.alpha_lim_modes`. The rate is for the loss as PyTorch has it. A
    cross-entropy is taken by its curvature where all classes are equally likely, as they are before
    adaptation:
    :math:`J^\top P J / n` with the centring P over classes, in the place of :math:`2 J^\top J / n`.
    This goes beyond the paper, whose theory is of the squared loss.

    Layers whose output depends on the batch, such as batch norm, see a task's support (or query) as
    one batch; put the model into the mode of your inner loop. Nothing of the model is changed.

    Args:
        model: its output has one row a sample; of any further shape, (samples, classes) for a
            cross-entropy.
        tasks: one item a task: its inputs (samples, ...), on the model's device, or a pair of
            those of its support and its query. The more steps, the more the few tasks with the
            largest features decide: give hundreds where you can.
        head: the linear layer that alone is adapted, as in ANIL, or its name in the model; None
            where all parameters that require gradients are, as in MAML.
        loss: of the inner loop: mse (nn.MSELoss), cross_entropy (nn.CrossEntropyLoss) or
            binary_cross_entropy (nn.BCEWithLogitsLoss), each with its own mean.
        steps: of the inner loop.
        block: outputs whose gradients are taken at once. Memory is O(outputs parameters) of a task,
            with a head O(samples^2).

    Returns:
        The learning rate, for the loss as PyTorch has it: without the factor 1/2.

    Raises:
        InnerlrError: no tasks; inputs the model does not take, empty or not finite; an unknown loss
            or head; a head that is not linear or not used once; features all zero.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> model_alpha(model, [torch.ones(4, 1)])  # one feature, always 1
        0.5
    """
    kind, features = _loss(loss), reader(model, head, block)
    modes = []
    for i, task in enumerate(tasks):
        pair = tuple(task) if isinstance(task, list | tuple) else (task,)
        if len(pair) not in (1, 2):
            raise InnerlrError(
                f"tasks[{i}]: expected inputs, or a pair of those of support and query, got "
                f"{len(pair)} things. Leave targets out; the rate does not depend on them."
            )
        names = [f"tasks[{i}]"] if len(pair) == 1 else [f"tasks[{i}][0]", f"tasks[{i}][1]"]
        read = [_features(features, x, kind, name) for x, name in zip(pair, names, strict=True)]
        (support, n), (query, n_query) = read[0], read[-1]
        gram, cross = ((phi @ support.mT).cpu().numpy() for phi in (support, query))
        # shots may differ between tasks: each loss is a mean of its own
        modes.append(gram_modes(gram / n, cross / np.sqrt(n * n_query)))
    if not modes:
        raise InnerlrError("tasks: expected at least one, got none. An iterator is read only once.")
    return _of_modes(modes, kind, steps)


def head_alpha(
    support: ArrayLike | Tensor,
    query: ArrayLike | Tensor | None = None,
    *,
    classes: int = 1,
    bias: bool = True,
    loss: LossName = "mse",
    steps: int = 1,
) -> float:
    r"""As :func:`model_alpha` with a head, from the features that the head sees: (3.3), or (H.6).

    Args:
        support: (tasks, shots, dim), a tensor or array.
        query: (tasks, query shots, dim); None where support and query are the same.
        classes: outputs of the head.
        bias: whether the head has one.
        loss, steps: as for :func:`model_alpha`.

    Returns:
        The learning rate, for the loss as PyTorch has it: without the factor 1/2.

    Raises:
        InnerlrError: disagreeing shapes, NaN, features all zero, an unknown loss.

    Example:
        >>> import numpy as np
        >>> head_alpha(np.ones((1, 4, 1)), bias=False)  # one feature, always 1
        0.5
        >>> head_alpha(np.ones((1, 4, 1)), bias=False, classes=5, loss="cross_entropy")
        5.0
    """
    kind, outputs = _loss(loss), positive(classes, "classes", integer=True)
    if kind.centred and outputs < 2:
        raise InnerlrError(TWO_CLASSES)
    both = {"support": support, "query": support if query is None else query}
    phi, psi = (
        as_array(_plain(value), name, ("tasks", "shots", "dim")) for name, value in both.items()
    )
    same_length(phi, psi, ("support", "query"), 0, "tasks")
    same_length(phi, psi, ("support", "query"), 2, "dim")
    gram, cross = phi @ phi.swapaxes(1, 2) + bias, psi @ phi.swapaxes(1, 2) + bias
    n, n_query = phi.shape[1] * outputs, psi.shape[1] * outputs
    return _of_modes([gram_modes(gram / n, cross / np.sqrt(n * n_query))], kind, steps)


def _of_modes(modes: list[tuple[Array, Array]], kind: Loss, steps: int) -> float:
    eigenvalues, weights = (np.concatenate(parts) for parts in zip(*modes, strict=True))
    # the curvature of the paper's loss, 2 J'J / n, comes first
    return alpha_lim_modes(1, eigenvalues, weights, steps=steps) * 2 / kind.curvature


def _loss(name: LossName) -> Loss:
    choice(name, "loss", get_args(LossName))
    return LOSSES[name]


class OnlineAlpha:
    """The rate of :func:`model_alpha`, kept up to date while the model is trained (section H.3).

    Args:
        model, head, loss, steps, block: as for :func:`model_alpha`.
        keep: share of the old value at each update; it starts at the first estimate.

    Attributes:
        value: the rate, for the loss as PyTorch has it; None before the first update.

    Raises:
        InnerlrError: an unknown loss or head, a setting out of its range.

    Example:
        >>> import torch
        >>> online = OnlineAlpha(torch.nn.Linear(1, 1, bias=False), keep=0.5)
        >>> online.update([torch.ones(4, 1)])
        0.5
        >>> online.update([2 * torch.ones(4, 1)])  # 1/8 by itself
        0.3125
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        head: str | nn.Module | None = None,
        loss: LossName = "mse",
        steps: int = 1,
        block: int = 64,
        keep: float = 0.9,
    ) -> None:
        if not (isinstance(keep, int | float) and 0 <= keep < 1):
            raise InnerlrError(
                f"keep: expected a number from 0 to below 1, got {keep!r}. The paper's is 0.9."
            )
        positive(steps, "steps", integer=True)
        _loss(loss)
        reader(model, head, block)
        self.model, self.keep = model, keep
        self.settings: dict[str, Any] = {
            "head": head,
            "loss": loss,
            "steps": steps,
            "block": block,
        }
        self.value: float | None = None

    def update(self, tasks: Iterable[Tensor | Sequence[Tensor]]) -> float:
        """The rate after a meta-batch: alpha <- keep alpha + (1 - keep) alpha*.

        Args:
            tasks: inputs (samples, ...), or pairs, as for :func:`model_alpha`.

        Returns:
            The new `value`.

        Raises:
            InnerlrError: as for :func:`model_alpha`.
        """
        new = model_alpha(self.model, tasks, **self.settings)
        self.value = new if self.value is None else self.keep * self.value + (1 - self.keep) * new
        return self.value


def _plain(value: ArrayLike | Tensor) -> ArrayLike:
    """A tensor as an array, in float64 if it is real; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    tensor = value.detach().cpu()
    return (tensor if tensor.is_complex() else tensor.double()).numpy()


def _features(features: Reader, x: object, kind: Loss, name: str) -> tuple[Tensor, int]:
    """Jacobian of a task's outputs in float64, (outputs, parameters), and their number.

    The Jacobian of a head is the same for each class: that of one stands for all.
    """
    import torch

    if not isinstance(x, torch.Tensor) or x.ndim == 0 or not len(x):
        got = f"shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise InnerlrError(
            f"{name}: expected a tensor of at least one sample along the first axis, got {got}. "
            "Give what you call the model with."
        )
    try:
        jacobian, shape = features(x)
    except (RuntimeError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise InnerlrError(
            f"{name}: the model cannot take inputs of shape {tuple(x.shape)}, or its output is not "
            f"one tensor with a row a sample ({str(error).splitlines()[0]}). Give what you call "
            "the model with."
        ) from error
    if not torch.isfinite(jacobian).all():
        raise InnerlrError(
            f"{name}: the model's features hold NaN or infinity. Check the inputs and parameters."
        )
    classes = math.prod(shape)
    if kind.centred and classes < 2:
        raise InnerlrError(TWO_CLASSES)
    if kind.centred and len(shape) > 1:
        raise InnerlrError(
            f"{name}: expected an output of shape (samples, classes) for a cross_entropy, got "
            f"(samples, {', '.join(map(str, shape))}). Make each position a row of its own."
        )
    if kind.centred and jacobian.shape[1] > 1:
        jacobian = jacobian - jacobian.mean(1, keepdim=True)
    return jacobian.flatten(0, 1).double(), len(x) * classes
