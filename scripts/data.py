"""Rule data: what an experiment draws."""

from innerlr.experiments import make
from innerlr.io import write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    write_table(make(p.experiment, p.section, p.seed).data(), snakemake.output.table)
