"""What a user's tasks are taken for: understood and said, or refused with what to give."""

from __future__ import annotations

import logging
from collections import UserDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from innerlr import InnerlrError, model_alpha

N, SHOTS, QUERIES = 6, 4, 5


def model(inputs: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 7), nn.Tanh(), nn.Linear(7, 1)).double()


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


SUPPORT, QUERY = draw(N, SHOTS, 1), draw(N, QUERIES, 1, seed=1)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x,
        lambda x: x.numpy(),
        lambda x: np.ma.masked_array(x.numpy(), mask=False),
        lambda x: x.float().double().requires_grad_(True),
        list,
        lambda x: list(x.numpy()),
        lambda x: (task for task in x),
        lambda x: [task for (task,) in DataLoader(TensorDataset(x), batch_size=None)],
        lambda x: torch.nested.nested_tensor(list(x)),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_one_set_of_tasks_in_many_forms(form: Callable[[Tensor], Any]) -> None:
    alone, apart = model_alpha(model(), SUPPORT), model_alpha(model(), SUPPORT, QUERY)
    assert model_alpha(model(), form(SUPPORT)) == pytest.approx(alone, rel=1e-6)
    assert model_alpha(model(), form(SUPPORT), form(QUERY)) == pytest.approx(apart, rel=1e-6)
    assert alone != pytest.approx(apart)


def test_what_was_understood_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="innerlr"):
        rate = model_alpha(model(), list(SUPPORT), QUERY)
    assert rate.understood == "6 tasks, 4 shots, 5 queries, 1 output, 22 parameters"
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"{rate.understood}; method 'jacobian': 9 products a task")
    ragged = model_alpha(model(), [SUPPORT[0], SUPPORT[1, :1]], [QUERY[0, :1], QUERY[1]])
    assert ragged.understood == "2 tasks, 1 to 4 shots, 1 to 5 queries, 1 output, 22 parameters"
    head = model_alpha(model(), SUPPORT[:1], head="2")
    assert head.understood == ("1 task, 4 shots, no query apart, 1 output, 8 parameters (head '2')")
    assert head.methods == ("head",)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = model(2)

    def forward(self, a: Tensor, b: Tensor, flip: bool = False) -> Tensor:
        return self.layer(torch.cat([b, a] if flip else [a, b], 1))


def test_several_inputs_are_mappings() -> None:
    x = draw(N, SHOTS, 2)
    expected = model_alpha(model(2), x)
    a, b = x[..., :1], x[..., 1:]
    stacked = UserDict(a=a, b=b, flip=False)
    assert model_alpha(TwoInputs(), stacked) == expected
    assert model_alpha(TwoInputs(), [{"a": a[i], "b": b[i]} for i in range(N)]) == expected
    assert model_alpha(TwoInputs(), {"a": b, "b": a, "flip": True}, stacked) == expected
    with pytest.raises(InnerlrError, match=r"TypeError.*unexpected keyword argument 'c'"):
        model_alpha(TwoInputs(), {"a": a, "c": b})


def test_two_tasks_of_images_are_two_tasks() -> None:
    torch.manual_seed(0)
    images = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    x = torch.randn(2, 5, 3, 2, 2)
    assert model_alpha(images, list(x)) == model_alpha(images, x)


def test_numbers_may_be_samples() -> None:
    """One axis a task: as many samples, where the model takes one more of them."""

    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return self.slope * x

    assert model_alpha(Line(), torch.ones(3, 4)) == 0.5
    tokens = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 1))
    ids = torch.arange(8).reshape(2, 4) % 5
    assert model_alpha(tokens, ids).understood.startswith("2 tasks, 4 shots")


Y, CLASSES = torch.sin(SUPPORT), torch.arange(SHOTS)
MASKED = np.ma.masked_array(SUPPORT.numpy().copy(), mask=False)
MASKED[0, 1] = np.ma.masked
LOADER = DataLoader(TensorDataset(SUPPORT, Y), batch_size=2)


