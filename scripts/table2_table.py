"""Rule table2_table: Table 2 with intervals over pretrained networks."""

from innerlr.io.files import read_table
from replication.pipeline.job import job
from replication.pipeline.tables import table2, write_table2

with job(snakemake):
    p = snakemake.params
    frame = table2(
        read_table(snakemake.input.sweep), read_table(snakemake.input.estimates), p.titles
    )
    write_table2(frame, snakemake.output, p.title)
