# data -> (training ->) features -> sweep -> estimates, one job an experiment and stage.


rule data:
    input:
        file=lambda wc: TARGETS.own_file(wc.experiment),
    output:
        **made(table=RESULTS / "data/{experiment}.csv"),
    log:
        LOGS / "data/{experiment}.log",
    benchmark:
        BENCHMARKS / "data/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=lambda wc: TARGETS.code("data", wc.experiment),
        experiment="{experiment}",
        section=lambda wc: TARGETS.section(wc.experiment, "data"),
        seed=SEED,
    message:
        "{wildcards.experiment}: data sheet"
    script:
        "../../scripts/data.py"


rule features:
    input:
        **checked(
            data=RESULTS / "data/{experiment}.csv",
            trained=lambda wc: TARGETS.trained(wc.experiment),
        ),
        file=lambda wc: TARGETS.own_file(wc.experiment),
    output:
        **made(arrays=RESULTS / "features/{experiment}.npz"),
    log:
        LOGS / "features/{experiment}.log",
    benchmark:
        BENCHMARKS / "features/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=lambda wc: TARGETS.code("features", wc.experiment),
        experiment="{experiment}",
        section=lambda wc: TARGETS.section(wc.experiment, "features"),
        seed=SEED,
        # only trained networks are evaluated there
        device=lambda wc: DEVICE if TARGETS.runs(wc.experiment) else "cpu",
        runs=lambda wc: TARGETS.runs(wc.experiment),
    message:
        "{wildcards.experiment}: features and their moments"
    script:
        "../../scripts/features.py"


rule sweep:
    input:
        **checked(features=RESULTS / "features/{experiment}.npz"),
    output:
        **made(table=RESULTS / "sweeps/{experiment}.csv"),
    log:
        LOGS / "sweep/{experiment}.log",
    benchmark:
        BENCHMARKS / "sweep/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=lambda wc: TARGETS.code("sweep", wc.experiment),
        experiment="{experiment}",
        section=lambda wc: TARGETS.section(wc.experiment, "sweep"),
        seed=SEED,
    message:
        "{wildcards.experiment}: sweep"
    script:
        "../../scripts/sweep.py"


rule estimates:
    input:
        **checked(
            features=RESULTS / "features/{experiment}.npz",
            sweep=RESULTS / "sweeps/{experiment}.csv",
        ),
    output:
        **made(table=RESULTS / "estimates/{experiment}.csv"),
    log:
        LOGS / "estimates/{experiment}.log",
    benchmark:
        BENCHMARKS / "estimates/{experiment}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=lambda wc: TARGETS.code("estimates", wc.experiment),
        experiment="{experiment}",
        section=lambda wc: TARGETS.section(wc.experiment, "estimates"),
        seed=SEED,
    message:
        "{wildcards.experiment}: estimates"
    script:
        "../../scripts/estimates.py"
