# figure notebooks and tables


rule figure:
    input:
        notebook=lambda wc: notebook_of(wc.figure),
        caption=lambda wc: caption_of(wc.figure),
        source=lambda wc: source_of_figure(wc.figure),
        sweeps=lambda wc: inputs_of(wc.figure, "sweeps"),
        estimates=lambda wc: inputs_of(wc.figure, "estimates"),
        claims=lambda wc: inputs_of(wc.figure, "claims"),
    output:
        pdf=RESULTS / "figures/{figure}.pdf",
        svg=report(
            RESULTS / "figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "kind": "figure"},
        ),
        png=RESULTS / "figures/{figure}.png",
        csv=RESULTS / "figures/{figure}.csv",
        ipynb=RESULTS / "notebooks/{figure}.ipynb",
        html=report(
            RESULTS / "notebooks/{figure}.html",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}", "kind": "notebook"},
        ),
        caption=RESULTS / "captions/{figure}.rst",
        provenance=provenance(
            *(RESULTS / f"figures/{{figure}}.{kind}" for kind in ("pdf", "svg", "png", "csv")),
            *(RESULTS / f"notebooks/{{figure}}.{kind}" for kind in ("ipynb", "html")),
            RESULTS / "captions/{figure}.rst",
        ),
    log:
        LOGS / "figure/{figure}.log",
        notebook=LOGS / "figure/{figure}.ipynb",
    benchmark:
        BENCHMARKS / "figure/{figure}.tsv"
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


rule notation:
    input:
        source=sources("replication/pipeline/tables"),
        notation="workflow/report/notation.csv",
    output:
        csv=RESULTS / "tables/table1.csv",
        tex=RESULTS / "tables/table1.tex",
        html=report(
            RESULTS / "tables/table1.html",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "table1"},
        ),
        provenance=provenance(*TABLES["table1"]),
    log:
        LOGS / "notation.log",
    benchmark:
        BENCHMARKS / "notation.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        title="Notation of the paper and its names here",
    message:
        "table1: the glossary"
    script:
        "../../scripts/notation.py"


rule table2_table:
    input:
        source=sources("replication/figures/pretrained/table"),
        sweep=RESULTS / "sweeps/table2.csv",
        estimates=RESULTS / "estimates/table2.csv",
    output:
        csv=RESULTS / "tables/table2.csv",
        tex=RESULTS / "tables/table2.tex",
        html=report(
            RESULTS / "tables/table2.html",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "table2"},
        ),
        provenance=provenance(*TABLES["table2"]),
    log:
        LOGS / "table2_table.log",
    benchmark:
        BENCHMARKS / "table2_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        titles={name: panel.title for name, panel in CONFIG.table2.panels.items()},
        title="Test errors of one-step sinusoid regression with network features (Table 2)",
    message:
        "table2: the table"
    script:
        "../../scripts/table2_table.py"


rule estimators_table:
    input:
        source=[
            *sources("replication/judging/estimators", "replication/pipeline/tables"),
            *declarations("quantities"),
        ],
        estimates=expand(RESULTS / "estimates/{name}.csv", name=EXPERIMENTS),
    output:
        csv=RESULTS / "tables/estimators.csv",
        tex=RESULTS / "tables/estimators.tex",
        html=report(
            RESULTS / "tables/estimators.html",
            caption="../report/estimators.rst",
            category="Tables",
            labels={"table": "estimators"},
        ),
        provenance=provenance(*TABLES["estimators"]),
    log:
        LOGS / "estimators_table.log",
    benchmark:
        BENCHMARKS / "estimators_table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        experiments=EXPERIMENTS,
    message:
        "estimators: every estimate in one table"
    script:
        "../../scripts/estimators_table.py"
