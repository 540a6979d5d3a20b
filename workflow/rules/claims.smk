# What the paper claims, against what the run measured.


rule judge:
    input:
        source=TARGETS.code("judge"),
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
        claims=lambda wc: TARGETS.claims(wc.experiment),
        section=lambda wc: TARGETS.section(wc.experiment, "estimates"),
    message:
        "{wildcards.experiment}: claims"
    script:
        "../../scripts/judge.py"


rule claims_table:
    input:
        source=TARGETS.code("claims_table"),
        tables=expand(RESULTS / "claims/{name}.csv", name=TARGETS.experiments),
    output:
        csv=RESULTS / "claims.csv",
        html=report(
            RESULTS / "tables/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "all claims and verdicts"},
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
        mem_mb=500,
        runtime=5,
    params:
        claims=TARGETS.entries,
    message:
        "claims: all verdicts"
    script:
        "../../scripts/claims_table.py"
