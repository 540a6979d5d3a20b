"""Rule estimates: an experiment's scalars, judged by the claims."""

from innerlr.io.files import load_arrays, read_table
from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p = snakemake.params
    features, sweep = load_arrays(snakemake.input.features), read_table(snakemake.input.sweep)
    estimates = make(p.experiment, p.section, p.seed).estimates(features, sweep)
    write_table(estimates, snakemake.output.table)
