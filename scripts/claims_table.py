"""Rule claims_table: all verdicts in one table."""

import pandas as pd

from innerlr.io import write_table
from innerlr.io.job import job
from innerlr.io.tables import write_html

with job(snakemake):
    verdicts = pd.concat([pd.read_csv(path) for path in snakemake.input.tables])
    verdicts = verdicts.sort_values("id").reset_index(drop=True)
    write_table(verdicts, snakemake.output.csv)
    write_html(verdicts, snakemake.output.html, snakemake.params.title)
