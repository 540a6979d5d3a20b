# The alternatives of Fig. 2; not part of `all`.


rule tangent_readings:
    input:
        source=source_of_experiment("fig02"),
    output:
        table=RESULTS / "tables/fig02_readings.csv",
        provenance=provenance(RESULTS / "tables/fig02_readings.csv"),
    log:
        LOGS / "tangent_readings.log",
    benchmark:
        BENCHMARKS / "tangent_readings.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        section=section("fig02", "figure"),
        seed=CONFIG.seed,
    message:
        "fig02: every reading in one table"
    script:
        "../../scripts/tangent_readings.py"
