"""Rule shared_readings: an experiment's readings from the training jobs that they share."""

from pathlib import Path

from innerlr.io.files import load_arrays
from replication import drawing
from replication.families import family_of, make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    trained = dict(zip(p.runs, map(load_arrays, snakemake.input.trained), strict=True))
    experiment = make(p.experiment, p.section, p.seed)
    write_table(experiment.specifications(trained), out.estimates)
    rates = experiment.rates(trained)
    write_table(rates, out.table)
    drawing.setup()
    figure, shown = family_of(p.experiment).module("draw").rates_and_accuracy(rates)
    drawing.save(figure, str(Path(out.png).with_suffix("")), shown)
