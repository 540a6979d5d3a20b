"""Rule trained_reading: an experiment's networks and estimates under one reading."""

from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job
from replication.training.checkpoint import Checkpoint
from replication.training.device import begin

with job(snakemake) as facts:
    p = snakemake.params
    device, facts["device"] = begin(p.device, snakemake.threads)
    experiment = make(p.experiment, p.section, p.seed)
    made_from = {key: facts[key] for key in ("device", "inputs", "code")}
    settings = {"section": p.section, "seed": p.seed, **made_from}
    checkpoints = {
        run: Checkpoint(f"{p.checkpoints}/{run}.pt", {**settings, "run": run}, clock=facts["clock"])
        for run in experiment.cfg.runs()
    }
    estimates = experiment.all_stages(device=device, checkpoints=checkpoints)
    write_table(estimates, snakemake.output.table)
    for checkpoint in checkpoints.values():
        checkpoint.remove()
