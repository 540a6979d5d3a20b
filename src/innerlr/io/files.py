"""Reading files: arrays, tables, digests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innerlr.errors import InnerlrError

if TYPE_CHECKING:
    import pandas as pd

    from innerlr.checks import Array
    from innerlr.io.stored import Stored


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _existing(path: str | Path) -> Path:
    file = Path(path)
    if not file.is_file():
        beside = sorted(p.name for p in file.parent.glob("*"))[:8] if file.parent.is_dir() else []
        found = f"the folder holds {', '.join(beside) or 'nothing'}" if beside else "no such folder"
        raise InnerlrError(f"{file}: no such file ({found}). Check the path.")
    return file


def open_arrays(path: str | Path, *, default: str = "features") -> dict[str, Stored]:
    """Arrays of an .npz by name, or an .npy's under the name `default`, not read yet.

    Raises:
        InnerlrError: missing file, another suffix, a file that numpy cannot read, arrays of Python
            objects.
    """
    from innerlr.io.stored import stored

    file = _existing(path)
    if file.suffix not in (".npz", ".npy"):
        raise InnerlrError(f"{file}: expected a .npz or .npy file, got {file.suffix or 'none'!r}.")
    return stored(file, default=default)


def load_arrays(path: str | Path, *, default: str = "features") -> dict[str, Array]:
    """Arrays of an .npz by name, or the array of an .npy under the name `default`.

    Raises:
        InnerlrError: as :func:`open_arrays`; an array that memory does not hold.
    """
    import numpy as np

    held = open_arrays(path, default=default)
    file = Path(path)
    try:
        content: Any = np.load(file, allow_pickle=False)
        return {default: content} if file.suffix == ".npy" else {k: content[k] for k in content}
    except Exception as error:  # a damaged byte leads to errors of zipfile, zlib, ast, tokenize ...
        size = sum(int(np.prod((*a.shape, a.dtype.itemsize), dtype=object)) for a in held.values())
        mend = (
            f"Memory does not hold its {size / 1e9:.1f} GB: give fewer tasks"
            if isinstance(error, MemoryError)
            else "Write it again with numpy.savez"
        )
        raise InnerlrError(
            f"{file}: numpy cannot read it ({_first_line(error)}). {mend}."
        ) from error


def read_table(path: str | Path) -> pd.DataFrame:
    """A CSV; panel, seed and other labels as they were written.

    Raises:
        InnerlrError: missing file, a file that is no table.
    """
    import pandas as pd

    file = _existing(path)
    try:
        return pd.read_csv(file, dtype={"panel": str}, keep_default_na=True)
    except (OSError, ValueError) as error:  # pandas' and Unicode's errors are ValueErrors
        raise InnerlrError(
            f"{file}: not a table ({_first_line(error)}). Expected CSV in UTF-8, names in the "
            "first line. Make or copy the file again."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
