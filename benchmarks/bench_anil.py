"""An ANIL meta-batch: agreement, then CPU time, against the loop over tasks and two libraries.

OMP_NUM_THREADS=1 python benchmarks/bench_anil.py [repeats]

`higher` and `torchopt` are timed where they are installed (`pip install --no-deps higher torchopt
optree graphviz`). Images are in memory on both sides; a step is forward, backward and Adam.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from replication.images.bank import SMALL, ImageBank, TaskSampler, rotated
from replication.images.glyphs import stand_in
from replication.training.anil import Anil, ConvNet, as_input
from replication.training.device import keep_memory

torch.set_num_threads(1)
CPU, TASKS, WIDTH, RATE, REPEATS = torch.device("cpu"), 16, 64, 0.4, 10
CASES = {"20-way, 5 steps": (20, 5), "20-way, 1 step": (20, 1), "5-way, 5 steps": (5, 5)}


class Plain(nn.Module):
    """The same network of PyTorch's modules, for one task: what is written first."""

    def __init__(self, network: ConvNet, ways: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, kernel in enumerate(network.kernels):
            convolution = nn.Conv2d(kernel.shape[1], WIDTH, 3, stride=2, padding=1)
            convolution.weight.data = kernel.detach().clone().contiguous()
            norm = nn.BatchNorm2d(WIDTH, track_running_stats=False)
            norm.weight.data = network.gains[i].detach().clone()
            norm.bias.data = network.offsets[i].detach().clone()
            layers += [convolution, norm, nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTH, ways)
        self.head.weight.data = network.head_weight.detach().T.clone()
        self.head.bias.data = network.head_bias.detach().clone()

    def features(self, task: Tensor) -> tuple[Tensor, Tensor]:
        """Support and query (ways, width) of one task (ways, 2, h, w)."""
        both = self.body(task.transpose(0, 1).reshape(-1, 1, *task.shape[2:])).mean((2, 3))
        support, query = both.chunk(2)
        return support, query


def autograd_loop(plain: Plain, x: Tensor, steps: int) -> Tensor:
    losses, labels = [], torch.arange(x.shape[1])
    for task in x:
        support, query = plain.features(task)
        w, b = plain.head.weight, plain.head.bias
        for _ in range(steps):
            inner = F.cross_entropy(F.linear(support, w, b), labels)
            g_w, g_b = torch.autograd.grad(inner, [w, b], create_graph=True)
            w, b = w - RATE * g_w, b - RATE * g_b
        losses.append(F.cross_entropy(F.linear(query, w, b), labels))
    return torch.stack(losses).mean()


def by_higher(plain: Plain, x: Tensor, steps: int) -> Tensor:
    import higher

    losses, labels = [], torch.arange(x.shape[1])
    inner = torch.optim.SGD(plain.head.parameters(), RATE)
    for task in x:
        support, query = plain.features(task)
        with higher.innerloop_ctx(plain.head, inner, copy_initial_weights=False) as (head, opt):
            for _ in range(steps):
                opt.step(F.cross_entropy(head(support), labels))
            losses.append(F.cross_entropy(head(query), labels))
    return torch.stack(losses).mean()


def by_torchopt(plain: Plain, x: Tensor, steps: int) -> Tensor:
    import torchopt

    losses, labels = [], torch.arange(x.shape[1])
    inner = torchopt.MetaSGD(plain.head, RATE)
    at_start = torchopt.extract_state_dict(plain.head, by="reference")
    for task in x:
        support, query = plain.features(task)
        for _ in range(steps):
            inner.step(F.cross_entropy(plain.head(support), labels))
        losses.append(F.cross_entropy(plain.head(query), labels))
        torchopt.recover_state_dict(plain.head, at_start)
    return torch.stack(losses).mean()


Loss = Callable[[Plain, Tensor, int], Tensor]
RIVALS: dict[str, Loss] = {"loop over tasks": autograd_loop}
if importlib.util.find_spec("higher"):
    RIVALS["higher"] = by_higher
if importlib.util.find_spec("torchopt"):
    RIVALS["torchopt"] = by_torchopt


def interleaved(steps: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each call, in turns, after one call to warm up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def pictures(ways: int, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    ink = (rng.random((TASKS, ways, 2, 28, 28)) < 0.1).astype(np.uint8) * np.uint8(255)
    return as_input(ink, CPU)


def model(ways: int, steps: int, precision: str = "float32") -> Anil:
    generator = torch.Generator().manual_seed(0)
    network = ConvNet(WIDTH, ways, head_init=0.1, generator=generator)
    settings = {"shots": 1, "forward_norm": "none", "alpha": RATE, "precision": precision}
    return Anil(network, ways=ways, inner_steps=steps, **settings)


def step_of(made: Anil, x: Tensor) -> Callable[[], object]:
    optimiser = torch.optim.Adam(made.parameters(), 1e-3, fused=True)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        made(x).loss.backward()
        optimiser.step()

    return step


def step_of_rival(plain: Plain, loss: Loss, x: Tensor, steps: int) -> Callable[[], object]:
    optimiser = torch.optim.Adam(plain.parameters(), 1e-3)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(plain, x, steps).backward()
        optimiser.step()

    return step


def rivals(ways: int, steps: int, repeats: int, *, ours: bool = False) -> dict[str, float]:
    """CPU seconds of a step of each rival, and of ours."""
    x = pictures(ways)
    timed = {}
    if ours:
        timed["ours"] = step_of(model(ways, steps), x)
        timed["ours, bfloat16"] = step_of(model(ways, steps, "bfloat16"), x)
    for name, loss in RIVALS.items():
        plain = Plain(model(ways, steps).network, ways)
        timed[name] = step_of_rival(plain, loss, x, steps)
    return interleaved(timed, repeats)


def disagreement(ways: int, steps: int, loss: Loss) -> float:
    """Largest difference of a gradient in float64, relative to its largest entry."""
    made, x = model(ways, steps).double(), pictures(ways).double()
    plain = Plain(made.network, ways).double()
    made(x).loss.backward()
    loss(plain, x, steps).backward()
    pairs = [
        (made.network.head_weight.grad, plain.head.weight.grad.T),
        *(
            (kernel.grad, layer.weight.grad)
            for kernel, layer in zip(made.network.kernels, plain.body[::3], strict=True)
        ),
        *(
            (gain.grad, layer.weight.grad)
            for gain, layer in zip(made.network.gains, plain.body[1::3], strict=True)
        ),
    ]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def operations(ways: int) -> float:
    """Floating-point operations of the convolutions, forward and backward."""
    sides, channels = (14, 7, 4, 2), (1, WIDTH, WIDTH, WIDTH)
    forward = [2 * 9 * c * WIDTH * s * s for s, c in zip(sides, channels, strict=True)]
    # the first layer needs no gradient of its input
    return TASKS * ways * 2 * (2 * forward[0] + 3 * sum(forward[1:]))


def matrix_rate() -> float:
    """Operations a second of a large float32 matrix product on this core."""
    a, b = torch.rand(2, 2048, 2048)
    return 2 * 2048**3 / interleaved({"": lambda: a @ b}, 5)[""]


def decoded(bank: ImageBank, n: int) -> Callable[[], object]:
    """Decode and shrink n PNGs that lie in memory."""
    files = []
    for ink in bank.ink()[:n]:
        stream = io.BytesIO()
        Image.fromarray(~ink).save(stream, "png")
        files.append(stream.getvalue())

    def decode() -> object:
        small = [Image.open(io.BytesIO(file)).resize((SMALL, SMALL)) for file in files]
        return np.stack([~np.asarray(image) for image in small])

    return decode


def report(repeats: int) -> Iterator[str]:
    yield f"PyTorch {torch.__version__}, one thread, {TASKS} tasks, width {WIDTH}"
    as_found = {name: rivals(*case, repeats) for name, case in CASES.items()}
    keep_memory()  # for good, so the rivals are timed before and after
    peak = matrix_rate()
    yield f"large float32 matrix product: {peak / 1e9:.0f} GFLOP/s"
    for name, (ways, steps) in CASES.items():
        yield f"\n{name}: float64 gradients differ from ours, relative to the largest, by"
        for rival, loss in RIVALS.items():
            yield f"  {rival:20s} {disagreement(ways, steps, loss):.1e}"
        times = rivals(ways, steps, repeats, ours=True)
        base = times["ours"]
        yield "  CPU seconds a step and times ours in float32; then with glibc's own thresholds"
        for rival, value in times.items():
            found = as_found[name].get(rival)
            tail = f"   {found:.4f} {found / base:6.2f}" if found else ""
            yield f"  {rival:20s} {value:.4f} {value / base:6.2f}{tail}"
        rate = operations(ways) / base
        yield (
            f"  convolutions: {operations(ways) / 1e9:.1f} GFLOP, {rate / 1e9:.0f} GFLOP/s of the "
            f"whole step, {rate / peak:.0%} of the matrix product's rate"
        )
    bank = stand_in(40, np.random.default_rng(0))
    classes = np.tile(rotated(bank.small()), (28, 1, 1, 1))  # as many as Omniglot has for training
    sampler = TaskSampler(classes, 20, 1, 1, np.random.default_rng(0))
    n = TASKS * 20 * 2
    many = 100  # a gather is too short for the clock
    calls = {
        "sample": lambda: [sampler.sample(TASKS) for _ in range(many)],
        "decode": decoded(bank, n),
    }
    times = interleaved(calls, 20)
    times["sample"] /= many
    yield (
        f"\n{n} images of a meta-batch: gather {times['sample'] * 1e3:.2f} ms; decoding PNGs in "
        f"memory {times['decode'] * 1e3:.1f} ms, {times['decode'] / times['sample']:.0f} times"
    )


if __name__ == "__main__":
    for line in report(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS):
        print(line, flush=True)
