"""`innerlr alpha`: the learning rate of features in a file, read a few tasks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from innerlr.bounds import BoundSums
from innerlr.checks import Array, as_array, positive
from innerlr.errors import InnerlrError, nearest
from innerlr.estimators import EntrySums, alpha_lim, alpha_lim_split
from innerlr.io.files import open_arrays
from innerlr.io.stored import Stored

AXES = {"features": ("tasks", "shots", "dim"), "query": ("tasks", "query shots", "dim")}
# what a file for an own experiment holds beside them
UNUSED = ("targets", "query_targets", "optima")


def estimate(path: str | Path, *, steps: int = 1, h15: bool = False) -> Iterator[str]:
    """Lines of the rates, and of what was understood.

    Args:
        path: .npy of features (tasks, shots, dim), or .npz with `features`, and `query` where the
            outer loss is on other samples.
        steps: of the inner loop.
        h15: also (H.15).

    Raises:
        InnerlrError: another file; arrays of another shape or unknown name; a rate that does not
            exist.
    """
    positive(steps, "--steps", integer=True)
    arrays = open_arrays(path)
    _check(path, arrays)
    features, query = arrays["features"], arrays.get("query")
    bounds = BoundSums() if query is None and steps == 1 else None
    entries = EntrySums() if h15 else None
    both = [features] if query is None else [features, query]
    step = min(array.tasks_in_a_chunk() for array in both)
    chunks = _chunks(path, features, step, bounds, entries)
    if query is None:
        name, value = "alpha_lim (3.3)", alpha_lim(chunks, steps=steps)
    else:
        theirs = _chunks(path, query, step, None, None)
        name, value = "alpha_lim (H.6)", alpha_lim_split(chunks, theirs, steps=steps)
    rows = {name + (f", {steps} steps" if steps != 1 else ""): value}
    if bounds is not None:
        rows |= dict(zip(("lower bound", "upper bound"), bounds.bounds(), strict=True))
    for name, value in rows.items():
        yield f"{name:25s} {value:.6g}"
    if entries is not None:
        yield (
            f"{'alpha_est (H.15)':25s} {entries.alpha_est():.6g}  (the paper's estimate where "
            "parameters outnumber all samples; it falls with the number of tasks)"
        )
    yield from (_understood(arrays[name]) for name in AXES if name in arrays)
    for name in UNUSED:
        if name in arrays:
            yield f"{name}: not needed, the rates do not depend on it"
    yield "Rates of a loss without 1/2; double them for one with 1/2."


def _check(path: str | Path, arrays: dict[str, Stored]) -> None:
    known = (*AXES, *UNUSED)
    unknown = [name for name in arrays if name not in known]
    if unknown or "features" not in arrays:
        holds = ", ".join(map(repr, arrays)) or "none"
        mend = nearest(unknown[0].lower(), known) if unknown else "Save them under that name."
        what = f"unknown array {unknown[0]!r}" if unknown else "no array 'features'"
        raise InnerlrError(
            f"{path}: {what}; it holds {holds}. Expected 'features' (tasks, shots, dim) and "
            f"perhaps 'query'. {mend}"
        )
    for name, axes in AXES.items():
        if name in arrays and len(arrays[name].shape) != len(axes):
            raise InnerlrError(
                f"{path}: {name}: expected shape ({', '.join(axes)}), got {arrays[name].shape}. "
                "A single task needs a leading axis of length 1."
            )
    if "query" in arrays:
        mine, theirs = arrays["features"].shape, arrays["query"].shape
        if (mine[0], mine[2]) != (theirs[0], theirs[2]):
            raise InnerlrError(
                f"{path}: features and query: expected the same tasks and dim, got {mine} against "
                f"{theirs}. Save them as (tasks, shots, dim) both."
            )


def _understood(array: Stored) -> str:
    tasks, shots, dim = array.shape
    return f"{array.name}: {tasks:,} tasks of {shots:,} shots, {dim:,} features ({array.dtype})"


def _chunks(
    path: str | Path,
    array: Stored,
    step: int,
    bounds: BoundSums | None,
    entries: EntrySums | None,
) -> Iterator[Array]:
    """Checked chunks; the sums of what else is asked for are made on the way."""
    start = 0
    for raw in array.chunks(step):
        chunk = as_array(raw, f"{path}: {array.name}", AXES[array.name], start=start)
        start += len(chunk)
        if bounds is not None:
            bounds.add(chunk)
        if entries is not None:
            entries.add(chunk)
        yield chunk
