"""GramMoments against the plain computation: agreement first, then CPU time and memory.

Run with `make bench`, or `OMP_NUM_THREADS=1 python -m pytest benchmarks -s`. Nothing is asserted
about time; the figures are printed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from innerlr import GramMoments
from innerlr.distributions import Normal, Uniform
from innerlr.features import RandomMatrix, TaskLaw

LAW = TaskLaw(Uniform(-5, 5), RandomMatrix(20), Normal(0, 3**0.5), 50)


def plain_losses(phi: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """min_w of the MAML loss in batched numpy: at each alpha adapted features and one solve."""
    shots, d = phi.shape[1:]
    gram = phi.swapaxes(1, 2) @ phi
    moment = (phi.swapaxes(1, 2) @ y[..., None])[..., 0]
    losses = []
    for alpha in alphas:
        c = 2 * alpha / shots
        adapted = (phi - c * phi @ gram).reshape(-1, d)
        target = (y - c * (phi @ moment[..., None])[..., 0]).reshape(-1)
        w = np.linalg.solve(adapted.T @ adapted, adapted.T @ target)
        losses.append(float(((adapted @ w - target) ** 2).mean()))
    return np.array(losses)


def sweep_losses(phi: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    moments = GramMoments()
    moments.update(phi, y)
    return moments.training_loss(alphas)


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def test_sweep_of_200_rates(capsys) -> None:
    phi, a = LAW.sample(np.random.default_rng(0), 8192)
    y = np.einsum("nkd,nd->nk", phi, a)
    alphas = np.linspace(0, 3 * LAW.alpha_lim(), 200)
    few = alphas[::20]
    np.testing.assert_allclose(sweep_losses(phi, y, few), plain_losses(phi, y, few), rtol=1e-10)
    ours = cpu_seconds(lambda: sweep_losses(phi, y, alphas), 5)
    plain = cpu_seconds(lambda: plain_losses(phi, y, alphas), 1)
    with capsys.disabled():
        print("\n200 rates, N = 8192, K = 50, d = 20, one thread, CPU seconds:")
        print(f"  plain, rate by rate  {plain:8.3f}")
        print(f"  GramMoments          {ours:8.3f}   {plain / ours:.0f} times faster")


def test_memory_does_not_grow_with_the_tasks(capsys) -> None:
    law = TaskLaw(Uniform(-1, 1), RandomMatrix(5), Normal(0, 1), 10)
    peaks = {}
    for n in (10_000, 1_000_000):
        tracemalloc.start()
        sums = law.moments(np.random.default_rng(0), n)
        peaks[n] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert sums.n_tasks == n
    with capsys.disabled():
        print("\npeak memory of a stream of tasks, K = 10, d = 5:")
        for n, peak in peaks.items():
            print(f"  N = {n:<9,d} {peak:6.2f} MB")
