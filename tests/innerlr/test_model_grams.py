"""Exact Grams by each way, random probes and their error, and what a way costs."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from innerlr import InnerlrError, model_alpha
from innerlr.deep import cost, grams
from innerlr.deep.adapted import Adapted
from innerlr.deep.grams import by_jacobian, by_products
from innerlr.deep.probes import quadrature
from innerlr.deep.tasks import Task
from innerlr.modes import gram_modes
from tolerances import SAME, Z

DOUBLE = torch.float64


def network(inputs: int = 3, outputs: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 20), nn.Tanh(), nn.Linear(20, outputs)).double()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("held", [1 << 27, 3000, 1])
@pytest.mark.parametrize("block", [1, 3, 64])
@pytest.mark.parametrize("query", [True, False])
def test_blocks_of_rows_change_nothing(
    held: int, block: int, query: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 3000 bytes two rows are held, at one byte one: the rest is made again."""
    task = Task(draw(5, 3), draw(4, 3, seed=1) if query else None, ("support[0]", "query[0]"))
    adapted = Adapted(network())
    with adapted.opened():
        made = adapted.linearised(task)
        expected = by_products(made.support, made.query)
        monkeypatch.setattr(grams, "ROWS", held)
        found = by_jacobian(made.support, made.query, block)
    assert expected is not None
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    assert found[1].shape == ((8, 10) if query else (10, 10))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("classes", [1, 2])
def test_a_probe_has_the_sums_of_its_own_vector(steps: int, classes: int) -> None:
    """Gauss quadrature: b'(1 - c H)^p b for every power up to 2 steps - 1, exactly."""
    task = Task(draw(5, 3), draw(4, 3, seed=1), ("support[0]", "query[0]"))
    adapted = Adapted(network())
    settings = {"classes": classes, "steps": steps, "probes": 3}
    with adapted.opened():
        made = adapted.linearised(task)
        gram, cross = (
            grams.centred(part, classes) for part in by_jacobian(made.support, made.query, 64)
        )
        found = quadrature(made.support, made.query, generator=np.random.default_rng(1), **settings)
    h, c = gram / 10, cross / np.sqrt(10 * 8)
    signs = np.random.default_rng(1)
    for nodes, weights in found:
        b = c.T @ signs.choice([-1.0, 1.0], 8)
        assert len(nodes) <= steps
        for power in range(2 * steps):
            exact = b @ np.linalg.matrix_power(np.eye(10) - 0.3 * h, power) @ b
            assert weights @ (1 - 0.3 * nodes) ** power == pytest.approx(exact, rel=1e-9)


def test_the_mean_of_all_signs_is_exact() -> None:
    """E over every z of (u'C'z)^2 is |C u|^2: no luck of the draw is left."""
    task = Task(draw(3, 3), None, ("support[0]", "support[0]"))
    adapted = Adapted(network(outputs=1))

    class EverySign:
        def __init__(self) -> None:
            self.n = 0

        def choice(self, _: object, size: int) -> np.ndarray:
            self.n += 1
            return np.array([1.0 if self.n >> i & 1 else -1.0 for i in range(size)])

    with adapted.opened():
        made = adapted.linearised(task)
        gram, cross = by_jacobian(made.support, None, 64)
        found = quadrature(made.support, None, classes=1, steps=3, probes=8, generator=EverySign())
    values, along = gram_modes(gram / 3, cross / 3)
    for power in range(6):
        exact = (values * along) @ (1 - 0.2 * values) ** power
        mean = np.mean([weights @ (1 - 0.2 * nodes) ** power for nodes, weights in found])
        assert mean == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("steps", "loss"), [(1, "mse"), (2, "cross_entropy")])
def test_probes_are_right_to_their_standard_error(steps: int, loss: str) -> None:
    support = 2 * torch.rand(30, 4, 3, generator=torch.Generator().manual_seed(0)) - 1
    query = support.flip(0)[:, :3]
    given = {"steps": steps, "loss": loss}
    exact = model_alpha(network(), support, query, **given)
    few, many = (
        model_alpha(network(), support, query, method="probes", probes=p, **given) for p in (2, 8)
    )
    assert few.methods == ("probes",)
    for rate in (few, many):
        assert 0 < rate.standard_error < 0.2 * exact
        assert abs(rate - exact) < Z * rate.standard_error
    # four times as many signs, half the error; its own estimate is of 30 tasks
    assert many.standard_error / few.standard_error == pytest.approx(0.5, rel=0.4)


