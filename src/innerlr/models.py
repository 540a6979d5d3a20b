"""A learning rate for the inner loop of a PyTorch model of your own, in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from innerlr.checks import Array, as_array, choice, positive, same_length
from innerlr.choices import LossName, ModelMethod
from innerlr.deep.adapted import Adapted, Linearisation
from innerlr.deep.cost import LOG, Plan, Understood, announce, plan, size
from innerlr.deep.grams import ROWS, by_jacobian, by_products, centred, inner
from innerlr.deep.losses import TWO_CLASSES, Loss, loss_of
from innerlr.deep.probes import quadrature, standard_error
from innerlr.deep.tasks import Task, read, samples
from innerlr.errors import InnerlrError
from innerlr.modes import alpha_lim_modes, gram_modes

if TYPE_CHECKING:
    from torch import Tensor, nn

# eigenvalues and weights, as alpha_lim_modes takes them
Modes = tuple[Array, Array]


class ModelRate(float):
    """A learning rate, with what it was computed from.

    Attributes:
        understood: what tasks and model were taken for, in words.
        methods: how Gram matrices were made: jacobian, products, probes, or head.
        standard_error: of the random probes; 0 where all is exact.
    """

    understood: str
    methods: tuple[str, ...]
    standard_error: float

    @classmethod
    def of(cls, value: float, understood: Understood, error: float) -> Self:
        """A value and what was gathered on the way."""
        made = cls(value)
        made.understood, made.standard_error = understood.said(), error
        made.methods = tuple(sorted(understood.methods))
        return made


class ModelSettings:
    """Settings of :func:`model_alpha`, checked once.

    Args:
        model, head, loss, steps, output, method, probes, block: as for :func:`model_alpha`.

    Raises:
        InnerlrError: one of them is out of its range.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        head: str | nn.Module | None = None,
        loss: LossName | nn.Module | Callable[..., Any] = "mse",
        steps: int = 1,
        output: str | int | Callable[[Any], Tensor] | None = None,
        method: ModelMethod = "auto",
        probes: int = 2,
        block: int = 64,
    ) -> None:
        choice(method, "method", get_args(ModelMethod))
        self.loss, self.method = loss_of(loss), method
        self.steps = positive(steps, "steps", integer=True)
        self.block = positive(block, "block", integer=True)
        self.probes = positive(probes, "probes", integer=True)
        if self.probes < 2:
            raise InnerlrError(
                "probes: expected two at least, got 1, whose error cannot be told. Give 2."
            )
        self.adapted = Adapted(model, head, output)
        self.head = head

    def rate(self, support: object, query: object) -> ModelRate:
        """The learning rate of these tasks; see :func:`model_alpha`."""
        if isinstance(self.head, str):
            adapts = f" (head {self.head!r})"
        else:
            adapts = "" if self.head is None else " (the head)"
        understood = Understood(adapts)
        generator = np.random.default_rng(0)
        items, n = read(support, query)
        with self.adapted.opened():
            self.adapted.check_stacks(support, "support")
        found: list[list[Modes]] = []
        for task in items:
            with self.adapted.opened():
                found.append(self._modes(task, understood, n, generator))
        if not found:
            raise InnerlrError(
                "support: expected at least one task, got none. An iterator is read only once."
            )
        eigenvalues, weights = (
            np.concatenate([modes[i] for task in found for modes in task]) for i in (0, 1)
        )
        alpha = alpha_lim_modes(1, eigenvalues, weights, steps=self.steps)
        error = standard_error(alpha, found, self.steps)
        # the curvature of the paper's loss, 2 J'J / n, comes first
        scale = 2 / self.loss.curvature
        return ModelRate.of(alpha * scale, understood, error * scale)

    def _modes(
        self, task: Task, understood: Understood, n: int | None, generator: np.random.Generator
    ) -> list[Modes]:
        if not understood.tasks:
            self.adapted.check_samples(task.support, task.names[0])
        made = self.adapted.linearised(task)
        classes = self._classes(made.support.shape[1:], task.names[0])
        plain = bool(made.features)
        asked = (
            None if plain else plan(made.support, made.query, self.method, self.steps, self.probes)
        )
        understood.add(
            samples(task.support),
            None if task.query is None else samples(task.query),
            math.prod(made.support.shape[1:]),
            made.support.count,
        )
        if understood.tasks == 1:
            announce(understood, asked, made.support.seconds() if asked else 0.0, n)
        if asked is not None and asked.method == "probes":
            understood.methods.add("probes")
            return self._by_probes(made, classes, generator)
        if plain:
            understood.methods.add("head")
            phi, psi = made.features[0], made.features[-1]
            gram, cross = (inner(a, phi).cpu().numpy() for a in (phi, psi))
        else:
            gram, cross = self._exact(made, asked, understood)
            gram, cross = centred(gram, classes), centred(cross, classes)
        if not (np.isfinite(gram).all() and np.isfinite(cross).all()):
            raise InnerlrError(
                f"{task.names[0]}: the model's features hold NaN or infinity. "
                "Check the inputs and parameters."
            )
        # shots may differ between tasks: each loss is a mean of its own
        a, b = made.support.outputs, (made.query or made.support).outputs
        return [gram_modes(gram / a, cross / np.sqrt(a * b))]

    def _exact(
        self, made: Linearisation, asked: Plan | None, understood: Understood
    ) -> tuple[Array, Array]:
        if asked is not None and asked.method == "products":
            found = by_products(made.support, made.query)
            if found is not None:
                understood.methods.add("products")
                return found
            if self.method == "products":
                raise InnerlrError(
                    f"{made.support.name}: PyTorch has no second derivatives of this model, which "
                    "products need. Use method='jacobian'."
                )
            if "jacobian" not in understood.methods:
                LOG.warning(
                    "no second derivatives: gradients are made row by row, and again for each part "
                    "that %s hold",
                    size(ROWS),
                )
        understood.methods.add("jacobian")
        return by_jacobian(made.support, made.query, self.block)

    def _by_probes(
        self, made: Linearisation, classes: int, generator: np.random.Generator
    ) -> list[Modes]:
        found = quadrature(
            made.support,
            made.query,
            classes=classes,
            steps=self.steps,
            probes=self.probes,
            generator=generator,
        )
        return [
            (nodes, np.divide(w, nodes, out=np.zeros_like(w), where=nodes > 0) / self.probes)
            for nodes, w in found
        ]

    def _classes(self, shape: tuple[int, ...], name: str) -> int:
        """Over how many outputs a cross-entropy is centred; 1 where none is."""
        if not self.loss.centred:
            return 1
        if math.prod(shape) < 2:
            raise InnerlrError(TWO_CLASSES)
        if len(shape) > 1:
            raise InnerlrError(
                f"{name}: expected an output of shape (samples, classes) for a cross_entropy, got "
                f"(samples, {', '.join(map(str, shape))}). Make each position a row of its own."
            )
        return shape[0]


