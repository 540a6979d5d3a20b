"""Inner loops as people write them: an estimate in the middle changes nothing, and is right there.

learn2learn, torchopt, Lightning and Hugging Face are here in shape, since their packages bring much
along. `higher` and `torchopt` themselves are tried where they are installed:
pip install --no-deps higher torchopt optree graphviz
"""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from innerlr import OnlineAlpha, model_alpha

# The same model, whose parameters have been copied: rounding of its sums alone.
CLOSE = 1e-12

Estimate = Callable[[nn.Module], None]


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2)]
    return nn.Sequential(*layers).double()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, Y = draw(4, 5, 3), draw(4, 5, 2, seed=1)
PROBE = draw(6, 5, 3, seed=2)


def of_values(model: nn.Module, values: list[Tensor]) -> float:
    """The rate of a fresh network with these parameters, and the buffers of the model."""
    fresh = network()
    for p, value in zip(fresh.parameters(), values, strict=True):
        p.data = value.detach().clone()
    for b, value in zip(fresh.buffers(), model.buffers(), strict=True):
        b.copy_(value)
    return model_alpha(fresh.train(model.training), PROBE)


def by_hand(model: nn.Module, estimate: Estimate) -> None:
    """functional_call on a dictionary of fast weights."""
    for x, y in zip(X, Y, strict=True):
        fast = dict(model.named_parameters())
        for _ in range(2):
            loss = F.mse_loss(functional_call(model, fast, (x,)), y)
            parts = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
            estimate(model)
            fast = {k: p - 0.1 * g for (k, p), g in zip(fast.items(), parts, strict=True)}
        F.mse_loss(functional_call(model, fast, (x,)), y).backward()


def replaced(model: nn.Module, rate: float, loss: Tensor) -> None:
    """A differentiable step in place, as learn2learn's `adapt` and torchopt's MetaSGD make it."""
    parts = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    stepped = iter([p - rate * g for p, g in zip(model.parameters(), parts, strict=True)])
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = next(stepped)  # type: ignore[assignment]


def learn2learn(model: nn.Module, estimate: Estimate) -> None:
    """A clone whose parameters are not leaves, adapted in place."""
    for x, y in zip(X, Y, strict=True):
        clone = copy.deepcopy(model)
        for theirs, own in zip(model.modules(), clone.modules(), strict=True):
            for name, p in theirs._parameters.items():
                own._parameters[name] = p if p is None else p.clone()  # type: ignore[assignment]
        for _ in range(2):
            loss = F.mse_loss(clone(x), y)
            estimate(clone)
            replaced(clone, 0.1, loss)
            estimate(clone)
        F.mse_loss(clone(x), y).backward()


def lightning(model: nn.Module, estimate: Estimate) -> None:
    """A step of validation, in inference mode, inside a step of training."""
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for x, y in zip(X, Y, strict=True):
        optimiser.zero_grad()
        loss = F.mse_loss(model(x), y)
        model.eval()
        with torch.inference_mode():
            estimate(model)
        model.train()
        loss.backward()
        optimiser.step()


LOOPS = {"by hand": by_hand, "learn2learn": learn2learn, "lightning": lightning}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_goes_on_as_without_an_estimate(name: str) -> None:
    ends, rates = [], []

    def estimate(model: nn.Module) -> None:
        values = list(model.parameters())
        found = model_alpha(model, PROBE)
        with torch.inference_mode(False), torch.enable_grad():
            rates.append((found, of_values(model, values)))

    for between in (lambda model: None, estimate):
        model = network()
        LOOPS[name](model, between)
        ends.append([(p.detach(), p.grad) for p in model.parameters()])
        ends[-1] += [(b, None) for b in model.buffers()]
    for (one, grad), (other, same) in zip(*ends, strict=True):
        assert torch.equal(one, other)
        assert (grad is None and same is None) or torch.equal(grad, same)
    assert len(rates) >= 4
    for found, expected in rates:
        assert found == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_higher(copied: bool) -> None:
    higher = pytest.importorskip("higher")
    model = network()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    with higher.innerloop_ctx(model, optimiser, copy_initial_weights=copied) as (fast, step):
        for _ in range(2):
            assert model_alpha(fast, PROBE) == pytest.approx(
                of_values(model, list(fast.parameters())), rel=CLOSE
            )
            head = model_alpha(fast, PROBE, head="3")
            step.step(F.mse_loss(fast(X[0]), Y[0]))
            assert model_alpha(fast, PROBE, head="3") != head
        F.mse_loss(fast(X[0]), Y[0]).backward()
    assert all((p.grad is None) == copied for p in model.parameters())


