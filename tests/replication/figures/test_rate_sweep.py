"""Figs. 10 and 12: their stages against plain computations on a small section."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain_maml
import pytest
import torch
from small import CLAIMS
from small_trained import CPU, assert_claims_and_quantities_are_measured, stages

from innerlr.bounds import heuristic_range
from innerlr.empirical_ntk import empirical_gram
from innerlr.errors import InnerlrError
from innerlr.estimators import alpha_lim
from replication.families import make
from replication.figures.rate_sweep.experiment import TANGENT
from replication.judging.claims import under_readings
from replication.measuring import select
from replication.settings.config import Config
from replication.training.maml import TrainedStack


@pytest.fixture(scope="module")
def fig12() -> Any:
    small = {"iterations": 50, "seeds": 2, "test_tasks": 6, "test_seeds": 3, "estimate_tasks": 8}
    return stages("fig12", **small)


@pytest.mark.parametrize("strategy", ["shared", "fixed"])
def test_test_losses_are_those_of_a_plain_loop(fig12: Any, strategy: str) -> None:
    experiment, trained, _, sweep, _ = fig12
    cfg = experiment.cfg
    stack = TrainedStack.from_arrays(trained["seed1"])
    _, x, y = next(iter(experiment._test_tasks(CPU)))
    count = cfg.test_tasks * cfg.test_seeds
    last = sweep[(sweep.panel == strategy) & (sweep.seed == 1)].set_index("alpha").test_loss
    for alpha in (-0.002, 0.0, 0.01):
        i = cfg.alphas.index(alpha)
        network = [p[i].clone().requires_grad_() for p in stack.snapshot(-1)]
        loss = plain_maml.outer_loss(
            network,
            *(x[0, :count], y[0, :count]),
            shots=cfg.shots,
            rate=alpha if strategy == "shared" else cfg.fixed_test_alpha,
            steps=cfg.inner_steps,
        )
        # float32 throughout
        assert last[alpha] == pytest.approx(loss.item(), rel=1e-5)


def test_both_strategies_agree_where_the_rates_do(fig12: Any) -> None:
    *_, sweep, _ = fig12
    at = sweep[sweep.alpha == 0.01].pivot(index=["iteration", "seed"], columns="strategy")
    np.testing.assert_array_equal(at.test_loss.shared, at.test_loss.fixed)
    assert len(at) == 2 * 3


def test_rates_of_one_seed_start_from_the_same_weights_and_seeds_do_not(fig12: Any) -> None:
    _, trained, *_ = fig12
    first = {run: TrainedStack.from_arrays(arrays).snapshot(0) for run, arrays in trained.items()}
    for parameters in first.values():
        for p in parameters:
            assert torch.equal(p, p[:1].expand_as(p))
    assert not torch.equal(first["seed0"][0], first["seed1"][0])


def test_divergence_is_counted_and_never_dropped(fig12: Any) -> None:
    experiment, _, _, sweep, estimates = fig12
    assert len(sweep) == 2 * 3 * 2 * len(experiment.cfg.alphas)
    last = sweep[(sweep.panel == "shared") & (sweep.seed == 0)]
    counted = select(estimates, "diverged", "shared", {"progress": 1})
    lost = (~np.isfinite(last.test_loss)).sum()
    assert lost > 0
    assert counted[counted.seed == 0].value.item() == lost


def test_the_tangent_estimate_is_that_of_the_features_themselves(fig12: Any) -> None:
    experiment, trained, _, _, estimates = fig12
    cfg, network = experiment.cfg, TrainedStack.from_arrays(trained["seed0"]).snapshot(0)
    x, _ = experiment.tasks.draw(experiment.rng(3), cfg.estimate_tasks, cfg.shots + cfg.query_shots)
    one = [p[:1].double() for p in network]
    support = torch.from_numpy(x[:, : cfg.shots])
    rows = support.reshape(1, -1, 1)
    psi = experiment.network.tangent_features(one, rows)[0].numpy()
    expected = alpha_lim(psi.reshape(cfg.estimate_tasks, cfg.shots, -1))
    found = estimates[estimates.quantity == "alpha_lim_tangent_initial"]
    assert found[found.seed == 0].value.iloc[0] == pytest.approx(expected, rel=1e-10)

    model = torch.nn.Sequential(
        torch.nn.Linear(1, 60, dtype=torch.float64),
        torch.nn.ReLU(),
        torch.nn.Linear(60, 1, dtype=torch.float64),
    )
    for layer, (w, b) in zip((model[0], model[2]), (one[:2], one[2:]), strict=True):
        layer.weight.data, layer.bias.data = w[0].T.clone(), b[0, 0].clone()
    grams = np.stack([empirical_gram(model, task).detach().numpy() for task in support])
    k = cfg.shots
    by_grams = k * (grams**2).sum() / (2 * np.einsum("tij,tjk,tki->", grams, grams, grams))
    assert by_grams == pytest.approx(expected, rel=1e-10)


def test_ranges_are_those_of_the_paper_in_both_readings_of_n() -> None:
    experiment = make("fig10b", Config().fig10b.model_dump(), 7)
    assert experiment.network.size == 1761
    ranges = experiment.ranges()
    assert ranges["range"] == heuristic_range(25, 10, 1761, 250)
    tasks = 25 * experiment.cfg.iterations
    assert ranges["range_all"] == (2 / 1761, 10 * tasks / 1761)


def test_claims_and_quantities_are_measured(fig12: Any) -> None:
    *_, sweep, estimates = fig12
    assert_claims_and_quantities_are_measured("fig12", estimates)
    assert set(estimates.progress.dropna()) == {5 / 50, 15 / 50, 1}
    # the panel of the sweep that is named after its iteration
    early = sweep[(sweep.panel == "fixed/5") & (sweep.seed == 1)]
    found = select(estimates, "loss_at_star", "fixed", {"progress": 0.1}).set_index("seed").value
    assert found[1] == early.test_loss.min()
    assert len(estimates) == 2 * 3 * 2 * 35 + 6


def test_estimates_of_the_best_network_are_of_the_best_rate(fig12: Any) -> None:
    experiment, _, _, sweep, estimates = fig12
    curve = sweep[(sweep.panel == "shared") & (sweep.seed == 0)].set_index("alpha")
    best = curve.loc[curve.test_loss.idxmin()]
    rows = estimates[(estimates.panel == "shared") & (estimates.progress == 1)]
    found = rows[rows.seed == 0].set_index("quantity").value
    assert found["alpha_star"] == best.name
    for name in TANGENT:
        assert found[f"{name}_trained"] == best[name]
    # a batch has fewer samples than the network has parameters
    samples = experiment.cfg.meta_batch * experiment.cfg.shots
    parameters = experiment.network.size
    h18 = 1 / (2 * min(samples, parameters) * best.entry_variance)
    assert found["alpha_h18_trained"] == pytest.approx(h18, rel=1e-12)
    assert found["ratio_alpha_h18_trained_to_star"] == pytest.approx(h18 / best.name, rel=1e-12)


def test_all_networks_diverged_is_an_error() -> None:
    wild = [i * 1e10 for i in range(10, 22)]
    with pytest.raises(InnerlrError, match="every network diverged, at all rates from 1e"):
        stages(
            "fig10a",
            **{"alphas": wild, "iterations": 30, "seeds": 1, "test_tasks": 4, "inner_steps": 2},
            estimate_tasks=4,
        )


def test_a_reading_changes_what_it_says_and_no_more() -> None:
    section = Config().fig10a
    reading = section.specification("five_shots")
    changed = {k: v for k, v in reading.model_dump().items() if v != section.model_dump()[k]}
    of_all = section.specifications.scale
    assert changed == {
        "shots": 5,
        "query_shots": 25,
        **of_all,
        "specifications": changed["specifications"],
    }
    assert section.specification("primary").shots == section.shots


def test_the_claims_are_judged_under_every_reading(fig12: Any) -> None:
    *_, estimates = fig12
    claims = [c for c in CLAIMS if c.get("experiment") == "fig12"]
    by_name = {"primary": estimates, "other": estimates.assign(value=-1.0, low=-2.0, high=-0.5)}
    made = under_readings(claims, by_name, "fig12")
    assert len(made) == 2 * len(claims)
    verdicts = made.set_index(["id", "reading"]).verdict
    assert verdicts["fig12-shared-positive", "other"] == "not reproduced"
    assert "not evaluated" not in set(made.verdict)
