# Alternatives of what the paper leaves open; a target of its own, not part of `all`.


rule readings:
    input:
        source=source_of_experiment("fig02"),
    output:
        table=RESULTS / "tables/fig02_readings.csv",
        provenance=provenance(RESULTS / "tables/fig02_readings.csv"),
    log:
        LOGS / "readings.log",
    benchmark:
        BENCHMARKS / "readings.tsv"
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
        "readings: the alternatives of Fig. 2"
    script:
        "../../scripts/readings.py"
