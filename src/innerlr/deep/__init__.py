r"""A PyTorch model as MAML linearises it, without a change to the model.

Around its present parameters :math:`\theta` a model is
:math:`f(\theta + \delta) \approx f(\theta) + J\delta`: its features are the rows of the Jacobian J
of its outputs. A learning rate needs no more of them than the Gram matrices :math:`J_s J_s^\top`
and :math:`J_q J_s^\top` of a task's support and query.

Modules: :mod:`~innerlr.deep.tasks` reads what a user's tasks are, :mod:`~innerlr.deep.view` calls a
model and leaves it as it was, :mod:`~innerlr.deep.outputs` finds the output of a call,
:mod:`~innerlr.deep.linearised` has the products :math:`J^\top v` and :math:`J u`,
:mod:`~innerlr.deep.head` the short way of a linear head, and :mod:`~innerlr.deep.adapted` puts
these together for a task. :mod:`~innerlr.deep.grams` has exact Gram matrices,
:mod:`~innerlr.deep.probes` random estimates of what they are needed for,
:mod:`~innerlr.deep.losses` the losses, and :mod:`~innerlr.deep.cost` what all this will take.
"""
