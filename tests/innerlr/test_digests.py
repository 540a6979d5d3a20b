"""Digests beside files: what is damaged, exchanged or gone is one clear error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerlr.errors import InnerlrError
from innerlr.io.digests import check, digest_file, digest_line
from innerlr.io.files import digest

NAME = "sweeps/a.csv"


def written(folder: Path, content: bytes = b"x\n1\n") -> Path:
    """A file and its digest."""
    path = folder / NAME
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    digest_file(path).write_text(digest_line(digest(path), NAME))
    return path


def test_what_was_written_passes_and_sha256sum_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    check(path, NAME, digest(path))
    run = subprocess.run(
        ["sha256sum", "-c", str(digest_file(path))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == f"{NAME}: OK\n", run.stderr


@given(content=st.binary(max_size=40), other=st.binary(max_size=40))
def test_other_bytes_never_pass(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, other: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("bytes"), content)
    path.write_bytes(other)
    if content == other:
        check(path, NAME, digest(path))
        return
    with pytest.raises(InnerlrError, match="damaged or edited since it was written") as error:
        check(path, NAME, digest(path))
    assert f"Delete {path} and run again" in str(error.value)


@given(bit=st.integers(0, 8 * (64 + 2 + len(NAME) + 1) - 1))
def test_a_digest_with_a_flipped_bit_never_passes(
    tmp_path_factory: pytest.TempPathFactory, bit: int
) -> None:
    path = written(tmp_path_factory.mktemp("bits"))
    line = bytearray(digest_file(path).read_bytes())
    line[bit // 8] ^= 1 << bit % 8
    digest_file(path).write_bytes(line)
    with pytest.raises(InnerlrError) as error:
        check(path, NAME, digest(path))
    assert f"Delete {path} and run again" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (None, r"its digest .*a\.csv\.sha256 cannot be read \(No such file"),
        ("", r"a\.csv\.sha256: damaged: expected one line with 64 hexadecimal digits"),
        ("x" * 500, r"got 'x+\.\.\.', so that"),
        (
            digest_line("0" * 64, "estimates/a.csv"),
            r"belongs to estimates/a\.csv, not to",
        ),
        (digest_line("0" * 64, NAME) * 2, "expected one line"),
    ],
)
def test_a_digest_that_is_gone_cut_or_exchanged_is_one_clear_line(
    tmp_path: Path, line: str | None, said: str
) -> None:
    path = written(tmp_path)
    digest_file(path).unlink()
    if line is not None:
        digest_file(path).write_text(line)
    with pytest.raises(InnerlrError, match=said) as error:
        check(path, NAME, digest(path))
    assert f"Delete {path} and run again: it is made anew for what needs it." in str(error.value)


def test_what_is_missing_does_not_pass(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(InnerlrError, match=r"got missing"):
        check(path, NAME, "missing")
