"""Rule readings_table: the claims on an experiment under every reading."""

from innerlr.io.files import read_table
from replication.judging.claims import under_readings
from replication.measuring import as_estimates, read_estimates
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake) as facts:
    p, files = snakemake.params, snakemake.input.tables
    if len(files) == 1:  # all readings in one table
        together = read_table(files[0]).groupby("reading")
        tables = {
            name: as_estimates(together.get_group(name).drop(columns="reading"), files[0])
            for name in p.specifications
        }
    else:
        tables = dict(zip(p.specifications, map(read_estimates, files), strict=True))
    made = under_readings(p.claims, tables, p.experiment, facts["data_source"])
    write_table(made, snakemake.output.table)
