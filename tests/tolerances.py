"""Every tolerance of the numerical tests, with its reason."""

from __future__ import annotations

# Two float64 routes to one number, each a well-conditioned sum of at most some 1e5 terms: the
# rounding is eps times a small multiple of sqrt(terms).
SAME = 1e-12

# GramMoments against the plain computation at each alpha, and all losses against 50 digits: the
# accuracy that the package promises while the pooled Gram's condition number is below 1e14.
LOSS = 1e-10

# The condition number of the pooled Gram up to which LOSS is promised.
PROMISED_CONDITION = 1e14

# A warning's estimate is honest if the error observed is at most this many times as large.
HONEST = 10.0

# A minimiser found by comparing float64 losses is good to sqrt(eps) = 1.5e-8 of the curve's width;
# the width is a few alpha.
SEARCH = 1e-6

# Monte Carlo with fixed seeds: standard errors from the truth. By chance 6e-7 of draws fail.
Z = 5.0

# Gauss-Legendre on 8192 nodes is at rounding level for the smooth densities here.
QUADRATURE = 1e-12

# t steps in closed form against a loop of t steps: the loop rounds once a step, 200 eps at t = 200.
STEPS = 1e-11

# A chi-square test with a fixed seed: by chance this share of seeds fails.
CHANCE = 1e-6

# One convolution with its batch norm in float32, values of order 1 to 5: eps32 times a sum of 9
# products and a division, with room for another order of summation.
SINGLE = 1e-5

# Losses and gradients of a small network in float64, batched against a plain loop: the same sums
# in another order, through at most six layers and five inner steps.
GRADIENT = 1e-10

# The same after some tens of outer steps, each of which passes the difference on.
TRAINED_ALONE = 1e-8

# Golden tables on another processor: minimisers found by comparing losses differ by SEARCH, and a
# quantity may amplify it a little.
GOLDEN = 1e-5

# The same where float32 networks were trained for a few steps.
GOLDEN_TRAINED = 1e-2

# Differences that are rounding alone, such as an excess that is exactly 0.
NOUGHT = 1e-10
