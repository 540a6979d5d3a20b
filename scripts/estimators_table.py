"""Rule estimators_table: every estimate of every experiment, with intervals over repetitions."""

from replication.judging.estimators import ESTIMATORS_TITLE, every_estimate
from replication.pipeline.job import job
from replication.pipeline.tables import write_formats

with job(snakemake):
    files = dict(zip(snakemake.params.experiments, snakemake.input.estimates, strict=True))
    write_formats(every_estimate(files), snakemake.output, ESTIMATORS_TITLE)
