# The report and the manifest, after a run that changed something or in which a job failed.


# A mark without content: it is asked for where they are due, and writing the report removes it.
# Its parameter differs from run to run, so that one left by a killed run does not count.
rule report_due:
    output:
        touch(LOGS / the_report.DUE),
    localrule: True
    params:
        asked_at=time.time_ns(),
