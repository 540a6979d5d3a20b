"""What a user's tasks are: the inputs of each, or an error that says what to give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    from torch import Tensor

# what a task gives: a tensor (samples, ...), or the keyword arguments of the model's call
Inputs: TypeAlias = "Tensor | Mapping[str, Any]"

_FORMS = (
    "Give the inputs by name, support=... and query=..., each one tensor (tasks, samples, ...), or "
    "a list with a tensor (samples, ...) for each task"
)
# what data sets of few-shot tasks call their halves
_HALVES = {"train", "test", "support", "query", "x", "y", "inputs", "targets", "labels"}


class Task(NamedTuple):
    """Inputs of a task; query is None where the support is judged on."""

    support: Inputs
    query: Inputs | None
    names: tuple[str, str]


def read(support: object, query: object) -> tuple[Iterator[Task], int | None]:
    """The tasks, and how many there are where that is known before they are read.

    Raises:
        InnerlrError: at once or from the iterator, what cannot be understood without a guess.
    """
    first, n = _items(support, "support")
    if query is None:
        return _alone(first), n
    second, m = _items(query, "query")
    if n is not None and m is not None and n != m:
        raise InnerlrError(
            f"support and query: {n} tasks against {m}. Both must have the same tasks."
        )
    return _pairs(first, second), n if n is not None else m


def may_be_stacks(value: object) -> bool:
    """Whether a list of two may be stacked inputs and targets, as a loader gives them."""
    return isinstance(value, list) and len(value) == 2 and all(_ndim(x) > 2 for x in value)


def refuse_stacks(name: str) -> InnerlrError:
    """The error where it may be, since the model takes a part of one for a task too."""
    return InnerlrError(
        f"{name}: got a list of two tensors, and the model takes each for a task or for a stack of "
        f"tasks. {_FORMS}; two tasks as torch.stack(tasks)."
    )


def _alone(items: Iterator[Any]) -> Iterator[Task]:
    for i, item in enumerate(items):
        name = f"support[{i}]"
        yield Task(_inputs(item, name), None, (name, name))


def _pairs(first: Iterator[Any], second: Iterator[Any]) -> Iterator[Task]:
    missing = object()
    for i, (a, b) in enumerate(zip_longest(first, second, fillvalue=missing)):
        names = (f"support[{i}]", f"query[{i}]")
        if a is missing or b is missing:
            ended = "support" if a is missing else "query"
            raise InnerlrError(
                f"{ended}: ends after {i} tasks, the other goes on. Both must have the same tasks."
            )
        task = Task(_inputs(a, names[0]), _inputs(b, names[1]), names)
        _check_alike(task)
        yield task


def _items(value: Any, name: str) -> tuple[Iterator[Any], int | None]:
    import torch

    if isinstance(value, np.ndarray):
        value = _tensor(value, name)
    if isinstance(value, torch.Tensor):
        if value.is_nested:
            value = list(value.unbind())
        elif value.ndim < 2:
            raise InnerlrError(
                f"{name}: expected a tensor (tasks, samples, ...), got shape {tuple(value.shape)}. "
                "A single task needs a leading axis: x[None]."
            )
        else:
            return iter(value), len(value)
    if isinstance(value, Mapping):
        return _stacked(value, name)
    if isinstance(value, torch.utils.data.DataLoader):
        raise InnerlrError(
            f"{name}: got a DataLoader, whose batches may be tasks or stacks of tasks. {_FORMS}: "
            "for a stack in each batch, torch.cat([x for x, y in loader])."
        )
    if isinstance(value, tuple):
        raise InnerlrError(
            f"{name}: got a tuple of {len(value)}, which may be tasks, a support and a query, or "
            f"inputs and targets. {_FORMS}."
        )
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InnerlrError(f"{name}: expected tensors, got {type(value).__name__}. {_FORMS}.")
    return iter(value), len(value) if isinstance(value, Sized) else None


def _stacked(value: Mapping[str, Any], name: str) -> tuple[Iterator[Any], int | None]:
    import torch

    stacks = {
        key: _tensor(v, f"{name}[{key!r}]") if isinstance(v, np.ndarray) else v
        for key, v in value.items()
    }
    lengths = {key: len(v) for key, v in stacks.items() if _ndim(v) > 1}
    if not lengths or len(set(lengths.values())) > 1 or any(_ndim(v) == 1 for v in stacks.values()):
        shapes = {
            key: tuple(v.shape) if isinstance(v, torch.Tensor) else type(v).__name__
            for key, v in stacks.items()
        }
        halves = sorted(_HALVES & {str(key).lower() for key in value})
        raise InnerlrError(
            f"{name}: expected the model's keyword arguments, each a tensor (tasks, samples, ...), "
            f"got {shapes}. "
            + (f"{_FORMS}." if halves else "Stack the tasks along the first axis of each.")
        )

    def tasks() -> Iterator[Any]:
        for i in range(next(iter(lengths.values()))):
            yield {key: v[i] if key in lengths else v for key, v in stacks.items()}

    return tasks(), next(iter(lengths.values()))


def _ndim(value: object) -> int:
    import torch

    return value.ndim if isinstance(value, torch.Tensor) else -1


def _tensor(value: Any, name: str) -> Tensor:
    """A numpy array as a tensor.

    Raises:
        InnerlrError: entries that are masked, or no real numbers.
    """
    import torch

    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise InnerlrError(
                f"{name}: {np.ma.count_masked(value)} entries are masked. Leave those samples out."
            )
        value = value.data
    if value.dtype.kind not in "buif":
        raise InnerlrError(
            f"{name}: expected real numbers, got an array of {value.dtype}. {_FORMS}."
        )
    return torch.as_tensor(np.ascontiguousarray(value))


def _inputs(item: Any, name: str) -> Inputs:
    import torch

    if isinstance(item, Mapping):
        made = {
            key: _tensor(v, f"{name}[{key!r}]") if isinstance(v, np.ndarray) else v
            for key, v in item.items()
        }
        lengths = {key: len(v) for key, v in made.items() if _ndim(v) > 0}
        halves = sorted(_HALVES & {str(key).lower() for key in made})
        if not lengths or (len(set(lengths.values())) > 1 and halves):
            raise InnerlrError(
                f"{name}: expected the model's keyword arguments, got a mapping with "
                f"{', '.join(map(repr, made)) or 'nothing'}. {_FORMS}."
            )
        return made
    if isinstance(item, np.ndarray):
        item = _tensor(item, name)
    if isinstance(item, list | tuple):
        kinds = ", ".join(type(part).__name__ for part in item[:4])
        raise InnerlrError(
            f"{name}: expected a task's inputs, got a {type(item).__name__} of {len(item)} "
            f"({kinds}). {_FORMS}: support=[s for s, q in tasks], query=[q for s, q in tasks]. "
            "Leave targets out: the rate does not depend on them."
        )
    if not isinstance(item, torch.Tensor) or item.ndim == 0 or not len(item):
        got = (
            f"shape {tuple(item.shape)}" if isinstance(item, torch.Tensor) else type(item).__name__
        )
        raise InnerlrError(
            f"{name}: expected a tensor of at least one sample along the first axis, got {got}. "
            "Give what you call the model with."
        )
    return item


def _check_alike(task: Task) -> None:
    """A query is of inputs, like the support; targets given in its place show in their form."""
    import torch

    a, b = task.support, task.query
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        if a.is_floating_point() == b.is_floating_point() and a.ndim == b.ndim:
            return
    elif isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) == set(b):
        return
    raise InnerlrError(
        f"{task.names[1]}: expected inputs like those of {task.names[0]}, {said(a)}, got {said(b)}."
        " Leave targets out: the rate does not depend on them."
    )


def said(inputs: Inputs | None) -> str:
    """Kinds and shapes of inputs, in words."""
    if inputs is None:
        return "nothing"
    if isinstance(inputs, Mapping):
        return ", ".join(f"{key}: {said(v)}" for key, v in inputs.items() if _ndim(v) >= 0)
    return f"{str(inputs.dtype).removeprefix('torch.')} {tuple(inputs.shape)}"


def samples(inputs: Inputs) -> int:
    """How many there are."""
    if isinstance(inputs, Mapping):
        return max(len(v) for v in inputs.values() if _ndim(v) > 0)
    return len(inputs)
