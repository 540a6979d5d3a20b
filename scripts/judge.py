"""Rule judge: an experiment's claims against its estimates."""

from replication.judging.claims import judge
from replication.measuring import read_estimates
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake) as facts:
    p = snakemake.params
    estimates = read_estimates(snakemake.input.estimates)
    verdicts = judge(p.claims, estimates, p.experiment, p.section, facts["data_source"])
    write_table(verdicts, snakemake.output.table)
