"""What a run needs of the machine before its first job: folders in which it can write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from innerlr.errors import InnerlrError

ROOM = 1_000_000  # bytes: Snakemake and notebooks write less than this at a time


def check_temporary_files() -> None:
    """Whether there is room for temporary files; Snakemake makes some while it reads the rules.

    Raises:
        InnerlrError: one line with the folder.
    """
    # Python passes over a full TMPDIR, Snakemake's scheduler does not
    named = os.environ.get("TMPDIR")
    folder = named if named and Path(named).is_dir() else tempfile.gettempdir()
    _write_in(Path(folder), "Name another folder for temporary files by TMPDIR")


def check_results(results: Path) -> None:
    """Whether the first job of a run can write.

    Args:
        results: the folder of the run; it is made.

    Raises:
        InnerlrError: one line with the folder.
    """
    _write_in(results, "Run in another folder: snakemake -s CHECKOUT/Snakefile --directory FOLDER")


def _write_in(folder: Path, mend: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as tried:
            tried.write(bytes(ROOM))
    except OSError as error:
        raise InnerlrError(f"{folder}: cannot be written: {error.strerror}. {mend}.") from error
