"""Rule claims_table: all verdicts in one table."""

import pandas as pd

from innerlr.claims import verdict_table
from innerlr.io import write_table
from innerlr.io.job import job
from innerlr.io.tables import CLAIMS_TITLE, write_html

with job(snakemake):
    claims = snakemake.params.claims
    verdicts = verdict_table(claims, [pd.read_csv(path) for path in snakemake.input.tables])
    write_table(verdicts, snakemake.output.csv)
    write_html(verdicts, snakemake.output.html, CLAIMS_TITLE)
