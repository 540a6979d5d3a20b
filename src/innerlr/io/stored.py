"""Arrays in files that are read a few tasks at a time, however large they are."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from innerlr.errors import InnerlrError

# Numbers of a chunk, all tasks of it together: 32 MB in float64.
CHUNK = 1 << 22


class Stored(NamedTuple):
    """An array in a file; only its header has been read.

    Attributes:
        name: its name in the file.
        shape, dtype, fortran: as the header has them.
        open: the file, after the header.
        path: of the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    open: Callable[[], Any]
    path: Path

    def tasks_in_a_chunk(self) -> int:
        """How many entries of the first axis make one of about `CHUNK` numbers."""
        return max(1, CHUNK // max(1, self._each))

    @property
    def _each(self) -> int:
        return int(np.prod(self.shape[1:], dtype=object))

    def chunks(self, step: int) -> Iterator[np.ndarray[Any, Any]]:
        """Its entries along the first axis, `step` at a time; one of none where it is empty.

        Raises:
            InnerlrError: the file ends before the array does, or memory does not hold it.
        """
        try:
            with self.open() as stream:
                if self.fortran:
                    yield from self._whole(stream, step)
                    return
                for start in range(0, max(1, self.shape[0]), step):
                    shape = (min(step, self.shape[0] - start), *self.shape[1:])
                    size = shape[0] * self._each * self.dtype.itemsize
                    yield np.frombuffer(stream.read(size), self.dtype).reshape(shape)
        except InnerlrError:
            raise
        except Exception as error:  # a damaged byte: see load_arrays
            raise _broken(self.path, self.name, str(error) or type(error).__name__) from error

    def _whole(self, stream: IO[bytes], step: int) -> Iterator[np.ndarray[Any, Any]]:
        """In Fortran's order a task's entries are apart: a file is mapped, an archive's is read."""
        if self.path.suffix == ".npy":
            array: np.ndarray[Any, Any] = np.memmap(
                self.path, self.dtype, "r", stream.tell(), self.shape, "F"
            )
        else:
            array = np.frombuffer(stream.read(), self.dtype).reshape(self.shape, order="F")
        for start in range(0, max(1, self.shape[0]), step):
            yield array[start : start + step]


def stored(path: Path, *, default: str) -> dict[str, Stored]:
    """The arrays of an .npz by name, or an .npy's under the name `default`.

    Raises:
        InnerlrError: a file that is no such array, arrays of Python objects, a header that does not
            fit the file.
    """
    try:
        if path.suffix == ".npy":
            with open(path, "rb") as stream:
                found = [_header(path, default, stream, path.stat().st_size, _file(path))]
        else:
            found = []
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    name = info.filename.removesuffix(".npy")
                    with archive.open(info) as stream:
                        opened = _member(path, info.filename)
                        found.append(_header(path, name, stream, info.file_size, opened))
    except InnerlrError:
        raise
    except Exception as error:  # a damaged byte leads to errors of zipfile, zlib, lzma ...
        raise _broken(path, "", str(error) or type(error).__name__) from error
    return {array.name: array for array in found}


def _header(path: Path, name: str, stream: Any, size: int, opened: Callable[[], Any]) -> Stored:
    """Read a header, and check that the file holds what it says."""
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    try:
        shape, fortran, dtype = read(stream)
    except Exception as error:  # numpy parses it as Python, which fails in many ways
        raise _broken(path, name, "its header is damaged") from error
    if dtype.hasobject:
        raise InnerlrError(
            f"{path}: {name!r} holds Python objects, not numbers. Leave it out, or save it as an "
            "array of numbers (tasks of different shots need files of their own)."
        )
    if any(length < 0 for length in shape):
        raise _broken(path, name, f"its header says the shape {shape}")
    after = stream.tell()
    needed = int(np.prod((*shape, dtype.itemsize), dtype=object))
    if after + needed > size:
        raise _broken(
            path,
            name,
            f"its header says {needed:,} bytes of shape {shape}, it has {size - after:,}",
        )
    return Stored(name, tuple(shape), dtype, fortran, _after(opened, after), path)


def _after(opened: Callable[[], Any], offset: int) -> Callable[[], Any]:
    @contextmanager
    def at() -> Iterator[Any]:
        with opened() as stream:
            stream.read(offset) if isinstance(stream, zipfile.ZipExtFile) else stream.seek(offset)
            yield stream

    return at


def _file(path: Path) -> Callable[[], Any]:
    return lambda: open(path, "rb")


def _member(path: Path, member: str) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield stream

    return opened


def _broken(path: Path, name: str, why: str) -> InnerlrError:
    of = f" {name!r} of" if name and path.suffix == ".npz" else ""
    first = (why.splitlines() or ["unknown"])[0].rstrip(". ")
    return InnerlrError(
        f"{path}: numpy cannot read{of} it ({first}). Write it again with numpy.savez."
    )
