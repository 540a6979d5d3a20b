"""Features of any size and kind have a rate: huge and tiny ones, tensors, masks, booleans."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from innerlr import (
    GramMoments,
    alpha_bounds,
    alpha_est,
    alpha_lim,
    alpha_lim_iid_rows,
    alpha_lim_split,
    head_alpha,
)
from innerlr.kernels import alpha_lim_kernel
from innerlr.modes import alpha_lim_gram, alpha_lim_split_gram, alpha_pooled
from innerlr.traces import unit_of

RATES_OF_FEATURES = {
    "alpha_lim": alpha_lim,
    "covariance": lambda x: alpha_lim(x, task_covariance=np.diag([1.0, 2.0, 3.0])),
    "steps": lambda x: alpha_lim(x, steps=3),
    "chunks": lambda x: alpha_lim(iter([x[:4], x[4:] / 1e20, x[4:]])),
    "split": lambda x: alpha_lim_split(x[:, :2], x[:, 2:]),
    "split, small query": lambda x: alpha_lim_split(x[:, :2], x[:, 2:] / 1e30),
    "split, chunks": lambda x: alpha_lim_split(iter([x[:4, :2], x[4:, :2]]), [x[:4], x[4:]]),
    "split, steps": lambda x: alpha_lim_split(x[:, :2], x[:, 2:], steps=2),
    "alpha_est": alpha_est,
    "bounds": lambda x: alpha_bounds(x).lower,
    "upper bound": lambda x: alpha_bounds(x).upper,
    "rows": lambda x: alpha_lim_iid_rows(4, x[0], np.full(len(x[0]), 1 / len(x[0]))),
    "grams": lambda x: alpha_lim_gram(x @ x.swapaxes(1, 2)),
    "split grams": lambda x: alpha_lim_split_gram(
        x[:, :2] @ x[:, :2].swapaxes(1, 2), x @ x[:, :2].swapaxes(1, 2)
    ),
    "kernel": lambda x: alpha_lim_kernel(4, x[0] @ x[0].T, np.full(len(x[0]), 1 / len(x[0]))),
    "pooled": lambda x: alpha_pooled(np.linalg.eigvalsh(x[0].T @ x[0])),
    "head": lambda x: head_alpha(x, bias=False),
    "head, steps": lambda x: head_alpha(x[:, :2], x[:, 2:], bias=False, steps=4),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e60, 1e-60, 1e-30])
@pytest.mark.parametrize("name", RATES_OF_FEATURES)
def test_features_of_any_size_have_a_rate(name: str, scale: float) -> None:
    x = np.random.default_rng(3).normal(size=(9, 5, 3))
    rate = RATES_OF_FEATURES[name]
    # 1e60 is no power of two: its product with x is rounded, to 1e-16 each
    assert rate(scale * x) * scale**2 == pytest.approx(rate(x), rel=1e-12)


def test_ordinary_sizes_are_not_touched() -> None:
    x = np.random.default_rng(3).normal(size=(9, 5, 3))
    assert unit_of(1e39 * x) == unit_of(x) == unit_of(0 * x) == 1
    assert np.log2(unit_of(1e60 * x)) == round(np.log2(1e60 * np.abs(x).max()))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32, torch.int64])
def test_tensors_are_read_everywhere(kind: torch.dtype) -> None:
    x = torch.arange(30).reshape(2, 5, 3).remainder(7).to(kind)
    exact = x.double().numpy()
    x = x.requires_grad_(x.is_floating_point())
    assert alpha_lim(x) == alpha_lim(list(x)) == alpha_lim(exact)
    assert alpha_lim_split(x, x[:, :2]) == alpha_lim_split(exact, exact[:, :2])
    assert alpha_est(x) == alpha_est(exact)
    assert alpha_bounds(x) == alpha_bounds(exact)
    assert head_alpha(x, x[:, :2]) == head_alpha(exact, exact[:, :2])
    moments, expected = GramMoments(), GramMoments()
    moments.update_optima(x, x[:, 0])
    expected.update_optima(exact, exact[:, 0])
    assert np.array_equal(moments.to_arrays()["gram"], expected.to_arrays()["gram"])


def test_a_mask_without_masked_entries_is_none() -> None:
    x = np.random.default_rng(3).normal(size=(9, 5, 3))
    assert alpha_lim(np.ma.masked_array(x, mask=False)) == alpha_lim(x)
    assert alpha_lim(x > 0) == alpha_lim((x > 0).astype(float))
