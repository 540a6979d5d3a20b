"""Rule training: one run of an experiment's networks, resumed where it was cut off."""

from innerlr.io.files import load_arrays
from replication.families import make
from replication.pipeline.files import write_arrays
from replication.pipeline.job import job
from replication.training.checkpoint import Checkpoint
from replication.training.device import begin

with job(snakemake) as facts:
    p = snakemake.params
    device, facts["device"] = begin(p.device, snakemake.threads)
    made_from = {key: facts[key] for key in ("device", "inputs", "code")}
    settings = {"section": p.section, "seed": p.seed, "run": p.run, **made_from}
    checkpoint = Checkpoint(p.checkpoint, settings, clock=facts["clock"])
    experiment = make(p.experiment, p.section, p.seed)
    if snakemake.input.images:
        experiment.images = load_arrays(snakemake.input.images[0])
    write_arrays(
        snakemake.output.arrays,
        experiment.training(p.run, device=device, checkpoint=checkpoint),
    )
    checkpoint.remove()
