"""Rule specification_curve: a picture of claims under every reading."""

from pathlib import Path

from innerlr import plotting
from innerlr.io import read_table
from innerlr.io.job import job
from innerlr.specification import specification_curves

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    table = read_table(snakemake.input.table)
    ours = table[table.id.isin([claim["id"] for claim in p.claims])]
    plotting.setup()
    figure, shown = specification_curves(ours, p.claims, p.choices)
    plotting.save(figure, str(Path(out.png).with_suffix("")), shown)
