"""Where Omniglot's images come from: a directory, the download, or a stand-in; always checked."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from innerlr.errors import InnerlrError
from replication.images.bank import SIDE, SPLITS, ImageBank
from replication.images.choice import ENVIRONMENT
from replication.images.glyphs import stand_in

BASE_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
MD5 = {
    "images_background": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
}
_NAME = re.compile(r"(?:.*/)?([^/]+)/character(\d+)/\d+_(\d+)\.png$")
_TIMEOUT = (10, 60)  # seconds to connect, and between two blocks
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Contents:
    """What the two archives must hold.

    Attributes:
        characters: of each archive, alphabet: number of characters.
        drawers: images of each character.
        digest: SHA-256 over sorted paths and pixels; None where any pixels will do.
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
    digest="815d3191ebf4bf5907f0ab32a30c37ba3ec728e400dcbeab9bf3c15c4ac93c55",
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
    """The images of a folder with the two archives, zipped or extracted.

    Raises:
        InnerlrError: no such folder, an archive missing, cut short or without images, an alphabet,
            a character or an image missing, a file that is no image, other pixels.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise InnerlrError(
            f"{folder}: no such folder. Set images.directory or {ENVIRONMENT} to the folder "
            "that holds images_background.zip and images_evaluation.zip."
        )
    hasher, ink, labels = hashlib.sha256(), [], []
    for name, alphabets in sorted(contents.characters.items()):
        found: Counter[tuple[str, int]] = Counter()
        for path, pixels in _images(folder, name):
            match = _NAME.match(path)
            if match is None:
                raise InnerlrError(
                    f"{folder}/{path}: expected images as ALPHABET/characterNN/NNNN_NN.png. "
                    "Take the official archives unchanged."
                )
            alphabet, character, drawer = match[1], int(match[2]), int(match[3])
            hasher.update(path.encode() + b"\0" + np.packbits(pixels).tobytes())
            ink.append(pixels)
            labels.append((alphabet, character, drawer))
            found[alphabet, character] += 1
        _check_counts(folder / name, found, alphabets, contents.drawers)
    if contents.digest not in (None, hasher.hexdigest()):
        raise InnerlrError(
            f"{folder}: all images are there, but their pixels are not those of Omniglot (digest "
            f"{hasher.hexdigest()[:16]}, expected {str(contents.digest)[:16]}). Take the official "
            "archives unchanged."
        )
    return ImageBank.of(np.stack(ink), *map(np.array, zip(*labels, strict=True)))


def _images(folder: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Path and ink (105, 105) of every image of one archive, in the order of their paths."""
    archive, extracted = folder / f"{name}.zip", folder / name
    if archive.is_file():
        try:
            with zipfile.ZipFile(archive) as content:
                for path in sorted(p for p in content.namelist() if p.endswith(".png")):
                    yield path, _ink(content.read(path), f"{archive}:{path}")
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise InnerlrError(
                f"{archive}: not a whole zip archive ({error}). Copy or download it again."
            ) from error
    elif extracted.is_dir():
        for file in sorted(
            extracted.rglob("*.png"), key=lambda p: p.relative_to(folder).as_posix()
        ):
            yield file.relative_to(folder).as_posix(), _ink(file.read_bytes(), str(file))
    else:
        beside = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise InnerlrError(
            f"{folder}: holds neither {name}.zip nor the folder {name} (but {beside}). "
            f"Put {name}.zip there."
        )


def _ink(png: bytes, where: str) -> Any:
    try:
        image = Image.open(io.BytesIO(png)).convert("1")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InnerlrError(f"{where}: not an image ({error}). Copy the archive again.") from error
    if image.size != (SIDE, SIDE):
        raise InnerlrError(
            f"{where}: expected {SIDE} x {SIDE} pixels, got {image.size[0]} x {image.size[1]}. "
            "Take the official archives, not resized ones."
        )
    return ~np.asarray(image)


def _check_counts(
    where: Path,
    found: Counter[tuple[str, int]],
    alphabets: Mapping[str, int],
    drawers: int,
) -> None:
    """Raise unless every character of every alphabet has its images."""
    mend = "Take the official archive unchanged."
    if not found:
        raise InnerlrError(f"{where}: holds no image (*.png). {mend}")
    per_alphabet = Counter(alphabet for alphabet, _ in found)
    for alphabet, characters in alphabets.items():
        if per_alphabet[alphabet] != characters:
            raise InnerlrError(
                f"{where}: expected {characters} characters of the alphabet {alphabet}, got "
                f"{per_alphabet[alphabet]}. {mend}"
            )
    extra = sorted(set(per_alphabet) - set(alphabets))
    if extra:
        raise InnerlrError(f"{where}: unknown alphabet {extra[0]}. {mend}")
    for (alphabet, character), images in found.items():
        if images != drawers:
            raise InnerlrError(
                f"{where}: expected {drawers} images of {alphabet} character{character:02d}, got "
                f"{images}. {mend}"
            )


def download(
    cache: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    md5: Mapping[str, str] = MD5,
) -> Path:
    """The folder with both archives, fetched where the cache lacks them; a part is gone on with.

    Args:
        cache: the folder; the user's cache by default.
        base_url: where the archives lie.
        md5: of each archive.

    Raises:
        InnerlrError: no network, no such file, or another checksum.
    """
    import pooch
    import requests

    folder = Path(cache) if cache else Path(pooch.os_cache("innerlr")) / "omniglot"
    for name, known in md5.items():
        url = f"{base_url}{name}.zip"
        try:
            pooch.retrieve(
                url, f"md5:{known}", fname=f"{name}.zip", path=folder, downloader=_resume
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise InnerlrError(
                f"download: {url} cannot be had ({type(error).__name__}: {error}). Check the "
                f"network, or put the archives in a folder and set {ENVIRONMENT} to it."
            ) from error
    return folder


def _resume(url: str, output: str | Path, _: Any) -> None:
    """Fetch `url` to `output`, going on from what an earlier attempt left in the same folder."""
    import requests

    part = Path(output).parent / f"{Path(url).name}.part"
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # longer than the file: not a part of it
            return _resume(url, output, _)
        answer.raise_for_status()
        going_on = answer.status_code == requests.codes.partial_content
        with open(part, "ab" if going_on else "wb") as stream:
            for block in answer.iter_content(_BLOCK):
                stream.write(block)
    shutil.move(part, output)
