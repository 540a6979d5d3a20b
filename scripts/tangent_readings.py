"""Rule tangent_readings: the alternatives of Fig. 2, one at a time."""

from innerlr.config import Fig02
from innerlr.experiments.tangent import Tangent
from innerlr.io import write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    section = Fig02.model_validate(p.section)
    write_table(Tangent("fig02", section, p.seed).readings(), snakemake.output.table)
