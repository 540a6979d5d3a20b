# What the paper claims, against what the run measured.


rule judge:
    input:
        **checked(estimates=RESULTS / "estimates/{experiment}.csv"),
    output:
        **made(table=RESULTS / "claims/{experiment}.csv"),
    log:
        LOGS / "judge/{experiment}.log",
    benchmark:
        BENCHMARKS / "judge/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=TARGETS.code("judge"),
        experiment="{experiment}",
        claims=lambda wc: TARGETS.claims(wc.experiment),
        section=lambda wc: TARGETS.section(wc.experiment, "estimates"),
    message:
        "{wildcards.experiment}: claims"
    script:
        "../../scripts/judge.py"


rule claims_table:
    input:
        **checked(verdicts=expand(RESULTS / "claims/{name}.csv", name=TARGETS.experiments)),
        notebook=from_here("notebooks/claims.ipynb"),
        entries=TARGETS.entry_files(),
    output:
        table=[
            RESULTS / "claims.csv",
            report(
                RESULTS / "tables/claims.html",
                caption="../report/claims.rst",
                category="Claims",
                labels={"table": "all claims and verdicts", "kind": "table"},
            ),
        ],
        ipynb=RESULTS / "notebooks/claims.ipynb",
        html=report(
            RESULTS / "notebooks/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "all claims and verdicts", "kind": "notebook"},
        ),
        provenance=provenance(*TARGETS.table("claims")),
    log:
        LOGS / "claims_table.log",
    benchmark:
        BENCHMARKS / "claims_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=TARGETS.code_of_notebook("claims_table", from_here("notebooks/claims.ipynb")),
        preset=TARGETS.config.preset,
    message:
        "claims: all verdicts"
    script:
        "../../scripts/claims_table.py"
