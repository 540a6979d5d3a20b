"""Experiments of the user's own: a module that cannot be used is one clear error."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from innerlr.errors import InnerlrError
from replication.families import make

MODULES = {
    "good": "def f(rng):\n    return rng.normal(size=(30, 6, 2))\n",
    "unparsed": "def f(:\n",
    "without_file": "open('nowhere.csv')\n",
    "raising": "1 / 0\n",
    "leaving": "import sys\nsys.exit('bye')\n",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, text in MODULES.items():
        (tmp_path / f"user_{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, f"user_{name}", raising=False)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("function", "cause"),
    [
        ("user_unparsed:f", "SyntaxError: invalid syntax (user_unparsed.py, line 1)"),
        ("user_without_file:f", "FileNotFoundError: [Errno 2] No such file"),
        ("user_raising:f", "ZeroDivisionError: division by zero"),
        ("user_leaving:f", "SystemExit: bye"),
        ("user_nowhere:f", "ModuleNotFoundError: No module named 'user_nowhere'"),
        ("user_good:g", "AttributeError: module 'user_good' has no attribute 'g'"),
        (".user_good:f", "TypeError: the 'package' argument is required"),
    ],
)
def test_a_module_that_cannot_be_imported(function: str, cause: str) -> None:
    with pytest.raises(InnerlrError) as error:
        make("mine", {"function": function}, 1).data()
    assert f"experiments.mine.function: cannot import {function!r}: {cause}" in str(error.value)


@pytest.mark.usefixtures("modules")
def test_one_that_can() -> None:
    data = make("mine", {"function": "user_good:f", "seeds": 2}, 1).data()
    assert list(data["shape"]) == ["30x6x2"] * 2


def estimates(tmp_path: Path, **arrays: np.ndarray) -> set[str]:
    np.savez(tmp_path / "mine.npz", **arrays)
    made = make("mine", {"file": str(tmp_path / "mine.npz"), "seeds": 3}, 1)
    features = made.features()
    return set(made.estimates(features, made.sweep(features)).quantity)


def test_bounds_stand_only_beside_the_rate_that_they_bound(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(30, 6, 2))
    whole = estimates(tmp_path, features=features)
    assert {"alpha_lim_sampled", "alpha_est", "corollary1_lower", "corollary1_upper"} <= whole
    split = estimates(tmp_path, features=features[:, :3], query=features[:, 3:])
    assert {"alpha_lim_sampled", "alpha_est"} <= split
    assert not any(name.startswith("corollary1") for name in split)


def test_equal_entries_have_a_rate_though_no_variance(tmp_path: Path) -> None:
    found = estimates(tmp_path, features=np.ones((30, 6, 1)))
    assert "alpha_lim_sampled" in found
    assert "alpha_est" not in found


# nine rows for seven weights and a rate leave little loss, which the sums warn of
@pytest.mark.filterwarnings("ignore::innerlr.IllConditionedWarning")
def test_resamples_that_fix_no_minimiser_are_dropped_and_counted(tmp_path: Path) -> None:
    """Three tasks of 3 samples, or more, fix 7 weights and the rate, two do not."""
    rng = np.random.default_rng(0)
    arrays = {"features": rng.normal(size=(5, 3, 7)), "targets": rng.normal(size=(5, 3))}
    np.savez(tmp_path / "mine.npz", **arrays)
    found = {}
    for seeds in (1, 30):
        made = make("mine", {"file": str(tmp_path / "mine.npz"), "seeds": seeds}, 1)
        picks = [made.rng(seed).integers(0, 5, 5) for seed in range(1, seeds)]
        dropped = {seed for seed, pick in enumerate(picks, 1) if len(set(pick)) < 3}
        features = made.features()
        sweep = made.sweep(features)
        assert set(sweep.seed) == set(range(seeds)) - dropped
        rows = made.estimates(features, sweep).set_index("quantity").value
        assert rows.get("resamples_dropped", 0) == len(dropped)
        found[seeds] = rows["alpha_star"]
    assert dropped
    assert found[1] == found[30]
    # the file itself, where it has too few, is an error that names it
    np.savez(tmp_path / "mine.npz", **{name: a[:2] for name, a in arrays.items()})
    made = make("mine", {"file": str(tmp_path / "mine.npz"), "seeds": 4}, 1)
    features = made.features()
    with pytest.raises(InnerlrError, match=r"experiments\.mine: singular Gram.*Or leave out"):
        made.sweep(features)
    with pytest.raises(InnerlrError, match=r"experiments\.mine: singular Gram"):
        made.estimates(features, sweep)
