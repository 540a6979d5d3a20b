# Networks trained by gradient descent, one job a run; a run that was cut off goes on.


rule training:
    input:
        **checked(images=lambda wc: TARGETS.images_of(wc.experiment)),
    output:
        **made(arrays=RESULTS / "training/{experiment}/{run}.npz"),
    log:
        LOGS / "training/{experiment}/{run}.log",
    benchmark:
        BENCHMARKS / "training/{experiment}/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=720,
    params:
        code=lambda wc: TARGETS.code("training", wc.experiment),
        experiment="{experiment}",
        run="{run}",
        section=lambda wc: TARGETS.section_of_run(wc.experiment, wc.run),
        seed=SEED,
        device=DEVICE,
        checkpoint=str(RESULTS / "checkpoints/{experiment}/{run}.pt"),
    message:
        "{wildcards.experiment}: training of {wildcards.run}"
    script:
        "../../scripts/training.py"
