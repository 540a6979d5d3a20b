"""Rule omniglot_readings: every reading of Fig. 3 in one table."""

from innerlr.experiments import make
from innerlr.io import load_arrays, write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    trained = dict(zip(p.runs, map(load_arrays, snakemake.input.trained), strict=True))
    write_table(make("fig03", p.section, p.seed).readings(trained), snakemake.output.table)
