"""Omniglot in memory: the image bank, small images, splits by character, and sampling of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from innerlr.checks import choice, positive
from innerlr.errors import InnerlrError
from replication.settings.choices import Resize

SIDE = 105  # pixels of an original image
SMALL = 28  # pixels of an image that networks see
Images = NDArray[np.uint8]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class ImageBank:
    """Every drawing as bits, sorted by alphabet, character and drawer.

    Attributes:
        packed: (images, 1379), the 105 x 105 pixels of each in row order, eight a byte; 1 is ink.
        alphabet: (images,), its name.
        character: (images,), the number of the character in its alphabet.
        drawer: (images,), who drew it.
    """

    packed: Images
    alphabet: NDArray[np.str_]
    character: NDArray[np.int64]
    drawer: NDArray[np.int64]

    @classmethod
    def of(cls, ink: Any, alphabet: Any, character: Any, drawer: Any) -> ImageBank:
        """The bank of unsorted drawings; ink is (images, 105, 105), true where there is ink."""
        ink = np.asarray(ink, dtype=bool)
        packed = np.packbits(ink.reshape(len(ink), -1), axis=1)
        return cls.of_packed(packed, alphabet, character, drawer)

    @classmethod
    def of_packed(cls, packed: Images, alphabet: Any, character: Any, drawer: Any) -> ImageBank:
        """As :meth:`of`, of drawings that are packed already: (images, 1379)."""
        labels = np.asarray(alphabet), np.asarray(character), np.asarray(drawer)
        order = np.lexsort(labels[::-1])
        return cls(packed[order], *(label[order] for label in labels))

    def to_arrays(self) -> dict[str, Any]:
        """As arrays to store, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> ImageBank:
        """Inverse of :meth:`to_arrays`; other arrays are ignored."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def ink(self) -> NDArray[np.bool_]:
        """(images, 105, 105), true where there is ink."""
        bits = np.unpackbits(self.packed, axis=1, count=SIDE * SIDE)
        return bits.reshape(-1, SIDE, SIDE).astype(bool)

    def characters(self) -> NDArray[np.int64]:
        """(images,), the number of each image's character among all alphabets."""
        new = (self.alphabet[1:] != self.alphabet[:-1]) | np.diff(self.character).astype(bool)
        return np.concatenate([[0], np.cumsum(new)])

    def small(self, resize: Resize = "nearest") -> Images:
        """All drawings at 28 x 28, by character: (characters, drawers, 28, 28), 255 is ink.

        Raises:
            InnerlrError: characters that were drawn by different numbers of people, or an unknown
                `resize`.
        """
        counts = np.bincount(self.characters())
        if counts.min() != counts.max():
            worst = int(counts.argmin())
            at = int(np.searchsorted(self.characters(), worst))
            raise InnerlrError(
                f"images: expected equally many drawings of each character, got {counts.min()} of "
                f"{self.alphabet[at]} character {self.character[at]} and up to {counts.max()} of "
                "others. Complete that character's folder."
            )
        choice(resize, "resize", get_args(Resize))
        return RESIZES[resize](self.ink()).reshape(len(counts), counts[0], SMALL, SMALL)


def nearest(ink: NDArray[np.bool_]) -> Images:
    """Every image at 28 x 28, each pixel that under its centre (as Finn et al.; 1-bit images).

    Args:
        ink: (images, side, side).
    """
    side = ink.shape[-1]
    at = ((np.arange(SMALL) + 0.5) * side / SMALL).astype(int)
    return ink[:, at[:, None], at].astype(np.uint8) * np.uint8(255)


def lanczos(ink: NDArray[np.bool_]) -> Images:
    """Every image at 28 x 28 by Lanczos' filter on grey (as learn2learn).

    Args:
        ink: (images, side, side).
    """
    grey = ink.astype(np.uint8) * np.uint8(255)
    size, how = (SMALL, SMALL), Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(image).resize(size, how)) for image in grey])


RESIZES: dict[Resize, Callable[[NDArray[np.bool_]], Images]] = {
    "nearest": nearest,
    "lanczos": lanczos,
}


