"""Rule features: sufficient statistics of an experiment's features."""

from innerlr.experiments import make
from innerlr.io import write_arrays
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    write_arrays(snakemake.output.arrays, make(p.experiment, p.section, p.seed).features())
