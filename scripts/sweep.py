"""Rule sweep: an experiment's curves."""

from innerlr.io.files import load_arrays
from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p = snakemake.params
    features = load_arrays(snakemake.input.features)
    write_table(make(p.experiment, p.section, p.seed).sweep(features), snakemake.output.table)
