# The alternatives of what the paper leaves open, and the claims under each; not part of `all`.


rule closed_readings:
    input:
        source=lambda wc: source_of_experiment(wc.closed),
    output:
        table=RESULTS / "readings/{closed}.csv",
        provenance=provenance(RESULTS / "readings/{closed}.csv"),
    log:
        LOGS / "readings/{closed}.log",
    benchmark:
        BENCHMARKS / "readings/{closed}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        experiment="{closed}",
        sections=lambda wc: {
            reading: reading_section(wc.closed, reading) for reading in choices_of(wc.closed)
        },
        seed=CONFIG.seed,
    message:
        "{wildcards.closed}: estimates under every reading"
    script:
        "../../scripts/closed_readings.py"


rule trained_reading:
    input:
        source=lambda wc: source_of_experiment(wc.trained),
    output:
        table=RESULTS / "readings/{trained}/{reading}.csv",
        provenance=provenance(RESULTS / "readings/{trained}/{reading}.csv"),
    log:
        LOGS / "readings/{trained}/{reading}.log",
    benchmark:
        BENCHMARKS / "readings/{trained}/{reading}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        experiment="{trained}",
        section=lambda wc: reading_section(wc.trained, wc.reading),
        seed=CONFIG.seed,
        device=CONFIG.device,
        checkpoints=str(RESULTS / "checkpoints/readings/{trained}/{reading}"),
    message:
        "{wildcards.trained}: reading {wildcards.reading}"
    script:
        "../../scripts/trained_reading.py"


rule readings_table:
    input:
        source=sources("replication/judging/claims"),
        tables=lambda wc: tables_of_readings(wc.open),
    output:
        table=RESULTS / "tables/{open}_readings.csv",
        provenance=provenance(RESULTS / "tables/{open}_readings.csv"),
    log:
        LOGS / "readings_table/{open}.log",
    benchmark:
        BENCHMARKS / "readings_table/{open}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        experiment="{open}",
        readings=lambda wc: list(choices_of(wc.open)),
        claims=lambda wc: claims_of_readings(wc.open),
    message:
        "{wildcards.open}: the claims under every reading"
    script:
        "../../scripts/readings_table.py"


rule specification_curve:
    input:
        source=sources("replication/drawing", "replication/judging/specification"),
        table=lambda wc: RESULTS / f"tables/{CURVES[wc.curve][0]}_readings.csv",
    output:
        pdf=RESULTS / "figures/{curve}.pdf",
        svg=report(
            RESULTS / "figures/{curve}.svg",
            caption="../report/readings.rst",
            category="Readings",
            labels=lambda wc: {"experiment": CURVES[wc.curve][0], "figure": wc.curve},
        ),
        png=RESULTS / "figures/{curve}.png",
        csv=RESULTS / "figures/{curve}.csv",
        provenance=provenance(*curve_files("{curve}")),
    log:
        LOGS / "specification_curve/{curve}.log",
    benchmark:
        BENCHMARKS / "specification_curve/{curve}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        choices=lambda wc: choices_of(CURVES[wc.curve][0]),
        claims=lambda wc: CURVES[wc.curve][1],
    message:
        "{wildcards.curve}: specification curve"
    script:
        "../../scripts/specification_curve.py"
