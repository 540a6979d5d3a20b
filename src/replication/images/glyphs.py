"""A stand-in for Omniglot where its images cannot be had: letters of a font, redrawn by hand."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from innerlr.errors import InnerlrError
from replication.images.bank import SIDE, ImageBank

DRAWERS = 20
_KINDS = ("Lu", "Ll", "Lo", "Lm", "Nd", "Nl", "Sc")
_POINTS = 62  # size of the font: a letter fills about half of the image


def _letters(font: ImageFont.FreeTypeFont, path: Path) -> Iterator[tuple[str, Image.Image]]:
    """Script and picture of the font's distinct letters, in the order of their code points."""
    from matplotlib.ft2font import FT2Font

    seen = set()
    for code in sorted(FT2Font(str(path)).get_charmap()):
        letter = chr(code)
        if unicodedata.category(letter) not in _KINDS or unicodedata.decomposition(letter):
            continue
        image = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), letter, fill=255, font=font, anchor="mm")
        picture, (left, top, right, bottom) = image.tobytes(), image.getbbox() or (0, 0, 0, 0)
        whole = min(left, top) > 3 and max(right, bottom) < SIDE - 3
        if whole and max(right - left, bottom - top) > 15 and picture not in seen:
            seen.add(picture)
            yield unicodedata.name(letter, "other").split()[0].lower(), image


def _redrawn(image: Image.Image, rng: np.random.Generator) -> Any:
    """Ink (105, 105) of the letter with its corners moved and its stroke another width."""
    corners = np.array([[0, 0], [0, SIDE], [SIDE, SIDE], [SIDE, 0]], dtype=float)
    centred = corners - SIDE / 2
    turn, size = rng.normal(0, 0.12), rng.uniform(0.65, 0.95)
    c, s = size * np.cos(turn), size * np.sin(turn)
    matrix = np.array([[c, -s], [s, c]]) + rng.normal(0, 0.08, (2, 2))
    moved = centred @ matrix.T + SIDE / 2 + rng.uniform(-8, 8, 2) + rng.normal(0, 4, (4, 2))
    drawn = image.transform(
        (SIDE, SIDE), Image.Transform.QUAD, tuple(moved.ravel()), Image.Resampling.BILINEAR
    )
    blurred = drawn.filter(ImageFilter.GaussianBlur(rng.uniform(1.0, 2.2)))
    grey = np.asarray(blurred, dtype=float)
    return grey > rng.uniform(0.3, 0.6) * grey.max()


def stand_in(characters: int, rng: np.random.Generator, drawers: int = DRAWERS) -> ImageBank:
    """Letters of the font that Matplotlib ships, each drawn anew by every drawer.

    Args:
        characters: how many; their scripts are the alphabets.
        rng: chooses them and moves, turns, slants, scales, bends, thins and thickens each drawing.
        drawers: drawings of each.

    Raises:
        InnerlrError: more characters than the font has letters.
    """
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    letters = list(_letters(ImageFont.truetype(str(path), _POINTS), path))
    if characters > len(letters):
        raise InnerlrError(
            f"stand-in images: {characters} characters were asked for, the font has "
            f"{len(letters)} letters. Lower images.split."
        )
    chosen = np.sort(rng.choice(len(letters), characters, replace=False))
    counts: dict[str, int] = {}
    ink, labels = [], []
    for script, image in (letters[i] for i in chosen):
        counts[script] = counts.get(script, 0) + 1
        for drawer in range(1, drawers + 1):
            ink.append(_redrawn(image, rng))
            labels.append((script, counts[script], drawer))
    return ImageBank.of(np.stack(ink), *map(np.array, zip(*labels, strict=True)))
