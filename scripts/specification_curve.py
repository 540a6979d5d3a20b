"""Rule specification_curve: a picture of claims under every reading."""

from pathlib import Path

from innerlr.io.files import read_table
from replication import drawing
from replication.judging.specification import specification_curves
from replication.pipeline.job import job

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    table = read_table(snakemake.input.table)
    ours = table[table.id.isin([claim["id"] for claim in p.claims])]
    drawing.setup()
    figure, shown = specification_curves(ours, p.claims, p.choices)
    drawing.save(figure, str(Path(out.png).with_suffix("")), shown)
