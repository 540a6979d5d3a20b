"""What holds of every experiment without a training stage, at a small scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import CLAIMS, SMALL, experiment, section, stages

from innerlr.errors import InnerlrError
from replication.families import experiments, make
from replication.judging.claims import under_readings
from replication.quantity import FIRST, LAST

# these need a training stage, and have test files of their own
TRAINED = {"fig03", "fig10a", "fig10b", "fig12", "table2"}


def test_no_experiment_is_left_out() -> None:
    assert set(SMALL) | TRAINED == set(experiments())


@pytest.mark.parametrize("name", SMALL)
def test_every_stage_is_finite_tidy_and_repeatable(name: str) -> None:
    data, features, sweep, estimates = stages(experiment(name))
    again = stages(experiment(name))
    for first, second in zip((data, sweep, estimates), (again[0], *again[2:]), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
        assert len(first)
    assert all(np.isfinite(array).all() for array in features.values())
    curves = sweep[sweep.kind == "path"] if "kind" in sweep else sweep
    # what is of all seeds together has none
    numbers = curves.drop(columns="seed", errors="ignore").select_dtypes("number")
    assert np.isfinite(numbers.to_numpy(dtype=float)).all()
    where = [column for column in estimates.columns if column not in LAST]
    assert where[:2] == FIRST
    assert not estimates.duplicated([*where, "quantity"]).any()
    assert not estimates.value.isna().any()


@pytest.mark.parametrize("name", ["fig02", "fig05", "fig08", "fig09", "h3", "theory"])
def test_drawn_data_have_the_moments_they_should(name: str) -> None:
    z = experiment(name).data().z
    # a 5 sigma event in fewer than a thousand cells
    assert z.abs().max() < 5


@pytest.mark.parametrize(
    "name", ["fig01", "fig02", "fig04b", "fig05", "fig08", "fig11", "h3", "theory"]
)
def test_another_seed_gives_other_draws(name: str) -> None:
    first, second = (make(name, section(name), seed).features() for seed in (5, 6))
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(InnerlrError, match="'fig08'"):
        make("fig8", {}, seed=0)


# bases wide against the inputs are nearly collinear; the pipeline's log says so
@pytest.mark.filterwarnings("ignore::innerlr.errors.IllConditionedWarning")
@pytest.mark.parametrize("name", ["fig01", "fig04a", "fig04b", "fig05", "fig07", "fig09", "fig11"])
def test_every_claim_is_measured_under_every_reading(name: str) -> None:
    opened = experiment(name).cfg
    claims = [claim for claim in CLAIMS if claim.get("experiment") == name]
    small = {"seeds": 2} if "seeds" in SMALL[name] else {}
    tables = {}
    for reading in opened.choices():
        chosen = opened.specification(reading).for_stage("estimates") | small
        tables[reading] = make(name, chosen, 5).all_stages()
    judged = under_readings(claims, tables, name)
    assert len(judged) == len(claims) * len(tables)
    assert "not evaluated" not in set(judged.verdict)
