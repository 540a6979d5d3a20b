"""Batched MAML against a plain loop, each model of a stack against itself alone, and resuming."""

from __future__ import annotations

import copy
import itertools
import re
from pathlib import Path

import numpy as np
import plain_maml
import pytest
import torch

from innerlr.empirical_ntk import empirical_gram
from innerlr.errors import InnerlrError
from innerlr.moments import GramMoments
from replication.tasks import QuadraticTasks, SineTasks, Tasks
from replication.training import maml
from replication.training.checkpoint import Checkpoint
from replication.training.maml import (
    BLOCK,
    Plan,
    TaskBatches,
    TrainedStack,
    Training,
    adapted_losses,
    needed_bytes,
)
from replication.training.mlp import INITS, MLP
from tolerances import GRADIENT, TRAINED_ALONE

SINE = SineTasks((0.1, 5.0), (0.0, np.pi))
F64 = torch.float64

# tests run beside each other: one thread each
torch.set_num_threads(1)


def initial(network: MLP, models: int, dtype: torch.dtype = F64) -> list[torch.Tensor]:
    each = [network.initial(np.random.default_rng(seed)) for seed in range(models)]
    return [torch.cat(values).to(dtype) for values in zip(*each, strict=True)]


def streams(count: int = 1) -> list:
    return [lambda block, g=g: np.random.default_rng([g, block + 1]) for g in range(count)]


def training(
    network: MLP,
    plan: Plan,
    rates: list[float],
    *,
    tasks: Tasks = SINE,
    groups: int = 1,
    dtype: torch.dtype = F64,
    models: slice = slice(None),
) -> Training:
    parameters = [p[models] for p in initial(network, len(rates), dtype)]
    batches = TaskBatches(tasks, plan, streams(groups), dtype=dtype)
    return Training(network, parameters, batches, plan, rates[models])


