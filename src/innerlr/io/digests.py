"""Digests beside files, `<file>.sha256` in the form of sha256sum: a damaged file is never read."""

from __future__ import annotations

import re
from pathlib import Path

from innerlr.errors import InnerlrError

SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


def digest_file(path: str | Path) -> Path:
    """Where the digest of a file stands.

    Example:
        >>> digest_file("sweeps/fig08.csv").as_posix()
        'sweeps/fig08.csv.sha256'
    """
    return Path(f"{path}{SUFFIX}")


def digest_line(sha256: str, name: str) -> str:
    """The content of a digest file: `sha256sum -c` reads it in the folder that `name` starts from.

    It holds nothing that varies between two runs with the same results.
    """
    return f"{sha256}  {name}\n"


def check(path: str | Path, name: str, sha256: str) -> None:
    """Hold a file against the digest beside it.

    Args:
        path: the file.
        name: its name as the digest file has it.
        sha256: the digest of its bytes as they are now; any other text if it is missing.

    Raises:
        InnerlrError: the file, or the digest file, is not as it was written.
    """
    beside = digest_file(path)
    mend = f"Delete {path} and run again: it is made anew for what needs it."
    try:
        line = beside.read_bytes().decode("ascii", "backslashreplace")
    except OSError as error:
        raise InnerlrError(
            f"{path}: cannot be checked, because its digest {beside} cannot be read "
            f"({error.strerror}). {mend}"
        ) from error
    found = _LINE.fullmatch(line)
    if found is None:
        shown = line if len(line) <= 80 else f"{line[:77]}..."
        raise InnerlrError(
            f"{beside}: damaged: expected one line with 64 hexadecimal digits and the name {name}, "
            f"got {shown!r}, so that {path} cannot be checked. {mend}"
        )
    if found[2] != name:
        raise InnerlrError(
            f"{path}: the digest beside it belongs to {found[2]}, not to {name}: files "
            f"were exchanged or renamed. {mend}"
        )
    if found[1] != sha256:
        raise InnerlrError(
            f"{path}: damaged or edited since it was written: expected SHA-256 {found[1][:16]}..., "
            f"got {sha256[:16]}... {mend}"
        )
