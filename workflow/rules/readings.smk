# The alternatives of what the paper leaves open, and the claims under each; not part of `all`.


rule closed_readings:
    output:
        **made(table=RESULTS / "readings/{closed}.csv"),
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
        code=lambda wc: TARGETS.code("closed_readings", wc.closed),
        experiment="{closed}",
        sections=lambda wc: {
            reading: TARGETS.specification_section(wc.closed, reading)
            for reading in TARGETS.choices(wc.closed)
        },
        seed=SEED,
    message:
        "{wildcards.closed}: estimates under every reading"
    script:
        "../../scripts/closed_readings.py"


rule trained_reading:
    output:
        **made(table=RESULTS / "readings/{trained}/{reading}.csv"),
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
        code=lambda wc: TARGETS.code("trained_reading", wc.trained),
        experiment="{trained}",
        section=lambda wc: TARGETS.specification_section(wc.trained, wc.reading),
        seed=SEED,
        device=DEVICE,
        checkpoints=str(RESULTS / "checkpoints/readings/{trained}/{reading}"),
    message:
        "{wildcards.trained}: reading {wildcards.reading}"
    script:
        "../../scripts/trained_reading.py"


rule shared_readings:
    input:
        **checked(trained=lambda wc: TARGETS.trained_for_specifications(wc.shared)),
        caption=lambda wc: TARGETS.family_file(wc.shared, f"captions/{wc.shared}_rates.rst"),
    output:
        **made(estimates=RESULTS / "readings/{shared}.csv"),
        table=RESULTS / "tables/{shared}_rates.csv",
        pdf=RESULTS / "figures/{shared}_rates.pdf",
        svg=report(
            RESULTS / "figures/{shared}_rates.svg",
            caption="../report/rates.rst",
            category="Readings",
            labels={"experiment": "{shared}", "figure": "{shared}_rates"},
        ),
        png=RESULTS / "figures/{shared}_rates.png",
        csv=RESULTS / "figures/{shared}_rates.csv",
        records=provenance(*TARGETS.rates("{shared}")),
    log:
        LOGS / "shared_readings/{shared}.log",
    benchmark:
        BENCHMARKS / "shared_readings/{shared}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=lambda wc: TARGETS.code_of_drawing("shared_readings", wc.shared),
        experiment="{shared}",
        section=lambda wc: TARGETS.config.section(wc.shared).for_specifications(),
        runs=lambda wc: TARGETS.specification_runs(wc.shared),
        seed=SEED,
    message:
        "{wildcards.shared}: estimates under every reading, and every scheme by itself"
    script:
        "../../scripts/shared_readings.py"


rule readings_table:
    input:
        **checked(tables=lambda wc: TARGETS.tables_of_readings(wc.open)),
    output:
        **made(table=RESULTS / "tables/{open}_readings.csv"),
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
        code=TARGETS.code("readings_table"),
        experiment="{open}",
        specifications=lambda wc: list(TARGETS.choices(wc.open)),
        claims=lambda wc: TARGETS.claims_of_readings(wc.open),
    message:
        "{wildcards.open}: the claims under every reading"
    script:
        "../../scripts/readings_table.py"


rule specification_curve:
    input:
        **checked(table=lambda wc: RESULTS / f"tables/{CURVES[wc.curve].experiment}_readings.csv"),
    output:
        pdf=RESULTS / "figures/{curve}.pdf",
        svg=report(
            RESULTS / "figures/{curve}.svg",
            caption="../report/readings.rst",
            category="Readings",
            labels=lambda wc: {"experiment": CURVES[wc.curve].experiment, "figure": wc.curve},
        ),
        png=RESULTS / "figures/{curve}.png",
        csv=RESULTS / "figures/{curve}.csv",
        provenance=provenance(*TARGETS.picture("{curve}")),
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
        code=TARGETS.code("specification_curve"),
        choices=lambda wc: TARGETS.choices(CURVES[wc.curve].experiment),
        claims=lambda wc: CURVES[wc.curve].claims,
    message:
        "{wildcards.curve}: specification curve"
    script:
        "../../scripts/specification_curve.py"
