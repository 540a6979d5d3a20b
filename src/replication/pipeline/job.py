"""What every rule's script does around its work: log, errors, provenance."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from innerlr.errors import InnerlrError
from innerlr.io import digests
from innerlr.io.records import SUFFIX
from replication.checkout import results_of
from replication.pipeline import provenance
from replication.pipeline.clock import Clock
from replication.pipeline.files import full_disk, is_full, write_digest


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a script's body: its output goes to the rule's log, its files get digests and records.

    Every input with a digest among the inputs is held against it before the body may read it.

    Args:
        snakemake: the object that Snakemake hands to a script.

    Yields:
        Facts for the records. The body may change two: `device`, where the numbers were computed,
        and `data_source`, one of generated, directory, download and stand_in: that of the inputs,
        unless the body says otherwise. It hands `clock` to its checkpoints, so that the record has
        the time of all attempts. The others are what ran, as it was when the job began: `revision`,
        and the digests of `inputs` and `code`.

    An InnerlrError, or a full disk, ends the job with its message alone; set INNERLR_DEBUG=1 for
    the traceback. At SIGTERM, with which the run's main process stops its jobs, what was being
    written is removed.
    """
    signal.signal(signal.SIGTERM, _exit)
    terminal = os.dup(2)
    clock = Clock()
    results = results_of(snakemake.config["preset"])
    listed = [str(path) for path in snakemake.input]
    inputs = [path for path in listed if not path.endswith(digests.SUFFIX)]
    settings = dict(snakemake.params.items())
    modules = settings.pop("code", {})
    began = False
    try:
        with open(snakemake.log[0], "w", encoding="utf-8", buffering=1) as log:
            # the file descriptors themselves, so that libraries and child processes follow
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        facts = provenance.origin(inputs, modules)
        for path in _without(digests.SUFFIX, listed):
            digests.check(path, _within(results, path), facts["inputs"][path])
        facts |= {"device": "cpu", "data_source": provenance.data_source(inputs), "clock": clock}
        began = True
        yield facts
        del facts["clock"]
        for path in _without(digests.SUFFIX, snakemake.output):
            write_digest(path, _within(results, path))
        provenance.write(
            results,
            _without(SUFFIX, snakemake.output),
            inputs,
            modules,
            rule=snakemake.rule,
            config_digest=provenance.config_digest(settings),
            seed=snakemake.config["seed"],
            threads=snakemake.threads,
            **facts,
            **clock.spent(),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    except (InnerlrError, OSError) as error:
        full = isinstance(error, OSError) and is_full(error)
        if os.environ.get("INNERLR_DEBUG") or not (full or isinstance(error, InnerlrError)):
            raise
        said = full_disk(snakemake.log[0]) if full else error
        # the section of the settings that it ran with
        name = settings.get("experiment") or ""
        section = "" if name in str(said) else f"{name}: "
        # only a job that fails needs the sections of the settings
        from replication.settings.changed import changed

        computed = began and not full
        suspects = changed(name, settings.get("section") or {}) if computed else ""
        _say(f"innerlr: {section}{said}\n" + (suspects and f"{suspects}\n"), terminal)
        sys.exit(1)
    finally:
        os.close(terminal)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once is enough
    print("innerlr: stopped", file=sys.stderr)
    sys.exit(128 + number)


def _without(suffix: str, files: Iterable[Any]) -> list[str]:
    """What those of `files` that end with `suffix` stand beside."""
    return [str(path).removesuffix(suffix) for path in files if str(path).endswith(suffix)]


def _within(results: Path, path: str) -> str:
    """A file's name in the folder of its run."""
    return Path(path).relative_to(results).as_posix()


def _say(message: str, terminal: int) -> None:
    """Into the log; where it has no room left, on the terminal."""
    left = message.encode()
    try:
        while left:
            left = left[os.write(2, left) :]
    except OSError:
        os.write(terminal, message.encode())
