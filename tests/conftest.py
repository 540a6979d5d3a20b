"""Settings shared by all tests."""

from __future__ import annotations

from hypothesis import settings

# Derandomised: a run today and a run tomorrow try the same examples. No deadline: machines differ.
settings.register_profile("innerlr", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("innerlr")
