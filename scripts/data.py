"""Rule data: what an experiment draws."""

from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p = snakemake.params
    write_table(make(p.experiment, p.section, p.seed).data(), snakemake.output.table)
