"""What every rule's script does around its work: log, errors, provenance."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from innerlr.errors import InnerlrError
from innerlr.io import provenance


@contextmanager
def job(snakemake: Any, *, device: str = "cpu", data_source: str = "generated") -> Iterator[None]:
    """Run a script's body: its output goes to the rule's log, its files get their records.

    Args:
        snakemake: the object that Snakemake hands to a script.
        device: where the numbers were computed.
        data_source: generated, directory, download or stand_in.

    An InnerlrError ends the job with its message alone; set INNERLR_DEBUG=1 for the traceback.
    """
    with open(snakemake.log[0], "w", buffering=1) as log:
        # the file descriptors themselves, so that libraries and child processes follow
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield
        records = [str(p) for p in snakemake.output if str(p).endswith(provenance.SUFFIX)]
        provenance.write(
            [path.removesuffix(provenance.SUFFIX) for path in records],
            [str(path) for path in snakemake.input],
            rule=snakemake.rule,
            config_digest=provenance.config_digest(dict(snakemake.params.items())),
            seed=snakemake.config["seed"],
            threads=snakemake.threads,
            device=device,
            data_source=data_source,
            wall_seconds=round(time.perf_counter() - wall, 3),
            cpu_seconds=round(time.process_time() - cpu, 3),
        )
    except InnerlrError as error:
        if os.environ.get("INNERLR_DEBUG"):
            raise
        print(f"innerlr: {error}", file=sys.stderr)
        sys.exit(1)
