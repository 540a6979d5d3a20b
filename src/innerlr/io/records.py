"""The records beside artefacts, `<file>.provenance.json`: their text, and reading them back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError

SUFFIX = ".provenance.json"
# the key of a record's digest of itself; records of before it was introduced have none
SEAL = "record_sha256"
_MEND = "Delete it with its file, and run again: both are made anew."


def sealed(facts: Mapping[str, Any]) -> str:
    """The text of a record: its facts, and the SHA-256 of their text.

    Example:
        >>> print(sealed({"file": "x.csv"}), end="")
        {
         "file": "x.csv",
         "record_sha256": "2a9f94ab..."
        }
    """
    bare = {key: value for key, value in facts.items() if key != SEAL}
    seal = hashlib.sha256(_text(bare).encode()).hexdigest()
    return _text(bare | {SEAL: seal})


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def read_record(path: str | Path) -> dict[str, Any]:
    """A record, whose text must be what :func:`sealed` makes of it if it has a seal.

    Returns:
        At least `sha256` and `revision`, text, and `inputs`, digests by path.

    Raises:
        InnerlrError: cannot be read, is no record, or was changed after it was written.
    """
    try:
        text = Path(path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InnerlrError(f"{path}: cannot be read ({reason}). {_MEND}") from error
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is a ValueError
        raise InnerlrError(f"{path}: not a provenance record ({error}). {_MEND}") from error
    problem = _misses(record)
    if problem:
        raise InnerlrError(f"{path}: not a provenance record ({problem}). {_MEND}")
    if SEAL in record and sealed(record) != text:
        raise InnerlrError(f"{path}: was changed after it was written. {_MEND}")
    found: dict[str, Any] = record
    return found


def _misses(record: object) -> str:
    """What is missing for a record; empty if nothing is."""
    if not isinstance(record, dict):
        return f"expected an object, got {type(record).__name__}"
    for key in ("sha256", "revision"):
        if not isinstance(record.get(key), str):
            return f"expected text under {key!r}"
    for key, digests in (
        ("inputs", record.get("inputs")),
        ("changed_meanwhile", record.get("changed_meanwhile", {})),
    ):
        if not isinstance(digests, dict) or not all(isinstance(v, str) for v in digests.values()):
            return f"expected digests by path under {key!r}"
    return ""