def test_the_standard_error_is_that_of_other_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    model, support = network(outputs=1), draw(10, 5, 3)
    generator = np.random.default_rng
    rates = []
    for seed in range(30):
        monkeypatch.setattr(np.random, "default_rng", lambda _, seed=seed: generator(seed))
        rates.append(model_alpha(model, support, method="probes", probes=2))
    spread = np.std(rates, ddof=1)
    # a standard deviation of 30 values is known to 13%
    said = np.sqrt(np.mean([rate.standard_error**2 for rate in rates]))
    assert said == pytest.approx(spread, rel=0.5)


def test_probes_need_second_derivatives() -> None:
    class Rounded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x.round()

        @staticmethod
        def backward(ctx: object, grad: Tensor) -> Tensor:
            return grad.detach().clone()

    class Straight(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: Tensor) -> Tensor:
            return Rounded.apply(self.layers(x))

    with pytest.raises(InnerlrError, match=r"second derivatives.*method='jacobian'"):
        model_alpha(Straight(), draw(2, 4, 3), method="probes")


# ---------------------------------------------------------------- the plan and its cost


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        parts = made if isinstance(made, list | tuple) else [made]
        sizes = [part.numel() for part in parts if isinstance(part, Tensor)]
        self.numel = max([self.numel, *sizes])
        return made


@pytest.mark.parametrize("method", ["products", "probes", "jacobian"])
def test_no_jacobian_is_made_where_it_is_not_asked_for(method: str) -> None:
    model, x = network(inputs=200), draw(2, 6, 200)
    count = sum(p.numel() for p in model.parameters())
    with Largest() as largest:
        rate = model_alpha(model, x, x[:, :3], method=method)
    assert rate.methods == (method,)
    assert largest.numel == (12 * count if method == "jacobian" else count)


@pytest.mark.parametrize(
    ("rows", "most", "expected"),
    [
        (1 << 27, 5e8, ("jacobian", 18)),
        (1 << 12, 5e8, ("products", 30)),
        (1 << 12, 100.0, ("probes", 2 * 7)),
    ],
)
def test_the_method_follows_the_size(
    rows: int, most: float, expected: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "ROWS", rows)
    monkeypatch.setattr(cost, "PROBES", most)
    task = Task(draw(5, 3), draw(4, 3, seed=1), ("support[0]", "query[0]"))
    adapted = Adapted(network())
    with adapted.opened():
        made = adapted.linearised(task)
        plan = cost.plan(made.support, made.query, "auto", steps=3, probes=2)
    assert (plan.method, plan.products) == expected
    assert plan.memory <= max(rows, 4 * 8 * made.support.count)
    exact = model_alpha(network(), draw(9, 5, 3), method="jacobian")
    found = model_alpha(network(), draw(9, 5, 3))
    assert found.methods == (expected[0],)
    tolerance = Z * found.standard_error if found.standard_error else SAME * 100
    assert found == pytest.approx(exact, abs=max(tolerance, 1e-10))


def test_much_is_a_warning_before_it_is_spent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cost, "LONG", 0.0)
    seen = []

    def tasks() -> object:
        for x in draw(3, 5, 3):
            seen.append(len(caplog.records))
            yield x

    with caplog.at_level(logging.WARNING, logger="innerlr"):
        model_alpha(network(), tasks())
    assert seen == [0, 1, 1]
    assert "5 shots" in caplog.records[0].getMessage()


def test_a_dearer_way_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return 2 * grad

    class Doubled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: Tensor) -> Tensor:
            return Once.apply(self.layers(x))

    expected = model_alpha(Doubled(), draw(3, 5, 3))
    for module in (cost, grams):
        monkeypatch.setattr(module, "ROWS", 1)
    with caplog.at_level(logging.WARNING, logger="innerlr"):
        found = model_alpha(Doubled(), draw(3, 5, 3))
    assert found == pytest.approx(expected, rel=1e-9)
    assert found.methods == ("jacobian",)
    assert [r.getMessage()[:21] for r in caplog.records] == ["no second derivatives"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (cost.duration(0.02), "0.02 s"),
        (cost.duration(59.7), "60 s"),
        (cost.duration(600), "10 minutes"),
        (cost.duration(7200), "2 hours"),
        (cost.size(10), "0.1 MB"),
        (cost.size(2_300_000_000), "2.3 GB"),
    ],
)
def test_amounts_in_words(made: str, expected: str) -> None:
    assert made == expected
