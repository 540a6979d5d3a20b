"""Types that many sections share: numbers that a machine holds, lists that are not empty, names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

Entry = TypeVar("Entry")
Values = TypeVar("Values", bound=Sequence[Any])

# Bounds of sizes keep out slips (a key held down, 1e12 tasks), far above all that is ever run.
Count = Annotated[int, Field(gt=0, le=10**8)]  # tasks, steps
Samples = Annotated[int, Field(gt=0, le=10**6)]  # samples of a task
Dim = Annotated[int, Field(gt=0, le=10**5)]  # features: a Gram matrix has its square
Width = Annotated[int, Field(gt=0, le=10**7)]  # units of one hidden layer
Seeds = Annotated[int, Field(gt=0, le=10**4)]  # a job each where networks are trained
Repetitions = Annotated[int, Field(gt=0, le=10**6)]
# fewer than 12 points draw no curve
GridPoints = Annotated[int, Field(ge=12, le=10**5)]
Log2 = Annotated[int, Field(gt=0, le=26)]  # exponents of numbers of tasks

_SMALLEST, _LARGEST = 1e-20, 1e12


def _not_tiny(value: float) -> float:
    if value < _SMALLEST:
        raise ValueError(f"expected at least {_SMALLEST}, got {value}: its square is lost")
    return value


# The fourth power of what is computed with them is still a number.
Real = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
NonNegative = Annotated[float, Field(ge=0, le=_LARGEST)]
Point = Annotated[list[Real], Field(min_length=2, max_length=2)]
Positive = Annotated[float, Field(gt=0, le=_LARGEST), AfterValidator(_not_tiny)]


def _distinct(values: Values) -> Values:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{value!r} stands there twice. Keep one of them")
    return values


NotRepeated = AfterValidator(_distinct)
# a list of different values, and one of at least one
Distinct = Annotated[list[Entry], Field(max_length=1000), NotRepeated]
Several = Annotated[list[Entry], Field(min_length=1, max_length=1000), NotRepeated]

# names of files and columns are made of it
PanelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
Named = Annotated[dict[PanelName, Entry], Field(min_length=1)]
SpecificationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]
