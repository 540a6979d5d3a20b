"""What every rule's script does around its work: log, errors, provenance."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from innerlr.errors import InnerlrError
from replication.pipeline import provenance


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a script's body: its output goes to the rule's log, its files get their records.

    Args:
        snakemake: the object that Snakemake hands to a script.

    Yields:
        Facts for the records. The body may change two: `device`, where the numbers were computed,
        and `data_source`, one of generated, directory, download and stand_in: that of the inputs,
        unless the body says otherwise. The others are what ran, as it was when the job began:
        `revision`, and the digests of `inputs` and `code`.

    An InnerlrError ends the job with its message alone; set INNERLR_DEBUG=1 for the traceback.
    """
    with open(snakemake.log[0], "w", buffering=1, encoding="utf-8") as log:
        # the file descriptors themselves, so that libraries and child processes follow
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    wall, cpu = time.perf_counter(), time.process_time()
    inputs = [str(path) for path in snakemake.input]
    settings = dict(snakemake.params.items())
    modules = settings.pop("code", {})
    facts = provenance.origin(inputs, modules)
    facts |= {"device": "cpu", "data_source": provenance.data_source(inputs)}
    try:
        yield facts
        records = [str(p) for p in snakemake.output if str(p).endswith(provenance.SUFFIX)]
        provenance.write(
            [path.removesuffix(provenance.SUFFIX) for path in records],
            inputs,
            modules,
            rule=snakemake.rule,
            config_digest=provenance.config_digest(settings),
            seed=snakemake.config["seed"],
            threads=snakemake.threads,
            **facts,
            wall_seconds=round(time.perf_counter() - wall, 3),
            cpu_seconds=round(time.process_time() - cpu, 3),
        )
    except InnerlrError as error:
        if os.environ.get("INNERLR_DEBUG"):
            raise
        # the section of the settings that it ran with
        name = settings.get("experiment") or ""
        section = "" if name in str(error) else f"{name}: "
        print(f"innerlr: {section}{error}", file=sys.stderr)
        sys.exit(1)
