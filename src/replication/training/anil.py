"""ANIL (Raghu et al., 2020): a shared convolutional network, its head adapted to each task.

A few tasks are one pass through the network, all of them one through the head. A task's images
share their batch statistics, so that the first layer, of one channel, is a matrix product over
3 x 3 patches with its batch norm folded in.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerlr.checks import choice
from innerlr.errors import InnerlrError
from innerlr.models import head_alpha
from replication.settings.choices import (
    AlphaName,
    BatchNorm,
    ForwardNorm,
    InnerLoss,
    Precision,
    Sigma2,
)

STEP: dict[str, Any] = {"stride": 2, "padding": 1}  # every convolution's
EPS = 1e-5  # batch and layer norm add it to a variance
IN_CACHE = 1 << 21  # bytes that a block takes in at once on a CPU


class ConvNet(nn.Module):
    """Four 3 x 3 convolutions of stride 2 with batch norm and ReLU, the mean over space, a head.

    Args:
        width: filters of each convolution, and features d.
        ways: classes of the head.
        head_init: standard deviation of the head's initial weights; its biases start at 0.
        generator: of the initial weights, Glorot-uniform for the convolutions.
        dtype: of the parameters.
    """

    def __init__(
        self,
        width: int,
        ways: int,
        *,
        head_init: float,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        kernels = []
        for channels in (1, width, width, width):
            bound = math.sqrt(6 / (9 * (channels + width)))
            uniform = torch.rand(width, channels, 3, 3, generator=generator, dtype=torch.float64)
            kernel = ((2 * uniform - 1) * bound).to(dtype)
            kernels.append(nn.Parameter(kernel.contiguous(memory_format=torch.channels_last)))
        self.kernels = nn.ParameterList(kernels)
        self.gains = nn.ParameterList(
            [nn.Parameter(torch.ones(width, dtype=dtype)) for _ in range(4)]
        )
        self.offsets = nn.ParameterList(
            [nn.Parameter(torch.zeros(width, dtype=dtype)) for _ in range(4)]
        )
        weight = torch.randn(width, ways, generator=generator, dtype=torch.float64)
        self.head_weight = nn.Parameter((head_init * weight).to(dtype))
        self.head_bias = nn.Parameter(torch.zeros(ways, dtype=dtype))

    def forward(self, images: Tensor, *, dtype: torch.dtype | None = None) -> Tensor:
        """Features (tasks, n, width) of images (tasks, n, height, width), with ink in [0, 1].

        Batch statistics are those of each task's n images.

        Args:
            images: of the dtype of the parameters.
            dtype: of the convolutions, if another one.
        """
        n, dtype = images.shape[1], dtype or images.dtype
        kernels = [kernel.to(dtype) for kernel in self.kernels[1:]]
        rows, filters, size = self._first_layer(images)
        few = _at_once(n * math.prod(size) * filters.shape[-1], dtype, images.device)
        firsts = (x.to(dtype).split(few) for x in (rows, filters))
        outputs = [  # a block's, one tensor for each task
            output
            for part in zip(*firsts, strict=True)
            for output in self._normed(1, _FirstTwo.apply(*part, kernels[0], size), n)
        ]
        for layer in (2, 3):
            few = _at_once(outputs[0].numel(), dtype, images.device)
            inputs = [torch.cat(outputs[i : i + few]).relu_() for i in range(0, len(outputs), few)]
            outputs = [
                output
                for x in inputs
                for output in self._normed(layer, _convolved(x, kernels[layer - 1]), n)
            ]
        # the gradient gets the order of these axes, that of memory; in another one the backward
        # pass of the ReLU would take many times as long
        means = torch.cat(outputs).relu_().permute(0, 2, 3, 1).mean((1, 2))
        return means.to(images.dtype).unflatten(0, (-1, n))

    def _first_layer(self, images: Tensor) -> tuple[Tensor, Tensor, list[int]]:
        """First convolution and batch norm as a product of patches and filters.

        The output of filter w on a patch p is w'p, so its mean and variance over a task are
        w'mean(p) and w'Cov(p) w: batch norm is a product of the centred patches with w over its
        standard deviation, and the offset one with a last row of ones.

        Returns:
            Of every task the taps of its patches (tasks, 10, n h w) and its filters
            (tasks, 10, width), and the size [h, w] of the output.
        """
        tasks, n = images.shape[:2]
        windows = F.pad(images, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2)
        h, w = windows.shape[2:4]
        rows = images.new_empty(tasks, 10, n * h * w)
        rows[:, 9] = 1
        taps = rows[:, :9]
        # tap by tap: three times as fast to gather as patch by patch
        taps.view(tasks, 3, 3, n, h, w).copy_(windows.permute(0, 4, 5, 1, 2, 3))
        taps -= taps.mean(2, keepdim=True)
        # sums image by image, then over images: one long float32 sum would lose two digits
        each = taps.unflatten(2, (n, -1)).transpose(1, 2)
        covariance = torch.stack([(x @ x.mT).mean(0) for x in each]) / (h * w)
        filters = self.kernels[0].reshape(-1, 9).T  # 9 x width
        variance = (filters * (covariance @ filters)).sum(1, keepdim=True)  # tasks x 1 x width
        folded = filters * (self.gains[0] * torch.rsqrt(variance + EPS))
        return rows, torch.cat([folded, self.offsets[0].expand(tasks, 1, -1)], 1), [h, w]

    def _normed(self, layer: int, x: Tensor, n: int) -> list[Tensor]:
        """Batch norm of tasks of n images, one tensor a task."""
        affine = {"weight": self.gains[layer], "bias": self.offsets[layer]}
        # faster task by task than as one reduction over a reshaped axis; the backward pass of a
        # split copies, even of one into one
        tasks = x.split(n) if len(x) > n else [x]
        return [F.batch_norm(x, None, None, **affine, training=True, eps=EPS) for x in tasks]


def _first_output(rows: Tensor, filters: Tensor, size: list[int]) -> Tensor:
    """Output of the first block, (tasks n, width, h, w), channels last."""
    x = (rows.mT @ filters).relu_()
    return x.view(-1, *size, x.shape[-1]).permute(0, 3, 1, 2)


class _FirstTwo(torch.autograd.Function):
    """Second convolution of the first block's output, which the backward pass makes anew.

    All tasks' outputs do not fit a processor's caches; making one costs less than fetching it.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, filters: Tensor, kernel: Tensor, size: list[int]) -> Tensor:
        ctx.save_for_backward(rows, filters, kernel)
        ctx.size = size
        return F.conv2d(_first_output(rows, filters, size), kernel, **STEP)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        rows, filters, kernel = ctx.saved_tensors
        x = _first_output(rows, filters, ctx.size)
        of_x, of_kernel = _slopes(slope, x, kernel)
        torch.ops.aten.threshold_backward.grad_input(
            of_x, x, 0, grad_input=of_x
        )  # through the ReLU
        of_x = of_x.permute(0, 2, 3, 1).reshape(len(rows), -1, math.prod(ctx.size), x.shape[1])
        of_filters = rows @ of_x.flatten(1, 2)
        # gradient with respect to the images, only if requested
        of_rows = filters @ of_x.flatten(1, 2).mT if ctx.needs_input_grad[0] else None
        return of_rows, of_filters, of_kernel, None


