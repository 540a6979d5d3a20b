"""Checkpoints and devices: what is saved comes back; anything else is one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from innerlr.errors import InnerlrError
from replication.training.checkpoint import Checkpoint
from replication.training.device import describe, resolve

SETTINGS = {"section": {"width": 40, "rates": (0.1, 0.2)}, "seed": 1}


def saved(folder: Path) -> Checkpoint:
    checkpoint = Checkpoint(folder / "deep/run.pt", SETTINGS)
    checkpoint.save({"step": 3, "weights": [torch.arange(3.0)], "adam": {"t": torch.tensor(2)}})
    return checkpoint


def test_a_state_comes_back(tmp_path: Path) -> None:
    state = Checkpoint(saved(tmp_path).path, SETTINGS).load()
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["weights"][0], torch.arange(3.0))
    assert state["adam"]["t"] == 2


def test_none_where_there_is_none_and_after_it_was_removed(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "none.pt", SETTINGS).load() is None
    checkpoint = saved(tmp_path)
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load() is None


def test_saving_leaves_no_other_file(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["run.pt"]


def test_of_other_settings(tmp_path: Path) -> None:
    path = saved(tmp_path).path
    other = Checkpoint(path, {**SETTINGS, "seed": 2})
    with pytest.raises(InnerlrError, match=r"other settings: seed \(seed was 1, is 2\)") as error:
        other.load()
    assert f"Remove {path}" in str(error.value)


def test_of_other_images_or_code(tmp_path: Path) -> None:
    """Nested settings are named one by one."""
    made_from = {"inputs": {"data/omniglot.npz": "a1"}, "code": {"src/x.py": "b1", "src/y.py": "c"}}
    path = tmp_path / "run.pt"
    Checkpoint(path, {**SETTINGS, **made_from}).save({"step": 3})
    now = {"inputs": {"data/omniglot.npz": "a2"}, "code": {"src/x.py": "b2", "src/y.py": "c"}}
    with pytest.raises(InnerlrError) as error:
        Checkpoint(path, {**SETTINGS, **now}).load()
    said = str(error.value)
    assert "other settings: code.src/x.py, inputs.data/omniglot.npz (" in said
    assert "code.src/x.py was 'b1', is 'b2'" in said
    assert f"Remove {path}" in said
    with pytest.raises(InnerlrError, match=r"code\.src/x\.py was None, is 'b2'"):
        Checkpoint(saved(tmp_path).path, {**SETTINGS, **now}).load()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_short(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InnerlrError, match="cut short or is no checkpoint"):
        Checkpoint(path, SETTINGS).load()


def test_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save([1, 2], path)
    with pytest.raises(InnerlrError, match="no checkpoint"):
        Checkpoint(path, SETTINGS).load()


def test_devices() -> None:
    assert resolve("cpu").type == "cpu"
    assert describe(resolve("cpu")) == "cpu"
    assert (resolve("auto").type == "cuda") == torch.cuda.is_available()
    with pytest.raises(InnerlrError, match="Did you mean 'cuda'"):
        resolve("cuba")


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InnerlrError, match="finds no GPU"):
        resolve("cuda")
