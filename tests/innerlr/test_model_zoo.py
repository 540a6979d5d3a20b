"""Models of all kinds: the rate is that of a plain loop, and nothing of the model is changed."""

from __future__ import annotations

import copy
import random
from collections import UserDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from innerlr import InnerlrError, OnlineAlpha, model_alpha
from innerlr.modes import alpha_lim_modes, gram_modes

# Two float64 routes to one rate, whose models differ in the order of their sums.
CLOSE = 1e-9
TASKS, SHOTS, QUERIES = 3, 4, 5


class Aliased(nn.Module):
    """A body, a head and a Sequential of both: learn2learn's OmniglotCNN has this shape."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        self.head = nn.Linear(6, 2)
        self.net = nn.Sequential(self.body, self.head)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Tied(nn.Module):
    """Output weights that are the embedding's."""

    def __init__(self, max_norm: float | None = None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 5, max_norm=max_norm)
        self.head = nn.Linear(5, 7, bias=False)
        if max_norm is None:
            self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.embedding(ids).mean(1).tanh())


class WritesInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2).add_(1)
        return self.layer(x)


class Remembers(nn.Module):
    """Attributes of all kinds that a call changes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.calls = 0
        self.total = torch.zeros(2)
        self.history: list[Tensor] = [torch.zeros(1)]
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.features = x
        self.total += 1
        self.history[0] += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)  # another object
        return self.layer(x - self.mean)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.1, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).mean(1))


class Fused(nn.Module):
    """Attention by PyTorch's own function, whose fused kernels have no second derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.head = nn.Linear(4, 12), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x).unsqueeze(1).chunk(3, -1)
        return self.head(F.scaled_dot_product_attention(q, k, v).squeeze(1).mean(1))


