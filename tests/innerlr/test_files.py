"""Reading arrays and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr.errors import InnerlrError
from innerlr.io.files import digest, load_arrays, read_table


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("gone.npz", None, "no such file"),
        ("text.txt", b"x", "expected a .npz or .npy"),
        ("broken.npz", b"PK\x03\x04 broken", "cannot read"),
        ("pickled.npy", None, "'features' holds Python objects"),
        ("header.npy", b"\x93NUMPY\x01\x00\x06\x00{'a': ", "its header is damaged"),
        ("short.npy", None, r"its header says 96 bytes of shape \(3, 4\), it has 95"),
        ("huge.npy", None, r"its header says .* bytes of shape"),
        ("negative.npy", None, r"shape \(-1, 4\)"),
        ("magic.npy", b"PK", "cannot read"),
    ],
)
def test_unreadable_arrays_are_one_clear_error(
    tmp_path: Path, name: str, content: bytes | None, part: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if name == "pickled.npy":
        np.save(tmp_path / name, np.array([{}], dtype=object), allow_pickle=True)
    if name in ("short.npy", "huge.npy", "negative.npy"):
        np.save(tmp_path / name, np.ones((3, 4)))
        data = (tmp_path / name).read_bytes()
        said = {"huge.npy": b"(99999999999, 4)", "negative.npy": b"(-1, 4)"}
        header = data[:128].replace(b"(3, 4)", said.get(name, b"(3, 4)"))
        header = header.rstrip()[:127].ljust(127) + b"\n"
        (tmp_path / name).write_bytes(header + data[128:-1])
    with pytest.raises(InnerlrError, match=part) as error:
        load_arrays(tmp_path / name)
    assert name in str(error.value)


def test_arrays_come_back_by_name(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(2, 3))
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", features=array, query=2 * array)
    assert np.array_equal(load_arrays(tmp_path / "a.npy")["features"], array)
    assert np.array_equal(load_arrays(tmp_path / "a.npy", default="x")["x"], array)
    both = load_arrays(tmp_path / "a.npz")
    assert list(both) == ["features", "query"]
    assert np.array_equal(both["query"], 2 * array)


def test_a_tables_panels_are_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("panel,x\n1,0.3333333333333333\n")
    table = read_table(tmp_path / "t.csv")
    assert table.panel[0] == "1"
    assert table.x[0] == 1 / 3
    with pytest.raises(InnerlrError, match=r"t\.csvv: no such file"):
        read_table(tmp_path / "t.csvv")


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, example B.1
    assert digest(tmp_path / "x") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@given(at=st.floats(0, 1, exclude_max=True), cut=st.booleans())
@pytest.mark.parametrize("suffix", ["npz", "npy", "csv"])
@pytest.mark.filterwarnings("ignore")  # numpy's, of headers
def test_a_damaged_file_is_read_or_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, at: float, cut: bool
) -> None:
    """Files of the user's own have no digest: what can be read is read."""
    path = tmp_path_factory.mktemp("damaged") / f"a.{suffix}"
    if suffix == "csv":
        path.write_text("panel,x\n1,0.5\nb,1.5\n")
    elif suffix == "npy":
        np.save(path, np.arange(6.0))
    else:
        np.savez(path, features=np.arange(6.0), query=np.ones((2, 3)))
    content = bytearray(path.read_bytes())
    bit = int(at * 8 * len(content))
    if cut:
        del content[bit // 8 :]
    else:
        content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    said = str(path)
    try:
        read_table(path) if suffix == "csv" else load_arrays(path)
    except InnerlrError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert "\n" not in said


@pytest.mark.parametrize("content", [b"", b"panel,x\n1,\xff\n", b'panel,x\n1,"2\n'])
def test_what_is_no_table_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InnerlrError, match=r"t\.csv: not a table .* Expected CSV in UTF-8"):
        read_table(path)
