"""What Fig. 2 estimates."""

# see replication.judging.estimators.Declared
ESTIMATORS = {
    "alpha_pooled": "alpha_est before its simplification (H.14)",
    "alpha_star": "argmin of the test loss",
}
