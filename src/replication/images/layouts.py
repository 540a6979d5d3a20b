"""Omniglot as people have it: zipped or extracted, nested, linked, merged, with a system's litter.

Whatever the layout, an image is known by its alphabet, its character and its file.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from innerlr.errors import InnerlrError
from replication.images.choice import ENVIRONMENT

MEND = "Take the official archives unchanged."
_IMAGE = re.compile(r"(character[0-9]+)/([0-9]+_[0-9]+\.png)", re.IGNORECASE)
_DEEPEST = 2  # folders between the one that is named and the archives, as in omniglot/python
# Bounds on what is read, far above what Omniglot has: 300 bytes an image, 9 MB an archive.
_MOST_BYTES = 1 << 16
_MOST_OF_ZIP = 1 << 26
_MOST_FILES = 200_000
# What the standard library raises on damaged archives.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    # encryption, unknown versions; damaged names, lengths and offsets
    *(RuntimeError, ValueError, LookupError, OverflowError),
)


@dataclass(frozen=True)
class Member:
    """An image's file, not yet read.

    Attributes:
        alphabet, character, file: what it is, e.g. Latin, character01 and 0709_01.png.
        where: its place, for messages.
        read: gives its bytes.

    Raises:
        InnerlrError: by `read`; the file is damaged, or larger than any image.
    """

    alphabet: str
    character: str
    file: str
    where: str
    read: Callable[[], bytes]


def members(folder: Path, names: Iterable[str]) -> Iterator[Member]:
    """Every image below a folder, in any of the layouts; some may come twice.

    Those of both archives if they are there by name (zipped or extracted, in the folder or up to
    two below it); else alphabets wherever they lie in the folder and in the zip archives it holds.

    Args:
        folder: the one that the user names.
        names: of the archives.

    Raises:
        InnerlrError: an archive missing or damaged, an image under another name.
    """
    wanted = list(names)
    found = _find(folder, wanted)
    missing = [name for name in wanted if name not in found]
    none = True
    if not missing:
        for place in found.values():
            for member in _in_zip(place) if place.is_file() else _in_folder(place):
                none = False
                yield member
    if none and len(missing) in (0, len(wanted)):
        for member in _anywhere(folder):
            none = False
            yield member
    if none and missing:
        beside = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise InnerlrError(
            f"{folder}: holds neither {missing[0]}.zip nor the folder {missing[0]} (but {beside}). "
            f"Put {missing[0]}.zip there."
        )


def _find(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Of each archive that is there, where: the nearest, and the zip before the folder."""
    level, found = [folder], dict[str, Path]()
    for depth in range(_DEEPEST + 1):
        for name in names:
            zips = [at / f"{name}.zip" for at in level]
            places = [
                *(place for place in zips if place.is_file()),
                *(place for at in level if (place := at / name).is_dir()),
            ]
            if places:
                found.setdefault(name, places[0])
        if depth < _DEEPEST:
            level = [sub for at in level for sub in _subfolders(at)]
    return found


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(sub for sub in folder.iterdir() if not _litter(sub.name) and sub.is_dir())
    except OSError:  # a folder that this user may not list is not searched
        return []


def _litter(name: str) -> bool:
    """Whether a file or folder is hidden or the system's own, as `._x.png` and `__MACOSX` are."""
    return name.startswith(".") or name == "__MACOSX"


def _anywhere(folder: Path) -> Iterator[Member]:
    yield from _in_folder(folder, strict=False)
    for archive in sorted(folder.glob("*.zip")):
        small = archive.is_file() and archive.stat().st_size <= _MOST_OF_ZIP
        if small and not _litter(archive.name):
            yield from _in_zip(archive, strict=False)


