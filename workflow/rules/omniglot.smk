# Omniglot's images, once for all jobs that train on them, and the readings of Fig. 3.

# said at once: what is trained on a stand-in may take hours
IMAGES_MESSAGE = "omniglot: images"
if not NAMED_IMAGES and CONFIG.fig03.images.source == "auto":
    IMAGES_MESSAGE += ", downloaded or else a STAND-IN; OMNIGLOT_DIR names a folder of them"


rule image_bank:
    input:
        source=sources("innerlr/features", "replication/images/sources"),
    output:
        arrays=IMAGE_BANK,
        provenance=provenance(IMAGE_BANK),
    log:
        LOGS / "image_bank.log",
    benchmark:
        BENCHMARKS / "image_bank.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        # where the archives lie is no parameter: moved, they are the same images
        wanted=wanted(CONFIG.fig03.images.source, NAMED_IMAGES, data_source([IMAGE_BANK])),
        split=CONFIG.fig03.images.split.model_dump(),
        seed=CONFIG.seed,
    message:
        IMAGES_MESSAGE
    script:
        "../../scripts/image_bank.py"


rule omniglot_readings:
    input:
        source=sources("replication/figures/omniglot/experiment", "replication/drawing"),
        trained=[RESULTS / f"training/fig03/{run}.npz" for run in CONFIG.fig03.reading_runs()],
    output:
        estimates=RESULTS / "readings/fig03.csv",
        table=RESULTS / "tables/fig03_rates.csv",
        pdf=RESULTS / "figures/fig03_rates.pdf",
        svg=report(
            RESULTS / "figures/fig03_rates.svg",
            caption="../report/fig03_rates.rst",
            category="Readings",
            labels={"experiment": "fig03", "figure": "fig03_rates"},
        ),
        png=RESULTS / "figures/fig03_rates.png",
        csv=RESULTS / "figures/fig03_rates.csv",
        provenance=provenance(RESULTS / "readings/fig03.csv", *RATES_OF_FIG03),
    log:
        LOGS / "omniglot_readings.log",
    benchmark:
        BENCHMARKS / "omniglot_readings.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        section=CONFIG.fig03.model_dump(exclude={"images": {"source", "directory"}}),
        runs=CONFIG.fig03.reading_runs(),
        seed=CONFIG.seed,
    message:
        "fig03: estimates under every reading, and every scheme by itself"
    script:
        "../../scripts/omniglot_readings.py"