def _slopes(
    slope: Tensor, x: Tensor, kernel: Tensor, *, of_kernel: bool = True
) -> tuple[Tensor, Tensor | None]:
    """Gradients of a convolution, both at once: PyTorch's public functions take each by itself."""
    setting = ([2, 2], [1, 1], [1, 1], False, [0, 0], 1)
    mask = [True, of_kernel, False]
    made = torch.ops.aten.convolution_backward(slope, x, kernel, None, *setting, mask)
    return made[0], made[1]


def _convolved(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolution of (images, channels, h, w), channels last."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        output: Tensor = _Bfloat16.apply(x, kernel)
        return output
    return F.conv2d(x, kernel, **STEP)


class _Bfloat16(torch.autograd.Function):
    """Convolution with its kernel's gradient as a product of patches and slopes.

    oneDNN's own of small images is slow in bfloat16, and the processor's products are not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(x, kernel)
        return F.conv2d(x, kernel, **STEP)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        x, kernel = ctx.saved_tensors
        of_x, _ = _slopes(slope, x, kernel, of_kernel=False)
        windows = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2)
        patches = windows.permute(0, 2, 3, 4, 5, 1).reshape(-1, 9 * x.shape[1])
        of_kernel = slope.permute(0, 2, 3, 1).reshape(len(patches), -1).T @ patches
        return of_x, of_kernel.view(-1, 3, 3, x.shape[1]).permute(0, 3, 1, 2)


def _at_once(numbers: int, dtype: torch.dtype, device: torch.device) -> int:
    """Tasks that pass a block together, of so many numbers each: more would leave the caches."""
    fit = IN_CACHE // (numbers * dtype.itemsize)
    return max(1, fit) if device.type == "cpu" else sys.maxsize


def normalised(features: Tensor, how: ForwardNorm) -> Tensor:
    """The features that the head sees; last axis d.

    Args:
        how: none; l2, unit length; l2sqrtd, length sqrt(d); layernorm, mean 0 and variance 1 over
            the features of an example.

    Raises:
        InnerlrError: an unknown one.
    """
    choice(how, "forward_norm", get_args(ForwardNorm))
    if how == "none":
        return features
    if how == "layernorm":
        return F.layer_norm(features, features.shape[-1:], eps=EPS)
    unit = F.normalize(features, dim=-1)
    return unit * math.sqrt(features.shape[-1]) if how == "l2sqrtd" else unit


def adapt(
    features: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor,
    alpha: Tensor | float,
    inner_steps: int,
) -> tuple[Tensor, Tensor]:
    """The head after gradient steps on the mean cross-entropy, differentiable to any order.

    With E = (softmax(F W + b) - Y) / n the gradient is F'E in W and 1'E in b.

    Args:
        features: (tasks, n, d), F.
        targets: (n, ways), Y, one-hot, the same for all tasks.
        weight: (d, ways), W at the start.
        bias: (ways,), b at the start.
        alpha: the adaptation learning rate.
        inner_steps: how many.

    Returns:
        W (tasks, d, ways) and b (tasks, 1, ways).
    """
    tasks, n = features.shape[:2]
    w, b = weight.expand(tasks, -1, -1), bias.expand(tasks, 1, -1)
    for _ in range(inner_steps):
        error = (torch.softmax(torch.baddbmm(b, features, w), -1) - targets) / n
        w = w - alpha * (features.mT @ error)
        b = b - alpha * error.sum(1, keepdim=True)
    return w, b


def ideal_loss(alpha: float, inner_steps: int, ways: int, length: float) -> float:
    """Loss left where a class' features are all the same and orthogonal to every other class'.

    After one step from a head of zeros, no features of that length leave less if their cosines are
    not negative, as after a ReLU. The number of shots does not matter.

    Args:
        alpha, inner_steps: of the inner loop.
        ways: classes.
        length: of the features that the head sees.
    """
    features = length * torch.eye(ways, dtype=torch.float64)
    start = torch.zeros(ways, ways, dtype=torch.float64), torch.zeros(ways, dtype=torch.float64)
    w, b = adapt(features[None], torch.eye(ways, dtype=torch.float64), *start, alpha, inner_steps)
    return float(F.cross_entropy((features @ w + b)[0], torch.arange(ways)))


def estimate(raw: Tensor, seen: Tensor, sigma2: Sigma2) -> Tensor:
    """alpha* = 1 / (2 N_way N_shot sigma^2) of a meta-batch (section H.3, deep learning).

    F is the n x d matrix of the raw features of a task's n = N_way N_shot support images, each
    divided by its length. sigma^2, "mean of covariance of the normalized feature F'F", is the mean
    over tasks of the reading asked for. (H.14) needs no sigma^2.

    Args:
        raw: (tasks, n, d), features of the support images.
        seen: the same as the head sees them, after the forward normalisation.
        sigma2: gram, the mean entry of F F'; covsum, that of F'F; cov, that of F'F / n; var, the
            variance of the entries of F; trace, (H.14) = n tr G^2 / (2 tr G^3) with G = Phi'Phi of
            the features seen.

    Returns:
        The rate, for the mean loss; a scalar in float64 where the features are.

    Raises:
        InnerlrError: an unknown sigma2.
    """
    choice(sigma2, "sigma2", get_args(Sigma2))
    (n, d), raw, seen = raw.shape[1:], raw.detach(), seen.detach()
    if sigma2 == "trace":
        phi = seen.double()
        gram = phi @ phi.mT if n < d else phi.mT @ phi
        square = gram @ gram
        second, third = gram.square().sum(), (square * gram).sum()
        return n * second / (2 * third)
    unit = F.normalize(raw.double(), dim=-1)
    if sigma2 == "gram":
        value = unit.sum(1).square().sum(-1) / n**2
    elif sigma2 in ("covsum", "cov"):
        value = unit.sum(2).square().sum(-1) / d**2
        value = value if sigma2 == "covsum" else value / n
    else:  # var
        value = unit.flatten(1).var(1, correction=0)
    return 1 / (2 * n * value.mean())


@dataclass
class Outcome:
    """A meta-batch; all are scalars where the images are, so that a step waits for none of them.

    Attributes:
        loss: mean cross-entropy of the queries after adaptation; carries the gradient.
        accuracy: their share classified rightly.
        alpha: the rate used, on the mean loss.
        norm: mean length of the raw features.
    """

    loss: Tensor
    accuracy: Tensor
    alpha: Tensor
    norm: Tensor


class Anil(nn.Module):
    """The network, its inner loop and its adaptation learning rate.

    Args:
        network: features and initial head.
        ways, shots: of a task; the first `shots` images of each class are its support.
        inner_steps: of the inner loop.
        forward_norm: of the features before the head.
        alpha: a number; "online", the paper's estimate in a buffer; "alpha_lim", ours in a buffer,
            :func:`innerlr.head_alpha` of the features that the head sees; "learned", a parameter
            that is trained with the rest (Meta-SGD's scalar).
        sigma2: reading of the online estimate.
        keep: share of the old value when the buffer is updated; it starts at the first estimate.
        inner_loss: mean | sum, the loss that `alpha` is for; a rate on the sum is worth ways x
            shots times itself, but alpha_lim is always for the mean.
        batch_norm: together | separate, whether support and query images share batch statistics.
        first_alpha: where a learned rate starts.
        precision: float32, or bfloat16 for the convolutions; tf32 is for whoever trains it to set
            (:func:`replication.training.device.convolutions`).

    Raises:
        InnerlrError: a name that is none of those an argument takes.
    """

    buffer: Tensor
    targets: Tensor

    def __init__(
        self,
        network: ConvNet,
        *,
        ways: int,
        shots: int,
        inner_steps: int,
        forward_norm: ForwardNorm,
        alpha: float | AlphaName,
        sigma2: Sigma2 = "covsum",
        keep: float = 0.9,
        inner_loss: InnerLoss = "mean",
        batch_norm: BatchNorm = "together",
        first_alpha: float = 0.1,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        choice(forward_norm, "forward_norm", get_args(ForwardNorm))
        choice(sigma2, "sigma2", get_args(Sigma2))
        choice(inner_loss, "inner_loss", get_args(InnerLoss))
        choice(batch_norm, "batch_norm", get_args(BatchNorm))
        choice(precision, "precision", get_args(Precision))
        if isinstance(alpha, str):
            choice(alpha, "alpha", get_args(AlphaName))
        self.network, self.ways, self.shots, self.inner_steps = network, ways, shots, inner_steps
        self.forward_norm, self.given, self.sigma2, self.keep = forward_norm, alpha, sigma2, keep
        self.per_alpha = ways * shots if inner_loss == "sum" and alpha != "alpha_lim" else 1
        self.buffered = alpha in ("online", "alpha_lim")
        self.batch_norm, self.precision = batch_norm, precision
        dtype = network.head_weight.dtype
        self.register_buffer("targets", torch.eye(ways, dtype=dtype).repeat_interleave(shots, 0))
        self.register_buffer("buffer", torch.tensor(math.nan, dtype=torch.float64))
        if alpha == "learned":
            self.learned = nn.Parameter(torch.tensor(first_alpha, dtype=dtype))

    def alpha(self) -> Tensor | float:
        """The rate in use, on the mean loss."""
        if self.given == "learned":
            return self.learned * self.per_alpha
        return (self.buffer if self.buffered else float(self.given)) * self.per_alpha

    def observe(self, raw: Tensor, support: Tensor, query: Tensor) -> None:
        """The online update of the buffer, 0.9 of the old value and 0.1 of the new estimate.

        Args:
            raw: (tasks, ways shots, d), features of the support images.
            support, query: (tasks, ..., d), features as the head sees them.
        """
        if self.given == "online":
            value = estimate(raw, support, self.sigma2)
        else:
            value = self.buffer.new_tensor(
                head_alpha(
                    support, query, classes=self.ways, loss="cross_entropy", steps=self.inner_steps
                )
            )
        kept = self.keep * self.buffer + (1 - self.keep) * value
        self.buffer.copy_(torch.where(self.buffer.isnan(), value, kept))

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw features of support (tasks, ways shots, d) and query (tasks, ways query_shots, d).

        Args:
            images: (tasks, ways, shots + query_shots, height, width), ink in [0, 1].
        """
        tasks, ways, each, *size = images.shape
        if self.batch_norm == "separate":
            halves = images.split([self.shots, each - self.shots], 2)
            support, query = (self._network(half.reshape(tasks, -1, *size)) for half in halves)
            return support, query
        made = self._network(images.reshape(tasks, -1, *size)).view(tasks, ways, each, -1)
        return made[:, :, : self.shots].flatten(1, 2), made[:, :, self.shots :].flatten(1, 2)

    def _network(self, images: Tensor) -> Tensor:
        return self.network(images, dtype=torch.bfloat16 if self.precision == "bfloat16" else None)

    def forward(self, images: Tensor, *, update: bool = False) -> Outcome:
        """Adapt to every task and classify its queries.

        Args:
            images: (tasks, ways, shots + query_shots, height, width), ink in [0, 1].
            update: whether the online estimate takes these tasks in, before they are adapted to.
        """
        raw, raw_query = self.features(images)
        support, query = (normalised(f, self.forward_norm) for f in (raw, raw_query))
        if self.buffered and update:
            self.observe(raw, support, query)
        elif self.buffered and self.buffer.isnan():
            raise InnerlrError(
                f"alpha: {self.given!r} has no estimate yet. Pass update=True for the first "
                "meta-batch."
            )
        alpha, head = self.alpha(), (self.network.head_weight, self.network.head_bias)
        w, b = adapt(support, self.targets, *head, alpha, self.inner_steps)
        logits = torch.baddbmm(b, query, w)
        labels = torch.arange(self.ways, device=images.device)
        labels = labels.repeat_interleave(query.shape[1] // self.ways).repeat(len(images))
        loss = F.cross_entropy(logits.flatten(0, 1), labels)
        accuracy = (logits.detach().flatten(0, 1).argmax(-1) == labels).float().mean()
        with torch.no_grad():
            norm = torch.linalg.vector_norm(raw, dim=-1).mean()
        used = torch.as_tensor(alpha, dtype=torch.float64, device=images.device).detach()
        return Outcome(loss, accuracy, used, norm)


def as_input(images: Any, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images of bytes as a tensor with ink in [0, 1] on `device`."""
    ink = torch.from_numpy(images)
    if device.type == "cuda":
        ink = ink.pin_memory()  # a copy from other memory would wait for the steps before it
    return ink.to(device, non_blocking=True).to(dtype) / 255
