"""Rule estimators_table: every estimate of every experiment, with intervals over repetitions."""

import pandas as pd

from innerlr.io.files import read_table
from replication.pipeline.job import job
from replication.pipeline.tables import ESTIMATORS_TITLE, estimators_table, write_formats

with job(snakemake):
    names = snakemake.params.experiments
    tables = {
        name: read_table(path) for name, path in zip(names, snakemake.input.estimates, strict=True)
    }
    frame = pd.concat([estimators_table(name, table) for name, table in tables.items()])
    write_formats(frame.reset_index(drop=True), snakemake.output, ESTIMATORS_TITLE)
