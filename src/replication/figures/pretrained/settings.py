"""Settings of Table 2."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from replication.settings.choices import Optimizer
from replication.settings.networks import Ends, Network
from replication.settings.section import Section, Specifications, TrainedSection
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import Count, Named, NotRepeated, Positive, Samples, Seeds


class Table2Panel(Section):
    """A panel of the figure of Table 2: a specification of the labels and of the loss."""

    title: str = ""
    phase: Ends
    loss: Literal["full", "half"]


class Table2(TrainedSection):
    """Sine regression on the features of a pretrained network (Table 2)."""

    computed_by: ClassVar[str] = "experiment:Pretrained"
    panels: Named[Table2Panel] = {
        "a": Table2Panel(
            title="as printed: b ~ U(0, pi), MSE", phase=[0.0, 3.141592653589793], loss="full"
        ),
        "b": Table2Panel(
            title="b ~ U(0, 2 pi), MSE / 2", phase=[0.0, 6.283185307179586], loss="half"
        ),
    }
    amplitude: Ends = [0.0, 3.141592653589793]
    inputs: Ends = [-5.0, 5.0]
    network: Network = Network(hidden=[40, 40])
    bias: bool = False
    optimizer: Optimizer = "adam"
    pretraining_iterations: Count = 10_000
    pretraining_lr: Positive = 1e-3
    meta_batch: Count = 25
    shots: Samples = 10
    query_shots: Samples = 256
    tasks: Count = 1000
    test_tasks: Count = 10_000
    alphas: Annotated[list[Positive], Field(min_length=11, max_length=1000), NotRepeated] = [
        *(0.001, 0.005, 0.01, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    ]
    seeds: Seeds = 10
    search_cap: Positive = 20.0
    specifications: Specifications = Specifications(
        scale={"seeds": 5, "test_tasks": 2000},
        named={
            "bias": {"bias": True},
            "init_he_normal": {"network": {"init": "he_normal"}},
            "meta_batch_1": {"meta_batch": 1},
            "meta_batch_100": {"meta_batch": 100},
            "sgd": {"optimizer": "sgd", "pretraining_lr": 0.01},
            "short_pretraining": {"pretraining_iterations": 1000},
            "long_pretraining": {"pretraining_iterations": 50_000},
            "half_mse": {"panels": {"a": {"loss": "half"}}},
            "phase_2pi": {"panels": {"a": {"phase": [0.0, 6.283185307179586]}}},
        },
    )

    former: ClassVar[dict[str, str]] = {
        "pretraining": "pretraining_iterations",
        "pretraining_rate": "pretraining_lr",
        "query": "query_shots",
    }
    after_training: ClassVar[frozenset[str]] = frozenset(
        ["bias", "query_shots", "tasks", "test_tasks", "alphas", "search_cap"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "panels.*.title": ours("the panel's heading"),
        "panels.*.phase": assumed("b ~ U(0, pi) as H.3 prints it; panel b has U(0, 2 pi)", "both"),
        "panels.*.loss": assumed(
            "the loss of (2.3) has no 1/2; half puts one in the loss, the step and the errors, "
            "and so doubles the rates",
            "both",
        ),
        "amplitude": paper("H.3, a ~ U(0, pi)"),
        "inputs": paper("H.3"),
        "network.hidden": paper("H.4.3"),
        "network.activation": paper("H.4.3"),
        "network.init": assumed("PyTorch's default", "he_normal"),
        "bias": assumed("'the output from second layer' is the whole feature", "true"),
        "optimizer": assumed("of the pretraining; not given", "sgd"),
        "pretraining_iterations": assumed("its outer steps; not given", "1000, 50000"),
        "pretraining_lr": assumed("its learning rate; not given", "0.01 with sgd"),
        "meta_batch": assumed("tasks a step of the pretraining, as Finn", "1, 100"),
        "shots": paper("H.3, 'training set is 10'"),
        "query_shots": paper("H.3, 'another sampled 256 points'"),
        "tasks": paper("H.3"),
        "test_tasks": paper("H.3"),
        "alphas": paper("Table 2"),
        "seeds": ours("pretrained networks, each with tasks of its own; intervals are over them"),
        "search_cap": ours("alpha* is searched between 0 and search_cap alpha_lim"),
    }

    def runs(self) -> list[str]:
        """One job for each panel; it trains one network for each seed."""
        return list(self.panels)


EXPERIMENTS = {"table2": Table2}
TABLES = ["table2"]
