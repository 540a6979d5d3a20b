"""Rule judge: an experiment's claims against its estimates."""

from innerlr.claims import judge
from innerlr.io import read_table, write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    verdicts = judge(p.claims, read_table(snakemake.input.estimates), p.experiment, p.section)
    write_table(verdicts, snakemake.output.table)
