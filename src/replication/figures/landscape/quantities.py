"""What Fig. 9 and Section H.3 estimate."""

# see replication.judging.estimators.Declared
ESTIMATORS = {
    "corollary1_printed_lower": "lower bound as printed (3.5)",
    "corollary1_printed_upper": "upper bound as printed (3.5)",
    "corollary1_printed_upper_appendix": "upper bound as printed (D.6)",
}
