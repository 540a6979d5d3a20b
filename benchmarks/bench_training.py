"""A sweep of MAML networks as one stack: agreement, then CPU time against one model at a time.

OMP_NUM_THREADS=1 python benchmarks/bench_training.py [published]

With `published`, five networks are trained as Finn et al. (2017) do, for 70,000 iterations, and
tested after 1, 5 and 10 inner steps instead (two minutes).

The comparisons with higher and torchopt run where they are installed:
pip install --no-deps higher torchopt optree graphviz
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replication.tasks import QuadraticTasks, SineTasks, Tasks
from replication.training.device import keep_memory
from replication.training.maml import Plan, TaskBatches, Training, adapted_losses
from replication.training.mlp import MLP

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import plain_maml

torch.set_num_threads(1)
keep_memory()

ALPHAS = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.012, 0.015, 0.017, 0.02, 0.025, 0.03)
SEEDS = 5
CASES: dict[str, tuple[MLP, Tasks, Plan]] = {
    "sine, 1-40-40-1, one inner step": (
        MLP(1, (40, 40)),
        SineTasks((0.1, 5.0), (0.0, np.pi)),
        Plan(10**6),
    ),
    "quadratic, 1-60-1, five inner steps": (
        MLP(1, (60,)),
        QuadraticTasks(),
        Plan(10**6, inner_steps=5),
    ),
}
# a step of one model: (parameters, x, y, rate, plan) -> the mean outer loss
Loss = Callable[[list[Tensor], Tensor, Tensor, float, Plan], Tensor]


def stack(case: str, dtype: torch.dtype) -> Training:
    """All rates and seeds of a case; models of one seed see the same tasks."""
    network, tasks, plan = CASES[case]
    each = [network.initial(np.random.default_rng(s)) for s in range(SEEDS) for _ in ALPHAS]
    parameters = [torch.cat(values).to(dtype) for values in zip(*each, strict=True)]
    streams = [lambda block, s=s: np.random.default_rng([s, block + 1]) for s in range(SEEDS)]
    batches = TaskBatches(tasks, plan, streams, dtype=dtype)
    return Training(network, parameters, batches, plan, np.tile(ALPHAS, SEEDS))


def plain(parameters: list[Tensor], x: Tensor, y: Tensor, rate: float, plan: Plan) -> Tensor:
    """A loop over tasks with torch.autograd.grad."""
    return plain_maml.outer_loss(
        parameters, x, y, shots=plan.shots, rate=rate, steps=plan.inner_steps
    )


def module(parameters: list[Tensor]) -> nn.Sequential:
    """The same network as a module whose parameters are `parameters`."""
    layers: list[nn.Module] = []
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        linear = nn.Linear(*weight.shape, dtype=weight.dtype)
        linear.weight = nn.Parameter(weight.detach().T.contiguous())
        linear.bias = nn.Parameter(bias.detach()[0].clone())
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def with_higher(network: nn.Module, x: Tensor, y: Tensor, rate: float, plan: Plan) -> Tensor:
    """A loop over tasks with higher's differentiable SGD."""
    import higher

    optimizer, losses, k = torch.optim.SGD(network.parameters(), lr=rate), [], plan.shots
    for x_i, y_i in zip(x, y, strict=True):
        with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (net, opt):
            for _ in range(plan.inner_steps):
                opt.step(((net(x_i[:k])[:, 0] - y_i[:k]) ** 2).mean())
            losses.append(((net(x_i[k:])[:, 0] - y_i[k:]) ** 2).mean())
    return torch.stack(losses).mean()


def with_torchopt(network: nn.Module, x: Tensor, y: Tensor, rate: float, plan: Plan) -> Tensor:
    """A loop over tasks with torchopt's differentiable SGD."""
    import torchopt

    inner, losses, k = torchopt.MetaSGD(network, lr=rate), [], plan.shots
    start = torchopt.extract_state_dict(network, by="reference")
    at_start = torchopt.extract_state_dict(inner, by="reference")
    for x_i, y_i in zip(x, y, strict=True):
        for _ in range(plan.inner_steps):
            inner.step(((network(x_i[:k])[:, 0] - y_i[:k]) ** 2).mean())
        losses.append(((network(x_i[k:])[:, 0] - y_i[k:]) ** 2).mean())
        torchopt.recover_state_dict(network, start)
        torchopt.recover_state_dict(inner, at_start)
    return torch.stack(losses).mean()


