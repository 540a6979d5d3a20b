"""What Figs. 10 and 12 estimate."""

# see replication.judging.estimators.Declared
ESTIMATORS = {
    "alpha_star": "rate of the grid with the least test loss",
    "alpha_lim_tangent_initial": "alpha_lim of the initial tangent features (3.3)",
    "alpha_lim_tangent_trained": "alpha_lim of the best network's tangent features (3.3)",
    "alpha_h18_initial": "(H.18) with the variance of the initial tangent features",
    "alpha_h18_trained": "(H.18) with the variance of the best network's tangent features",
    "range_low": "lower end of the range of (H.18), (H.19); N of a batch",
    "range_high": "upper end of the range of (H.18), (H.19); N of a batch",
    "range_all_low": "lower end of the range of (H.18), (H.19); N of all tasks",
    "range_all_high": "upper end of the range of (H.18), (H.19); N of all tasks",
}
GEOMETRIC = True
