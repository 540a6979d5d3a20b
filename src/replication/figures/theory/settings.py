"""Settings of the theorems."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from replication.settings.laws import (
    NORMAL_3,
    UNIFORM_5,
    VARIANCE_READING,
    ExponentialLaw,
    Law,
    NormalLaw,
    Spaced,
    UniformLaw,
)
from replication.settings.section import OpenSection, Section, Specifications
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.tasks import NewOptima
from replication.settings.types import (
    Count,
    Dim,
    GridPoints,
    Named,
    NonNegative,
    Positive,
    Repetitions,
    Samples,
    Several,
    Width,
)


class TheoryPath(Section):
    """Tasks of Figs. 1 and 7, whose mean distance near alpha = 0 is looked at (H.4.1)."""

    laws: Named[Law] = {
        "central": NormalLaw(name="normal", mean=0.0, spread=2.0),
        "uncentral": UniformLaw(name="uniform", low=0.0, high=5.0),
    }
    optima: Law = NORMAL_3
    tasks: Count = 500
    shots: Samples = 10
    new_tasks: NewOptima = NewOptima()
    feature_scales: Several[Positive] = [0.5, 1.0, 2.0]
    new_counts: Several[Count] = [5, 15, 150, 500]
    seeds: Repetitions = 200

    former: ClassVar[dict[str, str]] = {"draws": "seeds"}


class TheoryNetwork(Section):
    """Overparameterised sine regression on tangent features (H.4.3)."""

    width: Width = 40
    tasks: Count = 20
    shots: Samples = 10
    test_tasks: Count = 200


class Theory(OpenSection):
    """The theorems, corollaries, lemmas and examples, where stated and where they fail."""

    computed_by: ClassVar[str] = "experiment:Theory"
    dim: Annotated[int, Field(ge=2, le=10**4)] = 5
    eigenvalues: Spaced = Spaced(first=1.0, last=4.0)
    log2_tasks: Several[Annotated[int, Field(ge=2, le=26)]] = [2, 3, 4, 5, 6, 7, 8]
    seeds: Annotated[int, Field(ge=2, le=10**4)] = 10
    seeds_per_group: Annotated[int, Field(ge=2, le=10**6)] = 20
    grid_points: GridPoints = 61
    gap_tasks: Count = 20
    gap_dims: Several[Dim] = [1, 2, 3, 5, 10, 20]
    gap_ratio: Annotated[float, Field(gt=1, le=1e12)] = 1.5
    stretches: Several[Annotated[float, Field(ge=1, le=1e12)]] = [1.0, 4.0, 16.0, 64.0, 256.0]
    feature_dims: Several[Dim] = [1, 2, 3, 5, 10]
    feature_spreads: Several[NonNegative] = [0.0, 0.5, 1.0]
    lemma_seeds: Repetitions = 1000
    example_dims: Several[Dim] = [2, 3, 5]
    example_shots: Samples = 15
    matrix_dims: Several[Dim] = [1, 2, 5, 10, 20, 50, 100]
    matrix_laws: Named[Law] = {
        "uniform": UNIFORM_5,
        "exponential": ExponentialLaw(name="exponential", scale=1.0),
    }
    path: TheoryPath = TheoryPath()
    network: TheoryNetwork = TheoryNetwork()
    specifications: Specifications = Specifications(
        claims=["theory-h41", "theory-h43"],
        scale={"seeds": 5, "seeds_per_group": 2, "lemma_seeds": 20, "log2_tasks": [2, 3]},
        named={
            "K3": {"path": {"shots": 3}},
            "K50": {"path": {"shots": 50}},
            "count_5": {"path": {"new_tasks": {"count": 5}}},
            "count_500": {"path": {"new_tasks": {"count": 500}}},
            "centre_2": {"path": {"new_tasks": {"centre": [2.0, 2.0]}}},
            "centre_8": {"path": {"new_tasks": {"centre": [8.0, 8.0]}}},
            "spread_0.2": {"path": {"new_tasks": {"spread": 0.2}}},
            "normal_sd": {"path": {"laws": {"central": {"spread_is": "sd"}}}},
            "N5": {"network": {"tasks": 5}},
            "N50": {"network": {"tasks": 50}},
        },
    )

    former: ClassVar[dict[str, str]] = {
        "draws": "seeds_per_group",
        "cases": "lemma_seeds",
    }
    late: ClassVar[frozenset[str]] = frozenset(
        ["grid_points", "example_dims", "example_shots", "matrix_dims", "matrix_laws"]
    )
    sources: ClassVar[dict[str, Source]] = {
        "dim": ours("features d, and samples a task, of the tasks that meet Assumption 2"),
        "eigenvalues": ours(
            "every eigenvalue of every G is uniform between first and last (lambda_I, lambda_S): "
            "Assumption 2 holds and every moment is exact"
        ),
        "log2_tasks": ours("numbers of tasks N, as powers of 2"),
        "seeds": ours("independent groups of draws; intervals are over them"),
        "seeds_per_group": ours("sets of tasks in a group, over which expectations are taken"),
        "grid_points": ours("learning rates and variances of a curve"),
        "gap_tasks": ours("N of Theorem 2"),
        "gap_dims": ours("d at which Theorem 2's two bounds are held against the gap"),
        "gap_ratio": ours("lambda_S / lambda_I there"),
        "stretches": ours("ratio of the largest to the least variance of a feature"),
        "feature_dims": ours("d of the random features of Corollary 1"),
        "feature_spreads": ours(
            "standard deviation of the logarithm of a task's scale: how much tasks differ"
        ),
        "lemma_seeds": ours(
            "random cases of each lemma and proposition, and sets for each d and spread"
        ),
        "example_dims": ours("d of Example 1"),
        "example_shots": ours("K of Example 1"),
        "matrix_dims": ours("d of Example 2, K = 1 (E.12) and K = d (E.13)"),
        "matrix_laws": paper("H.3, two of the three laws: one centred, one not"),
        "path.laws": paper("the caption of Fig. 7"),
        "path.laws.central.spread_is": VARIANCE_READING,
        "path.optima": paper("the caption of Fig. 7"),
        "path.tasks": paper("section 3.2, '500 tasks in R^2'"),
        "path.shots": assumed("not given; as for Fig. 7", "3, 50"),
        "path.new_tasks": assumed("as for Fig. 7", "see specifications there"),
        "path.feature_scales": ours("of the new tasks: below, at and above that of the others"),
        "path.new_counts": ours(
            "other numbers of new tasks, as Fig. 7 varies them, at the last of the feature scales"
        ),
        "path.seeds": ours("sets of tasks, among which the share is counted"),
        "network.width": paper("H.3, a 3-layer MLP of 40; untrained here, PyTorch's initial law"),
        "network.tasks": assumed("H.4.3 announces N K < d and says no more", "5, 50"),
        "network.shots": paper("H.3, 10 samples"),
        "network.test_tasks": ours("tasks of the test loss"),
    }


EXPERIMENTS = {"theory": Theory}
