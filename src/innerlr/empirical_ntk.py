"""Tangent features of any PyTorch model, through their Gram matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from numpy.typing import ArrayLike

from innerlr.checks import choice, positive
from innerlr.choices import EmpiricalMethod
from innerlr.deep.adapted import Adapted
from innerlr.deep.grams import ROWS
from innerlr.deep.linearised import Linearised
from innerlr.deep.tasks import Task
from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    from torch import Tensor, nn


def empirical_gram(
    model: nn.Module,
    x: ArrayLike | Tensor,
    x2: ArrayLike | Tensor | None = None,
    *,
    method: EmpiricalMethod = "auto",
    block: int = 64,
) -> Tensor:
    """Gram of the tangent features of any PyTorch model, at its present parameters.

    The model is called on one sample at a time (as a batch of one), so put layers whose output
    depends on the batch into evaluation mode. Precision and device are the model's. Nothing of the
    model is changed.

    Args:
        model: torch.nn.Module; all its parameters that require gradients count.
        x: (n, ...), inputs.
        x2: (n2, ...), inputs of the columns; None for x itself.
        method: jacobian (gradients of `block` samples with those of as many as 128 MB hold:
            memory O(block outputs parameters) above that), vector_products (a backward and a
            forward product for each output: memory O(block activations + parameters), no
            Jacobian), or auto: jacobian up to 16 outputs.
        block: samples at a time.

    Returns:
        Tensor (n, n2) where the model has one output, else (n, n2, outputs, outputs).

    Raises:
        InnerlrError: no parameters, empty or non-finite inputs, inputs the model does not take.
    """
    import torch

    choice(method, "method", get_args(EmpiricalMethod))
    size = positive(block, "block", integer=True)
    adapted = Adapted(model)
    for layer_name, layer in adapted.view.model.named_modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) and layer.training:
            raise InnerlrError(
                f"model: expected {type(layer).__name__} {layer_name!r} in evaluation mode, got "
                "training mode, where it normalises by the samples of a batch, here one. "
                "Call model.eval()."
            )
    rows = _inputs(adapted.view.model, x, "x")
    columns = rows if x2 is None else _inputs(adapted.view.model, x2, "x2")
    with adapted.opened():
        first = _one(adapted, rows[0], "x")
        outputs, held = first.outputs, first.outputs * first.count * first.flat.element_size()
    products = method == "vector_products" or (method == "auto" and outputs > 16)

    def jacobians(part: Tensor, name: str) -> Tensor:
        parts = []
        for sample in part:
            with adapted.opened():
                made = _one(adapted, sample, name)
                parts.append(made.rows(0, made.outputs, outputs))
        return torch.stack(parts)  # (block, outputs, parameters)

    like = next(adapted.view.model.parameters())
    result = like.new_empty((len(rows), len(columns), outputs, outputs), requires_grad=False)
    # rows of x are held while the columns pass: the more of them, the fewer passes
    step = size if products else max(1, ROWS // held // size) * size
    for i in range(0, len(rows), step):
        left = rows[i : i + step]
        if products:
            result[i : i + step] = _by_products(adapted, left, columns, outputs)
            continue
        mine = jacobians(left, "x")
        for j in range(i if x2 is None else 0, len(columns), size):
            own = x2 is None and j < i + len(mine)
            theirs = mine[j - i : j - i + size] if own else jacobians(columns[j : j + size], "x2")
            cell = torch.einsum("nap,mbp->nmab", mine, theirs)
            result[i : i + step, j : j + size] = cell
            if x2 is None:
                result[j : j + size, i : i + step] = cell.permute(1, 0, 3, 2)
    return result[:, :, 0, 0] if outputs == 1 else result


def _inputs(model: nn.Module, value: ArrayLike | Tensor, name: str) -> Tensor:
    import torch

    like = next(iter(model.parameters()), torch.empty(0))
    tensor = torch.as_tensor(value, device=like.device).detach()
    if tensor.is_floating_point():
        tensor = tensor.to(like.dtype)
    if tensor.ndim == 0 or tensor.numel() == 0 or not torch.isfinite(tensor).all():
        raise InnerlrError(
            f"{name}: expected at least one finite input, got shape {tuple(tensor.shape)}"
            f"{'' if tensor.numel() == 0 else ' with NaN or infinity'}. "
            "Give samples along the first axis."
        )
    return tensor


def _one(adapted: Adapted, sample: Tensor, name: str) -> Linearised:
    """The Jacobian at one sample; parameters that it does not depend on may matter to others."""
    task = Task(sample[None], None, (name, name))
    return adapted.linearised(task, restricted=False).support


def _by_products(adapted: Adapted, left: Tensor, columns: Tensor, outputs: int) -> Tensor:
    """J_a J_b' from J_b'e and J_a times it, (block, n2, outputs, outputs)."""
    with adapted.opened():
        mine = [_one(adapted, sample, "x") for sample in left]
        made = left.new_empty((len(left), len(columns), outputs, outputs), dtype=mine[0].flat.dtype)
        for j, sample in enumerate(columns):
            column = _one(adapted, sample, "x2")
            for b in range(outputs):
                pulled = column.pull(column.unit(b))
                try:
                    for i, one in enumerate(mine):
                        made[i, j, :, b] = one.push(pulled)
                except (RuntimeError, NotImplementedError) as error:
                    raise InnerlrError(
                        "x: PyTorch has no second derivatives of this model, which "
                        "vector_products need. Use method='jacobian'."
                    ) from error
    return made
