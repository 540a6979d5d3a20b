"""Rule features: sufficient statistics of an experiment's features, or of its trained networks."""

from innerlr.io.files import load_arrays
from replication.families import make
from replication.pipeline.files import write_arrays
from replication.pipeline.job import job

with job(snakemake) as facts:
    p = snakemake.params
    experiment = make(p.experiment, p.section, p.seed)
    if p.runs:
        from replication.training.device import begin

        device, facts["device"] = begin(p.device, snakemake.threads)
        files = zip(p.runs, snakemake.input.trained, strict=True)
        trained = {run: load_arrays(file) for run, file in files}
        arrays = experiment.features(trained, device=device)
    else:
        arrays = experiment.features()
    write_arrays(snakemake.output.arrays, arrays)
