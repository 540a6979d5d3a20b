"""The theorems, corollaries, lemmas and examples, where stated and where they fail."""

from __future__ import annotations

from functools import partial

import pandas as pd

from replication.experiment import SAMPLE, Arrays, Experiment, sheet_row, table
from replication.figures.theory.settings import Theory as TheorySection
from replication.figures.theory.spectral import Setting
from replication.figures.theory.statement import Point, Statement
from replication.figures.theory.statements import (
    bounds,
    derivative,
    deviations,
    gap,
    gap_bound,
    isotropy,
    lemmas,
    limit,
    near_zero,
    overparameterised,
    polynomial,
    proof,
    random_matrices,
    tails,
)
from replication.quantity import Estimates
from replication.settings.laws import UniformLaw

# in the order of the paper; `proof` and `deviations` read the sets of tasks that `limit` draws
STATEMENTS = (
    Statement("a", limit.estimates, limit.curves, limit.features),
    Statement("b", proof.estimates, proof.curves),
    Statement("c", deviations.estimates, deviations.curves),
    Statement("d", bounds.estimates, bounds.curves, bounds.features),
    Statement("e", gap.estimates, gap.curves, gap.features),
    Statement("f", gap_bound.estimates, gap_bound.curves, gap_bound.features),
    Statement("g", isotropy.estimates, isotropy.curves, isotropy.features),
    Statement("h", polynomial.estimates, polynomial.curves),
    Statement("i", random_matrices.estimates, random_matrices.curves),
    Statement("j", near_zero.estimates, near_zero.curves, near_zero.features),
    Statement(
        "k", overparameterised.estimates, overparameterised.curves, overparameterised.features
    ),
    Statement("l", lemmas.estimates, lemmas.curves, lemmas.features),
    Statement("l", tails.estimates, features=tails.features),
    Statement("l", derivative.estimates, features=derivative.features),
)


class Theory(Experiment):
    """Every statement has a panel; the last panel holds three of them."""

    cfg: TheorySection

    @property
    def setting(self) -> Setting:
        """What the statements are given."""
        return Setting(self.cfg, self.rng)

    def data(self) -> pd.DataFrame:
        rows = []
        own = self.setting.law
        law = UniformLaw(name="uniform", low=own.low, high=own.high)
        for seed in range(self.cfg.seeds):
            draws = own.sample(self.rng(0, seed), (SAMPLE, self.cfg.dim))
            rows.append(sheet_row({"panel": "abcefg", "seed": seed}, law, draws))
        return table(rows, ["seed"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        for statement in self.progress(STATEMENTS, len(STATEMENTS)):
            arrays |= statement.features(self.setting)
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        points = [
            (statement.panel, *point)
            for statement in STATEMENTS
            for point in statement.curves(self.setting, features)
        ]
        frame = pd.DataFrame(points, columns=["panel", *Point._fields])
        return table([frame.astype({"seed": "Int64"})], ["panel", "series", "seed", "x"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        found = Estimates()
        for statement in STATEMENTS:
            of_panel = sweep[sweep.panel == statement.panel]
            at = partial(found.at, statement.panel)
            statement.estimates(self.setting, features, of_panel, at)
        return found.table()
