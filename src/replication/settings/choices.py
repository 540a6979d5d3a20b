"""Values that a key takes by name, and an argument of what trains with it; light to import."""

from typing import Literal

Device = Literal["auto", "cpu", "cuda"]

# choices for multilayer perceptrons: see replication.training.mlp and .maml
Activation = Literal["relu", "tanh", "softplus"]
NetworkInit = Literal["pytorch", "truncated_normal", "lecun_normal", "he_normal"]
Optimizer = Literal["adam", "sgd"]

# choices for ANIL: see replication.training.anil
ForwardNorm = Literal["none", "l2", "l2sqrtd", "layernorm"]
Sigma2 = Literal["gram", "covsum", "cov", "var", "trace"]
AlphaName = Literal["online", "alpha_lim", "learned"]
InnerLoss = Literal["mean", "sum"]
BatchNorm = Literal["together", "separate"]
Precision = Literal["float32", "tf32", "bfloat16"]

# choices for images: see replication.images.bank
Resize = Literal["nearest", "lanczos"]
