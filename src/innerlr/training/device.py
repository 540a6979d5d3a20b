"""Where networks are trained."""

from __future__ import annotations

import ctypes

import torch

from innerlr.errors import InnerlrError, nearest

DEVICES = ("auto", "cpu", "cuda")


def resolve(name: str) -> torch.device:
    """The device called `name`; auto is the GPU where there is one.

    Raises:
        InnerlrError: an unknown name, or cuda without a GPU that PyTorch can use.
    """
    if name not in DEVICES:
        raise InnerlrError(f"device: unknown {name!r}. {nearest(name, DEVICES)}")
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