def _member(
    path: PurePosixPath, where: str, read: Callable[[], bytes], *, strict: bool
) -> Iterator[Member]:
    """The image at a path; none if it is litter, no PNG or, unless `strict`, another picture."""
    parts = path.parts
    if path.suffix.lower() != ".png" or any(map(_litter, parts)):
        return
    match = _IMAGE.fullmatch("/".join(parts[-2:])) if len(parts) > 2 else None
    if match is not None:
        yield Member(parts[-3], match[1].lower(), match[2].lower(), where, read)
    elif strict:
        raise InnerlrError(f"{where}: expected images as ALPHABET/characterNN/NNNN_NN.png. {MEND}")


# ------------------------------------------------------------------ folders


def _in_folder(folder: Path, *, strict: bool = True) -> Iterator[Member]:
    for path in _walk(folder):
        inside = PurePosixPath(path.relative_to(folder).as_posix())
        yield from _member(inside, str(path), partial(_bytes, path), strict=strict)


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder, through links, each folder once."""
    seen, files = set(), 0

    def fail(error: OSError) -> None:
        raise InnerlrError(f"{error.filename}: cannot be read ({error.strerror}).") from error

    for at, folders, names in os.walk(folder, followlinks=True, onerror=fail):
        this = Path(at).stat()
        if (this.st_dev, this.st_ino) in seen:
            folders.clear()
            continue
        seen.add((this.st_dev, this.st_ino))
        folders[:] = sorted(name for name in folders if not _litter(name))
        files += len(names) + len(folders)
        if files > _MOST_FILES:
            raise InnerlrError(
                f"{folder}: holds more than {_MOST_FILES} files. Set images.directory or "
                f"{ENVIRONMENT} to the folder of Omniglot alone."
            )
        yield from (Path(at, name) for name in sorted(names))


def _bytes(path: Path) -> bytes:
    try:
        held = path.stat()
        if not stat.S_ISREG(held.st_mode):
            raise InnerlrError(f"{path}: expected a file. Copy it again.")
        _check_size(held.st_size, str(path))
        return path.read_bytes()
    except OSError as error:
        raise InnerlrError(f"{path}: cannot be read ({error.strerror}). Copy it again.") from error


def _check_size(size: int, where: str) -> None:
    if size > _MOST_BYTES:
        raise InnerlrError(
            f"{where}: {size} bytes, and no image of Omniglot has more than {_MOST_BYTES}. {MEND}"
        )


# ------------------------------------------------------------------ archives


@contextmanager
def _named(archive: Path, inside: str = "") -> Iterator[None]:
    """Name the archive in whatever is raised because it is damaged."""
    try:
        yield
    except _DAMAGE as error:
        within, why = f", {inside}" if inside else "", str(error) or type(error).__name__
        raise InnerlrError(
            f"{archive}: not a whole zip archive{within} ({why}). Copy or download it again."
        ) from error


def _in_zip(archive: Path, *, strict: bool = True) -> Iterator[Member]:
    size = archive.stat().st_size
    if size > _MOST_OF_ZIP:
        raise InnerlrError(f"{archive}: {size} bytes, too many for Omniglot's images. {MEND}")
    with _named(archive):
        content = zipfile.ZipFile(archive)
    with content:
        infos = content.infolist()
        if len(infos) > _MOST_FILES:
            raise InnerlrError(
                f"{archive}: {len(infos)} files, too many for Omniglot's images. {MEND}"
            )
        for info in sorted(infos, key=lambda info: info.filename):
            # some programs for Windows write backslashes
            path = PurePosixPath(info.filename.replace("\\", "/"))

            if not info.is_dir():
                where, read = f"{archive}:{info.filename}", partial(_unzipped, content, info)
                yield from _member(path, where, read, strict=strict)


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    path = Path(str(archive.filename))
    where = f"{path}:{info.filename}"
    _check_size(info.file_size, where)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # decompressors of other methods unpack all they are given, whatever length is declared
        raise InnerlrError(f"{where}: compressed by another method than deflate. {MEND}")
    with _named(path, info.filename), archive.open(info) as stream:
        # without a number it would unpack all there is, whatever length is declared
        return stream.read(info.file_size + 1)
