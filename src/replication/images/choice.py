"""Which images a run asks for; nothing heavy is imported, since every job asks."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = "OMNIGLOT_DIR"


def wanted(source: str, named: bool, had: str) -> str:
    """What an image bank must be: omniglot, stand_in or either. It is made anew where this changes.

    Omniglot, once had, stays wherever its archives lie later; a stand-in that nobody asked for
    gives way to it when a folder is named.

    Args:
        source: images.source.
        named: whether a folder is.
        had: the data source of the bank there is, as its record says; generated for none.
    """
    if source == "stand_in":
        return "stand_in"
    if had == "directory":
        return "omniglot"
    if had == "download":  # whether or not one was insisted upon
        named = False
    return "omniglot" if named or source != "auto" else "either"


def unasked_stand_in(had: str, source: str, log: str | Path, figures: str) -> str:
    """What to do where a run's images are a stand-in that nobody asked for; else nothing.

    Args:
        had: the data source of the image bank, as its record says.
        source: images.source.
        log: says why Omniglot could not be had.
        figures: those that show them.
    """
    if source == "stand_in" or had != "stand_in":
        return ""
    return (
        f"WARNING: {figures} shows a STAND-IN, letters of a font, since Omniglot could not be had "
        f"(why: {log}); no claim on it is judged. Set {ENVIRONMENT} to the folder that holds "
        "images_background.zip and images_evaluation.zip, and run again.\n"
    )
