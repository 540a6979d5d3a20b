"""Where networks are trained."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import torch

from innerlr.checks import choice
from innerlr.errors import InnerlrError
from replication.settings.choices import Device, Precision


def resolve(name: Device) -> torch.device:
    """The device called `name`; auto is the GPU where there is one.

    Raises:
        InnerlrError: an unknown name, or cuda without a GPU that PyTorch can use.
    """
    choice(name, "device", get_args(Device))
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InnerlrError(
            f"device: 'cuda' was asked for, but PyTorch {torch.__version__} finds no GPU. "
            "Set `device: auto` or `device: cpu`, or install a build of PyTorch for your GPU."
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def describe(device: torch.device) -> str:
    """The device as records name it: cpu, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def begin(name: Device, threads: int) -> tuple[torch.device, str]:
    """Ready this process for training.

    Args:
        name: as for :func:`resolve`.
        threads: of the processor.

    Returns:
        The device, and how records name it.
    """
    torch.set_num_threads(threads)
    keep_memory()
    device = resolve(name)
    return device, describe(device)


@contextmanager
def convolutions(precision: Precision) -> Iterator[None]:
    """A block in which a GPU's convolutions of float32 are exact, or with tf32 rounded to 10 bits.

    PyTorch rounds them unless told otherwise. A processor's are not changed.

    Args:
        precision: tf32; all others are exact.

    Raises:
        InnerlrError: an unknown precision.
    """
    choice(precision, "precision", get_args(Precision))
    backend: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # not in its stubs
    before = backend.fp32_precision
    backend.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        backend.fp32_precision = before


def keep_memory() -> bool:
    """Let this process keep freed memory, which training asks for again at every step.

    glibc hands large blocks back to the kernel, so that every step pays for fresh pages: a quarter
    of the time of a stack of small networks.

    Returns:
        Whether the C library has such a setting; elsewhere nothing is changed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    trim, mmap = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    # glibc refuses a threshold above 32 MiB for blocks mapped one by one
    return bool(mallopt(mmap, 1 << 25)) and bool(mallopt(trim, 1 << 30))
