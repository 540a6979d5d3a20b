"""What a folder of results holds: a digest and a path a line, as `sha256sum -c` reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from innerlr.errors import InnerlrError
from innerlr.io.files import digest

NAME = "SHA256SUMS"
# what differs from run to run, and what only a run under way needs
_LEFT_OUT = ("logs", "benchmarks", "checkpoints")
_LINE = re.compile(r"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


def covered(folder: str | Path) -> list[Path]:
    """Everything in a folder of results that its manifest lists, sorted.

    Left out are the manifest, hidden files and folders, and `logs`, `benchmarks` and `checkpoints`.
    Links to folders are followed. What is no file, such as a link that leads nowhere, is among
    them, since nothing of the kind belongs there.
    """
    return sorted(_below(Path(folder)))


def _below(folder: Path) -> Iterator[Path]:
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        at = os.stat(here)
        if (at.st_dev, at.st_ino) in seen:  # a link back
            folders.clear()
            continue
        seen.add((at.st_dev, at.st_ino))
        top = here == folder
        folders[:] = [
            name for name in folders if not name.startswith(".") and not (top and name in _LEFT_OUT)
        ]
        for name in files:
            if not name.startswith(".") and not (top and name == NAME):
                yield here / name


def manifest(folder: str | Path) -> str:
    """The text of a folder's manifest, to be written as bytes with `surrogateescape`.

    Raises:
        OSError: a file cannot be read.
    """
    top = Path(folder)
    files = [path for path in covered(top) if path.is_file()]
    return _text({path.relative_to(top).as_posix(): digest(path) for path in files})


def _text(digests: Mapping[str, str]) -> str:
    lines = []
    for path, value in sorted(digests.items()):
        escaped = "".join(_ESCAPES.get(letter, letter) for letter in path)
        mark = "" if escaped == path else "\\"
        lines.append(f"{mark}{value}  {escaped}\n")
    return "".join(lines)


def read_manifest(folder: str | Path) -> dict[str, str]:
    """The digests that a folder's manifest lists, by path within the folder.

    Raises:
        InnerlrError: there is none, or it is not as a run writes it.
    """
    path = Path(folder) / NAME
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise InnerlrError(
            f"{path}: cannot be read ({error.strerror}), so nothing says what the folder should "
            "hold. A run of the workflow writes it, also if nothing else is left to do."
        ) from error
    listed: dict[str, str] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise InnerlrError(f"{path}:{number}: expected a SHA-256, two spaces and a path")
        name = _unescaped(found[3]) if found[1] else found[3]
        listed[name] = found[2]
    if _text(listed) != text:
        raise InnerlrError(f"{path}: is not as a run writes it: sorted, each path once, to its end")
    return listed


def _unescaped(name: str) -> str:
    back = {escape: letter for letter, escape in _ESCAPES.items()}
    return re.sub(r"\\.", lambda found: back.get(found[0], found[0]), name)
