"""A model and what of it adapts: linearised at the inputs of a task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from innerlr.deep.head import layer_of, plain_features, watched
from innerlr.deep.linearised import Linearised, first_line, unregistered
from innerlr.deep.outputs import Output, picked
from innerlr.deep.tasks import Inputs, Task, may_be_stacks, refuse_stacks, said, samples
from innerlr.deep.view import View
from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    from torch import Tensor, nn


class Linearisation(NamedTuple):
    """Of a task.

    Attributes:
        support: J_s.
        query: J_q; None where the support is judged on.
        features: where the head is plain, its inputs (samples, features) for the support, and for
            the query if there is one; else empty.
    """

    support: Linearised
    query: Linearised | None
    features: list[Tensor]


class Adapted:
    """What the inner loop adapts: the parameters of a head, or all that require gradients.

    Args:
        model: a module, or a wrapper around one.
        head: a layer of it, or its name; None for the whole model.
        output: which tensor the model's output is, where it returns several.

    Raises:
        InnerlrError: no module, an unknown head.
    """

    def __init__(
        self, model: object, head: str | nn.Module | None = None, output: Output = None
    ) -> None:
        self.view = View(model)
        self.layer = None if head is None else layer_of(self.view.model, head)
        self.output = output

    def opened(self) -> AbstractContextManager[nn.Module]:
        """Within it the model may be called: see :class:`~innerlr.deep.view.View`."""
        return self.view.opened()

    def linearised(self, task: Task, *, restricted: bool = True) -> Linearisation:
        """The model's Jacobian at the support and the query, and the features of a plain head.

        Args:
            task: its inputs.
            restricted: leave out parameters that no output of the task depends on.

        Raises:
            InnerlrError: inputs that the model does not take, an output without a row a sample or
                without a gradient.
        """
        given = [(task.support, task.names[0])]
        if task.query is not None:
            given.append((task.query, task.names[1]))
        calls = []
        for inputs, name in given:
            with watched(self.layer) as seen:
                calls.append((self.called(inputs, name), seen))
        leaves = list(self.view.model.parameters())
        adapting: list[Tensor] = [
            p for p in (self.layer or self.view.model).parameters() if p.requires_grad
        ]
        if self.layer is None:
            for output, _ in calls:
                adapting.extend(unregistered(output, [*leaves, *adapting]))
        made = []
        for (output, _), (_, name) in zip(calls, given, strict=True):
            _check_gradient(output, adapting)
            made.append(Linearised(output, adapting, leaves, name))
        reached = set().union(*(one.reached for one in made))
        features = []
        for one, (_, seen) in zip(made, calls, strict=True):
            if restricted:
                one.restrict(reached)
            phi = None if self.layer is None else plain_features(self.layer, seen, one)
            features += [] if phi is None else [phi]
        whole = len(features) == len(made)  # else the Jacobian is made for both
        return Linearisation(made[0], (*made, None)[1], features if whole else [])

    def called(self, inputs: Inputs, name: str) -> Tensor:
        """The model's output, with one row a sample; the caller's inputs stay as they are."""
        try:
            fresh = self._fresh(inputs)
            made = (
                self.view.model(**fresh) if isinstance(fresh, Mapping) else self.view.model(fresh)
            )
        except InnerlrError:
            raise
        except Exception as error:  # the model's own code runs
            raise InnerlrError(
                f"{name}: the model cannot be called on {said(inputs)}: {type(error).__name__}: "
                f"{first_line(error)}. {self._mend(inputs)}"
            ) from error
        output = picked(made, self.output, name)
        n = samples(inputs)
        if output.ndim == 0 or len(output) != n or not output.numel():
            raise InnerlrError(
                f"{name}: expected an output with a row for each of the {n} samples, got shape "
                f"{tuple(output.shape)} for {said(inputs)}. Give inputs with the samples along the "
                "first axis (a single task needs a leading axis: x[None])."
            )
        if not output.is_floating_point():
            raise InnerlrError(
                f"{name}: expected real outputs, got {output.dtype}. "
                "Say which output has a gradient: output=..."
            )
        return output

    def check_samples(self, inputs: Inputs, name: str) -> None:
        """Raise where a vector is taken for one sample, not for numbers that are samples."""
        import torch

        if not isinstance(inputs, torch.Tensor) or inputs.ndim > 1:
            return
        try:
            self.called(torch.cat([inputs, inputs[-1:]]), name)
        except InnerlrError as error:
            targets = "" if inputs.is_floating_point() else " Leave targets (class numbers) out."
            raise InnerlrError(
                f"{name}: expected a task's inputs (samples, ...), got {said(inputs)}, which the "
                f"model takes for one sample or not at all. A single task needs a leading axis: "
                f"x[None].{targets}"
            ) from error

    def check_stacks(self, value: object, name: str) -> None:
        """Raise for a list of two whose parts are tasks as well, as [supports, queries] has."""
        if not may_be_stacks(value):
            return
        try:
            self.called(value[0][0], name)  # type: ignore[index]
        except InnerlrError:
            return
        raise refuse_stacks(name)

    def _fresh(self, inputs: Any) -> Any:
        """Copies, where the model is and of its precision."""
        import torch

        if isinstance(inputs, Mapping):
            return {key: self._fresh(value) for key, value in inputs.items()}
        if not isinstance(inputs, torch.Tensor):
            return inputs
        made = inputs.detach()
        devices = {p.device for p in self.view.model.parameters()}
        kinds = {p.dtype for p in self.view.model.parameters() if p.is_floating_point()}
        if len(devices) == 1:
            made = made.to(next(iter(devices)))
        if len(kinds) == 1 and made.is_floating_point():
            made = made.to(next(iter(kinds)))
        return made.clone()

    def _mend(self, inputs: Inputs) -> str:
        import torch

        if isinstance(inputs, torch.Tensor) and not inputs.is_floating_point():
            return (
                "Are they class numbers? Leave targets out, or give what you call the model with."
            )
        return "Give what you call the model with."


def _check_gradient(output: Tensor, adapting: list[Tensor]) -> None:
    if output.requires_grad and adapting:
        return
    why = (
        "its output is detached, or its forward is under torch.no_grad()"
        if adapting
        else "no parameter requires gradients"
    )
    raise InnerlrError(
        f"model: expected an output with a gradient, got none: {why}. Tangent features are "
        "gradients with respect to the parameters. Check which of them require gradients."
    )
