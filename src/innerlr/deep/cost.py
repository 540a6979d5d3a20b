"""What was understood, how it is computed and what that takes: said before it is spent."""

from __future__ import annotations

import logging
from typing import NamedTuple

from innerlr.choices import ModelMethod
from innerlr.deep.grams import ROWS
from innerlr.deep.linearised import Linearised

LOG = logging.getLogger("innerlr")

# Above this product of a task's rows and parameters, exact Grams take too long: random probes.
PROBES = 5e8
# Seconds and bytes above which the cost is a warning, which Python shows unless told not to.
LONG, LARGE = 60.0, 1 << 31


class Plan(NamedTuple):
    """How one task is done.

    Attributes:
        method: jacobian, products or probes.
        products: passes through the model's graph, forward or backward.
        memory: bytes, beside the model and the activations of its two calls.
    """

    method: ModelMethod
    products: int
    memory: int

    def said(self, seconds: float, tasks: int | None) -> str:
        """What it takes, in words.

        Args:
            seconds: of one product.
            tasks: how many, where known.
        """
        each = self.products * seconds
        whole = (
            f"about {duration(each)} a task"
            if tasks is None
            else (f"about {duration(each * tasks)} for {tasks} tasks")
        )
        return (
            f"method {self.method!r}: {self.products} products a task, {whole}, {size(self.memory)}"
        )


def plan(
    support: Linearised, query: Linearised | None, method: ModelMethod, steps: int, probes: int
) -> Plan:
    """The method asked for, or the best for the sizes of a task, and its cost."""
    n, m = support.outputs, 0 if query is None else query.outputs
    vector = support.count * support.flat.element_size()
    rows = (n + m) * vector
    if method == "auto":
        if rows <= ROWS:
            method = "jacobian"
        elif n * support.count <= PROBES:
            method = "products"
        else:
            method = "probes"
    if method == "jacobian":
        return Plan(method, n + m, min(rows, ROWS))
    if method == "products":
        return Plan(method, (2 + (query is not None)) * n, 4 * vector)
    return Plan(method, (2 * steps + 1) * probes, 4 * vector)


class Understood:
    """What a user's tasks were taken for, in numbers that show a mistake.

    Args:
        adapts: what of the model does.
    """

    def __init__(self, adapts: str) -> None:
        self.adapts, self.tasks = adapts, 0
        self.shots: set[int] = set()
        self.queries: set[int] = set()
        self.outputs: set[int] = set()
        self.parameters = 0
        self.methods: set[str] = set()

    def add(self, shots: int, queries: int | None, outputs: int, parameters: int) -> None:
        """One more task."""
        self.tasks += 1
        self.shots.add(shots)
        if queries is not None:
            self.queries.add(queries)
        self.outputs.add(outputs)
        self.parameters = max(self.parameters, parameters)

    def said(self, tasks: int | None = None) -> str:
        """In words; `tasks` is their number where not all have been read."""
        n = self.tasks if tasks is None else tasks
        query = counted(self.queries, "query", "queries") if self.queries else "no query apart"
        return ", ".join(
            [
                counted({n}, "task"),
                counted(self.shots, "shot"),
                query,
                counted(self.outputs, "output"),
                f"{counted({self.parameters}, 'parameter')}{self.adapts}",
            ]
        )


def counted(numbers: set[int], one: str, more: str | None = None) -> str:
    """Numbers of something, or their range: "5 shots", "1 to 5 shots"."""
    low, high = min(numbers), max(numbers)
    amount = f"{high:,}" if low == high else f"{low:,} to {high:,}"
    return f"{amount} {one if high == 1 else more or f'{one}s'}"


def announce(understood: Understood, plan: Plan | None, seconds: float, tasks: int | None) -> None:
    """Log what was understood, and what it will take; as a warning where that is much.

    Args:
        understood: of the first task.
        plan: of the first task; None for a plain head, which takes one call a task.
        seconds: of one product.
        tasks: how many there are, where known.
    """
    said, level = understood.said(tasks), logging.INFO
    if plan is not None:
        spent = plan.products * seconds * (1 if tasks is None else tasks)
        level = logging.WARNING if spent > LONG or plan.memory > LARGE else logging.INFO
        said = f"{said}; {plan.said(seconds, tasks)}"
    LOG.log(level, said)


def duration(seconds: float) -> str:
    """In words."""
    if seconds < 90:
        return f"{seconds:.1g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"


def size(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"
