from snakemake.utils import min_version

min_version("9.14")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/omniglot.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/readings.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        ALL_FIGURES,
        ALL_TABLES,
        CLAIMS,
        report_due(),
    localrule: True


# One target a figure or table: `snakemake --cores 2 fig08`. A figure may have a table as well.
for target in FIGURES | TABLES:

    rule:
        name:
            target
        input:
            figure_files(target) if target in FIGURES else [],
            TABLES.get(target, []),
            report_due(),
        localrule: True


# The alternatives of what the paper leaves open; not part of `all`.
rule readings:
    input:
        READINGS_TABLES,
        RATES_OF_FIG03,
        [curve_files(name) for name in CURVES],
    localrule: True


# A run with nothing to do calls no handler; with this mark to make, it does. The report removes it.
rule report_due:
    output:
        touch(REPORT_DUE),
    localrule: True


onsuccess:
    write_report()


onerror:
    write_report()
