"""Rule trained_readings: the claims on trained networks under every reading, in one table."""

from innerlr.claims import under_readings
from innerlr.io import read_table, write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    tables = dict(zip(p.readings, map(read_table, snakemake.input.tables), strict=True))
    write_table(under_readings(p.claims, tables, p.experiment), snakemake.output.table)
