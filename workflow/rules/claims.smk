# What the paper claims, against what the run measured.


rule judge:
    input:
        source=sources("replication/judging/claims"),
        estimates=RESULTS / "estimates/{experiment}.csv",
    output:
        table=RESULTS / "claims/{experiment}.csv",
        provenance=provenance(RESULTS / "claims/{experiment}.csv"),
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
        experiment="{experiment}",
        claims=lambda wc: [c for c in ALL_CLAIMS if c["experiment"] == wc.experiment],
        section=lambda wc: section(wc.experiment, "estimates"),
    message:
        "{wildcards.experiment}: claims"
    script:
        "../../scripts/judge.py"


rule claims_table:
    input:
        notebook="notebooks/claims.ipynb",
        source=source_of_notebook("notebooks/claims.ipynb"),
        entries=["claims.yaml"],
        verdicts=expand(RESULTS / "claims/{name}.csv", name=EXPERIMENTS),
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
        provenance=provenance(*CLAIMS),
    log:
        LOGS / "claims_table.log",
        notebook=LOGS / "claims_table.ipynb",
    benchmark:
        BENCHMARKS / "claims_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        preset=CONFIG.preset,
    message:
        "claims: all verdicts"
    script:
        "../../scripts/claims_table.py"