class Listed(nn.Module):
    """Parameters in plain lists, as in loops written by hand: parameters() has none of them."""

    def __init__(self) -> None:
        super().__init__()
        shapes = (3, 4), (4, 2)
        self.weights = [nn.Parameter(torch.randn(s, dtype=torch.float64)) for s in shapes]
        self.scale = nn.Parameter(torch.tensor(1.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * ((x @ self.weights[0]).tanh() @ self.weights[1])


class ByHand(torch.autograd.Function):
    """No rule for batches, and no second derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 2 * ctx.saved_tensors[0]


class ByNumpy(torch.autograd.Function):
    """A backward pass that its own graph does not know."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return torch.from_numpy(grad.detach().numpy() * 2 * ctx.saved_tensors[0].detach().numpy())


class Custom(nn.Module):
    def __init__(self, function: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(3, 4), nn.Linear(4, 2), function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function.apply(self.first(x)))


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.first, self.last, self.reentrant = nn.Linear(3, 4), nn.Linear(4, 2), reentrant
        self.middle = nn.Sequential(nn.Linear(4, 4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.last(checkpoint(self.middle, self.first(x), use_reentrant=self.reentrant))


@dataclass
class Made:
    """What Hugging Face's models return, in shape."""

    logits: Tensor
    hidden: tuple[Tensor, ...] = field(default_factory=tuple)

    def __iter__(self) -> Any:
        raise TypeError("not a sequence")


class HuggingFace(nn.Module):
    """Several inputs by keyword, a dictionary with attributes as output."""

    def __init__(self, mapping: bool = True) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(9, 4), nn.Linear(4, 3)
        self.mapping = mapping

    def forward(self, input_ids: Tensor, attention_mask: Tensor, scale: float = 1.0) -> Any:
        kept = attention_mask.unsqueeze(-1).to(self.embedding.weight)
        hidden = self.embedding(input_ids).tanh() * kept
        logits = scale * self.head(hidden.sum(1) / kept.sum(1))
        return {"logits": logits} if self.mapping else Made(logits, (hidden,))


class Wrapped(nn.Module):
    """learn2learn's MAML and its clones, in shape: parameters that are not leaves."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any) -> Any:
        return self.module(*args)

    def clone(self) -> Wrapped:
        made = copy.deepcopy(self.module)
        for theirs, own in zip(self.module.modules(), made.modules(), strict=True):
            for name, p in theirs._parameters.items():
                own._parameters[name] = p if p is None else p.clone()  # type: ignore[assignment]
        return Wrapped(made)


class Lightning(nn.Module):
    """A LightningModule in shape: the network below, a trainer that only training has."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))

    @property
    def trainer(self) -> Any:
        raise RuntimeError("not attached to a Trainer")

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def mlp(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), *layers, nn.Linear(5, 2))


def sizes(*shape: int) -> Callable[[int], Tensor]:
    return lambda n: torch.randn(TASKS, n, *shape, dtype=torch.float64)


def ids(n: int) -> Tensor:
    return torch.randint(0, 7, (TASKS, n, 4))


def words(n: int) -> dict[str, Tensor]:
    mask = (torch.rand(TASKS, n, 4) > 0.3).long()
    mask[..., 0] = 1
    return {"input_ids": ids(n), "attention_mask": mask}


@dataclass
class Case:
    """A model, its inputs, and the settings of the rate.

    Attributes:
        products: whether PyTorch has its second derivatives.
        adapts: the tensors that adapt, where parameters() does not list them.
        output: from what the model returns.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[int], Any] = field(default_factory=lambda: sizes(3))
    settings: dict[str, Any] = field(default_factory=dict)
    products: bool = True
    adapts: Callable[[nn.Module], list[Tensor]] | None = None
    output: Callable[[Any], Tensor] = lambda made: made
    train: bool = True


def frozen(model: nn.Module, *names: str) -> nn.Module:
    for name in names:
        model.get_parameter(name).requires_grad_(False)
    return model


def of_head(name: str) -> Callable[[nn.Module], list[Tensor]]:
    return lambda model: [p for p in model.get_submodule(name).parameters() if p.requires_grad]


def headed(last: Callable[[nn.Module], nn.Module], name: str = "1.head", **more: Any) -> Case:
    """A body, and something around a linear layer that is the head."""
    return Case(
        lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), last(nn.Linear(4, 2))),
        settings={"head": name},
        adapts=of_head(name),
        **more,
    )


class Around(nn.Module):
    def __init__(self, head: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.head, self.function = head, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.head, x)


def around(function: Callable[..., Tensor], **more: Any) -> Case:
    return headed(lambda head: Around(head, function), **more)


def cosine(head: nn.Module, x: Tensor) -> Tensor:
    return 30 * F.linear(F.normalize(x, dim=1), F.normalize(head.weight, dim=1))


def spoiled(head: nn.Module, x: Tensor) -> Tensor:
    x = x + 0
    made = head(x)
    x.mul_(0)  # what a hook on the head has kept is now zero
    return made


def scaled_in_place(head: nn.Module, x: Tensor) -> Tensor:
    return head(x).mul_(7)


def used_twice(head: nn.Module, x: Tensor) -> Tensor:
    return head(x + F.linear(x, head.weight.T @ head.weight))


NORM = nn.utils.parametrizations.weight_norm
OLD_NORM = nn.utils.weight_norm

ZOO: dict[str, Case] = {
    "aliases": Case(Aliased),
    "aliases, one head": Case(Aliased, settings={"head": "net.1"}, adapts=of_head("head")),
    "tied weights": Case(Tied, ids),
    "a tied head": Case(Tied, ids, {"head": "head"}, adapts=of_head("head")),
    "max_norm": Case(lambda: Tied(max_norm=0.5), ids),
    "batch norm, training": Case(lambda: mlp(nn.BatchNorm1d(5), nn.ReLU())),
    "batch norm, evaluation": Case(lambda: mlp(nn.BatchNorm1d(5), nn.ReLU()), train=False),
    "batch norm below a head": Case(
        lambda: mlp(nn.BatchNorm1d(5), nn.ReLU()),
        settings={"head": "3", "loss": "cross_entropy"},
        adapts=of_head("3"),
    ),
    "dropout": Case(lambda: mlp(nn.Dropout(0.5), nn.Tanh())),
    "writes into its input": Case(WritesInput),
    "remembers": Case(Remembers),
    "weight norm": Case(lambda: mlp(nn.Tanh(), NORM(nn.Linear(5, 5)))),
    "old weight norm": Case(lambda: mlp(nn.Tanh(), OLD_NORM(nn.Linear(5, 5)))),
    "spectral norm": Case(lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))),
    "in place": Case(lambda: mlp(nn.ReLU(inplace=True))),
    "lstm": Case(Recurrent, sizes(6, 3)),
    "transformer": Case(Attends, sizes(5, 4), {"loss": "cross_entropy", "steps": 3}),
    "fused attention": Case(Fused, sizes(5, 4)),
    "lists of parameters": Case(Listed, adapts=lambda m: [m.scale, *m.weights]),
    "frozen": Case(lambda: frozen(mlp(nn.Tanh()), "0.weight", "2.bias")),
    "no second derivative": Case(lambda: Custom(ByHand), products=False),
    "a gradient made outside": Case(lambda: Custom(ByNumpy), products=False),
    "checkpoint": Case(lambda: Checkpointed(False)),
    "reentrant checkpoint": Case(lambda: Checkpointed(True), products=False),
    "data parallel": Case(lambda: nn.DataParallel(mlp(nn.Tanh()))),
    "data parallel, a head": Case(
        lambda: nn.DataParallel(mlp(nn.Tanh())),
        settings={"head": "module.2"},
        adapts=of_head("module.2"),
    ),
    "jit": Case(lambda: torch.jit.trace(mlp(nn.Tanh()), torch.zeros(2, 3))),
    "jit, a head": Case(
        lambda: torch.jit.trace(mlp(nn.Tanh()), torch.zeros(2, 3)),
        settings={"head": "2"},
        adapts=of_head("2"),
    ),
    "lightning": Case(Lightning),
    "hugging face": Case(
        HuggingFace, words, {"loss": "cross_entropy"}, output=lambda made: made["logits"]
    ),
    "a dataclass": Case(
        lambda: HuggingFace(mapping=False),
        words,
        {"output": "logits"},
        output=lambda made: made.logits,
    ),
    "learn2learn": Case(lambda: Wrapped(Aliased())),
    "a clone of learn2learn": Case(lambda: Wrapped(mlp(nn.Tanh()).double()).clone()),
    "a plain head": around(lambda head, x: head(x)),
    "scale": around(lambda head, x: 14.3 * head(x)),
    "temperature": around(lambda head, x: head(x) / 0.07),
    "cosine": around(cosine),
    "sigmoid": around(lambda head, x: head(x).sigmoid()),
    "not the last": around(lambda head, x: head(x).tanh() @ torch.ones(2, 3).to(x)),
    "two heads": around(lambda head, x: torch.cat([head(x), x.cumsum(1)], 1)),
    "changed later": headed(lambda head: Around(frozen(head, "weight"), spoiled)),
    "changed in place": around(scaled_in_place),
    "used twice": around(used_twice),
    "a shape of its own": around(lambda head, x: head(x).unsqueeze(1)),
    "weight norm of a head": headed(lambda head: Around(NORM(head), lambda h, x: h(x))),
    "a frozen bias": headed(lambda head: Around(frozen(head, "bias"), lambda h, x: h(x))),
    "a frozen weight": headed(lambda head: Around(frozen(head, "weight"), lambda h, x: h(x))),
    "a head of two layers": headed(
        lambda head: Around(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), head), lambda h, x: h(x))
    ),
}


def made(case: Case) -> tuple[nn.Module, Any, Any]:
    torch.manual_seed(3)
    model = case.make().double().train(case.train)
    return model, case.inputs(SHOTS), case.inputs(QUERIES)


def rows(case: Case, model: nn.Module, inputs: Any, adapts: list[Tensor]) -> Tensor:
    """The oracle: one backward pass an output, on a model of its own."""
    fed = {k: v.clone() for k, v in inputs.items()} if isinstance(inputs, Mapping) else None
    output = case.output(model(**fed) if fed is not None else model(inputs.clone()))
    jacobian = []
    for value in output.reshape(-1):
        for p in adapts:
            p.grad = None
            p.retain_grad() if not p.is_leaf else None
        value.backward(retain_graph=True)
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in adapts]
        jacobian.append(torch.cat([part.reshape(-1) for part in parts]))
    return torch.stack(jacobian).reshape(len(output), -1, len(jacobian[0]))


@cache
def reference(name: str) -> float:
    """The rate by explicit Jacobians; each task sees the model as it was made."""
    case = ZOO[name]
    model, support, query = made(case)
    start = torch.get_rng_state()
    tasks = []
    for i in range(TASKS):
        if i:  # as it was made
            state = torch.get_rng_state()
            model = made(case)[0]
            torch.set_rng_state(state)
        else:
            torch.set_rng_state(start)
        adapts = (
            [p for p in model.parameters() if p.requires_grad]
            if case.adapts is None
            else case.adapts(model)
        )
        parts = []
        for given in (support, query):
            one = {k: v[i] for k, v in given.items()} if isinstance(given, Mapping) else given[i]
            parts.append(rows(case, model, one, adapts))
        if case.settings.get("loss") == "cross_entropy":
            parts = [j - j.mean(1, keepdim=True) for j in parts]
        s, q = (j.flatten(0, 1) for j in parts)
        n, m = len(s), len(q)
        tasks.append(gram_modes((s @ s.T / n).numpy(), (q @ s.T / np.sqrt(n * m)).numpy()))
    values, weights = (np.concatenate(part) for part in zip(*tasks, strict=True))
    alpha = alpha_lim_modes(1, values, weights, steps=case.settings.get("steps", 1))
    return 2 * alpha if case.settings.get("loss") == "cross_entropy" else alpha


def state(model: nn.Module, *inputs: Any) -> dict[str, Any]:
    """Everything that a call could change: objects, bytes, flags, generators, inputs."""
    found: dict[str, Any] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002
        "random": random.getstate(),
    }
    kinds = {
        "parameter": model.named_parameters(remove_duplicate=False),
        "buffer": model.named_buffers(remove_duplicate=False),
    }
    for kind, tensors in kinds.items():
        for name, t in tensors:
            content = t.detach().numpy().tobytes()
            grad = t.grad if t.is_leaf else None
            found[f"{kind} {name}"] = (id(t), type(t), t.requires_grad, grad, content)
    for name, module in model.named_modules():
        held = {
            key: value.detach().numpy().tobytes() if isinstance(value, Tensor) else repr(value)
            for key, value in vars(module).items()
            if not key.startswith("_") or key == "_modules"
        }
        found[f"module {name}"] = (id(module), module.training, held)
    for i, given in enumerate(inputs):
        tensors = given.values() if isinstance(given, Mapping) else [given]
        found[f"input {i}"] = [t.numpy().tobytes() for t in tensors]
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.utils.checkpoint")
@pytest.mark.parametrize("method", ["auto", "products"])
@pytest.mark.parametrize("name", ZOO)
def test_the_rate_is_that_of_a_plain_loop_and_nothing_changes(name: str, method: str) -> None:
    case = ZOO[name]
    expected = reference(name)
    model, support, query = made(case)
    before = state(model, support, query)
    given = {**case.settings, "method": method}
    if method == "products" and not case.products:
        with pytest.raises(InnerlrError, match="second derivatives"):
            model_alpha(model, support, query, **given)
    else:
        rate = model_alpha(model, support, query, **given)
        assert rate == pytest.approx(expected, rel=CLOSE)
        assert rate.standard_error == 0
    assert state(model, support, query) == before


def test_a_model_with_two_names_for_a_part_still_trains() -> None:
    losses = []
    x = torch.randn(40, 3)
    y = torch.stack([x.sum(1).sin(), x.sum(1).cos()], 1)
    for estimate in (False, True):
        torch.manual_seed(0)
        model = Aliased()
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        if estimate:
            model_alpha(model, x.reshape(4, 10, 3), steps=2)
            model_alpha(model, x.reshape(4, 10, 3), head="head")
        for _ in range(20):
            optimiser.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimiser.step()
        losses.append(loss.item())
    assert losses[0] == losses[1]


class Breaks(nn.Module):
    """Its second call, of the query, fails after it has written everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        made = self.head(self.norm(x))
        with torch.no_grad():
            self.head.weight.add_(1)
        self.extra = nn.Parameter(torch.ones(1))
        self.norm.eval()
        self.head.requires_grad_(False)
        if len(x) == QUERIES:
            raise KeyError("no such thing")
        return made


def test_a_model_that_fails_is_as_it_was() -> None:
    torch.manual_seed(0)
    model = Breaks()
    support, query = torch.randn(2, SHOTS, 3), torch.randn(2, QUERIES, 3)
    before = state(model, support, query)
    with pytest.raises(InnerlrError, match=r"query\[0\].*KeyError: 'no such thing'"):
        model_alpha(model, support, query)
    assert state(model, support, query) == before
    assert not hasattr(model, "extra")


def test_gradients_that_the_caller_holds_stay() -> None:
    torch.manual_seed(0)
    for model in (mlp(nn.Tanh()), Checkpointed(True)):
        held = {p: torch.randn_like(p) for p in model.parameters()}
        for p, grad in held.items():
            p.grad = grad
        graph = model(torch.randn(4, 3)).sum()
        model_alpha(model, torch.randn(2, SHOTS, 3))
        assert all(p.grad is grad for p, grad in held.items())
        graph.backward()  # the caller's own graph is whole


@pytest.mark.parametrize(
    "mode",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autograd.set_detect_anomaly(True),
        lambda: torch.autograd.set_grad_enabled(False),
    ],
)
@pytest.mark.parametrize("head", [None, "2"])
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_the_callers_mode_does_not_matter(mode: Callable[[], Any], head: str | None) -> None:
    torch.manual_seed(0)
    model, x = mlp(nn.Tanh()).double(), torch.randn(3, SHOTS, 3, dtype=torch.float64)
    expected = model_alpha(model, x, head=head)
    with mode():
        enabled, anomaly = torch.is_grad_enabled(), torch.is_anomaly_enabled()
        inside = torch.randn(3, SHOTS, 3)  # an inference tensor, in inference mode
        assert model_alpha(model, x, head=head) == expected
        assert model_alpha(model, inside, head=head) > 0
        assert (torch.is_grad_enabled(), torch.is_anomaly_enabled()) == (enabled, anomaly)


def test_compiled_models_are_looked_into() -> None:
    torch.manual_seed(0)
    model, x = mlp(nn.Tanh()).double(), torch.randn(3, SHOTS, 3, dtype=torch.float64)
    expected = model_alpha(model, x), model_alpha(model, x, head="2")
    outside = torch.compile(model, backend="eager")
    inside = copy.deepcopy(model)
    inside.compile(backend="eager")
    for compiled, name in ((outside, "_orig_mod.2"), (inside, "2")):
        compiled(x[0])
        before = state(compiled, x)
        found = model_alpha(compiled, x), model_alpha(compiled, x, head=name)
        assert found == pytest.approx(expected, rel=CLOSE)
        assert state(compiled, x) == before


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("method", ["jacobian", "products"])
def test_low_precision_is_read(kind: torch.dtype, method: str) -> None:
    torch.manual_seed(0)
    model, x = mlp(nn.Tanh()).double(), torch.randn(6, SHOTS, 3, dtype=torch.float64)
    expected = model_alpha(model, x)
    low = model_alpha(model.to(kind), x.to(kind).requires_grad_(True), method=method)
    # gradients of some tens of products each, rounded to 8 or 24 bits
    assert low == pytest.approx(expected, rel=20 * torch.finfo(kind).eps)
    # inputs of another precision are taken to the model's
    assert model_alpha(model, x.to(kind).float(), method=method) == low
    assert model_alpha(model, x.to(kind).float().numpy(), method=method) == low


def test_dropout_differs_from_task_to_task() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 1))
    one = torch.randn(1, 4, 3)
    alone, both = model_alpha(model, one), model_alpha(model, one.repeat(2, 1, 1))
    assert alone == model_alpha(model, one)  # the generator stands where it stood
    assert alone != pytest.approx(both)


