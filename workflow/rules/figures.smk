# figure notebooks and tables


rule figure:
    input:
        **checked(
            sweeps=lambda wc: TARGETS.inputs_of(wc.figure, "sweeps"),
            estimates=lambda wc: TARGETS.inputs_of(wc.figure, "estimates"),
            claims=lambda wc: TARGETS.inputs_of(wc.figure, "claims"),
        ),
        notebook=lambda wc: TARGETS.notebook(wc.figure),
        caption=lambda wc: TARGETS.caption(wc.figure),
    output:
        **figure_output(),
    log:
        LOGS / "figure/{figure}.log",
    benchmark:
        BENCHMARKS / "figure/{figure}.tsv"
    wildcard_constraints:
        figure=any_of(TARGETS.figures_without_table),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=lambda wc: TARGETS.code_of_notebook("figure", TARGETS.notebook(wc.figure)),
        figure="{figure}",
        experiments=lambda wc: TARGETS.figures[wc.figure],
        sections=lambda wc: {
            name: TARGETS.section(name, "figure") for name in TARGETS.figures[wc.figure]
        },
        preset=TARGETS.config.preset,
    message:
        "{wildcards.figure}: figure"
    script:
        "../../scripts/figure.py"


use rule figure as figure_with_table with:
    output:
        **figure_output(),
        table=table_output("{figure}"),
        records=provenance(*TARGETS.table("{figure}")),
    wildcard_constraints:
        figure=any_of(TARGETS.figures_with_table),
    params:
        table_caption=lambda wc: TARGETS.caption_of_table(wc.figure),


rule table:
    input:
        **checked(data=lambda wc: TARGETS.data_of_table(wc.table)),
        notebook=from_here("notebooks/{table}.ipynb"),
    output:
        table=table_output("{table}"),
        ipynb=RESULTS / "notebooks/{table}.ipynb",
        html=report(
            RESULTS / "notebooks/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "kind": "notebook"},
        ),
        provenance=provenance(*TARGETS.table("{table}")),
    log:
        LOGS / "table/{table}.log",
    benchmark:
        BENCHMARKS / "table/{table}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=lambda wc: TARGETS.code_of_table(wc.table),
        table="{table}",
        preset=TARGETS.config.preset,
        table_caption=from_here("workflow/report/{table}.rst"),
    message:
        "{wildcards.table}: table"
    script:
        "../../scripts/table.py"
