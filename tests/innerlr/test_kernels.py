"""The limit (3.3) of features that enter through their kernel."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr import InnerlrError, RowMoments
from innerlr.kernels import alpha_lim_kernel
from tolerances import SAME


@pytest.mark.parametrize("shots", [1, 2, 3, 6])
def test_the_kernel_form_is_that_of_the_rows(shots: int) -> None:
    rng = np.random.default_rng(0)
    nodes, weights = rng.normal(size=(8, 3)), rng.dirichlet(np.ones(8))
    expected = RowMoments.from_quadrature(nodes, weights).alpha_lim(shots)
    assert alpha_lim_kernel(shots, nodes @ nodes.T, weights) == pytest.approx(expected, rel=SAME)


def test_weights_of_the_kernel_form_are_checked() -> None:
    with pytest.raises(InnerlrError, match="sum to 1"):
        alpha_lim_kernel(3, np.eye(2), [0.5, 0.6])


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: alpha_lim_kernel(3, np.ones((2, 3)), [0.5, 0.5]), "gram.*square"),
    ],
)
def test_bad_input_is_named(call, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call()
