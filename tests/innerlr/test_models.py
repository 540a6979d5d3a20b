"""The rate of a PyTorch model: against Hessians, plain gradient steps, and the closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.func import functional_call, hessian, jacrev
from torch.nn import functional as F

from innerlr import InnerlrError, OnlineAlpha, alpha_lim, alpha_lim_split, head_alpha, model_alpha
from tolerances import SAME, SEARCH

DOUBLE = torch.float64
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "cross_entropy": F.cross_entropy,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
}


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=DOUBLE)


def linear(dim: int, classes: int, *, bias: bool = False) -> nn.Linear:
    """A linear model with all outputs 0, where all classes are equally likely."""
    made = nn.Linear(dim, classes, bias=bias, dtype=DOUBLE)
    for p in made.parameters():
        nn.init.zeros_(p)
    return made


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)]
    return nn.Sequential(*layers).double()


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("head", [False, True])
def test_a_linear_model_has_the_features_it_is_given(steps: int, head: bool) -> None:
    model = linear(5, 1)
    support, query = draw(9, 6, 5), draw(9, 4, 5, seed=1)
    given = {"head": model if head else None, "steps": steps}
    assert model_alpha(model, support, **given) == pytest.approx(
        alpha_lim(support.numpy(), steps=steps), rel=SAME
    )
    split = model_alpha(model, support, query, **given)
    expected = alpha_lim_split(support.numpy(), query.numpy(), steps=steps)
    assert split == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("steps", [1, 3])
def test_a_head_is_the_linear_model_of_its_inputs(loss: str, steps: int) -> None:
    body, head = nn.Linear(3, 6, dtype=DOUBLE), linear(6, 4, bias=True)
    model, tasks = nn.Sequential(body, nn.Tanh(), head), draw(5, 8, 3)
    seen = body(tasks).tanh().detach()
    alone = model_alpha(head, seen, loss=loss, steps=steps)
    given = {"classes": 4, "loss": loss, "steps": steps}
    assert head_alpha(seen, **given) == pytest.approx(alone, rel=SAME)
    assert head_alpha(seen.numpy(), **given) == pytest.approx(alone, rel=SAME)
    for named in (head, "2"):
        adapted = model_alpha(model, tasks, head=named, loss=loss, steps=steps)
        assert adapted == pytest.approx(alone, rel=SAME)


def test_a_head_may_have_its_query_apart_and_no_bias() -> None:
    support, query = draw(9, 6, 5), draw(9, 4, 5, seed=1)
    made = head_alpha(support, query, bias=False, steps=3)
    expected = alpha_lim_split(support.numpy(), query.numpy(), steps=3)
    assert made == pytest.approx(expected, rel=SAME)
    with_bias = model_alpha(linear(5, 3, bias=True), support, query, loss="cross_entropy")
    assert head_alpha(support, query, classes=3, loss="cross_entropy") == pytest.approx(
        with_bias, rel=SAME
    )


def test_tasks_of_different_shots_each_have_their_own_mean() -> None:
    model, few, many = linear(3, 1), draw(4, 3), draw(7, 3, seed=1)
    moments = {"second": 0.0, "third": 0.0}
    for x in (few, many):
        h = (x.T @ x / len(x)).numpy()
        moments["second"] += np.trace(h @ h)
        moments["third"] += np.trace(h @ h @ h)
    expected = moments["second"] / (2 * moments["third"])
    assert model_alpha(model, [few, many]) == pytest.approx(expected, rel=SAME)
    ragged = head_alpha([few, many], bias=False)
    assert ragged == pytest.approx(expected, rel=SAME)
    assert head_alpha([few, many], [few, many], bias=False) == pytest.approx(expected, rel=SAME)


# ---------------------------------------------------------------- a slow, plain computation


def exact_hessian(loss: str, x: Tensor, classes: int) -> Tensor:
    """Of PyTorch's own loss of a linear model whose outputs are all 0."""
    model = linear(x.shape[1], classes)
    if loss == "cross_entropy":
        targets = torch.arange(len(x)) % classes
    else:
        targets = (draw(len(x), classes, seed=9) > 0).double()

    def value(weight: Tensor) -> Tensor:
        return LOSSES[loss](functional_call(model, {"weight": weight}, (x,)), targets)

    made = hessian(value)(model.weight.detach())
    size = model.weight.numel()
    return made.reshape(size, size)


