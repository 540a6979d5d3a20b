"""What the rate without labels is worth where its premise holds, and where it does not.

OMP_NUM_THREADS=1 python benchmarks/bench_premises.py

The best rate is found by a sweep of plain gradient steps with the labels; the column is the best
over `model_alpha`: above 1 the estimate is too small.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from innerlr import model_alpha

torch.set_num_threads(1)

Loss = Callable[[Tensor, Tensor], Tensor]
Tasks = tuple[Tensor, Tensor, Tensor, Tensor]
TASKS, WAYS, SHOTS, QUERIES, DIM = 100, 5, 5, 5, 8


def squared_on_classes(output: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(output, torch.eye(WAYS)[y])


def blobs(spread: float) -> Tasks:
    """Classes around random centres: 5 ways, 5 shots, 10 queries a class."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(TASKS, 1, WAYS, DIM, generator=generator)

    def samples(n: int) -> tuple[Tensor, Tensor]:
        noise = torch.randn(TASKS, n, WAYS, DIM, generator=generator)
        x = (centres + spread * noise).flatten(1, 2)
        return x, torch.arange(WAYS).repeat(n).expand(TASKS, -1)

    return *samples(SHOTS), *samples(QUERIES)


def around(model: nn.Module, distance: float, head: str) -> Tasks:
    """Targets of networks at a distance from the model: where the premise is true."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(TASKS, WAYS * SHOTS, DIM, generator=generator)
    q = torch.randn(TASKS, WAYS * QUERIES, DIM, generator=generator)
    own = dict(model.named_parameters())
    optima = {
        k: p.detach()
        + distance * torch.randn(TASKS, *p.shape, generator=generator) * k.startswith(head)
        for k, p in own.items()
    }
    with torch.no_grad():
        y, yq = (vmap(lambda w, s: functional_call(model, w, (s,)))(optima, s) for s in (x, q))
    return x, y, q, yq


def best(model: nn.Module, tasks: Tasks, loss: Loss, head: str, steps: int, near: float) -> float:
    """The rate of the least query loss after plain steps, by a sweep."""
    own = {k: p.detach() for k, p in model.named_parameters()}
    moves = {k: float(k.startswith(head)) for k in own}

    def after(rate: float) -> float:
        def one(x: Tensor, y: Tensor, q: Tensor, yq: Tensor) -> Tensor:
            w = own
            for _ in range(steps):
                g = grad(lambda w: loss(functional_call(model, w, (x,)), y))(w)
                w = {k: w[k] - rate * moves[k] * g[k] for k in w}
            return loss(functional_call(model, w, (q,)), yq)

        return float(vmap(one)(*tasks).mean())

    rates = near * np.geomspace(1 / 30, 30, 59)
    return float(rates[int(np.nanargmin([after(rate) for rate in rates]))])


def sines() -> Tasks:
    """Finn et al.'s: amplitudes 0.1 to 5, any phase, 10 samples on (-5, 5)."""
    generator = torch.Generator().manual_seed(3)
    size = 0.1 + 4.9 * torch.rand(TASKS, 1, 1, generator=generator)
    phase = torch.pi * torch.rand(TASKS, 1, 1, generator=generator)
    x, q = (10 * torch.rand(2, TASKS, 10, 1, generator=generator) - 5).unbind()
    return x, size * torch.sin(x + phase), q, size * torch.sin(q + phase)


def network(inputs: int = DIM, width: int = 40, outputs: int = WAYS) -> nn.Module:
    torch.manual_seed(0)
    hidden = [nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def even() -> nn.Module:
    """All classes equally likely for every input, as after training on tasks of all classes."""
    model = network()
    with torch.no_grad():
        model[4].weight.mul_(0.01)
        model[4].bias.fill_(1 / WAYS)
    return model


def main() -> None:
    entropy = F.cross_entropy
    rows: list[tuple[str, nn.Module, Tasks, Loss, str]] = []
    for head in ("4", ""):
        adapted = "head" if head else "all parameters"
        near = around(network(), 0.01, head)
        rows += [
            (f"optima around the model; {adapted}", network(), near, F.mse_loss, head),
            (
                f"class labels, squared loss; {adapted}",
                even(),
                blobs(0.5),
                squared_on_classes,
                head,
            ),
            (f"class labels, cross-entropy; {adapted}", even(), blobs(0.5), entropy, head),
            (f"sines, squared loss; {adapted}", network(1, 40, 1), sines(), F.mse_loss, head),
        ]
    print(f"best rate / model_alpha{'':22s} 1 step  5 steps")
    for label, model, tasks, loss, head in rows:
        kind = "cross_entropy" if loss is entropy else "mse"
        found = []
        for steps in (1, 5):
            given = {"head": head or None, "loss": kind, "steps": steps}
            rate = model_alpha(model, tasks[0], tasks[2], **given)
            found.append(best(model, tasks, loss, head, steps, rate) / rate)
        print(f"{label:45s} {found[0]:6.2f} {found[1]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
