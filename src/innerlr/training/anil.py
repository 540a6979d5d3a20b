"""ANIL (Raghu et al., 2020): a shared convolutional network, its head adapted to each task.

A few tasks are one pass through the network, all of them one through the head. A task's images
share their batch statistics, so that the first layer, of one channel, is a matrix product over
3 x 3 patches with its batch norm folded in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerlr.errors import InnerlrError, nearest
from innerlr.models import head_alpha

EPS = 1e-5  # of batch and layer norm
IN_CACHE = 80  # images at a time on a CPU, whose caches do not hold a meta-batch's first layer
FORWARD_NORMS = ("none", "l2", "l2sqrtd", "layernorm")
SIGMA2 = ("gram", "covsum", "cov", "var", "trace")


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

    def forward(self, images: Tensor) -> Tensor:
        """Features (tasks, n, width) of images (tasks, n, height, width), with ink in [0, 1].

        Batch statistics are those of each task's n images.
        """
        tasks, n = images.shape[:2]
        patches, filters, size = self._first_layer(images)
        at_once = n * (max(1, IN_CACHE // n) if images.device.type == "cpu" else tasks)
        parts = zip(patches.split(at_once), filters.split(at_once), strict=True)
        return torch.cat([self._of_images(*part, size, n) for part in parts]).view(tasks, n, -1)

    def _first_layer(self, images: Tensor) -> tuple[Tensor, Tensor, list[int]]:
        """First convolution and batch norm as a product of patches and filters.

        The output of filter w on a patch p is w'p, so its mean and variance over a task are
        w'mean(p) and w'Cov(p) w: batch norm is a product of the centred patches with w over its
        standard deviation.

        Returns:
            Of every image its patches (tasks n, h w, 9) and its task's filters (tasks n, 9, width),
            and the size [h, w] of the output.
        """
        tasks, n = images.shape[:2]
        windows = F.pad(images, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2)
        h, w = windows.shape[2:4]
        # tap by tap: three times as fast to gather as patch by patch
        taps = windows.permute(0, 1, 4, 5, 2, 3).reshape(tasks, n, 9, h * w)
        # sums image by image, then over images: one long float32 sum would lose two digits
        taps = taps - taps.mean(3, keepdim=True).mean(1, keepdim=True)
        covariance = (taps @ taps.mT).mean(1) / (h * w)
        filters = self.kernels[0].reshape(-1, 9).T  # 9 x width
        variance = (filters * (covariance @ filters)).sum(1, keepdim=True)  # tasks x 1 x width
        folded = filters * (self.gains[0] * torch.rsqrt(variance + EPS))
        each = folded.unsqueeze(1).expand(-1, n, -1, -1).reshape(tasks * n, 9, -1)
        return taps.flatten(0, 1).mT, each, [h, w]

    def _first_output(self, patches: Tensor, filters: Tensor, size: list[int]) -> Tensor:
        """Output of the first block, (images, width, h, w), channels last."""
        x = torch.baddbmm(self.offsets[0].expand(len(patches), 1, -1), patches, filters).relu_()
        return x.unflatten(1, size).permute(0, 3, 1, 2)

    def _of_images(self, patches: Tensor, filters: Tensor, size: list[int], n: int) -> Tensor:
        """Features (images, width) of whole tasks of n images."""
        x = self._first_output(patches, filters, size)
        for kernel, gain, offset in list(zip(self.kernels, self.gains, self.offsets, strict=True))[
            1:
        ]:
            x = F.conv2d(x, kernel, stride=2, padding=1)
            # faster task by task than as one reduction over a reshaped axis
            parts = [
                F.batch_norm(part, None, None, gain, offset, training=True, eps=EPS)
                for part in x.split(n)
            ]
            x = torch.cat(parts).relu_()
        return x.mean((2, 3))


def normalised(features: Tensor, how: str) -> Tensor:
    """The features that the head sees; last axis d.

    Args:
        how: none; l2, unit length; l2sqrtd, length sqrt(d); layernorm, mean 0 and variance 1 over
            the features of an example.
    """
    if how == "none":
        return features
    if how == "layernorm":
        return F.layer_norm(features, features.shape[-1:], eps=EPS)
    unit = F.normalize(features, dim=-1)
    if how == "l2":
        return unit
    if how == "l2sqrtd":
        return unit * math.sqrt(features.shape[-1])
    raise InnerlrError(f"forward_norm: unknown {how!r}. {nearest(how, FORWARD_NORMS)}")


def adapt(
    features: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor,
    rate: Tensor | float,
    steps: int,
) -> tuple[Tensor, Tensor]:
    """The head after `steps` gradient steps on the mean cross-entropy, differentiable to any order.

    With E = (softmax(F W + b) - Y) / n the gradient is F'E in W and 1'E in b.

    Args:
        features: (tasks, n, d), F.
        targets: (n, ways), Y, one-hot, the same for all tasks.
        weight: (d, ways), W at the start.
        bias: (ways,), b at the start.
        rate: the adaptation learning rate.
        steps: how many.

    Returns:
        W (tasks, d, ways) and b (tasks, 1, ways).
    """
    tasks, n = features.shape[:2]
    w, b = weight.expand(tasks, -1, -1), bias.expand(tasks, 1, -1)
    for _ in range(steps):
        error = (torch.softmax(torch.baddbmm(b, features, w), -1) - targets) / n
        w = w - rate * (features.mT @ error)
        b = b - rate * error.sum(1, keepdim=True)
    return w, b


def ideal_loss(rate: float, steps: int, ways: int, length: float) -> float:
    """Loss left where a class' features are all the same and orthogonal to every other class'.

    After one step from a head of zeros, no features of that length leave less if their cosines are
    not negative, as after a ReLU. The number of shots does not matter.

    Args:
        rate, steps: of the inner loop.
        ways: classes.
        length: of the features that the head sees.
    """
    features = length * torch.eye(ways, dtype=torch.float64)
    start = torch.zeros(ways, ways, dtype=torch.float64), torch.zeros(ways, dtype=torch.float64)
    w, b = adapt(features[None], torch.eye(ways, dtype=torch.float64), *start, rate, steps)
    return float(F.cross_entropy((features @ w + b)[0], torch.arange(ways)))


def estimate(raw: Tensor, seen: Tensor, sigma2: str) -> Tensor:
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
    """
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
    elif sigma2 == "var":
        value = unit.flatten(1).var(1, correction=0)
    else:
        raise InnerlrError(f"sigma2: unknown {sigma2!r}. {nearest(sigma2, SIGMA2)}")
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
        steps: of the inner loop.
        forward_norm: of the features before the head.
        rate: a number; "online", the paper's estimate in a buffer; "alpha_lim", ours in a buffer,
            :func:`innerlr.head_alpha` of the features that the head sees; "learned", a parameter
            that is trained with the rest (Meta-SGD's scalar).
        sigma2: reading of the online estimate.
        keep: share of the old value when the buffer is updated; it starts at the first estimate.
        inner_loss: mean | sum, the loss that `rate` is for; a rate on the sum is worth ways x shots
            times itself, but alpha_lim is always for the mean.
        batch_norm: together | separate, whether support and query images share batch statistics.
        first_rate: where a learned rate starts.
        precision: float32, or bfloat16 for the convolutions; tf32 is for whoever trains it to set
            (:func:`innerlr.training.device.convolutions`).
    """

    buffer: Tensor
    targets: Tensor

    def __init__(
        self,
        network: ConvNet,
        *,
        ways: int,
        shots: int,
        steps: int,
        forward_norm: str,
        rate: float | str,
        sigma2: str = "covsum",
        keep: float = 0.9,
        inner_loss: str = "mean",
        batch_norm: str = "together",
        first_rate: float = 0.1,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.network, self.ways, self.shots, self.steps = network, ways, shots, steps
        self.forward_norm, self.rate, self.sigma2, self.keep = forward_norm, rate, sigma2, keep
        self.per_rate = ways * shots if inner_loss == "sum" and rate != "alpha_lim" else 1
        self.buffered = rate in ("online", "alpha_lim")
        self.batch_norm, self.precision = batch_norm, precision
        dtype = network.head_weight.dtype
        self.register_buffer("targets", torch.eye(ways, dtype=dtype).repeat_interleave(shots, 0))
        self.register_buffer("buffer", torch.tensor(math.nan, dtype=torch.float64))
        if rate == "learned":
            self.learned = nn.Parameter(torch.tensor(first_rate, dtype=dtype))

    def alpha(self) -> Tensor | float:
        """The rate in use, on the mean loss."""
        if self.rate == "learned":
            return self.learned * self.per_rate
        return (self.buffer if self.buffered else float(self.rate)) * self.per_rate

    def observe(self, raw: Tensor, support: Tensor, query: Tensor) -> None:
        """The online update of the buffer, 0.9 of the old value and 0.1 of the new estimate.

        Args:
            raw: (tasks, ways shots, d), features of the support images.
            support, query: (tasks, ..., d), features as the head sees them.
        """
        if self.rate == "online":
            value = estimate(raw, support, self.sigma2)
        else:
            value = self.buffer.new_tensor(
                head_alpha(
                    support, query, classes=self.ways, loss="cross_entropy", steps=self.steps
                )
            )
        kept = self.keep * self.buffer + (1 - self.keep) * value
        self.buffer.copy_(torch.where(self.buffer.isnan(), value, kept))

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Raw features of support (tasks, ways shots, d) and query (tasks, ways queries, d).

        Args:
            images: (tasks, ways, shots + queries, height, width), ink in [0, 1].
        """
        tasks, ways, each, *size = images.shape
        if self.batch_norm == "separate":
            halves = images.split([self.shots, each - self.shots], 2)
            support, query = (self._network(half.reshape(tasks, -1, *size)) for half in halves)
            return support, query
        made = self._network(images.reshape(tasks, -1, *size)).view(tasks, ways, each, -1)
        return made[:, :, : self.shots].flatten(1, 2), made[:, :, self.shots :].flatten(1, 2)

    def _network(self, images: Tensor) -> Tensor:
        if self.precision != "bfloat16":
            return self.network(images)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            return self.network(images).to(images.dtype)

    def forward(self, images: Tensor, *, update: bool = False) -> Outcome:
        """Adapt to every task and classify its queries.

        Args:
            images: (tasks, ways, shots + queries, height, width), ink in [0, 1].
            update: whether the online estimate takes these tasks in, before they are adapted to.
        """
        raw, raw_query = self.features(images)
        support, query = (normalised(f, self.forward_norm) for f in (raw, raw_query))
        if self.buffered and update:
            self.observe(raw, support, query)
        elif self.buffered and self.buffer.isnan():
            raise InnerlrError(
                f"rate: {self.rate!r} has no estimate yet. Pass update=True for the first "
                "meta-batch."
            )
        alpha, head = self.alpha(), (self.network.head_weight, self.network.head_bias)
        w, b = adapt(support, self.targets, *head, alpha, self.steps)
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
