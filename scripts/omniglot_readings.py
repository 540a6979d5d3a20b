"""Rule omniglot_readings: the readings of Fig. 3 from the runs that they share."""

from pathlib import Path

from innerlr.io.files import load_arrays
from replication import drawing
from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    trained = dict(zip(p.runs, map(load_arrays, snakemake.input.trained), strict=True))
    experiment = make("fig03", p.section, p.seed)
    write_table(experiment.readings(trained), out.estimates)
    rates = experiment.rates(trained)
    write_table(rates, out.table)
    drawing.setup()
    figure, shown = drawing.rates_and_accuracy(rates)
    drawing.save(figure, str(Path(out.png).with_suffix("")), shown)
