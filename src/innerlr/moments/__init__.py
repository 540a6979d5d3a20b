r"""Sufficient statistics of a set of tasks, from which every learning rate costs one small solve.

One inner step on a task with support :math:`(\Phi_u, y_u)` of :math:`k_1` samples and query
:math:`(\Phi_t, y_t)` of :math:`k_2` samples is

.. math:: w' = w - \tfrac{2\alpha}{k_1}\,\Phi_u^\top(\Phi_u w - y_u)

(the loss has no factor 1/2, so :math:`\alpha` is half of the learning rate of a loss with 1/2).
With :math:`c = 2\alpha/k_1`, :math:`G = \Phi^\top\Phi` and :math:`p = \Phi^\top y`, the query loss
after the step is :math:`\|A w - b\|^2/k_2` with :math:`A = \Phi_t(I - cG_u)`,
:math:`b = y_t - c\,\Phi_t p_u`, and

.. math::
    A^\top A &= G_t - c\,(G_u G_t + G_t G_u) + c^2\, G_u G_t G_u \\
    A^\top b &= p_t - c\,(G_u p_t + G_t p_u) + c^2\, G_u G_t p_u \\
    b^\top b &= y_t^\top y_t - 2c\, p_t^\top p_u + c^2\, p_u^\top G_t p_u

are polynomials in :math:`\alpha`: their sums over tasks, nine arrays, are all that is kept.

Two changes of variables keep digits, :math:`w = R^{-1}(v + v_0)`: R whitens the pooled features
where they are ill-conditioned, and :math:`v_0`, a least-squares fit of the first tasks, takes the
part that all tasks share out of the targets. Neither changes any result.

Modules: :mod:`~innerlr.moments.whitening` has R, :mod:`~innerlr.moments.sums` the nine arrays,
:mod:`~innerlr.moments.conditioning` the error estimates, :mod:`~innerlr.moments.solving` losses and
minimisers, :mod:`~innerlr.moments.search` the best learning rate, and
:mod:`~innerlr.moments.gram_moments` the class in front of them.
"""

from innerlr.moments.gram_moments import GramMoments
from innerlr.moments.whitening import pooled_whitener

__all__ = ["GramMoments", "pooled_whitener"]