@pytest.mark.filterwarnings("ignore")
def test_a_model_of_torchopt() -> None:
    torchopt = pytest.importorskip("torchopt")
    model = network()
    step = torchopt.MetaSGD(model, lr=0.1)
    for _ in range(2):
        step.step(F.mse_loss(model(X[0]), Y[0]))
        assert model_alpha(model, PROBE) == pytest.approx(
            of_values(model, list(model.parameters())), rel=CLOSE
        )


class FastWeights(nn.Module):
    """A model of `higher` in shape: its parameters are a list, its layers have none."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = [name for name, _ in model.named_parameters()]
        self.fast = [p.detach().clone().requires_grad_() for p in model.parameters()]
        self.template = copy.deepcopy(model).requires_grad_(False)

    def parameters(self, recurse: bool = True) -> Any:
        return iter(self.fast)

    def forward(self, x: Tensor) -> Tensor:
        weights = dict(zip(self.names, self.fast, strict=True))
        return functional_call(self.template, weights, (x,))


def test_fast_weights_in_a_list() -> None:
    model = network()
    fast = FastWeights(model)
    assert model_alpha(fast, PROBE) == pytest.approx(model_alpha(model, PROBE), rel=CLOSE)
    loss = F.mse_loss(fast(X[0]), Y[0])
    parts = torch.autograd.grad(loss, fast.fast, create_graph=True)
    fast.fast = [p - 0.1 * g for p, g in zip(fast.fast, parts, strict=True)]
    found, values = model_alpha(fast, PROBE), fast.fast
    assert found == pytest.approx(of_values(model, values), rel=CLOSE)


class ModelOutput(OrderedDict[str, Any]):
    """Hugging Face's, in shape: a mapping with attributes, without what is None."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class ForSequences(nn.Module):
    """Hugging Face's AutoModelForSequenceClassification, in shape."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6, padding_idx=0)
        self.encoder = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.classifier = nn.Linear(6, 3)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
    ) -> ModelOutput:
        hidden = self.encoder(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        logits = self.classifier(hidden[:, 0])
        more = {"hidden_states": (hidden,)} if output_hidden_states else {}
        loss = {} if labels is None else {"loss": F.cross_entropy(logits, labels)}
        return ModelOutput(**loss, logits=logits, **more)


def test_a_model_of_hugging_face() -> None:
    torch.manual_seed(0)
    model = ForSequences().eval()
    tasks = []
    for _ in range(3):
        ids = torch.randint(1, 20, (4, 7))
        mask = (torch.arange(7) < torch.randint(2, 8, (4, 1))).long()
        tasks.append(UserDict(input_ids=ids * mask, attention_mask=mask))  # a BatchEncoding
    given = {"loss": nn.CrossEntropyLoss(), "steps": 2}
    rate = model_alpha(model, tasks, **given)
    assert rate.understood.startswith("3 tasks, 4 shots, no query apart, 3 outputs")
    labelled = [UserDict(task, labels=torch.zeros(4, dtype=torch.long)) for task in tasks]
    assert model_alpha(model, labelled, output="logits", **given) == rate
    hidden = [UserDict(task, output_hidden_states=True) for task in tasks]
    assert model_alpha(model, hidden, output="logits", **given) == rate
    head = model_alpha(model, tasks, head="classifier", **given)
    assert head.methods == ("head",)
    assert head > rate  # fewer features, a shorter way
    online = OnlineAlpha(model, **given)
    assert online.update(tasks) == rate
