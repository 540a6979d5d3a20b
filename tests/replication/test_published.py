"""A published result: sine regression of Finn et al. (2017), five shots."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.tasks import SineTasks
from replication.training.maml import Plan, TaskBatches, Training, adapted_losses
from replication.training.mlp import MLP

# Mean squared error after so many inner steps, five shots; Finn et al. (2017), its appendix,
# after 70,000 iterations with a rate of 0.01.
PUBLISHED = {1: 0.67, 5: 0.38, 10: 0.35}
ITERATIONS = 15_000
# A fifth of the training leaves about 1.2 to 1.4 of the final error (benchmarks/RESULTS-training.md
# has the whole of it); twice the published value still tells it from every baseline of theirs, all
# of which are above 2.
FACTOR = 2.0


@pytest.mark.slow
def test_finns_sine_setting_reaches_the_published_order_of_error() -> None:
    torch.set_num_threads(1)
    seeds, network = 3, MLP(1, (40, 40), init="truncated_normal")
    plan = Plan(ITERATIONS, shots=5, query_shots=5)
    law = SineTasks((0.1, 5.0), (0.0, np.pi))
    first = [network.initial(np.random.default_rng(seed)) for seed in range(seeds)]
    stack = [torch.cat(values).float() for values in zip(*first, strict=True)]
    streams = [
        lambda block, seed=seed: np.random.default_rng([seed, block + 1]) for seed in range(seeds)
    ]
    rates = [0.01] * seeds
    training = Training(network, stack, TaskBatches(law, plan, streams), plan, rates)
    trained = training.run().snapshot(-1)

    x, y = (
        torch.from_numpy(v).float()[None] for v in law.draw(np.random.default_rng(99), 600, 105)
    )
    for steps, published in PUBLISHED.items():
        with torch.no_grad():
            losses = adapted_losses(
                network,
                trained,
                (x[:, :, :5], y[:, :, :5]),
                (x[:, :, 5:], y[:, :, 5:]),
                torch.tensor(rates),
                steps=steps,
            )
        # more steps than were trained for throw a network off on a few tasks, by any amount: the
        # worst twentieth of the tasks is left out, and the median seed counts
        kept = losses.sort(1).values[:, : int(0.95 * losses.shape[1])]
        error = float(kept.mean(1).median())
        assert published / FACTOR < error < FACTOR * published, (steps, error)
