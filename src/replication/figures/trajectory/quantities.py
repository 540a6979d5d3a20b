"""What Figs. 1 and 7 estimate."""

# see replication.judging.estimators.Declared
ESTIMATORS = {"alpha_lim": "alpha_lim, from the sampled tasks (3.3)"}
