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
        source=sources("replication/judging/claims", "replication/pipeline/tables"),
        tables=expand(RESULTS / "claims/{name}.csv", name=EXPERIMENTS),
    output:
        csv=RESULTS / "claims.csv",
        html=report(
            RESULTS / "tables/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "all claims and verdicts"},
        ),
        provenance=provenance(*CLAIMS),
    log:
        LOGS / "claims_table.log",
    benchmark:
        BENCHMARKS / "claims_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        claims=ENTRIES,
    message:
        "claims: all verdicts"
    script:
        "../../scripts/claims_table.py"
