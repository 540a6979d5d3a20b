"""The estimates of every experiment at a small scale have not changed; see golden.py."""

from __future__ import annotations

import golden
import numpy as np
import pytest
from small_trained import TRAINED

from replication.families import families
from replication.measuring import read_estimates
from tolerances import GOLDEN, GOLDEN_TRAINED, NOUGHT


def test_every_family_has_a_golden_table() -> None:
    of_families = {name for family in families().values() for name in family.experiments}
    assert of_families <= set(golden.NAMES)
    assert {path.stem for path in golden.FOLDER.iterdir()} == set(golden.NAMES)


@pytest.mark.filterwarnings("ignore::innerlr.errors.IllConditionedWarning")
@pytest.mark.parametrize("name", golden.NAMES)
def test_the_estimates_are_those_of_the_golden_table(name: str) -> None:
    expected, made = read_estimates(golden.FOLDER / f"{name}.csv"), golden.table(name)
    numbers = ["value", "low", "high"]
    where = [column for column in expected.columns if column not in numbers]
    assert list(made.columns) == list(expected.columns)
    assert made[where].astype(str).to_numpy().tolist() == (
        expected[where].astype(str).to_numpy().tolist()
    )
    np.testing.assert_allclose(
        made[numbers].to_numpy(dtype=float),
        expected[numbers].to_numpy(dtype=float),
        rtol=GOLDEN_TRAINED if name in TRAINED else GOLDEN,
        atol=NOUGHT,
    )
