"""The download of Omniglot's archives: checked, gone on with, one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from innerlr.errors import InnerlrError
from replication.images.choice import ENVIRONMENT

BASE_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
_TIMEOUT = (10, 60)  # seconds to connect, and between two blocks
_BLOCK = 1 << 16
_PATIENCE = 3600  # seconds to wait for another process that downloads


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        md5: its checksum.
        size: its length in bytes; a server that sends more is not listened to.
    """

    md5: str
    size: int


ARCHIVES = {
    "images_background": Archive("68d2efa1b9178cc56df9314c21c6e718", 9_464_212),
    "images_evaluation": Archive("6b91aef0f799c5bb55b94e3f2daec811", 6_462_886),
}


def download(
    cache: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    archives: Mapping[str, Archive] = ARCHIVES,
) -> Path:
    """The folder with both archives, fetched where the cache lacks them; a part is gone on with.

    One process at a time: others wait, and find what it has fetched.

    Args:
        cache: the folder; the user's cache by default.
        base_url: where the archives lie.
        archives: checksum and length of each.

    Raises:
        InnerlrError: no network, no such file, or twice another checksum or a greater length.
    """
    import pooch
    from filelock import FileLock

    folder = Path(cache) if cache else Path(pooch.os_cache("innerlr")) / "omniglot"
    url = base_url
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".download.lock", timeout=_PATIENCE):
            for name, archive in archives.items():
                url = f"{base_url}{name}.zip"
                try:
                    _fetch(url, folder / f"{name}.zip", archive)
                except ValueError:  # the part may have been of another file: once more, from zero
                    _fetch(url, folder / f"{name}.zip", archive)
    # requests' errors are OSErrors; a file system without locks gives a NotImplementedError
    except (OSError, ValueError, NotImplementedError) as error:
        raise InnerlrError(
            f"download: {url} cannot be had ({type(error).__name__}: {error}). Check the "
            f"network, or put the archives in a folder and set {ENVIRONMENT} to it."
        ) from error
    return folder


def _fetch(url: str, file: Path, archive: Archive) -> None:
    """An archive, unless it is there.

    Raises:
        ValueError: another checksum or a greater length; nothing is kept of it.
    """
    import pooch

    pooch.retrieve(
        url,
        f"md5:{archive.md5}",
        fname=file.name,
        path=file.parent,
        downloader=partial(_resume, size=archive.size),
    )


def _resume(url: str, output: str | Path, _: Any, *, size: int) -> None:
    """Fetch `url` to `output`, going on from what an earlier attempt left in the same folder."""
    import requests

    part = Path(output).parent / f"{Path(url).name}.part"
    have = part.stat().st_size if part.is_file() else 0
    if have < size:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
                have = size + 1  # longer than the file: not a part of it
            else:
                answer.raise_for_status()
                going_on = answer.status_code == requests.codes.partial_content
                have = _save(answer, part, have if going_on else 0, size)
    if have > size:
        part.unlink()
        raise ValueError(f"longer than the {size} bytes it should have")
    shutil.move(part, output)


def _save(answer: Any, part: Path, have: int, size: int) -> int:
    """Write an answer behind the first `have` bytes of a part; the bytes it then has.

    Stops as soon as they are more than `size`.
    """
    with open(part, "ab" if have else "wb") as stream:
        for block in answer.iter_content(_BLOCK):
            stream.write(block)
            have += len(block)
            if have > size:
                break
    return have