def models(
    training: Training, at: Iterator[int]
) -> Iterator[tuple[list[Tensor], Tensor, Tensor, float]]:
    """Each chosen model alone, with its tasks of the first step and its rate."""
    x, y = training.batches(0)
    for i in at:
        alone = [p[i].detach().clone().requires_grad_() for p in training.parameters]
        yield alone, x[i // len(ALPHAS)], y[i // len(ALPHAS)], float(training.rates[i])


def library_gradients(
    loss: Callable[..., Tensor], case: str, dtype: torch.dtype
) -> list[list[Tensor]]:
    """Gradients of the first and last model by a library, in our layout."""
    training, found = stack(case, dtype), []
    for alone, x, y, rate in models(training, iter((0, len(training.rates) - 1))):
        network = module(alone)
        loss(network, x, y, rate, CASES[case][2]).backward()
        found.append([p.grad.T if p.grad.ndim == 2 else p.grad[None] for p in network.parameters()])
    return found


def agreement(case: str, libraries: dict[str, Callable[..., Tensor]]) -> None:
    """Gradients in float64: batched against the plain loop and every library."""
    training = stack(case, torch.float64)
    training.losses(0).sum().backward()
    ends = (0, len(training.rates) - 1)
    theirs = {
        "plain loop": [
            list(torch.autograd.grad(plain(alone, x, y, rate, CASES[case][2]), alone))
            for alone, x, y, rate in models(training, iter(ends))
        ],
        **{name: library_gradients(loss, case, torch.float64) for name, loss in libraries.items()},
    }
    for name, gradients in theirs.items():
        worst = 0.0
        for i, of_model in zip(ends, gradients, strict=True):
            for ours, other in zip(training.parameters, of_model, strict=True):
                assert ours.grad is not None
                gap = float((ours.grad[i] - other).abs().max() / other.abs().max())
                worst = max(worst, gap)
        assert worst < 1e-10, (name, worst)
        print(f"  gradients against {name:12s} {worst:.1e}")


def per_model_step(step: Callable[[], object], models: int, repeats: int) -> float:
    """CPU milliseconds of an outer step of one model, the least of six series."""
    best = float("inf")
    step()
    for _ in range(6):
        start = time.process_time()
        for _ in range(repeats):
            step()
        best = min(best, (time.process_time() - start) / repeats)
    return 1e3 * best / models


def one_by_one(case: str, loss: Callable[..., Tensor], as_module: bool) -> Callable[[], None]:
    """An outer step of one model, drawing its tasks and Adam included."""
    _, tasks, plan = CASES[case]
    training = stack(case, torch.float32)
    (alone, _, _, rate), *_ = models(training, iter((5,)))
    model = module(alone) if as_module else alone
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else model
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    batches = TaskBatches(tasks, plan, [lambda block: np.random.default_rng([0, block + 1])])
    steps = itertools.count()

    def step() -> None:
        x, y = batches(next(steps))
        optimizer.zero_grad()
        loss(model, x[0], y[0], rate, plan).backward()
        optimizer.step()

    return step


def main() -> None:
    available = {
        name: loss
        for name, loss in (("higher", with_higher), ("torchopt", with_torchopt))
        if importlib.util.find_spec(name)
    }
    count = len(ALPHAS) * SEEDS
    for case in CASES:
        print(f"{case}; {len(ALPHAS)} rates x {SEEDS} seeds, meta-batch 25, 10 + 10 samples")
        agreement(case, available)
        training = stack(case, torch.float32)
        ours = per_model_step(training.step, count, 20)
        print("  CPU ms a model-step, one thread, float32, tasks and Adam included")
        print(f"    one stack        {ours:8.3f}")
        others = {"plain loop": one_by_one(case, plain, as_module=False)}
        others |= {name: one_by_one(case, loss, as_module=True) for name, loss in available.items()}
        for name, step in others.items():
            spent = per_model_step(step, 1, 5)
            print(f"    {name:14s}   {spent:8.3f}   {spent / ours:6.1f} times as long")
        if torch.cuda.is_available():
            _on_gpu(case, count)


def _on_gpu(case: str, count: int) -> None:
    training = stack(case, torch.float32)
    network, tasks, plan = CASES[case]
    batches = TaskBatches(
        tasks,
        plan,
        [lambda block, s=s: np.random.default_rng([s, block + 1]) for s in range(SEEDS)],
        device="cuda",
    )
    moved = Training(
        network, [p.cuda() for p in training.parameters], batches, plan, np.tile(ALPHAS, SEEDS)
    )
    for _ in range(20):
        moved.step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(200):
        moved.step()
    torch.cuda.synchronize()
    rate = 200 / (time.perf_counter() - start)
    print(f"    GPU: {rate:.0f} steps a second, {rate * count:.0f} model-steps")


def published() -> None:
    """Finn et al.'s sine regression with five shots, the whole training."""
    network, plan = MLP(1, (40, 40), init="truncated_normal"), Plan(70_000, shots=5, query_shots=5)
    law = SineTasks((0.1, 5.0), (0.0, np.pi))
    each = [network.initial(np.random.default_rng(seed)) for seed in range(SEEDS)]
    parameters = [torch.cat(values).float() for values in zip(*each, strict=True)]
    streams = [lambda block, s=s: np.random.default_rng([s, block + 1]) for s in range(SEEDS)]
    rates = [0.01] * SEEDS
    training = Training(network, parameters, TaskBatches(law, plan, streams), plan, rates)
    spent = time.process_time()
    trained = training.run().snapshot(-1)
    print(f"{plan.iterations} iterations of {SEEDS} networks: {time.process_time() - spent:.0f} s")
    drawn = law.draw(np.random.default_rng(99), 2000, 105)
    x, y = (torch.from_numpy(v).float()[None] for v in drawn)
    for steps in (0, 1, 5, 10):
        with torch.no_grad():
            losses = adapted_losses(
                network,
                trained,
                (x[:, :, :5], y[:, :, :5]),
                (x[:, :, 5:], y[:, :, 5:]),
                torch.tensor(rates),
                steps=steps,
            )
        kept = losses.sort(1).values[:, : int(0.95 * losses.shape[1])]
        print(f"  {steps:2d} inner steps, by network")
        for name, error in (("all tasks", losses.mean(1)), ("without the worst 5%", kept.mean(1))):
            print(f"    {name:20s} " + " ".join(f"{value:10.3g}" for value in error.tolist()))


if __name__ == "__main__":
    published() if sys.argv[1:] == ["published"] else main()
