from snakemake.utils import min_version

min_version("9.14")


include: "workflow/rules/common.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/readings.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        [TARGETS.files(name) for name in NAMES],
        REPORT_DUE,
    localrule: True


# One target a figure or table: `snakemake --cores 2 fig08`.
for target in NAMES:

    rule:
        name:
            target
        input:
            TARGETS.files(target),
            REPORT_DUE,
        localrule: True


# The alternatives of what the paper leaves open; not part of `all`.
rule specifications:
    input:
        TARGETS.readings,
    localrule: True


# The former name of `specifications`.
rule readings:
    input:
        rules.specifications.input,
    localrule: True


onstart:
    before_jobs()
    # Snakemake has handlers of its own by now, and its locks
    STOPPED.watch()
    if MARK is not None:
        marks.hold(MARK, getattr(workflow.persistence, "_lockfile", {}).values())
    remove_abandoned(RESULTS)
    say_revision()


onsuccess:
    close_run()


onerror:
    close_run()