CASES = {
    "sine as Finn": (MLP(1, (40, 40)), Plan(1, meta_batch=5)),
    "many query samples: all formed": (MLP(1, (40, 40)), Plan(1, meta_batch=3, query_shots=256)),
    "five steps": (MLP(1, (60,)), Plan(1, meta_batch=4, inner_steps=5)),
    "three steps, low rank": (MLP(2, (30, 20)), Plan(1, meta_batch=4, shots=3, inner_steps=3)),
    "first order": (
        MLP(1, (16, 12)),
        Plan(1, meta_batch=4, shots=4, inner_steps=3, first_order=True),
    ),
    "tanh": (MLP(2, (7, 5), "tanh"), Plan(1, meta_batch=3, shots=2, query_shots=3, inner_steps=2)),
    "softplus": (MLP(2, (7, 5), "softplus"), Plan(1, meta_batch=3, shots=2, query_shots=3)),
    "empirical risk": (MLP(1, (8, 8)), Plan(1, meta_batch=3, inner_steps=0)),
    "linear": (MLP(3, ()), Plan(1, meta_batch=3, inner_steps=2)),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_a_plain_loop(case: str) -> None:
    network, plan = CASES[case]
    tasks = SINE if network.input_dim == 1 else QuadraticTasks(network.input_dim)
    rates = [0.0, 0.01, -0.02]
    stack = training(network, plan, rates, tasks=tasks)
    losses = stack.losses(0)
    losses.sum().backward()
    x, y = stack.batches(0)
    for model, rate in enumerate(rates):
        alone = [p[model].detach().clone().requires_grad_() for p in stack.parameters]
        loss = plain_maml.outer_loss(
            alone,
            *(x[0], y[0]),
            shots=plan.shots,
            rate=rate,
            steps=plan.inner_steps,
            first_order=plan.first_order,
            activation=network.activation,
        )
        gradients = torch.autograd.grad(loss, alone)
        torch.testing.assert_close(losses[model], loss, rtol=GRADIENT, atol=0)
        for ours, theirs in zip(stack.parameters, gradients, strict=True):
            scale = float(theirs.abs().max())
            assert ours.grad is not None
            torch.testing.assert_close(ours.grad[model], theirs, rtol=0, atol=GRADIENT * scale)


def test_low_rank_and_formed_layers_are_both_covered_above() -> None:
    """40 x 40 is kept as updates at 10 samples and formed at 256."""
    from replication.training.mlp import AdaptedMLP

    network = MLP(1, (40, 40))
    for rows, formed in ((10, [True, False, True]), (256, [True, True, True])):
        adapted = AdaptedMLP(network, initial(network, 1), rows=rows)
        assert [layer.formed for layer in adapted._layers] == formed


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_stack_is_each_model_trained_alone(optimizer: str) -> None:
    network = MLP(1, (12, 12))
    plan = Plan(30, meta_batch=4, shots=3, query_shots=4, optimizer=optimizer, inner_steps=2)
    rates = [0.0, 0.01, 0.02, 0.03]
    together = training(network, plan, rates).run()
    for model in range(len(rates)):
        alone = training(network, plan, rates, models=slice(model, model + 1)).run()
        for ours, theirs in zip(together.parameters, alone.parameters, strict=True):
            np.testing.assert_allclose(
                ours[:, model], theirs[:, 0], rtol=TRAINED_ALONE, atol=TRAINED_ALONE
            )


def test_groups_of_models_see_tasks_of_their_own() -> None:
    network, plan = MLP(1, (8,)), Plan(2, meta_batch=3)
    stack = training(network, plan, [0.01] * 4, groups=2)
    x, y = stack.batches(0)
    assert x.shape == (2, 3, 20, 1)
    assert not torch.equal(x[0], x[1])
    losses = stack.losses(0)
    for model in range(4):
        one = adapted_losses(
            network,
            [p[model : model + 1] for p in stack.parameters],
            (x[model // 2, None, :, :10], y[model // 2, None, :, :10]),
            (x[model // 2, None, :, 10:], y[model // 2, None, :, 10:]),
            torch.tensor([0.01], dtype=F64),
            steps=1,
        )
        torch.testing.assert_close(one.mean(), losses[model], rtol=GRADIENT, atol=0)


def test_a_stack_larger_than_what_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network, plan = MLP(1, (12, 12)), Plan(5, meta_batch=4)
    rates = [0.01] * 6
    whole = training(network, plan, rates, groups=3).run()
    monkeypatch.setattr(maml, "AT_ONCE", 4)
    parts = training(network, plan, rates, groups=3).run()
    for ours, theirs in zip(whole.parameters, parts.parameters, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TRAINED_ALONE, atol=TRAINED_ALONE)
    np.testing.assert_allclose(whole.losses, parts.losses, rtol=GRADIENT)


def test_one_diverging_model_is_marked_and_does_not_touch_the_others() -> None:
    network, plan = MLP(1, (20, 20)), Plan(150, meta_batch=5, inner_steps=3)
    calm = [0.01, 0.02, 0.005]
    wild = [0.01, 1e20, 0.005]
    both = [
        training(network, plan, rates, dtype=torch.float32).run(snapshots=[0])
        for rates in (calm, wild)
    ]
    assert both[0].diverged_at.tolist() == [-1, -1, -1]
    assert both[1].diverged_at.tolist() == [-1, BLOCK, -1]
    assert not np.isfinite(both[1].losses[:, 1]).any()
    assert np.isfinite(both[1].losses[:, [0, 2]]).all()
    for ours, theirs in zip(both[0].parameters, both[1].parameters, strict=True):
        assert np.array_equal(ours[:, [0, 2]], theirs[:, [0, 2]])


def cut_off(network: MLP, plan: Plan, at: int, path: Path, dtype: torch.dtype) -> TrainedStack:
    """Train until `at`, save, and let another process's object go on."""
    rates = [0.01, 0.03]
    first = training(network, plan, rates, dtype=dtype)
    first._keep({0})
    for _ in range(at):
        first.step()
        first._keep({100})
    Checkpoint(path, {"of": "test"}).save(first.state())
    second = training(network, plan, rates, dtype=dtype)
    return second.run(snapshots=[0, 100], checkpoint=Checkpoint(path, {"of": "test"}))


@pytest.mark.parametrize("at", [1, 99, 100, 137])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(
    tmp_path: Path, at: int, optimizer: str
) -> None:
    network = MLP(1, (10, 10))
    plan = Plan(210, meta_batch=3, shots=3, query_shots=3, optimizer=optimizer)
    rates = [0.01, 0.03]
    whole = training(network, plan, rates, dtype=torch.float32).run(snapshots=[0, 100])
    resumed = cut_off(network, plan, at, tmp_path / "run.pt", torch.float32)
    assert whole.iterations.tolist() == [0, 100, 210]
    for ours, theirs in zip(whole.to_arrays().items(), resumed.to_arrays().items(), strict=True):
        assert ours[0] == theirs[0]
        assert np.array_equal(ours[1], theirs[1]), ours[0]


def test_checkpoints_are_written_at_the_interval_with_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, plan = MLP(1, (4,)), Plan(250, meta_batch=2, shots=2, query_shots=2)
    checkpoint = Checkpoint(tmp_path / "run.pt", {}, interval=0.0)
    training(network, plan, [0.01]).run(checkpoint=checkpoint, title="sine")
    state = checkpoint.load()
    assert state is not None
    assert state["done"] == 249
    said = capsys.readouterr().err
    assert re.search(
        r"sine: iteration 200 of 250, loss [\d.]+ to [\d.]+ over 1 of 1 models, \d+ s left", said
    )


def test_a_stored_stack_comes_back() -> None:
    stack = training(MLP(1, (4,)), Plan(3, meta_batch=2), [0.01, 0.02]).run(snapshots=[1])
    again = TrainedStack.from_arrays(stack.to_arrays())
    assert again.iterations.tolist() == [1, 3]
    for ours, theirs in zip(again.snapshot(1), stack.snapshot(1), strict=True):
        assert torch.equal(ours, theirs)


def test_a_pool_of_tasks_repeats_them_and_fresh_tasks_do_not() -> None:
    for pool, count in ((4, 4), (0, 60)):
        batches = TaskBatches(
            SINE, Plan(9, meta_batch=20, shots=2, query_shots=1, pool=pool), streams()
        )
        seen = {tuple(row) for step in (0, 1, 2) for row in batches(step)[1][0].tolist()}
        assert len(seen) == count


def test_tasks_of_a_step_do_not_depend_on_the_steps_before() -> None:
    plan = Plan(9, meta_batch=3)
    straight, jumping = (TaskBatches(SINE, plan, streams()) for _ in range(2))
    for step in (0, 250, BLOCK, 7):
        jumped = jumping(step)
        for earlier in range(step - 3, step + 1):
            if earlier >= 0:
                last = straight(earlier)
        assert torch.equal(jumped[0], last[0])
        assert torch.equal(jumped[1], last[1])


class SameTasks:
    """Always the same tasks, so that an outer step is a full-batch one."""

    input_dim = 3

    def __init__(self, rng: np.random.Generator, tasks: int, rows: int) -> None:
        self.x = rng.normal(size=(tasks, rows, 3))
        optima = rng.normal(size=(tasks, 3))
        self.y = np.einsum("nkd,nd->nk", self.x, optima) + 0.5

    def draw(self, rng: np.random.Generator, tasks: int, rows: int) -> tuple:
        repeats = tasks // len(self.y)
        return np.tile(self.x, (repeats, 1, 1)), np.tile(self.y, (repeats, 1))


def test_a_linear_network_converges_to_the_closed_form() -> None:
    """w_maml of GramMoments on the features (x, 1)."""
    tasks = SameTasks(np.random.default_rng(1), 20, 12)
    plan = Plan(
        1500, meta_batch=20, shots=5, query_shots=7, inner_steps=1, optimizer="sgd", outer_lr=0.1
    )
    rates = [0.0, 0.05, 0.1]
    stack = training(MLP(3, ()), plan, rates, tasks=tasks).run()
    weight, bias = stack.snapshot(-1)
    phi = np.concatenate([tasks.x, np.ones((20, 12, 1))], axis=2)
    moments = GramMoments()
    moments.update(phi[:, :5], tasks.y[:, :5], phi[:, 5:], tasks.y[:, 5:])
    trained = torch.cat([weight[:, :, 0], bias[:, :, 0]], 1).numpy()
    np.testing.assert_allclose(trained, moments.w_maml(rates), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", [MLP(1, (9, 7)), MLP(2, (6,), "tanh"), MLP(3, ())])
def test_tangent_grams_are_those_of_autograd(shape: MLP) -> None:
    parameters = initial(shape, 3)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 5, shape.input_dim)))
    ours = shape.tangent_grams(parameters, x)
    features = shape.tangent_features(parameters, x.reshape(1, 20, -1))
    for model in range(3):
        widths = [shape.input_dim, *shape.hidden, 1]
        layers: list[torch.nn.Module] = []
        for i, (a, b) in enumerate(itertools.pairwise(widths)):
            layer = torch.nn.Linear(a, b, dtype=F64)
            layer.weight.data = parameters[2 * i][model].T.clone()
            layer.bias.data = parameters[2 * i + 1][model, 0].clone()
            layers += [layer, torch.nn.Tanh() if shape.activation == "tanh" else torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers[:-1])
        for task in range(4):
            theirs = empirical_gram(network, x[task]).detach()
            torch.testing.assert_close(ours[model, task], theirs, rtol=1e-10, atol=1e-10)
        grams = features[model].unflatten(0, (4, 5))
        torch.testing.assert_close(grams @ grams.mT, ours[model], rtol=1e-10, atol=1e-10)
        network(x.reshape(20, -1)[:1]).sum().backward()
        total = sum(float(p.grad.sum()) for p in network.parameters())
        assert float(features[model, 0].sum()) == pytest.approx(total, rel=1e-10, abs=1e-10)
    assert features.shape == (3, 20, shape.size)


@pytest.mark.parametrize("init", INITS)
def test_initial_parameters_follow_their_law(init: str) -> None:
    network = MLP(50, (400,), init=init)
    weight, bias = network.initial(np.random.default_rng(0))[:2]
    (kind, size), (bias_kind, _) = INITS[init](50)
    # standard deviations; of a normal cut at two sd, 0.8796
    expected = {"uniform": size / 3**0.5, "normal": size, "truncated": 0.879626 * size}[kind]
    assert float(weight.std()) == pytest.approx(expected, rel=0.02)
    assert bool((bias == 0).all()) == (bias_kind == "zero")
    if kind == "truncated":
        assert float(weight.abs().max()) <= 2 * size


BAD = {
    "unknown activation": (lambda: MLP(1, (4,), "rely"), "activation: .*Did you mean 'relu'"),
    "unknown init": (lambda: MLP(1, (4,), init="pytorhc"), "init: .*Did you mean 'pytorch'"),
    "no neurons": (lambda: MLP(1, (0,)), "hidden: expected a positive integer, got 0"),
    "no shots": (lambda: Plan(1, shots=0), "shots: expected a positive integer, got 0"),
    "no iterations": (lambda: Plan(0), "iterations: expected a positive integer"),
    "negative steps": (lambda: Plan(1, inner_steps=-1), "inner_steps: expected 0, 1, 2"),
    "unknown optimizer": (
        lambda: Plan(1, optimizer="lbfgs"),
        "optimizer: .*Valid: 'adam', 'sgd'",
    ),
    "a rate too few": (
        lambda: Training(
            MLP(1, (4,)),
            initial(MLP(1, (4,)), 3),
            TaskBatches(SINE, Plan(1), streams()),
            Plan(1),
            [0.1, 0.2],
        ),
        "one for each of the 3 models",
    ),
    "a rate that is no number": (
        lambda: training(MLP(1, (4,)), Plan(1), [float("nan")]),
        "rates: expected a finite number",
    ),
    "more steps than memory": (
        lambda: training(MLP(1, (40, 40)), Plan(1, inner_steps=10**9), [0.1]),
        r"inner_steps: 1000000000 second-order steps .* this machine has",
    ),
    "an empty interval": (lambda: SineTasks((1.0, 1.0), (0.0, 1.0)), "amplitude: .*low < high"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error(case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(InnerlrError, match=message):
        make()


def test_first_order_steps_need_no_memory_for_each() -> None:
    network = MLP(1, (40,))
    many = Plan(1, inner_steps=1000)
    assert needed_bytes(network, many, 1) > 100 * needed_bytes(
        network, Plan(1, inner_steps=1000, first_order=True), 1
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_losses() -> None:
    network, plan = MLP(1, (40, 40)), Plan(20, meta_batch=5)
    parameters = initial(network, 2)
    results = []
    for device in ("cpu", "cuda"):
        batches = TaskBatches(SINE, plan, streams(), dtype=F64, device=device)
        moved = [p.to(device) for p in copy.deepcopy(parameters)]
        results.append(Training(network, moved, batches, plan, [0.01, 0.02]).run().losses)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-8)
