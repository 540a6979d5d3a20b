"""What Fig. 11 estimates."""

# see replication.judging.estimators.Declared
ESTIMATORS = {"alpha_lim": "alpha_lim of normal inputs, support and query apart, exact (H.1)"}
