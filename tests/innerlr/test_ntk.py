"""Tangent features: both Gram routes against explicit features and PyTorch's derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from innerlr import InnerlrError
from innerlr.empirical_ntk import empirical_gram
from innerlr.ntk import BLOCK, INITS, TwoLayerNTK
from tolerances import SAME, Z

torch = pytest.importorskip("torch")

BIASES = [(True, True), (True, False), (False, True), (False, False)]


def inputs(n: int, p: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, p))


def jacobian(network, x: np.ndarray) -> np.ndarray:
    """The oracle: one torch.func.jacrev a sample, parameters in PyTorch's order."""
    parameters = dict(network.named_parameters())
    rows = []
    for sample in torch.from_numpy(x):
        parts = torch.func.jacrev(
            lambda p, s=sample: torch.func.functional_call(network, p, (s,)).squeeze()
        )(parameters)
        rows.append(torch.cat([part.reshape(-1) for part in parts.values()]))
    return torch.stack(rows).detach().numpy()


def close(value: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(value, expected, rtol=SAME, atol=SAME * np.abs(expected).max())


@pytest.mark.parametrize("biases", BIASES)
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("init", ["pytorch", "normal", "uniform01"])
def test_features_and_grams_are_those_of_jacrev(
    init: str, p: int, biases: tuple[bool, bool]
) -> None:
    model = TwoLayerNTK(40, p, init, *biases, seed=4)
    x, x2 = inputs(9, p), inputs(5, p, seed=1)
    psi, psi2 = jacobian(model.to_torch(), x), jacobian(model.to_torch(), x2)
    close(model.features(x), psi)
    assert psi.shape == (9, model.dim)
    for method in ("auto", "blocked"):
        close(model.gram(x, x2, method=method), psi @ psi2.T)
        close(model.gram(x, method=method), psi @ psi.T)
    close(model.diagonal(x), (psi**2).sum(1))
    close(model.row_sums(x), psi.sum(1))
    moments = model.entry_moments(x)
    assert moments.entries == psi.size
    assert moments.mean == pytest.approx(psi.mean(), rel=SAME, abs=SAME * np.abs(psi).max())
    assert moments.second == pytest.approx((psi**2).mean(), rel=SAME)
    assert moments.variance == pytest.approx(psi.var(), rel=1e3 * SAME)  # a difference
    close(model.predict(x), model.to_torch()(torch.from_numpy(x)).detach().numpy()[:, 0])


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("scaled", [True, False])
def test_the_two_routes_agree_at_the_papers_width(init: str, scaled: bool) -> None:
    model = TwoLayerNTK(10_000, 1, init, seed=1, scaled=scaled)
    x, x2 = np.sort(inputs(40, 1), axis=0)[::-1], 7 * inputs(30, 1, seed=1)
    close(model.gram(x, x2), model.gram(x, x2, method="blocked"))
    close(model.gram(x[:, 0]), model.gram(x, method="blocked"))


def test_ties_zero_weights_and_kinks_at_the_inputs() -> None:
    """ReLU'(0) = 0, as in PyTorch; a neuron with w = 0 is active where b > 0."""
    w = np.array([[1.0], [-1.0], [0.0], [0.0], [0.0], [2.0], [-2.0], [0.5]])
    b = np.array([0.0, 0.0, 1.0, -1.0, 0.0, -2.0, 2.0, 0.5])
    model = TwoLayerNTK.from_parameters(w, b, np.arange(1.0, 9.0), 0.3)
    x = np.array([0.0, 1.0, -1.0, 1.0, 0.0, 2.0])
    psi = model.features(x)
    close(psi, jacobian(model.to_torch(), x[:, None]))
    close(model.gram(x), psi @ psi.T)
    close(model.gram(x, x[:3]), psi @ psi[:3].T)


@pytest.mark.parametrize("p", [1, 2])
def test_blocks_change_nothing(p: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TwoLayerNTK(300, p, seed=2)
    x, x2 = inputs(23, p), inputs(11, p, seed=1)
    whole = [model.gram(x, x2), model.diagonal(x), model.row_sums(x), model.predict(x)]
    monkeypatch.setattr("innerlr.ntk.BLOCK", 50)
    assert BLOCK > 50
    for first, second in zip(
        whole,
        [model.gram(x, x2), model.diagonal(x), model.row_sums(x), model.predict(x)],
        strict=True,
    ):
        close(second, first)


def test_parameters_survive_torch() -> None:
    for biases in BIASES:
        model = TwoLayerNTK(7, 2, "he_normal", *biases, seed=0)
        again = TwoLayerNTK.from_torch(model.to_torch())
        assert (again.hidden_bias, again.output_bias) == biases
        for name in ("w", "b", "v", "c"):
            np.testing.assert_array_equal(getattr(again, name), getattr(model, name))


# PyTorch's own initialisers, written out from its documentation
LAWS = {
    "pytorch": (-1 / np.sqrt(3), 1 / np.sqrt(3)),
    "uniform": (-1, 1),
    "uniform01": (0, 1),
    "he_uniform": (-np.sqrt(2), np.sqrt(2)),
    "lecun_uniform": (-1, 1),
    "xavier_uniform": (-np.sqrt(6 / 20_003), np.sqrt(6 / 20_003)),
    "normal": 1.0,
    "he_normal": np.sqrt(2 / 3),
    "lecun_normal": np.sqrt(1 / 3),
    "xavier_normal": np.sqrt(2 / 20_003),
}


@pytest.mark.parametrize("init", INITS)
def test_hidden_weights_have_their_law(init: str) -> None:
    w = TwoLayerNTK(20_000, 3, init, seed=0).w
    law = LAWS[init]
    if isinstance(law, tuple):
        low, high = law
        assert low <= w.min() < low + 0.001 * (high - low)
        assert high - 0.001 * (high - low) < w.max() <= high
    else:
        # standard error of a normal's sd: sd / sqrt(2 n)
        assert abs(w.std() / law - 1) < Z / np.sqrt(2 * w.size)
        assert w.max() > 3 * law
    close(TwoLayerNTK(20_000, 3, init, seed=0, scaled=True).w, w / np.sqrt(20_000))


def test_switching_a_bias_off_keeps_the_other_draws() -> None:
    first, second = (TwoLayerNTK(9, 1, hidden_bias=flag, seed=3) for flag in (True, False))
    np.testing.assert_array_equal(first.w, second.w)
    np.testing.assert_array_equal(first.v, second.v)


# ------------------------------------------------------------------ any torch model


def convolutional(outputs: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3),
        torch.nn.BatchNorm2d(3),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(3 * 16, outputs),
    ).eval()


@pytest.mark.parametrize("method", ["jacobian", "vector_products"])
@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_empirical_gram_is_the_product_of_gradients(
    dtype: torch.dtype, outputs: int, method: str
) -> None:
    model = convolutional(outputs).to(dtype)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 1, 6, 6))).to(dtype)

    def gradient(sample, output):
        value = model(sample[None])[0, output]
        return torch.cat([g.ravel() for g in torch.autograd.grad(value, model.parameters())])

    psi = torch.stack([torch.stack([gradient(s, o) for o in range(outputs)]) for s in x])
    expected = torch.einsum("nap,mbp->nmab", psi, psi[:3])
    result = empirical_gram(model, x, x[:3], method=method, block=2)
    assert result.dtype == dtype
    expected = expected[:, :, 0, 0] if outputs == 1 else expected
    # float32: eps 1.2e-7 through a few thousand products
    rtol = SAME if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(result, expected, rtol=rtol, atol=rtol * float(expected.abs().max()))


