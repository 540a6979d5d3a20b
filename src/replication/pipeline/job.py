"""What every rule's script does around its work: log, errors, provenance."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NoReturn

from innerlr.errors import InnerlrError
from innerlr.io.records import SUFFIX
from replication.checkout import results_of
from replication.pipeline import provenance
from replication.pipeline.clock import Clock


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a script's body: its output goes to the rule's log, its files get their records.

    Args:
        snakemake: the object that Snakemake hands to a script.

    Yields:
        Facts for the records. The body may change two: `device`, where the numbers were computed,
        and `data_source`, one of generated, directory, download and stand_in: that of the inputs,
        unless the body says otherwise. It hands `clock` to its checkpoints, so that the record has
        the time of all attempts. The others are what ran, as it was when the job began: `revision`,
        and the digests of `inputs` and `code`.

    An InnerlrError ends the job with its message alone; set INNERLR_DEBUG=1 for the traceback. At
    SIGTERM, with which the run's main process stops its jobs, what was being written is removed.
    """
    signal.signal(signal.SIGTERM, _exit)
    with open(snakemake.log[0], "w", encoding="utf-8", buffering=1) as log:
        # the file descriptors themselves, so that libraries and child processes follow
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    clock = Clock()
    inputs = [str(path) for path in snakemake.input]
    settings = dict(snakemake.params.items())
    modules = settings.pop("code", {})
    try:
        facts = {**provenance.origin(inputs, modules), "device": "cpu", "clock": clock}
        facts["data_source"] = provenance.data_source(inputs)
        yield facts
        del facts["clock"]
        records = [str(p) for p in snakemake.output if str(p).endswith(SUFFIX)]
        provenance.write(
            results_of(snakemake.config["preset"]),
            [path.removesuffix(SUFFIX) for path in records],
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
    except InnerlrError as error:
        if os.environ.get("INNERLR_DEBUG"):
            raise
        # the section of the settings that it ran with
        name = settings.get("experiment") or ""
        section = "" if name in str(error) else f"{name}: "
        print(f"innerlr: {section}{error}", file=sys.stderr)
        sys.exit(1)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once is enough
    print("innerlr: stopped", file=sys.stderr)
    sys.exit(128 + number)
