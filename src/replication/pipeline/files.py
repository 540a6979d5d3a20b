"""Writing files; nothing is ever left half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innerlr.io.manifest import NAME as MANIFEST
from innerlr.io.manifest import manifest

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path`, moved onto it when the block ends without an error.

    Args:
        path: the file to write; its folder is made if needed. The temporary name keeps the suffix.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_arrays(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Arrays to an .npz, byte for byte the same for the same arrays."""
    import numpy as np

    with atomic(path) as temporary:
        np.savez(temporary, **arrays)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """A frame to CSV; floats in their shortest form that reads back exactly."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_manifest(folder: str | Path) -> None:
    """List what a folder of results holds (:mod:`innerlr.io.manifest`)."""
    with atomic(Path(folder) / MANIFEST) as temporary:
        temporary.write_bytes(manifest(folder).encode("utf-8", "surrogateescape"))
