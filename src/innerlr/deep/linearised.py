"""The products J'v and J u with the Jacobian J of a model's outputs, for one call of the model."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    from torch import Tensor

# Two routes to one vector differ by their rounding: at most this many roots of its precision, and
# never by more than a tenth. A wrong derivative differs by as much as its size.
AGREE, MOST = 10.0, 0.1


class Linearised:
    """The Jacobian of outputs with respect to parameters, as the graph of one call has it.

    The graph's own tensors are differentiated, so parameters may be shared, tied, parametrised or
    kept in lists. Memory: the activations of the call and a few vectors of the size of the
    parameters; J itself in :meth:`rows` alone.

    Args:
        output: (samples, ...), with its graph.
        parameters: with respect to which.
        leaves: all of the model's, whose `.grad` a backward pass writes into.
        name: of the inputs, for messages.

    Attributes:
        outputs: n, of all samples together.
        reached: places of the parameters that the output depends on.
        probe: (n,), a random direction, and `image`, J' times it, which other ways are held
            against.

    Raises:
        InnerlrError: no parameter has a gradient, or PyTorch cannot make it.
    """

    def __init__(
        self, output: Tensor, parameters: Sequence[Tensor], leaves: Sequence[Tensor], name: str
    ) -> None:
        import torch

        self.name, self.shape = name, tuple(output.shape)
        self.flat = output.reshape(-1)
        self.outputs = len(self.flat)
        self.leaves, self.parameters = leaves, list(parameters)
        self._by_backward, self._batched = False, True
        self._forward: tuple[Tensor, list[int], list[Tensor]] | None = None
        generator = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, (self.outputs,), generator=generator)
        self.probe = self.vector(2.0 * signs - 1)
        found = self._gradients(self.probe)
        self.reached = {i for i, part in enumerate(found) if part is not None}
        if not self.reached:
            raise InnerlrError(
                f"{name}: no gradient of the model's output reaches the parameters that adapt. Is "
                "the output detached, or the model's forward under torch.no_grad()?"
                " Check which parameters require gradients."
            )
        self.image = self._joined(found)

    @property
    def count(self) -> int:
        """P, the numbers in all parameters."""
        return sum(p.numel() for p in self.parameters)

    def restrict(self, kept: set[int]) -> None:
        """Leave out the parameters of other places than these, whose gradients are zero."""
        parts = self.image.split([p.numel() for p in self.parameters])
        self.image = _cat([part for i, part in enumerate(parts) if i in kept])
        self.parameters = [p for i, p in enumerate(self.parameters) if i in kept]

    def vector(self, values: Tensor) -> Tensor:
        """Values as a direction of the outputs, (n,)."""
        return values.to(self.flat)

    def pull(self, v: Tensor) -> Tensor:
        """J'v: (P,), by one backward pass."""
        return self._joined(self._gradients(v))

    def seconds(self) -> float:
        """How long one product takes."""
        start = time.perf_counter()
        self.pull(self.probe)
        return time.perf_counter() - start

    def push(self, u: Tensor) -> Tensor:
        """J u: (n,), by one pass through the graph of J'v, which is linear in v.

        Raises:
            RuntimeError: that graph does not exist, as for operations without second derivatives.
        """
        import torch

        if self._forward is None:
            v = torch.zeros_like(self.flat, requires_grad=True)
            made = torch.autograd.grad(
                self.flat, self.parameters, v, create_graph=True, allow_unused=True
            )
            kept = [i for i, part in enumerate(made) if part is not None and part.requires_grad]
            if not kept:
                raise RuntimeError("the gradient has no graph")
            self._forward = v, kept, [made[i] for i in kept]
        v, kept, graphs = self._forward
        parts = u.split([p.numel() for p in self.parameters])
        directions = [parts[i].view_as(g).to(g) for i, g in zip(kept, graphs, strict=True)]
        (image,) = torch.autograd.grad(graphs, [v], directions, retain_graph=True)
        return image.detach()

    def rows(self, start: int, stop: int, block: int) -> Tensor:
        """Rows of J, (stop - start, P): `block` of them at once where PyTorch can do it."""
        import torch

        if self._batched and stop - start > 1:
            try:
                made = torch.cat(
                    [self._batch(i, min(i + block, stop)) for i in range(start, stop, block)]
                )
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                # an operation without a rule for batches, or a custom backward that a batch breaks;
                # single passes give the same rows, or raise what else was the matter
                self._batched = False
            else:
                if self._right(made, start):
                    return made
                self._batched = False
        return torch.stack([self.pull(self.unit(i)) for i in range(start, stop)])

    def _right(self, rows: Tensor, start: int) -> bool:
        """Whether rows made in batches are those of single passes."""
        if len(rows) == self.outputs:
            return self.agrees(self.probe @ rows, self.image)
        return self.agrees(rows[0], self.pull(self.unit(start)))

    @property
    def tolerance(self) -> float:
        """By how much two routes to one vector may differ, relative to its length."""
        import torch

        return float(min(AGREE * torch.finfo(self.flat.dtype).eps ** 0.5, MOST))

    def agrees(self, value: Tensor, expected: Tensor, *, share: float = 1.0) -> bool:
        """Whether two routes to one vector differ by rounding alone, a share of the tolerance."""
        difference = float((value.double() - expected.double()).norm())
        return difference <= share * self.tolerance * float(expected.double().norm())

    def unit(self, i: int) -> Tensor:
        """The direction (n,) of output i."""
        import torch

        made = torch.zeros_like(self.flat)
        made[i] = 1
        return made

    def _batch(self, start: int, stop: int) -> Tensor:
        import torch

        n, flat = stop - start, self.flat
        at = torch.zeros(n, self.outputs, dtype=flat.dtype, device=flat.device)
        at[torch.arange(n), torch.arange(start, stop)] = 1
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            found = torch.autograd.grad(
                flat,
                self.parameters,
                at,
                retain_graph=True,
                is_grads_batched=True,
                allow_unused=True,
            )
        return self._joined(found, n)

    def _joined(self, parts: Sequence[Tensor | None], n: int | None = None) -> Tensor:
        import torch

        made = []
        for part, p in zip(parts, self.parameters, strict=True):
            if part is None:
                part = torch.zeros_like(p) if n is None else p.new_zeros(n, p.numel())
            elif part.layout != torch.strided:
                part = part.to_dense()
            made.append(part.detach().reshape(-1 if n is None else (n, -1)).to(self.flat))
        return _cat(made)

    def _gradients(self, v: Tensor) -> Sequence[Tensor | None]:
        import torch

        if not self._by_backward:
            try:
                return torch.autograd.grad(
                    self.flat, self.parameters, v, retain_graph=True, allow_unused=True
                )
            except RuntimeError as error:
                if "checkpoint" not in str(error):  # else it works by backward() alone
                    raise InnerlrError(
                        f"{self.name}: PyTorch cannot differentiate the model's output: "
                        f"{first_line(error)}. Check that a backward pass of your own works."
                    ) from error
                self._by_backward = True
        return self._backward(v)

    def _backward(self, v: Tensor) -> list[Tensor | None]:
        """A backward pass, whose `.grad` is read and put back."""
        before = [(p, p.grad) for p in self.leaves if p.is_leaf]
        for p, _ in before:
            p.grad = None
        try:
            self.flat.backward(v, retain_graph=True)
            return [p.grad for p in self.parameters]
        finally:
            for p, grad in before:
                p.grad = grad


def _cat(parts: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(parts, -1)


def first_line(error: Exception) -> str:
    """Of its message, without the full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")


def unregistered(output: Tensor, own: Sequence[Tensor]) -> Iterator[Tensor]:
    """Leaves of the graph behind an output that require gradients and are not among `own`.

    A module does not list parameters that it keeps in plain lists or closures.
    """
    import torch

    if output.grad_fn is None:
        return
    known = {id(p) for p in own}
    stop = {torch.autograd.graph.get_gradient_edge(p).node for p in own if not p.is_leaf}
    seen, waiting = {*stop, output.grad_fn}, [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in stop:
            continue
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in known:
            known.add(id(leaf))
            yield leaf
        for after, _ in node.next_functions:
            if after is not None and after not in seen:
                seen.add(after)
                waiting.append(after)
