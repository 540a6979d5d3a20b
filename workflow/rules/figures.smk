# figure notebooks and tables


rule figure:
    input:
        notebook=lambda wc: notebook_of(wc.figure),
        caption=lambda wc: caption_of(wc.figure),
        source=lambda wc: source_of_notebook(notebook_of(wc.figure)),
        sweeps=lambda wc: inputs_of(wc.figure, "sweeps"),
        estimates=lambda wc: inputs_of(wc.figure, "estimates"),
        claims=lambda wc: inputs_of(wc.figure, "claims"),
    output:
        **figure_output(),
    log:
        LOGS / "figure/{figure}.log",
        notebook=LOGS / "figure/{figure}.ipynb",
    benchmark:
        BENCHMARKS / "figure/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(name for name in FIGURES if name not in TABLES_OF_FIGURES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figure="{figure}",
        experiments=lambda wc: FIGURES[wc.figure],
        sections=lambda wc: {name: section(name, "figure") for name in FIGURES[wc.figure]},
        preset=CONFIG.preset,
    message:
        "{wildcards.figure}: figure"
    script:
        "../../scripts/figure.py"


use rule figure as figure_with_table with:
    output:
        **figure_output(),
        table=table_output("{figure}"),
        records=provenance(*table_files("{figure}")),
    wildcard_constraints:
        figure="|".join(TABLES_OF_FIGURES),
    params:
        table_caption=lambda wc: caption_of_table(wc.figure),


rule table:
    input:
        notebook="notebooks/{table}.ipynb",
        source=lambda wc: source_of_table(wc.table),
        data=lambda wc: MADE_FROM[wc.table],
    output:
        table=table_output("{table}"),
        ipynb=RESULTS / "notebooks/{table}.ipynb",
        html=report(
            RESULTS / "notebooks/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}", "kind": "notebook"},
        ),
        provenance=provenance(*table_files("{table}"), *notebook_files("{table}")),
    log:
        LOGS / "table/{table}.log",
        notebook=LOGS / "table/{table}.ipynb",
    benchmark:
        BENCHMARKS / "table/{table}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        table="{table}",
        preset=CONFIG.preset,
        table_caption="workflow/report/{table}.rst",
    message:
        "{wildcards.table}: table"
    script:
        "../../scripts/table.py"
