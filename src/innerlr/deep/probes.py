r"""Random estimates of what a rate needs of a task's Gram matrices, with their error.

With :math:`H = J_s J_s^\top / n` and :math:`C = J_q J_s^\top / \sqrt{n m}` the rate of T inner
steps solves :math:`\sum_i |C u_i|^2 (1 - c l_i)^{2T-1} = 0` over the eigenpairs :math:`(l_i, u_i)`
of H of all tasks (:func:`innerlr.modes.alpha_lim_modes`). For random signs z the vector
:math:`b = C^\top z` has :math:`E (u_i^\top b)^2 = |C u_i|^2` (Hutchinson), and T steps of Lanczos
from b on H give the sum for this b exactly (Gauss quadrature). That takes 2 T + 1 products with J a
probe, of the cost of a training step each, and memory of a few times the parameters.
"""

from __future__ import annotations

import numpy as np

from innerlr.checks import Array
from innerlr.deep.linearised import Linearised
from innerlr.errors import InnerlrError


def quadrature(
    support: Linearised,
    query: Linearised | None,
    *,
    classes: int,
    steps: int,
    probes: int,
    generator: np.random.Generator,
) -> list[tuple[Array, Array]]:
    """Nodes l and weights |C u|^2 of each probe, exact for the T inner steps of its b.

    Args:
        support, query: of a task; without a query the support is judged on.
        classes: outputs of a sample whose mean does not count; 1 where all count.
        steps: T.
        probes: how many.
        generator: of the signs.

    Raises:
        InnerlrError: PyTorch has no second derivative of the model, or a wrong one.
    """
    outer = support if query is None else query
    scale = 1 / np.sqrt(support.outputs * outer.outputs)
    made = []
    for _ in range(probes):
        z = generator.choice([-1.0, 1.0], outer.outputs)
        start = scale * _push(support, _pull(outer, z, classes), classes)
        made.append(_lanczos(support, start, classes, steps))
    return made


def _lanczos(support: Linearised, start: Array, classes: int, steps: int) -> tuple[Array, Array]:
    length = float(np.linalg.norm(start))
    if not length > 0:
        return np.zeros(1), np.zeros(1)
    basis, diagonal, beside = [start / length], [], []
    for step in range(min(steps, support.outputs)):
        pulled = _pull(support, basis[-1], classes)
        diagonal.append(float(pulled.double() @ pulled.double()) / support.outputs)
        if step + 1 == min(steps, support.outputs):
            break
        after = _push(support, pulled, classes) / support.outputs
        for _ in range(2):  # the second takes off what rounding left
            after = after - np.array(basis).T @ (np.array(basis) @ after)
        beside.append(float(np.linalg.norm(after)))
        if beside[-1] <= 1e-6 * max(diagonal):  # float32: the probe has no further direction
            beside.pop()
            break
        basis.append(after / beside[-1])
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, length**2 * vectors[0] ** 2


def _pull(made: Linearised, v: Array, classes: int):  # type: ignore[no-untyped-def]
    import torch

    return made.pull(made.vector(torch.from_numpy(_centred(v, classes))))


def _push(made: Linearised, u, classes: int) -> Array:  # type: ignore[no-untyped-def]
    try:
        pushed = made.push(u)
    except (RuntimeError, NotImplementedError) as error:  # PyTorch's words stand in the cause
        raise _no_products(made.name) from error
    # <J u, v> = <u, J'v> for the v whose J'v is known
    probe, image = made.probe.double(), made.image.double()
    left, right = float(pushed.double() @ probe), float(u.double() @ image)
    size = float(pushed.double().norm() * probe.norm())
    if abs(left - right) > made.tolerance * size:
        raise _no_products(made.name)
    return _centred(pushed.double().cpu().numpy(), classes)


def _no_products(name: str) -> InnerlrError:
    return InnerlrError(
        f"{name}: PyTorch has no second derivatives of this model, which probes need. "
        "Use method='jacobian', or fewer samples a task."
    )


def _centred(v: Array, classes: int) -> Array:
    blocks = v.reshape(-1, classes)
    return (blocks - blocks.mean(1, keepdims=True)).reshape(-1) if classes > 1 else v


def standard_error(alpha: float, tasks: list[list[tuple[Array, Array]]], steps: int) -> float:
    """Of a rate from probes, by the spread of each task's probes (the tasks themselves are fixed).

    Args:
        alpha: the root of the sum of all, for a loss without 1/2.
        tasks: of each, the eigenvalues and weights that :func:`innerlr.modes.alpha_lim_modes` takes
            of each probe, or of the whole task where it is exact.
        steps: T.
    """
    power, slope = 2 * steps - 1, 0.0
    variances, sizes = [], []
    for probes in tasks:
        values, size = [], 0.0
        for nodes, weights in probes:
            left, pulls = 1 - 2 * alpha * nodes, weights * nodes
            values.append(float(pulls @ left**power))
            size += float(pulls @ np.abs(left) ** power)
            slope += float(pulls @ (2 * power * nodes * left ** (power - 1)))
        if len(values) > 1:  # else exact
            variances.append(len(values) * float(np.var(values, ddof=1)))
            sizes.append(size)
    if not variances:
        return 0.0
    own, squares = np.array(variances), np.array(sizes) ** 2
    # The tasks that decide are few, and each has few probes: their own spread may be small by
    # chance, that of all tasks relative to their sizes is not.
    relative = float(np.mean(own[squares > 0] / squares[squares > 0])) if squares.any() else 0.0
    return float(np.sqrt(max(own.sum(), relative * squares.sum()))) / slope
