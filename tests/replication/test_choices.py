"""Values taken by name: sections and the classes that use them take the same, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from innerlr.choices import Init, LossName
from innerlr.deep.losses import LOSSES
from innerlr.errors import InnerlrError
from innerlr.ntk import INITS, TwoLayerNTK
from replication.figures.omniglot.settings import AnilScheme, AnilSetting
from replication.figures.pretrained.settings import Table2
from replication.figures.tangent.experiment import CHOICES, Regression
from replication.figures.tangent.settings import TangentCurve, TangentPanel, TangentSetting
from replication.figures.variance.basis import law_of_variance
from replication.figures.variance.settings import Fig04b
from replication.images.bank import RESIZES, ImageBank
from replication.images.glyphs import stand_in
from replication.settings import choices
from replication.settings.config import Config
from replication.settings.networks import Network
from replication.settings.section import Section
from replication.training import device, mlp
from replication.training.anil import Anil, ConvNet
from replication.training.maml import Plan


def anil(**change: Any) -> Anil:
    network = ConvNet(4, 2, head_init=0.1, generator=torch.Generator().manual_seed(0))
    given = {"ways": 2, "shots": 1, "inner_steps": 1, "forward_norm": "none", "alpha": 0.1}
    return Anil(network, **(given | change))


def regression(init: Any = "normal", **change: Any) -> Regression:
    setting = TangentSetting(width=10).model_copy(update=change)
    rngs = tuple(np.random.default_rng(seed) for seed in range(3))
    return Regression(setting, init, TangentCurve(shots=2, tasks=2), 2, rngs)


def convolutions(precision: Any) -> None:
    with device.convolutions(precision):
        pass


MISSPELT: dict[str, tuple[Callable[[], object], str]] = {
    "inner_loss": (lambda: anil(inner_loss="summ"), "inner_loss: unknown 'summ'.*'sum'"),
    "batch_norm": (lambda: anil(batch_norm="togther"), "batch_norm: unknown 'togther'.*'together'"),
    "precision": (lambda: anil(precision="bf16"), "precision: unknown 'bf16'.*'bfloat16'"),
    "forward_norm": (lambda: anil(forward_norm="l2sqrt"), "forward_norm: .*'l2sqrt'.*'l2sqrtd'"),
    "sigma2": (lambda: anil(sigma2="covsun"), "sigma2: unknown 'covsun'.*'covsum'"),
    "alpha": (lambda: anil(alpha="onlin"), "alpha: unknown 'onlin'.*'online'"),
    "of no type": (lambda: anil(inner_loss=None), "inner_loss: unknown None. Valid: 'mean', 'sum'"),
    "convolutions": (lambda: convolutions("tf23"), "precision: unknown 'tf23'.*'tf32'"),
    "device": (lambda: device.resolve("cuba"), "device: unknown 'cuba'.*'cuda'"),
    "init": (lambda: mlp.MLP(1, (4,), init="heh"), "init: unknown 'heh'. Valid: .*'he_normal'"),
    "activation": (lambda: mlp.MLP(1, (4,), "rely"), "activation: unknown 'rely'.*'relu'"),
    "optimizer": (lambda: Plan(1, optimizer="adan"), "optimizer: unknown 'adan'.*'adam'"),
    "init of tangent features": (
        lambda: TwoLayerNTK(4, 1, "he_nomal"),
        "init: unknown 'he_nomal'.*'he_normal'",
    ),
    "init of a regression": (lambda: regression("normol"), "init: unknown 'normol'.*'normal'"),
    "targets": (lambda: regression(targets="task"), "targets: unknown 'task'.*'tasks'"),
    "step": (lambda: regression(step="poled"), "step: unknown 'poled'.*'pooled'"),
    "training_samples": (
        lambda: regression(training_samples="spilt"),
        "training_samples: unknown 'spilt'.*'split'",
    ),
    "test_samples": (lambda: regression(test_samples="some"), "test_samples: .*'some'.*'same'"),
    "rcond_of": (lambda: regression(rcond_of="adaptd"), "rcond_of: .*'adaptd'.*'adapted'"),
    "sigma2 of a regression": (
        lambda: regression(sigma2="psi_varience"),
        "sigma2: unknown 'psi_varience'.*'psi_variance'",
    ),
    "resize": (
        lambda: stand_in(4, np.random.default_rng(0)).small("lanzcos"),
        "resize: unknown 'lanzcos'.*'lanczos'",
    ),
    "law": (lambda: law_of_variance("exponental", 1.0), "name: .*'exponental'.*'exponential'"),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_value_is_refused(name: str) -> None:
    call, message = MISSPELT[name]
    with pytest.raises(InnerlrError, match=message):
        call()


def key(section: type[Section], name: str) -> Any:
    return section.model_fields[name].annotation


@pytest.mark.parametrize("name", ["inner_loss", "sigma2", "forward_norm"])
def test_anil_takes_what_a_scheme_takes(name: str) -> None:
    assert get_type_hints(Anil.__init__)[name] == key(AnilScheme, name)


@pytest.mark.parametrize("name", ["batch_norm", "precision"])
def test_anil_takes_what_its_setting_takes(name: str) -> None:
    assert get_type_hints(Anil.__init__)[name] == key(AnilSetting, name)


def test_other_classes_take_what_their_sections_take() -> None:
    network = get_type_hints(mlp.MLP)
    assert network["activation"] == key(Network, "activation")
    assert network["init"] == key(Network, "init")
    assert get_type_hints(Plan)["optimizer"] == key(Table2, "optimizer")
    assert get_type_hints(ImageBank.small)["resize"] == key(AnilSetting, "resize")
    assert get_type_hints(device.resolve)["name"] == key(Config, "device")
    assert get_type_hints(device.convolutions)["precision"] == key(AnilSetting, "precision")
    init = get_type_hints(TwoLayerNTK.__init__)["init"]
    assert init == key(TangentPanel, "init") == key(Fig04b, "init")
    assert {name: key(TangentSetting, name) for name in CHOICES} == CHOICES


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (INITS, Init),
        (LOSSES, LossName),
        (mlp.INITS, choices.NetworkInit),
        (mlp.ACTIVATIONS, choices.Activation),
        (RESIZES, choices.Resize),
    ],
)
def test_every_name_has_what_it_names(made: dict[str, Any], kind: Any) -> None:
    assert tuple(made) == get_args(kind)