@pytest.mark.parametrize(
    ("support", "query", "parts"),
    [
        (lambda: zip(SUPPORT, Y, strict=True), None, ["support[0]", "tuple of 2", "targets out"]),
        (lambda: zip(SUPPORT, QUERY, strict=True), None, ["support[0]", "query=[q for s, q"]),
        (lambda: (SUPPORT, QUERY), None, ["support", "tuple of 2", "by name"]),
        (lambda: (SUPPORT, Y, QUERY, Y), None, ["support", "tuple of 4", "by name"]),
        (lambda: [[x, y] for x, y in LOADER], None, ["support[0]", "list of 2"]),
        (lambda: [SUPPORT, QUERY], None, ["support", "list of two", "torch.stack(tasks)"]),
        (lambda: next(iter(LOADER)), None, ["support", "list of two", "by name"]),
        (lambda: LOADER, None, ["support", "DataLoader", "torch.cat"]),
        (
            lambda: SUPPORT[0],
            None,
            ["support[0]", "(1,), which the model takes for one sample", "x[None]"],
        ),
        (lambda: SUPPORT[0, :, 0], None, ["support", "(tasks, samples, ...)", "(4,)", "x[None]"]),
        (lambda: SUPPORT[:0], None, ["support", "at least one task"]),
        (lambda: [SUPPORT[0], SUPPORT[0, :0]], None, ["support[1]", "at least one", "(0, 1)"]),
        (lambda: [None], None, ["support[0]", "tensor", "NoneType"]),
        (lambda: [CLASSES] * 3, None, ["support[0]", "int64", "class numbers", "Leave targets"]),
        (lambda: None, None, ["support", "tensors", "NoneType"]),
        (lambda: "features.npy", None, ["support", "tensors", "str"]),
        (lambda: MASKED, None, ["support", "1 entries are masked", "Leave"]),
        (lambda: SUPPORT.numpy() + 0j, None, ["support", "real numbers", "complex128"]),
        (lambda: SUPPORT, lambda: CLASSES.repeat(N, 1), ["query[0]", "int64 (4,)", "targets"]),
        (lambda: SUPPORT, lambda: Y[..., 0], ["query[0]", "float64 (4, 1)", "float64 (4,)"]),
        (lambda: SUPPORT, lambda: QUERY[:5], ["support and query", "6 tasks against 5"]),
        (lambda: SUPPORT, lambda: iter(QUERY[:5]), ["query: ends after 5 tasks"]),
        (lambda: iter(SUPPORT[:5]), lambda: QUERY, ["support: ends after 5 tasks"]),
        (lambda: {"train": (SUPPORT, Y)}, None, ["support", "keyword arguments", "by name"]),
        (lambda: [{"x": SUPPORT[0], "y": Y[0, :2]}], None, ["support[0]", "'x', 'y'", "by name"]),
        (lambda: {"a": SUPPORT, "b": SUPPORT[:2]}, None, ["support", "(2, 4, 1)", "first axis"]),
        (lambda: [{}], None, ["support[0]", "nothing"]),
        (lambda: SUPPORT, lambda: {"x": QUERY}, ["query[0]", "like those of support[0]"]),
    ],
)
def test_what_is_not_clear_is_refused(
    support: Callable[[], Any], query: Callable[[], Any] | None, parts: list[str]
) -> None:
    with pytest.raises(InnerlrError) as error:
        model_alpha(model(), support(), None if query is None else query())
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_the_tasks_are_read_outside_of_the_model() -> None:
    """An iterator draws from the generators as it would in a loop of the caller's."""

    def drawn() -> Any:
        for _ in range(3):
            yield torch.randn(SHOTS, 1)

    torch.manual_seed(5)
    by_hand = list(drawn())
    after = torch.randn(1)
    torch.manual_seed(5)
    noisy = nn.Sequential(model(), nn.Dropout(0.5)).float()
    torch.manual_seed(5)
    kept: list[Tensor] = []
    model_alpha(noisy, (kept.append(x) or x for x in drawn()))
    assert all(torch.equal(a, b) for a, b in zip(by_hand, kept, strict=True))
    assert torch.equal(torch.randn(1), after)