def risk(alpha: float, steps: int, pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Sum over tasks of tr M'QM, M the errors after the inner steps and Q the outer Hessian."""
    total = 0.0
    for inner, outer in pairs:
        after = torch.linalg.matrix_power(
            torch.eye(len(inner), dtype=DOUBLE) - alpha * inner, steps
        )
        total += float(torch.trace(after.T @ outer @ after))
    return total


def minimiser(steps: int, pairs: list[tuple[Tensor, Tensor]], near: float) -> float:
    found = minimize_scalar(
        lambda a: risk(a, steps, pairs), bracket=(0.5 * near, near, 2 * near), tol=1e-12
    )
    return float(found.x)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("steps", [1, 5])
def test_it_minimises_the_risk_under_the_hessian_of_pytorch_s_loss(loss: str, steps: int) -> None:
    support, query, classes = draw(6, 4, 3), draw(6, 5, 3, seed=1), 3
    tasks = zip(support, query, strict=True)
    pairs = [tuple(exact_hessian(loss, x, classes) for x in task) for task in tasks]
    alpha = model_alpha(linear(3, classes), support, query, loss=loss, steps=steps)
    assert alpha == pytest.approx(minimiser(steps, pairs, alpha), rel=SEARCH)


@pytest.mark.parametrize("block", [1, 3, 64])
def test_a_network_is_linearised_at_its_parameters(block: int) -> None:
    model, tasks = small_network(), draw(5, 4, 2)
    parameters = dict(model.named_parameters())
    pairs = []
    for x in tasks:
        parts = jacrev(lambda p, x=x: functional_call(model, p, (x,)))(parameters)
        jacobian = torch.cat([part.flatten(2) for part in parts.values()], 2).flatten(0, 1).detach()
        h = 2 * jacobian.T @ jacobian / len(jacobian)
        pairs.append((h, h))
    alpha = model_alpha(model, tasks, block=block)
    assert alpha == pytest.approx(minimiser(1, pairs, alpha), rel=SEARCH)


def test_adapting_by_gradient_steps_is_best_at_the_rate() -> None:
    """Plain steps of PyTorch's loss to tasks whose optima are around the initial weights."""
    torch.manual_seed(0)
    steps, dim, shots, n = 3, 4, 5, 1000
    # bounded: of Gaussian ones the few largest would decide
    support, query = (2 * torch.rand(2, n, shots, dim, dtype=DOUBLE) - 1).unbind()
    optima = draw(n, dim, 1)
    alpha = model_alpha(linear(dim, 1), support, query, steps=steps)

    def loss_after(rate: float) -> float:
        w = torch.zeros(n, dim, 1, dtype=DOUBLE)
        for _ in range(steps):
            gradient = 2 / shots * support.mT @ (support @ (w - optima))
            w = w - rate * gradient
        return float(F.mse_loss(query @ w, query @ optima))

    # the loss is steep above its minimum and flat below it
    assert loss_after(alpha) < min(loss_after(0.75 * alpha), loss_after(1.2 * alpha))


# ---------------------------------------------------------------- properties


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(1, 6), st.sampled_from(list(LOSSES)))
def test_features_twice_as_large_need_a_quarter_of_the_rate(
    scale: float, steps: int, loss: str
) -> None:
    model, tasks = linear(3, 2), draw(4, 5, 3)
    one = model_alpha(model, tasks, loss=loss, steps=steps)
    scaled = model_alpha(model, scale * tasks, loss=loss, steps=steps)
    assert scaled == pytest.approx(one / scale**2, rel=1e-9)  # roots of a polynomial of degree 11


@pytest.mark.parametrize("head", [None, "4"])
def test_batch_norm_sees_the_task_and_the_model_stays_as_it_was(head: str | None) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)]
    model = nn.Sequential(*layers).double()
    model[0].bias.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tasks = draw(3, 5, 1, 6, 6)
    made = model_alpha(model, tasks, head=head, loss="cross_entropy")
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert [p.grad for p in model.parameters()] == [None] * 6
    assert [p.requires_grad for p in model.parameters()] == [True, False, *[True] * 4]
    assert model.training
    # another task's images do not matter, those of the same task do
    apart = model_alpha(model, [task[:2] for task in tasks], head=head, loss="cross_entropy")
    model.eval()
    assert made != pytest.approx(model_alpha(model, tasks, head=head, loss="cross_entropy"))
    model.train()
    again = model_alpha(model, [task[:2] for task in tasks], head=head, loss="cross_entropy")
    assert again == apart


def test_what_is_frozen_is_not_adapted() -> None:
    model, tasks = small_network(), draw(4, 5, 2)
    for p in model[:4].parameters():
        p.requires_grad_(False)
    head = model_alpha(model, tasks, head="4")
    assert model_alpha(model, tasks) == pytest.approx(head, rel=SAME)


def test_outputs_without_an_effect_do_not_break_it() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    unused = nn.Linear(2, 2).double()
    model.register_module("unused", nn.Identity())
    model[0].register_module("unused", unused)  # never called
    assert np.isfinite(model_alpha(model, draw(3, 4, 2)))


