"""What Table 2 estimates."""

# see replication.judging.estimators.Declared
ESTIMATORS = {
    "alpha_lim_weighted": "alpha_lim_split, weighted by the covariance of the task optima",
    "alpha_empirical": "argmin of the training loss",
    "alpha_star": "rate of the grid with the least test loss",
}
GEOMETRIC = True
