"""Rule claims_table: all verdicts in one table."""

import pandas as pd

from replication.judging.claims import verdict_table
from replication.pipeline.files import write_table
from replication.pipeline.job import job
from replication.pipeline.tables import CLAIMS_TITLE, write_html

with job(snakemake):
    claims = snakemake.params.claims
    verdicts = verdict_table(claims, [pd.read_csv(path) for path in snakemake.input.tables])
    write_table(verdicts, snakemake.output.csv)
    write_html(verdicts, snakemake.output.html, CLAIMS_TITLE)
