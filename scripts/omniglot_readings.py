"""Rule omniglot_readings: every reading of Fig. 3 in one table and one picture."""

from pathlib import Path

from innerlr import plotting
from innerlr.experiments import make
from innerlr.io import load_arrays, write_table
from innerlr.io.job import job

with job(snakemake):
    p = snakemake.params
    trained = dict(zip(p.runs, map(load_arrays, snakemake.input.trained), strict=True))
    frame = make("fig03", p.section, p.seed).readings(trained)
    write_table(frame, snakemake.output.table)
    plotting.setup()
    figure, shown = plotting.rates_and_accuracy(frame)
    plotting.save(figure, str(Path(snakemake.output.png).with_suffix("")), shown)
