# The alternatives of Fig. 2 and of the trained networks; not part of `all`.


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


rule trained_reading:
    input:
        source=lambda wc: source_of_experiment(wc.experiment),
    output:
        table=RESULTS / "readings/{experiment}/{reading}.csv",
        provenance=provenance(RESULTS / "readings/{experiment}/{reading}.csv"),
    log:
        LOGS / "readings/{experiment}/{reading}.log",
    benchmark:
        BENCHMARKS / "readings/{experiment}/{reading}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        experiment="{experiment}",
        section=lambda wc: reading_section(wc.experiment, wc.reading),
        seed=CONFIG.seed,
        device=CONFIG.device,
        checkpoints=str(RESULTS / "checkpoints/readings/{experiment}/{reading}"),
    message:
        "{wildcards.experiment}: reading {wildcards.reading}"
    script:
        "../../scripts/trained_reading.py"


rule trained_readings:
    input:
        source=sources("claims", "intervals", "plotting", "specification"),
        tables=lambda wc: [
            RESULTS / f"readings/{wc.trained}/{reading}.csv"
            for reading in trained_readings_of(wc.trained)
        ],
    output:
        table=RESULTS / "tables/{trained}_readings.csv",
        pdf=RESULTS / "figures/{trained}_readings.pdf",
        svg=report(
            RESULTS / "figures/{trained}_readings.svg",
            caption="../report/readings.rst",
            category="Readings",
            labels={"experiment": "{trained}"},
        ),
        png=RESULTS / "figures/{trained}_readings.png",
        csv=RESULTS / "figures/{trained}_readings.csv",
        provenance=provenance(*readings_files("{trained}")),
    log:
        LOGS / "trained_readings/{trained}.log",
    benchmark:
        BENCHMARKS / "trained_readings/{trained}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        experiment="{trained}",
        choices=lambda wc: trained_readings_of(wc.trained),
        claims=lambda wc: [c for c in ALL_CLAIMS if c["experiment"] == wc.trained],
    message:
        "{wildcards.trained}: the claims under every reading"
    script:
        "../../scripts/trained_readings.py"
