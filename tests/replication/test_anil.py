"""ANIL's batched step against a loop over tasks through autograd, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tolerances
from innerlr.errors import InnerlrError
from innerlr.models import head_alpha
from replication.settings.choices import ForwardNorm, Sigma2
from replication.training import anil
from replication.training.anil import (
    Anil,
    ConvNet,
    adapt,
    estimate,
    ideal_loss,
    normalised,
)

TASKS, WAYS, WIDTH = 3, 5, 8
DOUBLE = torch.float64


def images(shots: int = 1, queries: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (TASKS, WAYS, shots + queries, 28, 28)
    return (torch.rand(shape, generator=generator, dtype=DOUBLE) < 0.15).to(DOUBLE)


def model(**change: Any) -> Anil:
    generator = torch.Generator().manual_seed(1)
    network = ConvNet(WIDTH, WAYS, head_init=0.1, generator=generator, dtype=DOUBLE)
    with torch.no_grad():  # gains and offsets that a wrong formula would show
        for i, parameter in enumerate([*network.gains, *network.offsets]):
            noise = torch.randn(WIDTH, generator=generator, dtype=DOUBLE)
            parameter.add_(0.2 * noise + (0.1 * i))
        network.head_bias.add_(0.1 * torch.randn(WAYS, generator=generator, dtype=DOUBLE))
    settings = {"ways": WAYS, "shots": 1, "inner_steps": 5, "forward_norm": "none", "alpha": 0.4}
    return Anil(network, **(settings | change))


class Plain(nn.Module):
    """The same network for one task, of PyTorch's own modules, convolution biases and all."""

    def __init__(self, network: ConvNet) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, kernel in enumerate(network.kernels):
            convolution = nn.Conv2d(kernel.shape[1], WIDTH, 3, stride=2, padding=1, dtype=DOUBLE)
            norm = nn.BatchNorm2d(WIDTH, track_running_stats=False, dtype=DOUBLE)
            convolution.weight.data = kernel.detach().clone()
            norm.weight.data = network.gains[i].detach().clone()
            norm.bias.data = network.offsets[i].detach().clone()
            layers += [convolution, norm, nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.weight = nn.Parameter(network.head_weight.detach().clone())
        self.bias = nn.Parameter(network.head_bias.detach().clone())

    def features(self, x: Tensor) -> Tensor:
        return self.body(x[:, None]).mean((2, 3))

    def gradients(self) -> list[Tensor]:
        convolutions = [m for m in self.body if isinstance(m, nn.Conv2d)]
        norms = [m for m in self.body if isinstance(m, nn.BatchNorm2d)]
        parameters = [
            *(m.weight for m in convolutions),
            *(m.weight for m in norms),
            *(m.bias for m in norms),
            *(self.weight, self.bias),
        ]
        return [p.grad for p in parameters if p.grad is not None]


def looped(made: Anil, x: Tensor, rate: Tensor | float) -> tuple[Plain, Tensor]:
    """The meta-loss and its gradients, task by task, the inner loop by autograd."""
    plain = Plain(made.network)
    total = torch.zeros((), dtype=DOUBLE)
    shots = made.shots
    for task in x:
        support, query = task[:, :shots].flatten(0, 1), task[:, shots:].flatten(0, 1)
        if made.batch_norm == "together":
            both = plain.features(torch.cat([support, query]))
            f_s, f_q = both[: len(support)], both[len(support) :]
        else:
            f_s, f_q = plain.features(support), plain.features(query)
        f_s, f_q = (normalised(f, made.forward_norm) for f in (f_s, f_q))
        w, b = plain.weight, plain.bias
        y_s = torch.arange(WAYS).repeat_interleave(shots)
        y_q = torch.arange(WAYS).repeat_interleave(task.shape[1] - shots)
        for _ in range(made.inner_steps):
            reduction = "sum" if made.per_alpha > 1 else "mean"
            inner = F.cross_entropy(f_s @ w + b, y_s, reduction=reduction)
            g_w, g_b = torch.autograd.grad(inner, [w, b], create_graph=True)
            w, b = w - rate * g_w, b - rate * g_b
        total = total + F.cross_entropy(f_q @ w + b, y_q) / len(x)
    total.backward()
    return plain, total


def close(a: Tensor, b: Tensor) -> None:
    scale = float(b.detach().abs().max())
    assert float((a - b).detach().abs().max()) <= tolerances.GRADIENT * max(scale, 1e-3)


def gradients(made: Anil) -> list[Tensor]:
    n = made.network
    parameters = [*n.kernels, *n.gains, *n.offsets, n.head_weight, n.head_bias]
    return [p.grad for p in parameters if p.grad is not None]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"inner_steps": 1},
        {"batch_norm": "separate"},
        {"inner_loss": "sum", "alpha": 0.1},
        {"shots": 2},
        *({"forward_norm": how} for how in get_args(ForwardNorm)),
        {"alpha": "alpha_lim", "inner_loss": "sum"},
        *(
            {"alpha": "online", "forward_norm": "l2sqrtd", "sigma2": how}
            for how in get_args(Sigma2)
        ),
    ],
    ids=str,
)
def test_a_meta_batch_is_the_loop_over_its_tasks(change: dict) -> None:
    made = model(**change)
    x = images(shots=made.shots)
    outcome = made(x, update=True)
    outcome.loss.backward()
    rate = float(made.buffer) if made.buffered else float(made.given)
    plain, loss = looped(made, x, rate)
    close(outcome.loss, loss)
    assert len(gradients(made)) == 14
    for ours, theirs in zip(gradients(made), plain.gradients(), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("tasks", [0, 2, 10])
def test_tasks_pass_a_few_at_a_time(tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three tasks of 15 images: each alone, two and one, all at once."""
    monkeypatch.setattr(anil, "IN_CACHE", tasks * 15 * 14 * 14 * WIDTH * DOUBLE.itemsize)
    passes = []
    monkeypatch.setattr(
        *(anil, "_first_output"),
        lambda rows, *more, real=anil._first_output: passes.append(len(rows)) or real(rows, *more),
    )
    made, x = model(), images()
    loss = made(x).loss
    assert passes == {0: [1, 1, 1], 2: [2, 1], 10: [3]}[tasks]
    loss.backward()
    assert sorted(passes) == sorted(2 * {0: [1, 1, 1], 2: [2, 1], 10: [3]}[tasks])  # made anew
    plain, _ = looped(made, x, 0.4)
    for ours, theirs in zip(gradients(made), plain.gradients(), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("size", [1, 2, 4, 7, 14])
def test_the_convolution_for_bfloat16_has_the_gradients_of_autograd(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(3, 6, size, size, generator=generator, dtype=DOUBLE, requires_grad=True)
    kernel = torch.randn(5, 6, 3, 3, generator=generator, dtype=DOUBLE, requires_grad=True)
    made, plain = anil._Bfloat16.apply(x, kernel), F.conv2d(x, kernel, stride=2, padding=1)
    assert torch.equal(made, plain)
    slope = torch.randn(plain.shape, generator=generator, dtype=DOUBLE)
    for ours, theirs in zip(
        torch.autograd.grad(made, [x, kernel], slope),
        torch.autograd.grad(plain, [x, kernel], slope),
        strict=True,
    ):
        close(ours, theirs)


def test_bfloat16_takes_that_convolution_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    real = anil._Bfloat16.apply
    monkeypatch.setattr(anil._Bfloat16, "apply", lambda x, k: used.append(x.dtype) or real(x, k))
    for precision in ("float32", "bfloat16"):
        model(precision=precision).float()(images().float()).loss.backward()
    assert used == [torch.bfloat16] * 2  # of the third and fourth block, all tasks at once


def test_a_learned_rate_has_the_loop_s_gradient() -> None:
    made = model(alpha="learned", first_alpha=0.3)
    x = images()
    made(x).loss.backward()
    rate = torch.tensor(0.3, dtype=DOUBLE, requires_grad=True)
    looped(made, x, rate)
    close(made.learned.grad, rate.grad)


def test_batch_statistics_are_those_of_a_module_a_task() -> None:
    made, x = model(), images()
    flat = x.flatten(1, 2)
    plain = Plain(made.network)
    for task, features in zip(flat, made.network(flat), strict=True):
        close(features, plain.features(task))
    alone = made.network(flat[:1])[0]
    close(alone, made.network(flat)[0])  # other tasks do not matter


def test_the_gradient_in_the_images_is_that_of_a_module() -> None:
    made, x = model(), images().flatten(1, 2).requires_grad_()
    generator = torch.Generator().manual_seed(8)
    weights = torch.randn(TASKS, x.shape[1], WIDTH, generator=generator, dtype=DOUBLE)
    (ours,) = torch.autograd.grad((made.network(x) * weights).sum(), x)
    plain = Plain(made.network)
    features = torch.stack([plain.features(task) for task in x])
    (theirs,) = torch.autograd.grad((features * weights).sum(), x)
    close(ours, theirs)


def first_block(network: ConvNet, x: torch.Tensor) -> torch.Tensor:
    return anil._first_output(*network._first_layer(x))


def test_the_first_layer_of_a_task_without_ink_is_its_offset() -> None:
    """No variance in any patch: the folded norm must not divide by zero."""
    made = model()
    first = first_block(made.network, torch.zeros(1, 4, 28, 28, dtype=DOUBLE))
    expected = made.network.offsets[0].relu()[None, :, None, None].expand_as(first)
    assert torch.equal(first, expected)


def test_the_folded_norm_keeps_the_digits_of_float32() -> None:
    """A task of 20 ways sums 7,840 patches; a sum in one go is 30 times worse."""
    generator = torch.Generator().manual_seed(6)
    x = (torch.rand(8, 40, 28, 28, generator=generator) < 0.1).float()
    made = model()
    exact = first_block(made.network, x.double())
    single = first_block(made.network.float(), x)
    assert float((single - exact).detach().abs().max()) < tolerances.SINGLE


def test_float32_is_close_to_float64() -> None:
    made, x = model(), images()
    double = made(x).loss
    single = made.float()(x.float()).loss
    # eps32 times a few thousand sums, seen through five inner steps
    assert single.item() == pytest.approx(double.item(), rel=1e-4)


def test_the_adapted_head_lowers_the_support_loss() -> None:
    generator = torch.Generator().manual_seed(2)
    f = torch.randn(TASKS, WAYS, WIDTH, generator=generator, dtype=DOUBLE)
    y = torch.eye(WAYS, dtype=DOUBLE)
    start = (torch.zeros(WIDTH, WAYS, dtype=DOUBLE), torch.zeros(WAYS, dtype=DOUBLE))
    losses = []
    for steps in (0, 1, 5, 50):
        w, b = adapt(f, y, *start, 0.5, steps)
        losses.append(float(-(y * torch.log_softmax(f @ w + b, -1)).sum(-1).mean()))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(np.log(WAYS))


def test_the_ideal_loss_by_hand_and_below_that_of_other_features() -> None:
    """One step from a head of zeros: the right logit gains rate length^2 / ways on the others."""
    gap = 0.3 * 4.0 / WAYS
    by_hand = np.log(1 + (WAYS - 1) * np.exp(-gap))
    assert ideal_loss(0.3, 1, WAYS, 2.0) == pytest.approx(by_hand, rel=tolerances.SAME)
    generator = torch.Generator().manual_seed(4)
    f = 2 * torch.nn.functional.normalize(torch.rand(50, WAYS, WIDTH, generator=generator), dim=-1)
    start = (torch.zeros(WIDTH, WAYS, dtype=DOUBLE), torch.zeros(WAYS, dtype=DOUBLE))
    for steps in (1, 5):
        w, b = adapt(f.double(), torch.eye(WAYS, dtype=DOUBLE), *start, 0.3, steps)
        losses = -torch.log_softmax(f.double() @ w + b, -1).diagonal(dim1=-2, dim2=-1)
        assert (losses.mean(-1) > ideal_loss(0.3, steps, WAYS, 2.0)).all()


@pytest.mark.parametrize("how", ["l2", "l2sqrtd", "layernorm"])
def test_normalised_features_have_their_length(how: str) -> None:
    raw = torch.randn(4, 6, WIDTH, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)
    length = {"l2": 1.0, "l2sqrtd": WIDTH**0.5, "layernorm": WIDTH**0.5}[how]
    made = torch.linalg.vector_norm(normalised(raw, how), dim=-1)
    # layer norm divides by the root of the variance plus 1e-5
    assert torch.allclose(made, torch.full_like(made, length), rtol=1e-4)


# ------------------------------------------------------------------ the online estimate


def sigma2_by_hand(raw: np.ndarray, how: str) -> float:
    values = []
    for f in raw:
        f = f / np.linalg.norm(f, axis=1, keepdims=True)
        values.append(
            {
                "gram": lambda f=f: (f @ f.T).mean(),
                "covsum": lambda f=f: (f.T @ f).mean(),
                "cov": lambda f=f: (f.T @ f / len(f)).mean(),
                "var": lambda f=f: f.var(),
            }[how]()
        )
    return float(np.mean(values))


@pytest.mark.parametrize("how", ["gram", "covsum", "cov", "var"])
def test_every_reading_of_sigma2_is_its_definition(how: str) -> None:
    raw = torch.rand(TASKS, WAYS, WIDTH, generator=torch.Generator().manual_seed(4), dtype=DOUBLE)
    expected = 1 / (2 * WAYS * sigma2_by_hand(raw.numpy(), how))
    assert estimate(raw, raw, how) == pytest.approx(expected, rel=tolerances.SAME)


def test_the_trace_reading_is_the_library_s_limit() -> None:
    """(H.14) with N K rows pooled in a task is (3.3) with K = ways x shots."""
    from innerlr import alpha_lim

    generator = torch.Generator().manual_seed(5)
    for n in (WAYS, 3 * WIDTH):
        phi = torch.rand(TASKS, n, WIDTH, generator=generator, dtype=DOUBLE)
        assert estimate(phi, phi, "trace") == pytest.approx(
            alpha_lim(phi.numpy()), rel=tolerances.SAME
        )


def test_the_buffer_keeps_nine_tenths_and_only_training_updates_it() -> None:
    made = model(alpha="online", sigma2="cov")
    first, second = images(seed=0), images(seed=7)
    made(first, update=True)
    one = float(made.buffer)
    made(second)
    assert float(made.buffer) == one
    made(second, update=True)
    raw, _ = made.features(second)
    new = float(estimate(raw, raw, "cov"))
    assert float(made.buffer) == pytest.approx(0.9 * one + 0.1 * new, rel=tolerances.SAME)


def test_our_own_estimate_is_that_of_the_features_the_head_sees() -> None:
    made, x = model(alpha="alpha_lim", forward_norm="l2", inner_loss="sum"), images()
    made(x, update=True)
    support, query = (normalised(f, "l2") for f in made.features(x))
    settings = {"classes": WAYS, "loss": "cross_entropy", "steps": made.inner_steps}
    expected = head_alpha(support, query, **settings)
    assert float(made.buffer) == made.alpha() == pytest.approx(expected, rel=tolerances.SAME)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda f: estimate(f, f, "covsun"), "'covsum'"),
        (lambda f: normalised(f, "l2sqrt"), "'l2sqrtd'"),
    ],
)
def test_unknown_readings_are_named(call: Callable[[Tensor], Any], part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call(torch.ones(1, 2, 3))
