"""Omniglot's images, as a section describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from replication.settings.section import Section
from replication.settings.types import Count


class OmniglotSplit(Section):
    """Characters of each split; each is four classes, one for each rotation."""

    train: Count = 1100
    validation: Annotated[int, Field(ge=0, le=10**8)] = 100
    test: Count = 423


class OmniglotImages(Section):
    """Where the images come from, and which characters are kept for what."""

    source: Literal["auto", "directory", "download", "stand_in"] = "auto"
    directory: str | None = None
    split: OmniglotSplit = OmniglotSplit()


def images_of(section: Section) -> OmniglotImages | None:
    """The images that an experiment trains on; None for most."""
    found = getattr(section, "images", None)
    return found if isinstance(found, OmniglotImages) else None