def test_the_online_rate_goes_on_from_a_checkpoint() -> None:
    torch.manual_seed(0)
    model, x = mlp(nn.Tanh()), torch.randn(2, 3, SHOTS, 3)
    first, second = OnlineAlpha(model, keep=0.5), OnlineAlpha(model)
    first.update(x[0])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert first.update(x[1]) == second.update(x[1])
    for state_dict in ({}, {"value": -1.0, "keep": 0.5}, {"value": None, "keep": 2}):
        with pytest.raises(InnerlrError, match="state_dict"):
            second.load_state_dict(state_dict)


# ---------------------------------------------------------------- what is not a model, or has none


X = torch.ones(2, 3, 3)


class Detached(nn.Module):
    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.how = nn.Linear(3, 2), how

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self.layer(x))


def pipeline() -> Any:
    made = UserDict()
    made.model = nn.Linear(3, 2)  # type: ignore[attr-defined]
    return made


def made_in_inference_mode() -> nn.Module:
    with torch.inference_mode():
        return nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("make", "settings", "parts"),
    [
        (lambda: None, {}, ["model", "torch.nn.Module", "NoneType"]),
        (lambda: nn.Linear, {}, ["model", "the class Linear"]),
        (pipeline, {}, ["model", "UserDict", "`.model`"]),
        (lambda: nn.LazyLinear(2), {}, ["model", "lazy", "on a batch first"]),
        (made_in_inference_mode, {}, ["model", "weight", "inference_mode"]),
        (lambda: nn.Linear(3, 2, dtype=torch.complex64), {}, ["model", "weight", "complex"]),
        (lambda: Detached(Tensor.detach), {}, ["model", "gradient", "detached"]),
        (lambda: Detached(lambda y: y.argmax(1)), {}, ["support[0]", "real outputs", "int64"]),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)).requires_grad_(False),
            {},
            ["model", "no parameter requires gradients"],
        ),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).requires_grad_(False)),
            {"head": "1"},
            ["head", "'1'", "Unfreeze"],
        ),
        (lambda: Aliased(), {"head": "hed"}, ["head", "'hed'", "Did you mean 'head'"]),
        (lambda: HuggingFace(), {}, ["support[0]", "TypeError", "attention_mask"]),
        (lambda: Detached(lambda y: (y, y)), {}, ["support[0]", "tuple of 0, 1", "output=0"]),
        (lambda: Detached(lambda y: {"a": y}), {"output": "b"}, ["output", "'b'", "'a'"]),
        (lambda: Detached(lambda y: {"a": 1}), {"output": "a"}, ["output", "tensor", "int"]),
        (lambda: Detached(lambda y: y.mul_(0).sum()), {}, ["support[0]", "row", "shape ()"]),
        (lambda: nn.Linear(3, 2), {"loss": nn.L1Loss()}, ["loss", "L1Loss", "'mse'"]),
        (lambda: nn.Linear(3, 2), {"loss": lambda y, t: 0}, ["loss", "<lambda>", "'mse'"]),
        (lambda: nn.Linear(3, 2), {"loss": nn.MSELoss(reduction="sum")}, ["loss", "'sum'"]),
        (
            lambda: nn.Linear(3, 2),
            {"loss": nn.CrossEntropyLoss(weight=torch.ones(2))},
            ["loss", "CrossEntropyLoss", "`weight`"],
        ),
        (lambda: nn.Linear(3, 2), {"method": "exact"}, ["method", "'exact'", "'products'"]),
        (lambda: nn.Linear(3, 2), {"probes": 1}, ["probes", "two"]),
    ],
)
def test_the_cause_is_named(
    make: Callable[[], Any], settings: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(InnerlrError) as error:
        model_alpha(make(), X, **settings)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_losses_are_taken_as_they_are_called() -> None:
    torch.manual_seed(0)
    model = mlp(nn.Tanh())
    for name, others in {
        "mse": (nn.MSELoss(), F.mse_loss, nn.MSELoss),
        "cross_entropy": (nn.CrossEntropyLoss(label_smoothing=0.1), F.cross_entropy),
        "binary_cross_entropy": (nn.BCEWithLogitsLoss(), F.binary_cross_entropy_with_logits),
    }.items():
        expected = model_alpha(model, X, loss=name)
        for loss in others:
            assert model_alpha(model, X, loss=loss) == expected


@pytest.mark.parametrize("scale", [1.0, 1.001])
def test_a_head_is_plain_or_it_is_not(scale: float) -> None:
    """A scale that is next to none is seen too, in float32."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), Around(nn.Linear(4, 2), lambda h, x: scale * h(x)))
    rate = model_alpha(model, torch.randn(5, SHOTS, 3), head="1.head")
    assert rate.methods == (("head",) if scale == 1 else ("jacobian",))


def test_outputs_are_chosen() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    expected = model_alpha(layer, X)
    model = Detached(lambda y: (y, {"more": 2 * y}))
    model.layer = layer
    assert model_alpha(model, X, output=0) == pytest.approx(expected, rel=1e-6)
    twice = model_alpha(model, X, output=lambda made: made[1]["more"])
    assert twice == pytest.approx(expected / 4, rel=1e-6)
