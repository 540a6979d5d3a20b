"""Tangent Grams of scalar inputs: agreement, then CPU time and memory against plain forms.

python benchmarks/bench_ntk.py [n] [width]; one thread is enough and makes the ratios comparable:
OMP_NUM_THREADS=1 python benchmarks/bench_ntk.py
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from innerlr.empirical_ntk import empirical_gram
from innerlr.ntk import TwoLayerNTK
from replication.figures.tangent.experiment import Regression, Tangent
from replication.figures.tangent.settings import Fig02

torch.set_num_threads(1)


def seconds(make: Callable[[], object], repeats: int) -> float:
    """Least CPU time of a call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        make()
        times.append(time.process_time() - start)
    return min(times)


def peak() -> float:
    """Peak resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def fresh(width: int, seed: int = 0) -> TwoLayerNTK:
    """A network whose kinks have not been sorted yet: the sort is part of the cost."""
    return TwoLayerNTK(width, 1, seed=seed)


def main(n: int = 1564, width: int = 10_000) -> None:
    x = np.random.default_rng(0).normal(size=n)

    first = time.process_time()
    made = Tangent("fig02", Fig02(), 2022)
    features = made.features()
    made.estimates(features, made.sweep(features))
    spent = time.process_time() - first
    print(f"Fig. 2, default preset, features to estimates: {spent:.0f} s, peak {peak():.2f} GB")

    by_kinks, blocked = fresh(width).gram(x), fresh(width).gram(x, method="blocked")
    network = fresh(width).to_torch()
    start = time.process_time()
    by_torch = empirical_gram(network, x[:, None], method="jacobian").detach().numpy()
    torch_seconds = time.process_time() - start
    scale = np.abs(blocked).max()
    print(f"\nGram of {n} scalar inputs at width {width}, agreement relative to its largest entry")
    for name, other in (("matrix products", blocked), ("PyTorch", by_torch)):
        print(f"  kinks against {name:16s} {np.abs(by_kinks - other).max() / scale:.1e}")
    networks = iter([fresh(width) for _ in range(5)])
    kinks = seconds(lambda: next(networks).gram(x), 5)
    plain = seconds(lambda: fresh(width).gram(x, method="blocked"), 2)
    print("CPU seconds")
    print(f"  kinks                     {kinks:9.4f}")
    for name, value in (("matrix products", plain), ("PyTorch, jacobian", torch_seconds)):
        print(f"  {name:25s} {value:9.4f}   {value / kinks:8.1f} times as long")

    print(f"\nCPU seconds against the width: n = {n}; a cell of Fig. 2 (K = 23, N = 68)")
    print(f"  {'width':>9s} {'first Gram':>11s} {'next Gram':>10s} {'cell':>6s}")
    spec = Fig02().panels["a"]
    for m in (10_000, 100_000, 1_000_000):
        model = fresh(m)  # the first Gram sorts the kinks
        columns = [seconds(lambda model=model: model.gram(x), repeats) for repeats in (1, 3)]
        setting = Fig02(width=m)
        start = time.process_time()
        rngs = tuple(np.random.default_rng(part) for part in range(3))
        cell = Regression(setting, spec.init, spec.curves["K23N68"], setting.test_tasks, rngs)
        cell.cell(made.alphas)
        columns.append(time.process_time() - start)
        print(f"  {m:9d} {columns[0]:11.4f} {columns[1]:10.4f} {columns[2]:6.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
