"""Rule trained_readings: the claims on trained networks under every reading, table and picture."""

from pathlib import Path

from innerlr import plotting
from innerlr.claims import under_readings
from innerlr.io import read_table, write_table
from innerlr.io.job import job
from innerlr.specification import specification_curves

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    tables = dict(zip(p.choices, map(read_table, snakemake.input.tables), strict=True))
    verdicts = under_readings(p.claims, tables, p.experiment)
    write_table(verdicts, out.table)
    plotting.setup()
    figure, shown = specification_curves(verdicts, p.claims, p.choices)
    plotting.save(figure, str(Path(out.png).with_suffix("")), shown)