def model_alpha(
    model: nn.Module,
    support: ArrayLike | Tensor | Iterable[Tensor] | Mapping[str, Any],
    query: ArrayLike | Tensor | Iterable[Tensor] | Mapping[str, Any] | None = None,
    *,
    head: str | nn.Module | None = None,
    loss: LossName | nn.Module | Callable[..., Any] = "mse",
    steps: int = 1,
    output: str | int | Callable[[Any], Tensor] | None = None,
    method: ModelMethod = "auto",
    probes: int = 2,
    block: int = 64,
) -> ModelRate:
    r"""Inner learning rate of MAML, or of ANIL, for a model at its present parameters.

    The model is linearised: its features are the gradients of its outputs (section 5.1), and
    (3.3), or (H.6) where support and query are apart, is the rate at which adapting a solution to
    many tasks leaves the least risk; for several steps as in
    :func:`innerlr.modes.alpha_lim_modes`. The rate is for the loss as PyTorch has it. A
    cross-entropy is taken by its curvature where all classes are equally likely, as they are before
    adaptation:
    :math:`J^\top P J / n` with the centring P over classes, in the place of :math:`2 J^\top J / n`.
    This goes beyond the paper, whose theory is of the squared loss.

    The rate assumes that task optima lie evenly around the present parameters, and that the model
    is linear that far. Class labels differ in few directions (the rate was up to 6.5 times too
    small), and a long way with all parameters is not linear (on sines, with five steps, it was 5
    times too large): benchmarks/RESULTS-premises.md.

    Layers whose output depends on the batch, such as batch norm, see a task's support (or query) as
    one batch; put the model into the mode of your inner loop. Nothing of the model is changed, nor
    the inputs, nor any random generator.

    Args:
        model: its output has one row a sample; of any further shape, (samples, classes) for a
            cross-entropy. Wrappers for several devices and compiled models are looked into.
        support: inputs of the inner step: a tensor (tasks, samples, ...); or an iterable with one
            (samples, ...) for each task, whose numbers of samples may differ; or the model's
            keyword arguments, a mapping of such tensors or one mapping for each task. The more
            steps, the more the few tasks with the largest features decide: give hundreds of tasks
            where you can.
        query: inputs of the outer loss, (tasks, query samples, ...), in the same form; None where
            they are the support's.
        head: the layer that alone is adapted, as in ANIL, or its name in the model; None where all
            parameters that require gradients are, as in MAML.
        loss: of the inner loop: mse (nn.MSELoss), cross_entropy (nn.CrossEntropyLoss) or
            binary_cross_entropy (nn.BCEWithLogitsLoss), each with its own mean, by name or as
            PyTorch's module or function.
        steps: of the inner loop.
        output: which tensor (samples, ...) the loss is of, where the model returns several: a key
            or attribute, a position, or a function of what it returns.
        method: jacobian (exact; holds up to 128 MB of gradients), products (exact, a backward and a
            forward product for each output of the support; memory of a few times the parameters),
            probes (random, 2 steps + 1 products for each probe; memory as for products; the result
            has a standard error), or auto: the first for small models, the last where outputs
            times parameters of a task exceed 5e8. A linear head that is the model's last layer
            needs none of them.
        probes: for each task, two at least.
        block: outputs whose gradients are taken at once by `jacobian`.

    Returns:
        The learning rate, for the loss as PyTorch has it: without the factor 1/2. A float with
        `understood` (what tasks and model were taken for), `methods` and `standard_error`. The
        logger `innerlr` says at the first task what was understood and what it will take: at level
        INFO, or WARNING above a minute or 2 GB.

    Raises:
        InnerlrError: tasks that cannot be understood without a guess, such as pairs; inputs the
            model does not take, empty or not finite; an unknown loss, head or output; no gradient;
            features all zero.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> rate = model_alpha(model, torch.ones(1, 4, 1))  # one feature, always 1
        >>> rate
        0.5
        >>> rate.understood
        '1 task, 4 shots, no query apart, 1 output, 1 parameter'
    """
    settings = ModelSettings(
        model,
        head=head,
        loss=loss,
        steps=steps,
        output=output,
        method=method,
        probes=probes,
        block=block,
    )
    return settings.rate(support, query)


