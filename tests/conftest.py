"""Settings shared by all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Derandomised: a run today and a run tomorrow try the same examples. No deadline: machines differ.
settings.register_profile("innerlr", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("innerlr")


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """pyplot keeps every figure until it is closed."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
