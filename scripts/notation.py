"""Rule notation: Table 1 as the glossary."""

import pandas as pd

from replication.pipeline.job import job
from replication.pipeline.tables import write_formats

with job(snakemake):
    frame = pd.read_csv(snakemake.input.notation)
    write_formats(frame, snakemake.output, snakemake.params.title)
