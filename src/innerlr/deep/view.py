"""A model that is called and differentiated, and then is what it was."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    from torch import Tensor, nn


def unwrapped(model: object) -> nn.Module:
    """The module itself, without what runs it on several devices or compiles it.

    Raises:
        InnerlrError: no module; one whose layers wait for their first batch, or whose parameters
            were made under torch.inference_mode.
    """
    import torch
    from torch import nn

    if not isinstance(model, nn.Module):
        if isinstance(getattr(model, "model", None), nn.Module):
            mend = "Give its `.model`."
        else:
            mend = "Give the network whose parameters the inner loop adapts."
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise InnerlrError(f"model: expected a torch.nn.Module, got {got}. {mend}")
    while True:
        inner = getattr(model, "_orig_mod", None)  # torch.compile has it
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            break
        model = inner
    for name, p in model.named_parameters():
        if nn.parameter.is_lazy(p):
            raise InnerlrError(
                f"model: its layer {name.rpartition('.')[0]!r} is lazy and has no parameters yet. "
                "Call the model on a batch first."
            )
        if p.is_inference():
            raise InnerlrError(
                f"model: {name} was made under torch.inference_mode(), so it has no gradient. "
                "Make or load the model outside of it."
            )
        if p.requires_grad and torch.is_complex(p):
            raise InnerlrError(
                f"model: {name} is complex. Leave complex parameters out: requires_grad_(False)."
            )
    return model


class View:
    """Opens a model: within `opened` it can be called and differentiated, then it is as before.

    Restored are every parameter and buffer (the same objects, with the same bytes), all attributes
    of its modules, and the random generators. The generators go on from one opening to the next, so
    each task has its own dropout.

    Args:
        model: any; see :func:`unwrapped`.
    """

    def __init__(self, model: object) -> None:
        self.model = unwrapped(model)
        self._generators: list[Any] | None = None

    @contextmanager
    def opened(self) -> Iterator[nn.Module]:
        """Gradients are on, whatever mode the caller is in; anomaly detection and compilers off."""
        import torch

        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            if torch.is_anomaly_enabled():  # it cannot look into batches of gradients
                stack.enter_context(torch.autograd.set_detect_anomaly(False))
            # neither a compiled graph nor a fused attention has a second derivative
            if "torch._dynamo" in sys.modules:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            attention = torch.nn.attention
            stack.enter_context(attention.sdpa_kernel(attention.SDPBackend.MATH))
            stack.enter_context(self._random())
            snapshot = _Snapshot(self.model)
            try:
                yield self.model
            finally:
                snapshot.restore()

    @contextmanager
    def _random(self) -> Iterator[None]:
        devices = {t.device for t in self.model.parameters() if t.device.type == "cuda"}
        before = _generators(devices)
        if self._generators is not None:
            _seed(self._generators, devices)
        try:
            yield
        finally:
            self._generators = _generators(devices)
            _seed(before, devices)


def _generators(devices: set[Any]) -> list[Any]:
    import torch

    own = [torch.cuda.get_rng_state(device) for device in devices]
    return [torch.get_rng_state(), random.getstate(), np.random.get_state(), *own]  # noqa: NPY002


def _seed(states: list[Any], devices: set[Any]) -> None:
    import torch

    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])  # noqa: NPY002
    for device, state in zip(devices, states[3:], strict=True):
        torch.cuda.set_rng_state(state, device)


class _Snapshot:
    """What a call may change: attributes, and the contents of all tensors that modules hold."""

    def __init__(self, model: nn.Module) -> None:
        self.attributes = [(vars(m), dict(vars(m))) for m in model.modules()]
        tables = [
            values[name]
            for values, _ in self.attributes
            for name in ("_parameters", "_buffers", "_modules")
            if isinstance(values.get(name), dict)
        ]
        self.tables = [(table, dict(table)) for table in tables]
        held = {id(t): t for t in [*model.parameters(), *model.buffers()]}
        for values in (*tables, *(values for values, _ in self.attributes)):
            held |= {id(t): t for t in _tensors(list(values.values()))}
        self.contents = [(t, t.detach().clone(), t.requires_grad) for t in held.values()]

    def restore(self) -> None:
        """Put all back; what is as it was is not written to."""
        import torch

        for now, before in (*self.attributes, *self.tables):
            if list(now) != list(before) or any(now[key] is not before[key] for key in before):
                now.clear()
                now.update(before)
        with torch.no_grad():
            for tensor, content, requires_grad in self.contents:
                if tensor.shape != content.shape:
                    tensor.data = content
                elif not torch.equal(tensor, content):
                    # past the counter of changes: a graph of the caller's has kept these bytes
                    tensor.data.copy_(content)
                if tensor.is_leaf and tensor.requires_grad != requires_grad:
                    tensor.requires_grad_(requires_grad)


def _tensors(values: list[Any]) -> Iterator[Tensor]:
    """Tensors among values, or in lists, tuples and mappings of them."""
    import torch

    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from (v for v in value if isinstance(v, torch.Tensor))
        elif isinstance(value, dict):
            yield from (v for v in value.values() if isinstance(v, torch.Tensor))
