"""Values that an argument takes by name; importing them costs nothing."""

from typing import Literal

# the law of a layer's parameters; see innerlr.ntk
Init = Literal[
    "pytorch",
    "uniform",
    "uniform01",
    "normal",
    "he_uniform",
    "he_normal",
    "xavier_uniform",
    "xavier_normal",
    "lecun_uniform",
    "lecun_normal",
]
# how a Gram matrix of tangent features is made; see innerlr.ntk and innerlr.empirical_ntk
GramMethod = Literal["auto", "kinks", "blocked"]
EmpiricalMethod = Literal["auto", "jacobian", "vector_products"]
# how those of a task are made; see innerlr.deep
ModelMethod = Literal["auto", "jacobian", "products", "probes"]
# see innerlr.deep.losses
LossName = Literal["mse", "cross_entropy", "binary_cross_entropy"]
