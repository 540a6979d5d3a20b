"""Rule notation: Table 1 as the glossary."""

import pandas as pd

from innerlr.io.job import job
from innerlr.io.tables import write_formats

with job(snakemake):
    frame = pd.read_csv(snakemake.input.notation)
    write_formats(frame, snakemake.output, snakemake.params.title)
