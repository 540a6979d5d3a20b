"""The rate of a model, kept up to date while the model is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from innerlr.choices import LossName, ModelMethod
from innerlr.errors import InnerlrError
from innerlr.models import ModelSettings

if TYPE_CHECKING:
    from torch import Tensor, nn


class OnlineAlpha:
    """The rate of :func:`innerlr.model_alpha`, kept up to date during training (section H.3).

    Args:
        model, head, loss, steps, method, probes, block: as for :func:`innerlr.model_alpha`.
        output: the tensor (samples, ...) that the loss is of, as there.
        keep: share of the old value at each update; it starts at the first estimate.

    Attributes:
        value: the rate, for the loss as PyTorch has it; None before the first update.

    Raises:
        InnerlrError: an unknown loss or head, a setting out of its range.

    Example:
        >>> import torch
        >>> online = OnlineAlpha(torch.nn.Linear(1, 1, bias=False), keep=0.5)
        >>> online.update(torch.ones(1, 4, 1))
        0.5
        >>> online.update(2 * torch.ones(1, 4, 1))  # 1/8 by itself
        0.3125
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
        keep: float = 0.9,
    ) -> None:
        if not (isinstance(keep, int | float) and 0 <= keep < 1):
            raise InnerlrError(
                f"keep: expected a number from 0 to below 1, got {keep!r}. The paper's is 0.9."
            )
        self.keep = keep
        self._settings = ModelSettings(
            model,
            head=head,
            loss=loss,
            steps=steps,
            output=output,
            method=method,
            probes=probes,
            block=block,
        )
        self.value: float | None = None

    def update(
        self,
        support: ArrayLike | Tensor | Iterable[Tensor] | Mapping[str, Any],
        query: ArrayLike | Tensor | Iterable[Tensor] | Mapping[str, Any] | None = None,
    ) -> float:
        """The rate after a meta-batch: alpha <- keep alpha + (1 - keep) alpha*.

        Args:
            support: inputs (tasks, samples, ...), in any form that :func:`innerlr.model_alpha`
                takes.
            query: the same (tasks, samples, ...) of the outer loss; None where they are the
                support's.

        Returns:
            The new `value`.

        Raises:
            InnerlrError: as for :func:`innerlr.model_alpha`.
        """
        new = float(self._settings.rate(support, query))
        self.value = new if self.value is None else self.keep * self.value + (1 - self.keep) * new
        return self.value

    def state_dict(self) -> dict[str, float | None]:
        """What a checkpoint needs beside the model, as PyTorch's optimisers have it.

        Returns:
            `value` and `keep`.
        """
        return {"value": self.value, "keep": self.keep}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Args:
            state: what :meth:`state_dict` gave.

        Raises:
            InnerlrError: it is something else.
        """
        if set(state) != {"value", "keep"}:
            raise InnerlrError(
                f"state: expected the keys 'value' and 'keep', got {sorted(map(str, state))}. "
                "Give what state_dict returned."
            )
        value, keep = state["value"], state["keep"]
        real = value is None or (isinstance(value, int | float) and 0 < value < float("inf"))
        if not real or not (isinstance(keep, int | float) and 0 <= keep < 1):
            raise InnerlrError(
                f"state: expected a rate above 0 or None, and `keep` from 0 to below 1, got "
                f"{value!r} and {keep!r}. Give what state_dict returned."
            )
        self.value, self.keep = value, keep
