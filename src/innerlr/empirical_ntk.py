"""Tangent features of any PyTorch model, through their Gram matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from numpy.typing import ArrayLike

from innerlr.checks import choice, positive
from innerlr.choices import EmpiricalMethod
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
    depends on the batch into evaluation mode. Precision and device are the model's.

    Args:
        model: torch.nn.Module; all its parameters that require gradients count.
        x: (n, ...), inputs.
        x2: (n2, ...), inputs of the columns; None for x itself.
        method: jacobian (Jacobians of `block` samples at a time, contracted: memory
            O(block outputs parameters)), vector_products (a backward and a forward product for
            each output: memory O(block^2 parameters), no Jacobian), or auto: jacobian up to 16
            outputs.
        block: samples at a time.

    Returns:
        Tensor (n, n2) where the model has one output, else (n, n2, outputs, outputs).

    Raises:
        InnerlrError: no parameters, empty or non-finite inputs, inputs the model does not take.
    """
    import torch
    from torch.func import functional_call, jacrev, jvp, vjp, vmap

    choice(method, "method", get_args(EmpiricalMethod))
    size = positive(block, "block", integer=True)
    trained = {k: p.detach() for k, p in model.named_parameters() if p.requires_grad}
    if not trained:
        raise InnerlrError(
            "model: expected parameters that require gradients, got none. "
            "Tangent features are gradients with respect to them."
        )
    fixed = {k: p.detach() for k, p in model.named_parameters() if not p.requires_grad}
    fixed |= {k: b.clone() for k, b in model.named_buffers()}  # training mode writes into them
    like = next(iter(trained.values()))

    def inputs(value: ArrayLike | Tensor, name: str) -> Tensor:
        tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
        if tensor.ndim == 0 or tensor.numel() == 0 or not torch.isfinite(tensor).all():
            raise InnerlrError(
                f"{name}: expected at least one finite input, got shape {tuple(tensor.shape)}"
                f"{'' if tensor.numel() == 0 else ' with NaN or infinity'}. "
                "Give samples along the first axis."
            )
        return tensor

    rows = inputs(x, "x")
    columns = rows if x2 is None else inputs(x2, "x2")

    def output(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        return functional_call(model, (parameters, fixed), (sample[None],)).reshape(-1)

    def gradient(sample: Tensor) -> Tensor:
        return vjp(lambda p: output(p, sample), trained)[0]

    try:
        outputs = len(gradient(rows[0]))
        gradient(columns[0])
    except (RuntimeError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise InnerlrError(
            f"x: the model cannot take a sample of shape {tuple(rows.shape[1:])} by itself "
            f"({str(error).splitlines()[0]}). Give inputs of the shape that the model was made "
            "for, one tensor as output, and layers such as batch norm in evaluation mode."
        ) from error

    def jacobians(part: Tensor) -> Tensor:
        parts = vmap(jacrev(output), (None, 0))(trained, part).values()
        return torch.cat([j.flatten(2) for j in parts], dim=2)  # (block, outputs, parameters)

    def pair(a: Tensor, b: Tensor) -> Tensor:
        back = vjp(lambda p: output(p, b), trained)[1]

        def column(direction: Tensor) -> Tensor:
            return jvp(lambda p: output(p, a), (trained,), back(direction))[1]

        return vmap(column, out_dims=1)(torch.eye(outputs, dtype=like.dtype, device=like.device))

    products = method == "vector_products" or (method == "auto" and outputs > 16)
    result = like.new_empty((len(rows), len(columns), outputs, outputs))
    for j in range(0, len(columns), size):
        right = columns[j : j + size] if products else jacobians(columns[j : j + size])
        for i in range(0, len(rows), size):
            left = rows[i : i + size]
            if products:
                cell = vmap(vmap(pair, (None, 0)), (0, None))(left, right)
            else:
                cell = torch.einsum("nap,mbp->nmab", jacobians(left), right)
            result[i : i + size, j : j + size] = cell
    return result[:, :, 0, 0] if outputs == 1 else result
