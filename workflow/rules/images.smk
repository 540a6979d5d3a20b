# Omniglot's images, once for all jobs that train on them.


rule image_bank:
    output:
        **made(arrays=TARGETS.image_bank),
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
        code=TARGETS.code("image_bank"),
        # where the archives lie is no parameter: moved, they are the same images
        wanted=TARGETS.images_wanted(),
        split=TARGETS.images.split.model_dump(),
        seed=SEED,
    message:
        TARGETS.images_message()
    script:
        "../../scripts/image_bank.py"
