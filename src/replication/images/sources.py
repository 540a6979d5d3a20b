"""Where Omniglot's images come from: a directory, the download, or a stand-in; always checked."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from innerlr.errors import InnerlrError
from replication.images.bank import SIDE, SPLITS, ImageBank
from replication.images.choice import ENVIRONMENT
from replication.images.download import BASE_URL, download
from replication.images.glyphs import stand_in
from replication.images.layouts import MEND, members

# What Pillow raises on damaged images, with too much text or too many pixels.
_NO_IMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)


@dataclass(frozen=True)
class Contents:
    """What the two archives must hold.

    Attributes:
        characters: of each archive, alphabet: number of characters.
        drawers: images of each character.
        digest: SHA-256 over the images, sorted by alphabet/character/file: of each this name, a
            zero byte and its packed pixels. None where any pixels will do.
    """

    characters: Mapping[str, Mapping[str, int]]
    drawers: int
    digest: str | None = None


OFFICIAL = Contents(
    {
        "images_background": {
            **{"Alphabet_of_the_Magi": 20, "Anglo-Saxon_Futhorc": 29, "Arcadian": 26},
            **{"Armenian": 41, "Asomtavruli_(Georgian)": 40, "Balinese": 24, "Bengali": 46},
            **{"Blackfoot_(Canadian_Aboriginal_Syllabics)": 14, "Braille": 26},
            **{"Burmese_(Myanmar)": 34, "Cyrillic": 33, "Early_Aramaic": 22, "Futurama": 26},
            **{"Grantha": 43, "Greek": 24, "Gujarati": 48, "Hebrew": 22},
            **{"Inuktitut_(Canadian_Aboriginal_Syllabics)": 16, "Japanese_(hiragana)": 52},
            **{"Japanese_(katakana)": 47, "Korean": 40, "Latin": 26, "Malay_(Jawi_-_Arabic)": 40},
            **{"Mkhedruli_(Georgian)": 41, "N_Ko": 33},
            **{"Ojibwe_(Canadian_Aboriginal_Syllabics)": 14, "Sanskrit": 42},
            **{"Syriac_(Estrangelo)": 23, "Tagalog": 17, "Tifinagh": 55},
        },
        "images_evaluation": {
            **{"Angelic": 20, "Atemayar_Qelisayer": 26, "Atlantean": 26, "Aurek-Besh": 26},
            **{"Avesta": 26, "Ge_ez": 26, "Glagolitic": 45, "Gurmukhi": 45, "Kannada": 41},
            **{"Keble": 26, "Malayalam": 47, "Manipuri": 40, "Mongolian": 30},
            **{"Old_Church_Slavonic_(Cyrillic)": 45, "Oriya": 46, "Sylheti": 28},
            **{"Syriac_(Serto)": 23, "Tengwar": 25, "Tibetan": 42, "ULOG": 26},
        },
    },
    drawers=20,
    digest="9e74cb6a21c97a7fe62bde5fee9086f06f3fb6e994e14b650d328270dd147bff",
)


def obtain(
    images: Mapping[str, Any],
    rng: np.random.Generator,
    *,
    contents: Contents = OFFICIAL,
    base_url: str = BASE_URL,
    cache: str | Path | None = None,
) -> tuple[ImageBank, str]:
    """The images from the first source that has them.

    Args:
        images: the section `images`: source, directory and split.
        rng: draws the stand-in.
        contents, base_url, cache: of the download; cache defaults to the user's own.

    Returns:
        The bank, and its source: directory, download or stand_in.

    Raises:
        InnerlrError: the directory lacks something, or the source asked for cannot be had.
    """
    source = images["source"]
    directory = images["directory"] or os.environ.get(ENVIRONMENT)
    if source == "directory" and not directory:
        raise InnerlrError(
            "images.source: 'directory' was asked for, but none is named. Set "
            f"images.directory or the environment variable {ENVIRONMENT} to the folder that "
            "holds images_background.zip and images_evaluation.zip."
        )
    if directory and source in ("auto", "directory"):
        return read(directory, contents), "directory"
    if source in ("auto", "download"):
        try:
            return read(download(cache, base_url=base_url), contents), "download"
        except InnerlrError as error:
            if source == "download":
                raise
            warnings.warn(
                f"Omniglot cannot be had, so that a STAND-IN of letters from a font is used and no "
                f"claim on it is judged: {error}",
                stacklevel=2,
            )
    return stand_in(sum(images["split"][name] for name in SPLITS), rng), "stand_in"


def read(directory: str | Path, contents: Contents = OFFICIAL) -> ImageBank:
    """The images of a folder with the two archives, in any layout that people have (see layouts).

    Raises:
        InnerlrError: no such folder, an archive missing or damaged, an alphabet, a character or an
            image missing, a file that is no PNG image of 105 x 105, other pixels.
    """
    folder = Path(directory)
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise InnerlrError(
            f"{folder}: {what}. Set images.directory or {ENVIRONMENT} to the folder "
            "that holds images_background.zip and images_evaluation.zip."
        )
    try:
        images = _read(folder, contents)
    except OSError as error:
        raise InnerlrError(f"{folder}: cannot be read ({error}).") from error
    names = sorted(images)
    _check_counts(folder, [_labels(name) for name in names], contents)
    hasher = hashlib.sha256()
    for name in names:
        hasher.update(name.encode() + b"\0" + images[name])
    if contents.digest not in (None, hasher.hexdigest()):
        raise InnerlrError(
            f"{folder}: all images are there, but their pixels are not those of Omniglot (digest "
            f"{hasher.hexdigest()[:16]}, expected {str(contents.digest)[:16]}). {MEND}"
        )
    packed = np.frombuffer(b"".join(images[name] for name in names), np.uint8)
    labels = zip(*map(_labels, names), strict=True)
    return ImageBank.of_packed(packed.reshape(len(names), -1), *map(np.array, labels))


def _read(folder: Path, contents: Contents) -> dict[str, bytes]:
    """Of each image, by ALPHABET/characterNN/NNNN_NN.png, its packed pixels."""
    images, places = dict[str, bytes](), dict[str, str]()
    for member in members(folder, contents.characters):
        name = f"{member.alphabet}/{member.character}/{member.file}"
        pixels = _ink(member.read(), member.where)
        if images.setdefault(name, pixels) != pixels:
            raise InnerlrError(
                f"{member.where}: another image than {places[name]}, which has its name. {MEND}"
            )
        places.setdefault(name, member.where)
    return images


def _labels(name: str) -> tuple[str, int, int]:
    """Alphabet, character and drawer of an image: ALPHABET/characterNN/NNNN_NN.png."""
    alphabet, character, file = name.split("/")
    drawer = PurePosixPath(file).stem.split("_")[1]
    return alphabet, int(character.removeprefix("character")), int(drawer)


def _ink(png: bytes, where: str) -> bytes:
    """An image's ink, packed; its size is looked at before it is unpacked."""
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            size = image.size
            ink = ~np.asarray(image.convert("1")) if size == (SIDE, SIDE) else None
    except _NO_IMAGE as error:
        raise InnerlrError(
            f"{where}: not an image in PNG format ({str(error) or type(error).__name__}). "
            "Copy the archive again."
        ) from error
    if ink is None:
        raise InnerlrError(
            f"{where}: expected {SIDE} x {SIDE} pixels, got {size[0]} x {size[1]}. "
            "Take the official archives, not resized ones."
        )
    return np.packbits(ink).tobytes()


def _check_counts(folder: Path, found: list[tuple[str, int, int]], contents: Contents) -> None:
    """Raise unless every character of every alphabet has its images."""
    images = Counter((alphabet, character) for alphabet, character, _ in found)
    per_alphabet = Counter(alphabet for alphabet, _ in images)
    for name, alphabets in sorted(contents.characters.items()):
        if not set(alphabets) & set(per_alphabet):
            raise InnerlrError(f"{folder / name}: holds no image (*.png). {MEND}")
        for alphabet, characters in alphabets.items():
            if per_alphabet[alphabet] != characters:
                raise InnerlrError(
                    f"{folder / name}: expected {characters} characters of the alphabet "
                    f"{alphabet}, got {per_alphabet[alphabet]}. {MEND}"
                )
    extra = sorted(set(per_alphabet).difference(*contents.characters.values()))
    if extra:
        raise InnerlrError(f"{folder}: unknown alphabet {extra[0]!r}. {MEND}")
    for (alphabet, character), drawn in images.items():
        if drawn != contents.drawers:
            raise InnerlrError(
                f"{folder}: expected {contents.drawers} images of {alphabet} "
                f"character{character:02d}, got {drawn}. {MEND}"
            )
