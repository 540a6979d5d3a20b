"""The rate of a model by each method: agreement first, then CPU time and memory against rows.

OMP_NUM_THREADS=1 python benchmarks/bench_models.py

The plain form keeps the whole Jacobian of support and query, and a copy in float64, as innerlr did
up to now. Each way runs in a process of its own, for its peak memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn

from innerlr import model_alpha
from innerlr.modes import alpha_lim_modes, gram_modes

torch.set_num_threads(1)

WAYS = ("plain", "jacobian", "products", "probes")


def small() -> tuple[nn.Module, Tensor, Tensor]:
    """A network of 1-40-40-1, 20 tasks of 10 and 10 samples."""
    torch.manual_seed(0)
    layers = [nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1)]
    x = 10 * torch.rand(2, 20, 10, 1) - 5
    return nn.Sequential(*layers), x[0], x[1]


def large() -> tuple[nn.Module, Tensor, Tensor]:
    """2.4 million parameters, 5 classes: one task with 50 outputs in support and query."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 2), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(64 * 20 * 20, 94), nn.ReLU(), nn.Linear(94, 5))
    x = torch.randn(2, 1, 10, 3, 84, 84)
    return model, x[0], x[1]


CASES = {"small": small, "large": large}


def plain(model: nn.Module, support: Tensor, query: Tensor) -> float:
    """Whole Jacobians by batched gradients, in blocks of 64 outputs."""
    parameters, modes = list(model.parameters()), []

    def jacobian(x: Tensor) -> Tensor:
        flat = model(x).reshape(-1)
        parts = []
        for at in torch.eye(len(flat)).split(64):
            rows = torch.autograd.grad(
                flat, parameters, at, retain_graph=True, is_grads_batched=True
            )
            parts.append(torch.cat([row.flatten(1) for row in rows], 1))
        return torch.cat(parts).double()

    for x, y in zip(support, query, strict=True):
        s, q = jacobian(x), jacobian(y)
        n = len(s)
        modes.append(gram_modes((s @ s.T / n).numpy(), (q @ s.T / np.sqrt(n * len(q))).numpy()))
    values, weights = (np.concatenate(part) for part in zip(*modes, strict=True))
    return alpha_lim_modes(1, values, weights)


def peak() -> float:
    """Peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run(case: str, way: str) -> None:
    """One way, in this process: prints what it found and took."""
    model, support, query = CASES[case]()
    # PyTorch's own start; a large model's activations are everyone's cost
    plain(*small()) if way == "plain" else model_alpha(*small(), method=way)
    with torch.no_grad():
        model(support[0])
    before, start = peak(), time.process_time()
    if way == "plain":
        rate, error = plain(model, support, query), 0.0
    else:
        rate = model_alpha(model, support, query, method=way)
        error = rate.standard_error
    spent = time.process_time() - start
    print(json.dumps({"rate": rate, "error": error, "s": spent, "mb": peak() - before}))


def main() -> None:
    for case in CASES:
        made = {}
        for way in WAYS:
            done = subprocess.run(
                [sys.executable, __file__, case, way], capture_output=True, text=True, check=True
            )
            made[way] = json.loads(done.stdout)
        exact = made["plain"]
        print(f"\n{CASES[case].__doc__}")
        print(
            f"  {'way':10s} {'rate - plain':>14s} {'CPU s':>8s} {'MB':>7s} {'time':>6s} {'MB':>6s}"
        )
        for way, found in made.items():
            off = found["rate"] / exact["rate"] - 1
            said = f"{off:.0e}" if not found["error"] else f"{off:+.3f}"
            times, memory = found["s"] / exact["s"], found["mb"] / exact["mb"]
            print(
                f"  {way:10s} {said:>14s} {found['s']:8.2f} {found['mb']:7.0f} {times:6.2f} "
                f"{memory:6.2f}"
            )
            if found["error"]:
                print(f"  {'':10s} standard error {found['error'] / exact['rate']:.3f}")


if __name__ == "__main__":
    run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
