"""Checkpoints and devices: what is saved comes back; anything else is never trained on."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innerlr.errors import InnerlrError
from replication.training.checkpoint import Checkpoint
from replication.training.device import describe, resolve

SETTINGS = {"section": {"width": 40, "rates": (0.1, 0.2)}, "seed": 1}


def saved(folder: Path) -> Checkpoint:
    checkpoint = Checkpoint(folder / "deep/run.pt", SETTINGS)
    checkpoint.save({"step": 3, "weights": [torch.arange(3.0)], "adam": {"t": torch.tensor(2)}})
    return checkpoint


def with_digest(payload: bytes) -> bytes:
    """A file as a checkpoint writes it."""
    digest = hashlib.sha256(payload).hexdigest()
    return f"innerlr checkpoint, sha256 {digest}\n".encode() + payload


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


def test_the_state_before_the_last_is_kept_and_both_are_removed(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["run.pt"]
    first = checkpoint.path.read_bytes()
    checkpoint.save({"step": 4})
    assert checkpoint.before.read_bytes() == first
    assert {path.name for path in checkpoint.path.parent.iterdir()} == {"run.pt", "run.pt.before"}
    checkpoint.remove()
    assert not list(checkpoint.path.parent.iterdir())


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


def test_of_other_settings_both_states_are_named(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    checkpoint.save({"step": 4})
    other = Checkpoint(checkpoint.path, {**SETTINGS, "seed": 2})
    with pytest.raises(InnerlrError) as error:
        other.load()
    assert f"Remove {checkpoint.path} and {checkpoint.before} to train" in str(error.value)


FLIPPED, CUT = "flipped", "cut"


def damage(path: Path, how: str, share: float) -> None:
    """Flip the bit, or cut off the bytes, at a share of the file."""
    content = bytearray(path.read_bytes())
    at = min(int(share * len(content) * 8), len(content) * 8 - 1)
    if how == CUT:
        del content[at // 8 :]
    else:
        content[at // 8] ^= 1 << at % 8
    path.write_bytes(content)


@given(how=st.sampled_from([FLIPPED, CUT]), share=st.floats(0, 1))
def test_a_damaged_checkpoint_is_never_used(
    tmp_path_factory: pytest.TempPathFactory, how: str, share: float
) -> None:
    checkpoint = saved(tmp_path_factory.mktemp("damaged"))
    damage(checkpoint.path, how, share)
    assert checkpoint.load() is None
    checkpoint.save({"step": 4})  # the damaged one is now the one before
    damage(checkpoint.path, how, share)
    assert checkpoint.load() is None


@pytest.mark.parametrize("how", [FLIPPED, CUT])
def test_the_state_before_a_damaged_one_is_taken_and_it_is_said(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = saved(tmp_path)
    checkpoint.save({"step": 4})
    assert checkpoint.load() == {"step": 4}
    assert capsys.readouterr().err == ""
    damage(checkpoint.path, how, 0.7)
    state = checkpoint.load()
    assert state is not None
    assert state["step"] == 3
    said = capsys.readouterr().err
    assert f"checkpoint: {checkpoint.path} is damaged" in said
    assert f"{checkpoint.before} is whole: training goes on from that state" in said
    damage(checkpoint.before, how, 0.7)
    assert checkpoint.load() is None
    assert "no other state is left: training starts anew" in capsys.readouterr().err


def test_a_run_killed_between_two_states_goes_on_from_the_first(tmp_path: Path) -> None:
    """The last one had its other name already, and the new one had none."""
    checkpoint = saved(tmp_path)
    checkpoint.path.replace(checkpoint.before)
    state = checkpoint.load()
    assert state is not None
    assert state["step"] == 3


@pytest.mark.parametrize("content", [[1, 2], {"settings": [1]}, {"settings": {}, "state": 3}, "x"])
@pytest.mark.parametrize("whole", [True, False])
def test_of_something_else(tmp_path: Path, content: Any, whole: bool) -> None:
    """A file of torch's, as it is and with a digest of ours."""
    path = tmp_path / "other.pt"
    torch.save(content, path)
    if whole:
        path.write_bytes(with_digest(path.read_bytes()))
    with pytest.raises(InnerlrError, match=r"other\.pt is no checkpoint of this program") as error:
        Checkpoint(path, SETTINGS).load()
    assert f"Remove {path}" in str(error.value)


def test_whole_but_not_torchs(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    path.write_bytes(with_digest(b"not from torch.save"))
    with pytest.raises(InnerlrError, match=r"cannot be read, though it is whole") as error:
        Checkpoint(path, SETTINGS).load()
    assert f"Remove {path}" in str(error.value)


def test_a_full_disk_is_called_that_and_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved(tmp_path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InnerlrError, match=r"run\.pt: not written, because the disk is full"):
        checkpoint.save({"step": 4})
    state = checkpoint.load()
    assert state is not None
    assert state["step"] == 3


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