def test_what_is_held_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 7 samples in blocks of 2, four rows are held at a time, or all."""
    model = convolutional(2).double()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 1, 6, 6)))
    whole = empirical_gram(model, x, block=2)
    size = 8 * 2 * sum(p.numel() for p in model.parameters())
    monkeypatch.setattr("innerlr.empirical_ntk.ROWS", 5 * size)
    for other in (None, x):
        torch.testing.assert_close(empirical_gram(model, x, other, block=2), whole)


def test_a_model_in_training_mode_is_not_changed() -> None:
    """It writes into its running statistics, which no derivative passes through."""
    model = convolutional(1).train()
    before = {name: value.clone() for name, value in model.named_buffers()}
    with pytest.raises(InnerlrError, match="evaluation mode"):
        empirical_gram(model, torch.randn(2, 1, 6, 6))
    for name, value in model.named_buffers():
        assert torch.equal(value, before[name])


def test_frozen_parameters_do_not_count() -> None:
    model = convolutional(1).double()
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    x = torch.zeros((2, 1, 6, 6), dtype=torch.float64)
    with pytest.raises(InnerlrError, match="require gradients"):
        empirical_gram(torch.nn.Flatten(), x)
    assert empirical_gram(model, x).shape == (2, 2)


def test_empirical_gram_agrees_with_the_kinks() -> None:
    model = TwoLayerNTK(200, 1, seed=0)
    x = inputs(12, 1)
    close(empirical_gram(model.to_torch(), x).numpy(), model.gram(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_empirical_gram_on_a_gpu() -> None:
    model = convolutional(3)
    x = torch.randn(5, 1, 6, 6)
    on_cpu = empirical_gram(model, x)
    on_gpu = empirical_gram(model.cuda(), x)
    assert on_gpu.device.type == "cuda"
    # float32, TF32 off by default for matrix products; convolutions may use it (10-bit mantissa)
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=5e-3, atol=5e-3)


# ------------------------------------------------------------------ bad input

MODEL = TwoLayerNTK(5, 1, seed=0)
WIDE = TwoLayerNTK(5, 2, seed=0)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: TwoLayerNTK(0, 1), "width: expected a positive integer, got 0"),
        (lambda: TwoLayerNTK(5, 0), "input_dim"),
        (lambda: TwoLayerNTK(2.5, 1), "width"),
        (lambda: TwoLayerNTK(5, 1, "he"), "he_"),
        (lambda: MODEL.gram([]), "'n'.*empty"),
        (lambda: MODEL.gram([0.0, np.nan]), "finite"),
        (lambda: MODEL.gram([0.0], [np.inf]), "x2"),
        (lambda: MODEL.gram(np.zeros((3, 2))), r"\(n, 1\)"),
        (lambda: WIDE.gram(np.zeros(3)), "x: expected shape"),
        (lambda: WIDE.features(np.zeros((3, 3))), r"\(n, 2\)"),
        (lambda: WIDE.gram(np.zeros((3, 2)), method="kinks"), "scalar inputs"),
        (lambda: MODEL.gram([0.0], method="kink"), "'kinks'"),
        (lambda: MODEL.entry_moments([]), "empty"),
        (lambda: MODEL.predict(["a"]), "real numbers"),
        (lambda: TwoLayerNTK.from_torch(torch.nn.Linear(1, 1)), "Sequential"),
        (
            lambda: TwoLayerNTK.from_torch(
                torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
            ),
            "Tanh",
        ),
        (lambda: TwoLayerNTK.from_parameters(np.ones((3, 1)), None, np.ones(2), 0.0), "expected 3"),
        (lambda: TwoLayerNTK.from_parameters(np.ones(3), None, np.ones(3), 0.0), "w: expected"),
        (lambda: empirical_gram(MODEL.to_torch(), np.zeros((0, 1))), "at least one finite"),
        (lambda: empirical_gram(MODEL.to_torch(), [[np.nan]]), "NaN"),
        (lambda: empirical_gram(MODEL.to_torch(), np.zeros((2, 3))), "cannot be called on"),
        (lambda: empirical_gram(MODEL.to_torch(), [[0.0]], method="jacobi"), "'jacobian'"),
        (lambda: empirical_gram(torch.nn.BatchNorm1d(2), np.ones((3, 2))), "evaluation mode"),
        (lambda: empirical_gram(torch.nn.LSTM(2, 1), np.ones((3, 4, 2))), "one tensor"),
    ],
)
def test_bad_input_is_named(call, part: str) -> None:
    with pytest.raises(InnerlrError, match=part):
        call()
