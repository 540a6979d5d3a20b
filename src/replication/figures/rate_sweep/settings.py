"""Settings of Figs. 10 and 12."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from replication.settings.networks import Family, Network, QuadraticFamily, SineFamily
from replication.settings.section import Specifications, TrainedSection
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import (
    Count,
    Distinct,
    NotRepeated,
    Positive,
    Real,
    Repetitions,
    Samples,
)


class RateSweep(TrainedSection):
    """MAML trained at every rate of a grid, and tested with the same rate or a fixed one."""

    computed_by: ClassVar[str] = "experiment:RateSweep"
    task_family: Family
    network: Network
    alphas: Annotated[list[Real], Field(min_length=12, max_length=1000), NotRepeated]
    iterations: Count
    meta_batch: Count = 25
    shots: Samples = 10
    query_shots: Samples = 10
    inner_steps: Count = 1
    first_order: bool = False
    outer_lr: Positive = 1e-3
    pool: Annotated[int, Field(ge=0, le=10**8)] = 0
    fixed_test_alpha: Real | None = None
    test_seeds: Repetitions = 1
    test_tasks: Count = 10_000
    test_query_shots: Samples
    snapshots: Distinct[Annotated[float, Field(gt=0, lt=1)]] = [0.1, 0.3]
    estimate_tasks: Count = 200
    specifications: Specifications = Specifications()

    former: ClassVar[dict[str, str]] = {
        "tasks": "task_family",
        "query": "query_shots",
        "outer_rate": "outer_lr",
        "fixed_test_rate": "fixed_test_alpha",
        "test_folds": "test_seeds",
        "test_query": "test_query_shots",
    }
    after_training: ClassVar[frozenset[str]] = frozenset(
        [
            "seeds",
            "fixed_test_alpha",
            "test_seeds",
            "test_tasks",
            "test_query_shots",
            "estimate_tasks",
        ]
    )
    sources: ClassVar[dict[str, Source]] = {
        "seeds": ours("initial weights and training tasks; intervals are over them"),
        "task_family.input_dim": assumed("not given; scalar, as in Fig. 2", "2, 60"),
        "task_family.slope_mean": assumed("w_0, not printed; as in Fig. 2", "0, 2"),
        "task_family.slope_spread": assumed("nu, not printed; as in Fig. 2", "0.2, 1"),
        "task_family.noise": assumed("sigma, not printed; as in Fig. 2", "0, 0.6"),
        "network.activation": assumed("not given for the quadratic network; as in Fig. 2", "tanh"),
        "alphas": ours("rates of training, and of testing where it is shared; ours, without 1/2"),
        "outer_lr": paper("Finn et al. (2017), whose settings H.4.4 takes over: Adam, 1e-3"),
        "first_order": assumed("MAML itself, (2.4)", "true (FOMAML)"),
        "pool": assumed(
            "how many tasks there are, each with fixed samples; 0: fresh tasks at every step",
            "40, 1000",
        ),
        "fixed_test_alpha": ours("only Fig. 12 has a second strategy"),
        "test_seeds": ours("independent sets of test tasks, the same for every network"),
        "snapshots": ours(
            "shares of the iterations at which the networks are evaluated as well: the best rate "
            "falls with training"
        ),
        "estimate_tasks": ours("tasks behind the estimates from tangent features"),
    }

    def snapshot_iterations(self) -> list[int]:
        """Iterations at which the parameters are kept, the initial and the last ones among them."""
        kept = {round(share * self.iterations) for share in self.snapshots}
        return sorted({0, *kept, self.iterations})


# what Figs. 10a and 12 leave open alike
_OF_QUADRATIC_NETWORKS: dict[str, dict[str, Any]] = {
    "input_dim_2": {"task_family": {"input_dim": 2}},
    "input_dim_60": {"task_family": {"input_dim": 60}},
    "slope_mean_0": {"task_family": {"slope_mean": 0.0}},
    "slope_mean_2": {"task_family": {"slope_mean": 2.0}},
    "slope_spread_0.2": {"task_family": {"slope_spread": 0.2}},
    "slope_spread_1": {"task_family": {"slope_spread": 1.0}},
    "noise_0": {"task_family": {"noise": 0.0}},
    "noise_0.6": {"task_family": {"noise": 0.6}},
    "tanh": {"network": {"activation": "tanh"}},
    "init_lecun_normal": {"network": {"init": "lecun_normal"}},
    "first_order": {"first_order": True},
    "pool_40": {"pool": 40},
    "pool_1000": {"pool": 1000},
    "meta_batch_40": {"meta_batch": 40},
    "five_shots": {"shots": 5, "query_shots": 25},
    "test_query_shots_256": {"test_query_shots": 256},
}
SINE_FINN = SineFamily(name="sine", amplitude=[0.1, 5.0], phase=[0.0, 3.141592653589793])


class Fig10a(RateSweep):
    """Quadratic regression by a two-layer network, rate by rate (Fig. 10a)."""

    task_family: Family = QuadraticFamily(name="quadratic")
    network: Network = Network(hidden=[60])
    alphas: Annotated[list[Real], Field(min_length=12, max_length=1000), NotRepeated] = [
        *(-0.02, -0.01, -0.005, 0.0, 0.001, 0.002, 0.005, 0.01),
        *(0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0),
    ]
    iterations: Count = 2000
    test_query_shots: Samples = 10
    specifications: Specifications = Specifications(
        scale={"seeds": 2, "iterations": 500, "test_tasks": 2000},
        named={
            "iterations_2000": {"iterations": 2000},
            "five_steps": {"inner_steps": 5},
            **_OF_QUADRATIC_NETWORKS,
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "task_family": paper("H.4.4, 'quadratic regression with 2-layer neural network'"),
        "network.hidden": paper("section 5.1, 'their model size of 60'"),
        "network.init": assumed("PyTorch's default", "lecun_normal (N(0, 1/width))"),
        "iterations": assumed("not given", "10000 (the paper preset)"),
        "meta_batch": assumed("not given; as for the sine", "40"),
        "shots": assumed("n_t of Bernacchia, not printed for networks", "5"),
        "query_shots": assumed("n_v of Bernacchia, not printed for networks", "25"),
        "inner_steps": assumed("one, as in the theory", "5, as in Fig. 12"),
        "test_tasks": assumed("as for the sine", "1000"),
        "test_query_shots": assumed("as many as in training", "256"),
    }


class Fig10b(RateSweep):
    """Sine regression by a three-layer network, rate by rate (Fig. 10b)."""

    task_family: Family = SINE_FINN
    network: Network = Network(hidden=[40, 40], init="truncated_normal")
    alphas: Annotated[list[Real], Field(min_length=12, max_length=1000), NotRepeated] = [
        *(0.0, 0.001, 0.002, 0.005, 0.01, 0.02),
        *(0.03, 0.05, 0.1, 0.2, 0.5, 1.0),
    ]
    iterations: Count = 10_000
    test_query_shots: Samples = 256
    specifications: Specifications = Specifications(
        scale={"seeds": 2, "iterations": 2000, "test_tasks": 2000},
        named={
            "amplitude_0_pi": {"task_family": {"amplitude": [0.0, 3.141592653589793]}},
            "init_pytorch": {"network": {"init": "pytorch"}},
            "first_order": {"first_order": True},
            "pool_40": {"pool": 40},
            "pool_1000": {"pool": 1000},
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "task_family": assumed(
            "Finn's tasks, whose settings the caption of Fig. 10 follows: A from 0.1 to 5",
            "A from U(0, pi), as H.3 prints it",
        ),
        "network.hidden": paper("the caption of Fig. 10"),
        "network.activation": paper("H.3, ReLU"),
        "network.init": assumed("as in Finn's code: sd 0.01, no biases", "pytorch"),
        "iterations": paper("Finn et al. (2017) train for 70000, as the paper preset does"),
        "meta_batch": paper("Finn et al. (2017)"),
        "shots": paper("H.3, 10"),
        "query_shots": paper("Finn et al. (2017): as many as in the support"),
        "inner_steps": paper("Finn et al. (2017)"),
        "test_tasks": paper("H.3"),
        "test_query_shots": paper("H.3"),
    }


class Fig12(RateSweep):
    """Deep quadratic regression with five inner steps, two strategies (Fig. 12)."""

    task_family: Family = QuadraticFamily(name="quadratic")
    network: Network = Network(hidden=[60])
    alphas: Annotated[list[Real], Field(min_length=12, max_length=1000), NotRepeated] = [
        *(-0.02, -0.01, -0.005, -0.002, 0.0, 0.002, 0.005),
        *(0.01, 0.015, 0.02, 0.03, 0.05, 0.1),
    ]
    iterations: Count = 2000
    inner_steps: Count = 5
    fixed_test_alpha: Real | None = 0.01
    test_seeds: Repetitions = 10
    test_tasks: Count = 1000
    test_query_shots: Samples = 10
    specifications: Specifications = Specifications(
        scale={"seeds": 2, "iterations": 500, "test_seeds": 2},
        named={
            "iterations_2000": {"iterations": 2000},
            "one_step": {"inner_steps": 1},
            **_OF_QUADRATIC_NETWORKS,
        },
    )
    sources: ClassVar[dict[str, Source]] = {
        "task_family": paper("H.5, 'regress quadratic functions'"),
        "network.hidden": paper("section 5.1, 'their model size of 60'"),
        "network.init": assumed("PyTorch's default", "lecun_normal (N(0, 1/width))"),
        "iterations": assumed("not given", "10000 (the paper preset)"),
        "meta_batch": assumed("not given; as for the sine", "40"),
        "shots": assumed("n_t and n_r, not printed for networks", "5"),
        "query_shots": assumed("n_v, not printed for networks", "25"),
        "inner_steps": paper("H.5"),
        "fixed_test_alpha": paper(
            "the caption of Fig. 12, 0.01; it calls it alpha_t, but training varies on the axis"
        ),
        "test_seeds": paper("H.5"),
        "test_tasks": paper("H.5, 10 folds of 1000"),
        "test_query_shots": assumed("as many as in training", "256"),
    }


EXPERIMENTS = {"fig10a": Fig10a, "fig10b": Fig10b, "fig12": Fig12}
FIGURES = {"fig10": ["fig10a", "fig10b"], "fig12": ["fig12"]}