def head_alpha(
    support: ArrayLike | Tensor | Sequence[ArrayLike | Tensor],
    query: ArrayLike | Tensor | Sequence[ArrayLike | Tensor] | None = None,
    *,
    classes: int = 1,
    bias: bool = True,
    loss: LossName | nn.Module | Callable[..., Any] = "mse",
    steps: int = 1,
) -> float:
    r"""As :func:`model_alpha` with a head, from the features that the head sees: (3.3), or (H.6).

    The head is linear, and its output is the model's: no scale, cosine or other layer after it.

    Args:
        support: (tasks, shots, dim), a tensor or array; or a list with one (shots, dim) for each
            task, whose shots may differ.
        query: (tasks, query shots, dim), in the same form; None where support and query are the
            same.
        classes: outputs of the head.
        bias: whether the head has one that adapts.
        loss, steps: as for :func:`model_alpha`.

    Returns:
        The learning rate, for the loss as PyTorch has it: without the factor 1/2.

    Raises:
        InnerlrError: disagreeing shapes, NaN, features all zero, an unknown loss.

    Example:
        >>> import numpy as np
        >>> head_alpha(np.ones((1, 4, 1)), bias=False)  # one feature, always 1
        0.5
        >>> head_alpha(np.ones((1, 4, 1)), bias=False, classes=5, loss="cross_entropy")
        5.0
    """
    kind, outputs = loss_of(loss), positive(classes, "classes", integer=True)
    if kind.centred and outputs < 2:
        raise InnerlrError(TWO_CLASSES)
    modes = []
    for phi, psi in _stacks(support, query):
        gram, cross = phi @ phi.swapaxes(1, 2) + bias, psi @ phi.swapaxes(1, 2) + bias
        n, n_query = phi.shape[1] * outputs, psi.shape[1] * outputs
        modes.append(gram_modes(gram / n, cross / np.sqrt(n * n_query)))
    return _of_modes(modes, kind, steps)


def _stacks(support: Any, query: Any) -> list[tuple[Array, Array]]:
    """Stacks of tasks of the same shots: one, or one for each task of lists of different shots."""
    names, axes = ("support", "query"), ("tasks", "shots", "dim")
    ragged = [
        isinstance(given, list | tuple)
        and all(hasattr(x, "__len__") for x in given)
        and len({len(x) for x in given}) > 1
        for given in (support, query)
    ]
    if not any(ragged):
        phi = as_array(support, "support", axes)
        psi = phi if query is None else as_array(query, "query", axes)
        same_length(phi, psi, names, 0, "tasks")
        same_length(phi, psi, names, 2, "dim")
        return [(phi, psi)]
    both = [support, support if query is None else query]
    if len(both[0]) != len(both[1]):
        raise InnerlrError(
            f"support and query: {len(both[0])} tasks against {len(both[1])}. "
            "Both must have the same tasks."
        )
    made: list[tuple[Array, Array]] = []
    for i, pair in enumerate(zip(*both, strict=True)):
        phi, psi = (
            as_array(x, f"{n}[{i}]", axes[1:])[None] for x, n in zip(pair, names, strict=True)
        )
        same_length(phi, psi, (f"support[{i}]", f"query[{i}]"), 2, "dim")
        same_length(made[0][0] if made else phi, phi, ("support[0]", f"support[{i}]"), 2, "dim")
        made.append((phi, psi))
    return made


def _of_modes(modes: list[Modes], kind: Loss, steps: int) -> float:
    eigenvalues, weights = (np.concatenate(parts) for parts in zip(*modes, strict=True))
    # the curvature of the paper's loss, 2 J'J / n, comes first
    return alpha_lim_modes(1, eigenvalues, weights, steps=steps) * 2 / kind.curvature
