"""Every exported name says shapes, errors, its equation, and what it is for a loss without 1/2."""

from __future__ import annotations

import pytest

import innerlr
from docstrings import of_name, raises
from innerlr import checks


@pytest.mark.parametrize("name", innerlr.__all__)
def test_every_exported_name_is_documented(name: str) -> None:
    assert of_name(getattr(innerlr, name), name) == []


def bare(features: checks.Array, steps: int) -> float:
    """Does something.

    Args:
        steps: of the loop.
    """
    return float(checks.as_array(features, "features", ("n",))[steps])


def test_what_is_missing_is_named() -> None:
    bare.__module__ = "innerlr.bare"
    assert of_name(bare, "alpha_bare") == [
        "alpha_bare: features is not among the arguments",
        "alpha_bare: nothing on what is returned",
        "alpha_bare: nothing on its errors",
        "alpha_bare: no example",
        "alpha_bare: names no equation and no section",
        "alpha_bare: does not say for which loss the rate is",
    ]


def test_errors_are_found_in_what_is_called() -> None:
    assert raises(innerlr.loss_gap)  # the constructor that it calls
    assert raises(innerlr.Adaptation.loss)  # the method that its methods call
    assert raises(innerlr.heuristic_range)
    assert not raises(innerlr.InnerlrError)
