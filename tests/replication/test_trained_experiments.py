"""Figs. 10 and 12 and Table 2: their stages against plain computations on a small section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plain_maml
import pytest
import torch

from innerlr.bounds import heuristic_range
from innerlr.empirical_ntk import empirical_gram
from innerlr.errors import InnerlrError
from innerlr.estimators import alpha_lim
from innerlr.intervals import geometric_interval
from replication.families import make
from replication.figures.pretrained.experiment import _basis, _is_nearest
from replication.figures.pretrained.settings import Table2
from replication.figures.pretrained.table import table2
from replication.figures.rate_sweep.experiment import TANGENT, _at, _position
from replication.figures.rate_sweep.settings import Fig10a, Fig12
from replication.judging.claims import under_readings
from replication.judging.entries import entries
from replication.settings.config import Config
from replication.training.checkpoint import Checkpoint
from replication.training.maml import TrainedStack

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = entries()
torch.set_num_threads(1)
CPU = torch.device("cpu")


def stages(name: str, **change: Any) -> tuple[Any, dict, dict, pd.DataFrame, pd.DataFrame]:
    section = getattr(Config(), name).model_dump() | change
    experiment = make(name, section, 7)
    trained = {run: experiment.training(run, device=CPU) for run in experiment.cfg.runs()}
    features = experiment.features(trained, device=CPU)
    sweep = experiment.sweep(features)
    return experiment, trained, features, sweep, experiment.estimates(features, sweep)


@pytest.fixture(scope="module")
def fig12() -> Any:
    small = {"iterations": 50, "seeds": 2, "test_tasks": 6, "test_folds": 3, "estimate_tasks": 8}
    return stages("fig12", **small)


@pytest.fixture(scope="module")
def table2_stages() -> Any:
    small = {"seeds": 2, "pretraining": 60, "tasks": 60, "test_tasks": 40, "query": 64}
    return stages("table2", **small)


@pytest.mark.parametrize("strategy", ["shared", "fixed"])
def test_test_losses_are_those_of_a_plain_loop(fig12: Any, strategy: str) -> None:
    experiment, trained, _, sweep, _ = fig12
    cfg = experiment.cfg
    stack = TrainedStack.from_arrays(trained["seed1"])
    _, x, y = next(iter(experiment._test_tasks(CPU)))
    count = cfg.test_tasks * cfg.test_folds
    last = sweep[(sweep.panel == strategy) & (sweep.seed == 1)].set_index("alpha").test_loss
    for alpha in (-0.002, 0.0, 0.01):
        i = cfg.alphas.index(alpha)
        network = [p[i].clone().requires_grad_() for p in stack.snapshot(-1)]
        loss = plain_maml.outer_loss(
            network,
            *(x[0, :count], y[0, :count]),
            shots=cfg.shots,
            rate=alpha if strategy == "shared" else cfg.fixed_test_rate,
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
    counted = estimates[(estimates.panel == "shared") & (estimates.quantity == "diverged")]
    lost = (~np.isfinite(last.test_loss)).sum()
    assert lost > 0
    assert counted[counted.seed == 0].value.item() == lost


def test_the_tangent_estimate_is_that_of_the_features_themselves(fig12: Any) -> None:
    experiment, trained, _, _, estimates = fig12
    cfg, network = experiment.cfg, TrainedStack.from_arrays(trained["seed0"]).snapshot(0)
    x, _ = experiment.tasks.draw(experiment.rng(3), cfg.estimate_tasks, cfg.shots + cfg.query)
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


def test_a_place_in_the_range() -> None:
    assert _position(0.01, 0.01, 1.0) == 0
    assert _position(0.1, 0.01, 1.0) == pytest.approx(0.5)
    assert _position(2.0, 0.01, 1.0) > 1
    assert _position(0.0, 0.01, 1.0) == -np.inf


def test_the_best_rate_lies_between_its_neighbours() -> None:
    experiment = make("fig12", Config().fig12.model_dump(), 7)
    alphas = np.array(experiment.cfg.alphas)
    rest = dict.fromkeys(TANGENT, 1.0)
    for best in (0, 5, len(alphas) - 1):
        losses = np.where(np.arange(len(alphas)) == best, 0.5, 1.0)
        curve = pd.DataFrame({"alpha": alphas, "test_loss": losses, **rest})
        found = experiment._scalars(curve, rest)
        assert found["alpha_star"] == alphas[best]
        ends = [-np.inf, *alphas][best], [*alphas, np.inf][best + 1]
        assert (found["alpha_star_below"], found["alpha_star_above"]) == ends
        low, high = experiment.ranges()["range"]
        points = ((alphas >= low) & (alphas <= high)).sum()
        share = found["useless_share_of_range"]
        ends = [found[f"useless_share_of_range_{end}"] for end in ("below", "above")]
        assert ends == pytest.approx([max(0, share - 1 / points), min(1, share + 1 / points)])


def test_the_two_best_grid_points_of_a_range() -> None:
    experiment = make("fig12", Config().fig12.model_dump(), 7)
    alphas = np.array(experiment.cfg.alphas)
    rest = dict.fromkeys(TANGENT, 1.0)
    low, high = experiment.ranges()["range"]
    inside = np.flatnonzero((alphas >= low) & (alphas <= high))
    assert 1 < len(inside) < len(alphas)
    losses = np.where(np.isin(np.arange(len(alphas)), inside), 9.0, 2.0)
    losses[inside[-1]], losses[inside[0]] = 2.2, 3.0
    found = experiment._scalars(pd.DataFrame({"alpha": alphas, "test_loss": losses, **rest}), rest)
    assert found["excess_loss_in_range"] == pytest.approx(0.1)
    assert found["second_excess_loss_in_range"] == pytest.approx(0.5)


@pytest.mark.parametrize("points", [0, 1])
def test_a_range_with_less_than_two_grid_points_has_no_second(points: int) -> None:
    experiment = make("fig12", Config().fig12.model_dump(), 7)
    low, high = experiment.ranges()["range"]
    alphas = np.array([0.0, low / 2, *[(low * high) ** 0.5] * points, 2 * high])
    rest = dict.fromkeys(TANGENT, 1.0)
    curve = pd.DataFrame({"alpha": alphas, "test_loss": np.ones(len(alphas)), **rest})
    found = experiment._scalars(curve, rest)
    assert found["second_excess_loss_in_range"] == np.inf
    assert found["excess_loss_in_range"] == (0 if points else np.inf)


def test_the_loss_at_an_estimate() -> None:
    alphas, losses = np.array([0.0, 0.1, 0.2]), np.array([3.0, 1.0, np.inf])
    assert _at(alphas, losses, 0.05) == pytest.approx(2.0)
    assert _at(alphas, losses, 0.15) == np.inf
    assert _at(alphas, losses, 0.3) == np.inf


def test_all_networks_diverged_is_an_error() -> None:
    wild = [float(10**i) for i in range(20, 32)]
    with pytest.raises(InnerlrError, match="every network diverged, at all rates from 1e"):
        stages(
            "fig10a",
            **{"alphas": wild, "iterations": 30, "seeds": 1, "test_tasks": 4, "inner_steps": 2},
            estimate_tasks=4,
        )


class Interrupted(Checkpoint):
    """Saves at every step, and is cut off at one of them."""

    def save(self, state: Any) -> None:
        super().save(state)
        if state["done"] == 70:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["fig10a", "table2"])
def test_a_run_that_was_cut_off_ends_the_same(name: str, tmp_path: Any) -> None:
    small = {"iterations": 120} if name == "fig10a" else {"pretraining": 120, "seeds": 2}
    experiment = make(name, getattr(Config(), name).model_dump() | small, 7)
    run = experiment.cfg.runs()[0]
    whole = experiment.training(run, device=CPU)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        experiment.training(run, device=CPU, checkpoint=Interrupted(path, {}, interval=0.0))
    state = Checkpoint(path, {}).load()
    assert state is not None
    assert state["done"] == 70
    again = experiment.training(run, device=CPU, checkpoint=Checkpoint(path, {}))
    for key, values in whole.items():
        assert np.array_equal(values, again[key]), key


def test_a_reading_changes_what_it_says_and_no_more() -> None:
    section = Config().fig10a
    reading = section.reading("five_shots")
    changed = {k: v for k, v in reading.model_dump().items() if v != section.model_dump()[k]}
    of_all = section.readings.change
    assert changed == {"shots": 5, "query": 25, **of_all, "readings": changed["readings"]}
    assert section.reading("primary").shots == section.shots


def test_the_claims_are_judged_under_every_reading(fig12: Any) -> None:
    *_, estimates = fig12
    claims = [c for c in CLAIMS if c.get("experiment") == "fig12"]
    by_name = {"primary": estimates, "other": estimates.assign(value=-1.0)}
    made = under_readings(claims, by_name, "fig12")
    assert len(made) == 2 * len(claims)
    verdicts = made.set_index(["id", "reading"]).verdict
    assert verdicts["fig12-shared-positive", "other"] == "not reproduced"
    assert "not evaluated" not in set(made.verdict)


def test_table2_errors_are_those_of_the_adapted_last_layer(table2_stages: Any) -> None:
    experiment, trained, _, sweep, _ = table2_stages
    cfg, half = experiment.cfg, {"a": 1.0, "b": 0.5}
    for panel in ("a", "b"):
        network = [p[1:2].double() for p in TrainedStack.from_arrays(trained[panel]).snapshot(-1)]
        rng = experiment.rng(2, 1)
        x, y = experiment.tasks(panel).draw(rng, cfg.tasks, cfg.shots + cfg.query)
        phi = experiment._hidden(network, x)
        k, alpha = cfg.shots, 0.05
        rate = half[panel] * alpha
        # plain: least squares on the adapted features of all training tasks
        operators = [np.eye(phi.shape[2]) - 2 * rate / k * task[:k].T @ task[:k] for task in phi]
        shifts = [2 * rate / k * t[:k].T @ y_t[:k] for t, y_t in zip(phi, y, strict=True)]
        a = np.concatenate([t[k:] @ o for t, o in zip(phi, operators, strict=True)])
        b = np.concatenate([y_t[k:] - t[k:] @ s for t, y_t, s in zip(phi, y, shifts, strict=True)])
        w = np.linalg.lstsq(a, b, rcond=1e-13)[0]
        pre = post = count = 0.0
        for x_t, y_t in experiment._test_tasks(panel, 1):
            features = experiment._hidden(network, x_t)
            for f, target in zip(features, y_t, strict=True):
                adapted = w - 2 * rate / k * f[:k].T @ (f[:k] @ w - target[:k])
                pre += half[panel] * float(((f[k:] @ w - target[k:]) ** 2).mean())
                post += half[panel] * float(((f[k:] @ adapted - target[k:]) ** 2).mean())
                count += 1
        assert count == cfg.test_tasks
        row = sweep[(sweep.panel == panel) & (sweep.seed == 1) & (sweep.alpha == alpha)]
        # directions below the rank cut are dropped on one side only
        assert row.pre.item() == pytest.approx(pre / count, rel=1e-6)
        assert row.post.item() == pytest.approx(post / count, rel=1e-6)


def test_half_the_loss_is_twice_the_rate() -> None:
    """With the same labels the two conventions differ by units alone."""
    panels = {
        name: {"phase": [0.0, 3.0], "loss": loss} for name, loss in (("a", "full"), ("b", "half"))
    }
    alphas = [0.01 * i for i in range(1, 13)]
    small = {"seeds": 1, "pretraining": 30, "tasks": 40, "test_tasks": 20, "query": 32}
    *_, sweep, estimates = stages("table2", panels=panels, alphas=alphas, **small)
    full = sweep[sweep.panel == "a"].set_index("alpha")
    halved = sweep[sweep.panel == "b"].set_index("alpha")
    np.testing.assert_allclose(halved.post[0.02], full.post[0.01] / 2, rtol=1e-9)
    limit = estimates[estimates.quantity == "alpha_lim_split"].set_index("panel").value
    assert limit["b"] == pytest.approx(2 * limit["a"], rel=1e-12)


def test_a_bias_is_one_more_feature() -> None:
    small = {"seeds": 1, "pretraining": 5, "tasks": 30, "test_tasks": 25, "query": 16}
    experiment, trained, *_ = stages("table2", bias=True, **small)
    parameters = [p[:1].double() for p in TrainedStack.from_arrays(trained["a"]).snapshot(-1)]
    features = experiment._hidden(parameters, np.zeros((2, 3, 1)))
    assert features.shape == (2, 3, 41)
    assert (features[..., -1] == 1).all()


def test_a_turned_basis_drops_only_what_carries_nothing() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5, 8, 4)) @ rng.normal(size=(4, 6))  # rank 4 of 6
    basis = _basis(features)
    assert basis.shape == (6, 4)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
    assert alpha_lim(features @ basis) == pytest.approx(alpha_lim(features), rel=1e-10)
    assert not _basis(np.zeros((2, 3, 4))).any()


def test_a_network_without_a_unit_that_fires_is_counted_and_predicts_zero() -> None:
    small = {"seeds": 2, "pretraining": 20, "tasks": 30, "test_tasks": 50, "query": 16}
    experiment, trained, *_ = stages("table2", **small)
    for arrays in trained.values():
        arrays["parameter3"][:, 0] = -1e6  # the biases of one network's last hidden layer
    features = experiment.features(trained, device=CPU)
    sweep = experiment.sweep(features)
    dead = sweep[(sweep.panel == "a") & (sweep.seed == 0)]
    targets = [y[:, 10:] for _, y in experiment._test_tasks("a", 0)]
    square = float((np.concatenate(targets) ** 2).mean())
    np.testing.assert_allclose(dead.pre, square, rtol=1e-12)
    np.testing.assert_allclose(dead.post, square, rtol=1e-12)
    scalars = experiment.estimates(features, sweep)
    of_dead = scalars[(scalars.panel == "a") & (scalars.seed == 0)].set_index("quantity").value
    assert of_dead["rank"] == 0
    assert of_dead["alpha_lim_split"] == np.inf
    assert of_dead["best_is_nearest"] == 0
    alive = scalars[(scalars.panel == "a") & (scalars.seed == 1)].set_index("quantity").value
    assert np.isfinite(alive["alpha_lim_split"])


def test_the_nearest_grid_point() -> None:
    alphas = np.array([0.1, 0.2, 0.4])
    assert _is_nearest(alphas, 1, 0.24) == 1
    assert _is_nearest(alphas, 2, 0.24) == 0
    assert _is_nearest(alphas, 2, 300.0) == 0


def test_table2_has_paired_intervals_and_notes(table2_stages: Any) -> None:
    experiment, *_, sweep, estimates = table2_stages
    titles = {name: panel.title for name, panel in experiment.cfg.panels.items()}
    made = table2(sweep, estimates, titles)
    assert len(made) == 2 * len(experiment.cfg.alphas)
    row = made[(made.reading == titles["a"]) & (made.alpha == 0.1)].iloc[0]
    mine = sweep[(sweep.panel == "a") & (sweep.alpha == 0.1)]
    gaps = (mine.post - mine.pre).to_numpy()
    assert row["post - pre"] == pytest.approx(gaps.mean())
    # Student's t of two networks
    half = 12.706204736432095 * abs(gaps[0] - gaps[1]) / 2
    assert row["post - pre, high"] - row["post - pre"] == pytest.approx(half, rel=1e-6)
    assert made.note.str.contains("lowest error").sum() == 2
    limits = estimates[(estimates.panel == "b") & (estimates.quantity == "alpha_lim_split")].value
    mean = np.exp(np.log(limits).mean())
    assert limits.nunique() > 1
    assert made[made.reading == titles["b"]].note.str.contains(f"{mean:.4g}").any()


def test_the_order_of_the_rates_of_table2_does_not_count(table2_stages: Any) -> None:
    experiment, _, features, *_, expected = table2_stages
    section = experiment.cfg.model_dump()
    other = make("table2", section | {"alphas": section["alphas"][::-1]}, 7)
    found = other.estimates(features, other.sweep(features))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("section", [Fig12(), Fig10a(), Table2()])
def test_keys_that_training_does_not_read_keep_the_networks(section: Any) -> None:
    kept = section.for_stage("training")
    assert not {"test_tasks", "readings"} & set(kept)
    changed = section.model_copy(update={"test_tasks": 17})
    assert changed.for_stage("training") == kept
    assert changed.for_stage("features") != section.for_stage("features")


def test_geometric_intervals() -> None:
    """Student-t of the logarithms: of e^0 and e^2 the mean is e, the half-width 12.7 in logs."""
    found = geometric_interval([1.0, np.exp(2)])
    assert found.mean == pytest.approx(np.e)
    assert np.log(found.high / found.mean) == pytest.approx(12.706204736432095, rel=1e-6)
    assert found.low * found.high == pytest.approx(found.mean**2)
    with pytest.raises(InnerlrError, match="expected positive values"):
        geometric_interval([1.0, 0.0])
