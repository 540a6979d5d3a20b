"""Every estimate of the adaptation learning rate in one table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from innerlr.intervals import Interval, geometric_interval
from replication.judging.claims import measure

ESTIMATORS_TITLE = "Every estimate of the adaptation learning rate"

# quantity of an estimates table: what it is
ESTIMATORS = {
    "alpha_lim": "alpha_lim, exact (3.3)",
    "alpha_lim_sampled": "alpha_lim, from the sampled tasks: (3.3), or (H.6) with a query",
    "alpha_lim_split": "alpha_lim, support and query apart (H.6)",
    "alpha_pooled": "alpha_est before its simplification (H.14)",
    "alpha_star": "alpha*(N), argmin of the training loss",
    "alpha_star_risk": "alpha*(N), argmin of the population risk (3.2)",
    "alpha_est": "alpha_est (H.15)",
    "alpha_lim_weighted": "alpha_lim_split, weighted by the covariance of the task optima",
    "alpha_empirical": "argmin of the training loss",
    "alpha_lim_tangent_initial": "alpha_lim of the initial tangent features (3.3)",
    "alpha_lim_tangent_trained": "alpha_lim of the best network's tangent features (3.3)",
    "alpha_h18_initial": "(H.18) with the variance of the initial tangent features",
    "alpha_h18_trained": "(H.18) with the variance of the best network's tangent features",
    "range_low": "lower end of the range of (H.18), (H.19); N of a batch",
    "range_high": "upper end of the range of (H.18), (H.19); N of a batch",
    "range_all_low": "lower end of the range of (H.18), (H.19); N of all tasks",
    "range_all_high": "upper end of the range of (H.18), (H.19); N of all tasks",
    "corollary1_lower": "lower bound, right form of Corollary 1",
    "corollary1_upper": "upper bound, right form of Corollary 1",
    "corollary1_printed_lower": "lower bound as printed (3.5)",
    "corollary1_printed_upper": "upper bound as printed (3.5)",
    "corollary1_printed_upper_appendix": "upper bound as printed (D.6)",
}

# where a quantity is another thing than elsewhere: experiments, what it is
ELSEWHERE = {
    "alpha_lim": {
        **dict.fromkeys(("fig01", "fig07"), "alpha_lim, from the sampled tasks (3.3)"),
        "fig11": "alpha_lim of normal inputs, support and query apart, exact (H.1)",
    },
    "alpha_star": {
        "fig02": "argmin of the test loss",
        **dict.fromkeys(
            ("fig10a", "fig10b", "fig12", "table2"), "rate of the grid with the least test loss"
        ),
    },
}
# experiments whose rates come from trained networks and spread by factors
TRAINED = ("fig10a", "fig10b", "fig12", "table2")


def estimators_table(experiment: str, estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates of one experiment: panel, estimator, mean, low, high over repetitions.

    Exact ones have no low and high; means of trained networks are geometric.
    """
    rows = []
    kept = estimates[estimates.quantity.isin(ESTIMATORS)]
    for (panel, quantity), group in kept.groupby(["panel", "quantity"]):
        label = ELSEWHERE.get(str(quantity), {}).get(experiment, ESTIMATORS[str(quantity)])
        if quantity == "alpha_lim" and "exact" in label:
            # of the law, not of its draws
            interval = Interval(float(group.value.iloc[0]), np.nan, np.nan)
        elif experiment in TRAINED and quantity != "alpha_star" and (group.seed >= 0).all():
            interval = rate_interval(estimates, str(panel), str(quantity))
        else:
            interval = measure(estimates, str(panel), str(quantity))
        rows.append((experiment, panel, label, *interval))
    return pd.DataFrame(rows, columns=["experiment", "panel", "estimator", "alpha", "low", "high"])


def rate_interval(estimates: pd.DataFrame, panel: str, quantity: str) -> Interval:
    """The geometric mean of a rate over networks, with its interval; one may be infinite."""
    of_panel = estimates[(estimates.panel == panel) & (estimates.quantity == quantity)]
    values = of_panel.value.to_numpy()
    if np.isfinite(values).all() and values.min() > 0:
        return geometric_interval(values)
    return measure(estimates, panel, quantity)
