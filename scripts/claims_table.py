"""Rule claims_table: run the notebook of all verdicts, which writes them; keep it and its HTML."""

from pathlib import Path

from replication.pipeline.job import job
from replication.pipeline.notebook import by_kind, keep, run

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    parameters = {
        "inputs": {Path(path).stem: str(path) for path in snakemake.input.verdicts},
        "tables": by_kind(out.table),
    }
    executed = run(snakemake.input.notebook, snakemake.log[0], parameters)
    keep(executed, out.ipynb, out.html, title=f"claims ({p.preset})")
