"""Writing files; nothing is ever left half-written."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innerlr.errors import InnerlrError
from innerlr.io.digests import digest_file, digest_line
from innerlr.io.files import digest
from innerlr.io.manifest import NAME as MANIFEST
from innerlr.io.manifest import manifest

if TYPE_CHECKING:
    import pandas as pd

# how a temporary file is called: a point, the stem of the target, eight characters of mkstemp's
_TEMPORARY = re.compile(r"\..+-[a-z0-9_]{8}(\.[^.]*)?")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path`, moved onto it when the block ends without an error.

    Its bytes are on the disk before it gets its name: after a power cut the file is the old one or
    the new one. It is locked for as long as its writer lives (see :func:`remove_abandoned`).

    Args:
        path: the file to write; its folder is made if needed. The temporary name keeps the suffix.

    Raises:
        InnerlrError: the disk is full.
    """
    target = Path(path)
    temporary, lock = None, None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock, name = tempfile.mkstemp(
            prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
        )
        temporary = Path(name)
        _lock(lock)
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        _to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        if not is_full(error):
            raise
        raise full_disk(target) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Whether nobody else holds the file; a file system without locks is one where somebody may."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_abandoned(folder: str | Path) -> list[Path]:
    """Remove the temporary files below `folder` whose writers were killed.

    Returns:
        The files that are gone.
    """
    gone = []
    for file in sorted(Path(folder).rglob(".*")):
        if _TEMPORARY.fullmatch(file.name) and file.is_file() and _abandoned(file):
            file.unlink(missing_ok=True)
            gone.append(file)
    return gone


def _abandoned(file: Path) -> bool:
    try:
        handle = os.open(file, os.O_RDONLY)
    except OSError:  # it got its name meanwhile, or is not ours to read
        return False
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def is_full(error: OSError) -> bool:
    """Whether an error says that a disk, or the user's part of it, is full."""
    return error.errno in _FULL


def full_disk(path: str | Path) -> InnerlrError:
    """What to say where `path` could not be written for want of space."""
    folder = Path(path).absolute().parent
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return InnerlrError(
        f"{path}: not written, because the disk is full ({free / 1e6:.1f} MB are free in {folder}, "
        "or your quota is used up). Make room there and run again."
    )


def write_text(path: str | Path, text: str) -> None:
    """A text, in UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Arrays to an .npz, byte for byte the same for the same arrays."""
    import numpy as np

    with atomic(path) as temporary:
        np.savez(temporary, **arrays)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """A frame to CSV; floats in their shortest form that reads back exactly."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_digest(path: str | Path, name: str) -> None:
    """The digest of a file just written, beside it; who reads the file is to check it.

    Args:
        path: the file.
        name: what the digest calls it.
    """
    write_text(digest_file(path), digest_line(digest(path), name))


def write_manifest(folder: str | Path) -> None:
    """List what a folder of results holds (:mod:`innerlr.io.manifest`)."""
    with atomic(Path(folder) / MANIFEST) as temporary:
        temporary.write_bytes(manifest(folder).encode("utf-8", "surrogateescape"))