def test_features_in_half_precision_are_read() -> None:
    x = torch.randn(4, 5, 3).bfloat16()
    assert head_alpha(x) == head_alpha(x.double())


# ---------------------------------------------------------------- kept up to date


def test_the_online_rate_is_a_moving_mean() -> None:
    model = linear(3, 1)
    online = OnlineAlpha(model, keep=0.75, steps=2)
    assert online.value is None
    batches = [draw(4, 5, 3, seed=s) for s in range(3)]
    first, second, third = (model_alpha(model, batch, steps=2) for batch in batches)
    assert online.update(batches[0]) == first
    assert online.update(batches[1]) == pytest.approx(0.75 * first + 0.25 * second, rel=SAME)
    expected = 0.75 * (0.75 * first + 0.25 * second) + 0.25 * third
    assert online.update(batches[2]) == online.value == pytest.approx(expected, rel=SAME)


# ---------------------------------------------------------------- bad input


class Twice(nn.Module):
    """Its head is called two times."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.head(x))


X = torch.ones(3, 2)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: model_alpha(nn.Linear(2, 1), []), ["support", "got none"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X], loss="mae"), ["loss", "'mae'", "'mse'"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X], steps=0), ["steps", "positive integer"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X], block=0), ["block", "positive integer"]),
        (lambda: model_alpha(nn.Linear(2, 1), ["x"]), ["support[0]", "tensor", "str"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X[:0]]), ["support[0]", "(0, 2)"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X, (X, X, X)]), ["support[1]", "tuple of 3"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X], [X[:, :1]]), ["query[0]", "(3, 1)"]),
        (lambda: model_alpha(nn.Linear(2, 1), [X * torch.nan]), ["support[0]", "NaN"]),
        (
            lambda: model_alpha(nn.Linear(2, 1, bias=False), [0 * X]),
            ["eigenvalues", "features are zero"],
        ),
        (
            lambda: model_alpha(nn.Linear(2, 1), [X], loss="cross_entropy"),
            ["cross_entropy", "binary_cross_entropy"],
        ),
        (lambda: model_alpha(nn.Flatten(), [X]), ["model", "no parameter requires gradients"]),
        (
            lambda: model_alpha(nn.Sequential(nn.Linear(2, 1), nn.Flatten(0, -1)), [X.T[None]]),
            ["support[0]", "(1, 2, 3)"],
        ),
        (lambda: model_alpha(Twice(), [X], head="heed"), ["head", "'heed'", "'head'"]),
        (lambda: model_alpha(Twice(), [X], head=nn.Linear(2, 2)), ["head", "not in it"]),
        (lambda: model_alpha(Twice(), [X], head=""), ["head", "''", "'head'"]),
        (lambda: head_alpha(X[None], loss="mae"), ["loss", "'mae'", "'mse'"]),
        (lambda: head_alpha(X[None], loss="cross_entropy"), ["cross_entropy", "`classes`"]),
        (lambda: head_alpha(X), ["support", "(tasks, shots, dim)"]),
        (lambda: head_alpha([[[1.0, 2.0], [3.0]]]), ["support", "rectangular"]),
        (lambda: head_alpha("abc"), ["support", "real numbers"]),
        (lambda: head_alpha(X[None] + 0j), ["support", "complex"]),
        (lambda: model_alpha(nn.LSTM(2, 1), [X]), ["support[0]", "one tensor", "output=0"]),
        (
            lambda: model_alpha(nn.Conv1d(2, 3, 1), [X.T[None]], loss="cross_entropy"),
            ["support[0]", "(samples, 3, 3)", "a row of its own"],
        ),
        (lambda: head_alpha(X[None], X[None, :, :1]), ["support and query", "dim"]),
        (lambda: OnlineAlpha(nn.Linear(2, 1), keep=1.0), ["keep", "1.0"]),
        # before any task is seen, not in the middle of a training loop
        (lambda: OnlineAlpha(nn.Linear(2, 1), loss="mae"), ["loss", "'mae'", "'mse'"]),
        (lambda: OnlineAlpha(nn.Linear(2, 1), steps=0), ["steps", "positive integer"]),
        (lambda: OnlineAlpha(nn.Linear(2, 1), block=0), ["block", "positive integer"]),
        (lambda: OnlineAlpha(Twice(), head="heed"), ["head", "'heed'", "'head'"]),
    ],
)
def test_bad_input_gives_one_clear_error(call: Callable[[], Any], parts: list[str]) -> None:
    with pytest.raises(InnerlrError) as error:
        call()
    for part in parts:
        assert part in str(error.value)
