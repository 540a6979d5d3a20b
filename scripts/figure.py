"""Rule figure: run the figure's notebook, keep it, its HTML and the caption with the verdicts."""

from pathlib import Path

from replication.pipeline.files import atomic
from replication.pipeline.job import job
from replication.pipeline.notebook import by_kind, caption, keep, run

with job(snakemake):
    p, out = snakemake.params, snakemake.output
    by_name = {
        stage: dict(zip(p.experiments, map(str, snakemake.input[stage]), strict=True))
        for stage in ("sweeps", "estimates", "claims")
    }
    parameters = {
        **by_name,
        "stem": str(Path(out.png).with_suffix("")),
        "sections": p.sections,
        "preset": p.preset,
    }
    if tables := by_kind(out.get("table", [])):  # rule figure_with_table
        parameters["tables"] = tables
    executed = run(snakemake.input.notebook, snakemake.log[0], parameters)
    keep(executed, out.ipynb, out.html, title=f"{p.figure} ({p.preset})")
    with atomic(out.caption) as temporary:
        verdicts = list(by_name["claims"].values())
        text = caption(snakemake.input.caption, verdicts, p.sections)
        temporary.write_text(text, encoding="utf-8")