def split(characters: int, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """Characters at random into disjoint train, validation and test sets.

    Args:
        characters: how many there are.
        sizes: how many go to each of SPLITS.
        rng: decides which.

    Returns:
        Of each split the numbers of its characters, sorted.

    Raises:
        InnerlrError: the sizes ask for more characters than there are.
    """
    wanted = sum(sizes[name] for name in SPLITS)
    if wanted > characters:
        raise InnerlrError(
            f"split: {'+'.join(str(sizes[name]) for name in SPLITS)} = {wanted} characters were "
            f"asked for, there are {characters}. Lower images.split."
        )
    order = rng.permutation(characters)
    ends = np.cumsum([sizes[name] for name in SPLITS])
    return dict(zip(SPLITS, map(np.sort, np.split(order, ends)[:3]), strict=True))


def rotated(images: Images) -> Images:
    """Each character in four rotations, as classes of their own: (4 characters, drawers, h, w).

    Class 4 c + r is character c turned by r quarters.
    """
    turns = np.stack([np.rot90(images, r, axes=(2, 3)) for r in range(4)], axis=1)
    return turns.reshape(-1, *images.shape[1:])


def distinct(rng: np.random.Generator, n: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers below n, uniformly, without repetition along the last axis.

    Repeated ones are drawn again until there are none. No step tells one number from another, so
    that every sequence without repetition is as likely as any other.

    Args:
        rng: their source.
        n: how many numbers there are.
        shape: of the answer; its last entry is at most n.
    """
    if shape[-1] > n:
        raise InnerlrError(
            f"n: expected {shape[-1]} at least for as many different numbers, got {n}. Ask for "
            "fewer."
        )
    drawn = rng.integers(n, size=shape)
    again = np.arange(drawn[..., 0].size)
    rows = drawn.reshape(-1, shape[-1])
    while len(again):
        order = np.argsort(rows[again], axis=-1, kind="stable")
        ranked = np.take_along_axis(rows[again], order, -1)
        row, place = np.nonzero(ranked[:, 1:] == ranked[:, :-1])
        rows[again[row], order[row, place + 1]] = rng.integers(n, size=len(row))
        again = again[np.unique(row)]
    return drawn


class TaskSampler:
    """Meta-batches of tasks from the classes of one split, by gather from memory.

    Args:
        images: (classes, drawers, height, width), of the split alone.
        ways: classes a task.
        shots, query_shots: drawings of each class to adapt on and to be tested on.
        rng: its own generator, whose state is the sampler's.

    Raises:
        InnerlrError: more ways than classes, or fewer drawings than shots + query_shots.
    """

    def __init__(
        self, images: Images, ways: int, shots: int, query_shots: int, rng: np.random.Generator
    ) -> None:
        classes, drawers = images.shape[:2]
        for value, name in ((ways, "ways"), (shots, "shots"), (query_shots, "query_shots")):
            positive(value, name, integer=True)
        if ways > classes:
            raise InnerlrError(
                f"tasks: {ways} ways were asked for, the split has {classes} classes (characters "
                "x 4 rotations). Lower ways or enlarge images.split."
            )
        if shots + query_shots > drawers:
            raise InnerlrError(
                f"tasks: {shots} shots + {query_shots} query_shots were asked for, each class has "
                f"{drawers} images. Lower shots or query_shots."
            )
        self.images, self.ways, self.each, self.rng = images, ways, shots + query_shots, rng

    def indices(self, tasks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Classes (tasks, ways), none twice, and drawers (tasks, ways, shots + query_shots)."""
        classes, drawers = self.images.shape[:2]
        return (
            distinct(self.rng, classes, (tasks, self.ways)),
            distinct(self.rng, drawers, (tasks, self.ways, self.each)),
        )

    def sample(self, tasks: int) -> Images:
        """(tasks, ways, shots + query_shots, height, width); class i of a task has label i."""
        classes, drawers = self.indices(tasks)
        return self.images[classes[..., None], drawers]
