"""An experiment of the user's own: features from a file or a function, no code of ours touched."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from innerlr.bounds import alpha_bounds
from innerlr.checks import Array, as_array
from innerlr.errors import InnerlrError, nearest
from innerlr.estimators import alpha_est, alpha_lim, alpha_lim_split
from innerlr.intervals import bootstrap_interval
from innerlr.io.files import load_arrays
from innerlr.moments import GramMoments
from replication.experiment import Arrays, Experiment, prefixed, table, unprefixed
from replication.figures.own import quantities as q
from replication.figures.own.settings import OwnExperiment
from replication.minimisers import alpha_star
from replication.quantity import Estimates, registered, with_interval

# array: its axes; features always
KNOWN = {
    "features": ("tasks", "shots", "dim"),
    "targets": ("tasks", "shots"),
    "optima": ("tasks", "dim"),
    "query": ("tasks", "query shots", "dim"),
    "query_targets": ("tasks", "query shots"),
}


class Minimum(NamedTuple):
    """The minimum of a training loss over the rate.

    Attributes:
        star: the rate.
        capped: whether the search ended at its cap.
        lowest, at_limit: the loss there, and at alpha_lim.
    """

    star: float
    capped: bool
    lowest: float
    at_limit: float


class Own(Experiment):
    """Sweep and estimates on the user's tasks.

    A file's tasks are taken as they are at the first seed and resampled with replacement at every
    other one, for a bootstrap interval; a function is called once a seed, and intervals are those
    of a mean over independent repetitions.
    """

    cfg: OwnExperiment

    def _read(self) -> Mapping[str, Any]:
        if self.cfg.file is not None:
            return load_arrays(self.cfg.file, default="features")
        return {}

    def _call(self, seed: int) -> Mapping[str, Any]:
        module, _, name = (self.cfg.function or "").partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:  # the module's own code runs
            raise InnerlrError(
                f"experiments.{self.name}.function: cannot import {self.cfg.function!r}: "
                f"{type(error).__name__}: {error}. Write 'module:function', make the module "
                "importable (PYTHONPATH) and mend what it raises. Set INNERLR_DEBUG=1 for the "
                "traceback."
            ) from error
        try:
            result = function(self.rng(seed), **self.cfg.options)
        except Exception as error:
            raise InnerlrError(
                f"experiments.{self.name}.function: {self.cfg.function}(rng, **options) with "
                f"options {self.cfg.options} raised {type(error).__name__}: {error}. "
                "Set INNERLR_DEBUG=1 for the traceback."
            ) from error
        return result if isinstance(result, Mapping) else {"features": result}

    def _checked(self, raw: Mapping[str, Any]) -> Arrays:
        where = f"experiments.{self.name}"
        unknown = [str(key) for key in raw if key not in KNOWN]
        if unknown or "features" not in raw:
            mend = nearest(unknown[0], KNOWN) if unknown else "Add `features`."
            raise InnerlrError(
                f"{where}: expected the arrays {', '.join(KNOWN)} (features always), got "
                f"{', '.join(map(str, raw)) or 'none'}. {mend}"
            )
        arrays = {
            key: as_array(raw[key], f"{where}: {key}", axes)
            for key, axes in KNOWN.items()
            if key in raw
        }
        if "targets" in arrays and "optima" in arrays:
            raise InnerlrError(f"{where}: got targets and optima. Give one of them.")
        split = {"query", "query_targets"} & set(arrays)
        if "targets" in arrays and len(split) == 1:
            missing = ({"query", "query_targets"} - split).pop()
            raise InnerlrError(f"{where}: got {split.pop()} without {missing}. Give both or none.")
        if "query_targets" in arrays and "targets" not in arrays:
            raise InnerlrError(f"{where}: got query_targets without targets. Add `targets`.")
        lengths: dict[str, tuple[str, int]] = {}
        for key, array in arrays.items():
            for axis, length in zip(KNOWN[key], array.shape, strict=True):
                first, expected = lengths.setdefault(axis, (key, length))
                if length != expected:
                    raise InnerlrError(
                        f"{where}: {first} has {expected} along the axis '{axis}', {key} has "
                        f"{length}. Expected {key} to have the shape ({', '.join(KNOWN[key])})."
                    )
        return arrays

    def _tasks(self, seed: int, base: Arrays | None) -> Arrays:
        if base is None:
            return self._checked(self._call(seed))
        n = len(base["features"])
        pick = np.arange(n) if seed == 0 else self.rng(seed).integers(0, n, n)
        return {key: value[pick] for key, value in base.items()}

    def _base(self) -> Arrays | None:
        return self._checked(self._read()) if self.cfg.file is not None else None

    def data(self) -> pd.DataFrame:
        base, rows = self._base(), []
        for seed in range(self.cfg.seeds):
            for key, value in self._tasks(seed, base).items():
                rows.append(
                    {
                        "array": key,
                        "seed": seed,
                        "shape": "x".join(map(str, value.shape)),
                        "mean": value.mean(),
                        "sd": value.std(),
                    }
                )
        return table(rows, ["array", "seed"])

    def features(self) -> Arrays:
        base, arrays = self._base(), {}
        for seed in self.progress(range(self.cfg.seeds)):
            tasks = self._tasks(seed, base)
            phi, query = tasks["features"], tasks.get("query")
            # (H.15) of equal entries has no value; the bounds are those of (3.3), without a query
            est = alpha_est(phi) if np.ptp(phi) > 0 else np.nan
            if query is None:
                estimators = [alpha_lim(phi), est, *alpha_bounds(phi)[3:5]]
            else:
                estimators = [alpha_lim_split(phi, query), est, np.nan, np.nan]
            arrays[f"{seed}/estimators"] = np.array(estimators)
            sums = self._sums(tasks)
            if sums is not None:
                arrays |= prefixed(str(seed), sums)
        return arrays

    def _sums(self, tasks: Arrays) -> GramMoments | None:
        """None where only features are given: estimates need no targets, losses do."""
        sums = GramMoments()
        phi, query = tasks["features"], tasks.get("query")
        if "targets" in tasks:
            sums.update(phi, tasks["targets"], query, tasks.get("query_targets"))
        elif "optima" in tasks:
            sums.update_optima(phi, tasks["optima"], query)
        else:
            return None
        return sums

    def _limit(self, features: Arrays, seed: int) -> float:
        return float(features[f"{seed}/estimators"][0])

    def _named(self, error: InnerlrError) -> InnerlrError:
        """Say whose data it is where no loss can be swept."""
        return InnerlrError(
            f"experiments.{self.name}: {error} Or leave out targets and optima: the estimates "
            "need neither."
        )

    def sweep(self, features: Arrays) -> pd.DataFrame:
        grid: Array = np.linspace(0, self.cfg.grid_factor, self.cfg.grid_points) * self._limit(
            features, 0
        )
        frames = []
        for seed in range(self.cfg.seeds):
            losses = np.full(len(grid), np.nan)
            if f"{seed}/moments/gram" in features:
                try:
                    losses = unprefixed(str(seed), features).training_loss(grid)
                except InnerlrError as error:
                    if self._resampled(seed):
                        continue  # counted among the estimates
                    raise self._named(error) from error
            frames.append(
                pd.DataFrame({"panel": "a", "seed": seed, "alpha": grid, "training_loss": losses})
            )
        return table(frames, ["panel", "seed", "alpha"])

    def _resampled(self, seed: int) -> bool:
        """Whether its tasks are a resample of a file's, which may be too few different ones."""
        return self.cfg.file is not None and seed > 0

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        by_seed, dropped = self._by_seed(features)
        if self.cfg.file is None:
            return by_seed
        # the first seed is the file as it is, the others are resamples
        found = Estimates()
        for name, of in registered(q).items():
            values = by_seed[by_seed.quantity == name]
            if 0 in set(values.seed):
                interval = bootstrap_interval(values.value)
                found.at("a").record(of, with_interval(interval, q.BOOTSTRAP))
        found.at("a")(q.resamples_dropped, dropped)
        return found.table()

    def _by_seed(self, features: Arrays) -> tuple[pd.DataFrame, int]:
        """The estimates of every seed, and how many seeds were dropped."""
        found, dropped = Estimates(), 0
        for seed in range(self.cfg.seeds):
            add = found.at("a", seed)
            limit, est, lower, upper = features[f"{seed}/estimators"]
            try:
                minimum = self._minimum(features, seed, limit)
            except InnerlrError as error:
                if not self._resampled(seed):
                    raise self._named(error) from error
                dropped += 1
                continue
            add(q.alpha_lim_sampled, limit)
            for of, value in (
                (q.alpha_est, est),
                (q.corollary1_lower, lower),
                (q.corollary1_upper, upper),
            ):
                if np.isfinite(value):
                    add(of, value)
            if minimum is not None:
                add(q.alpha_star, minimum.star)
                add(q.alpha_star_capped, minimum.capped)
                add(q.ratio_star_to_lim, minimum.star, limit)
                add(q.excess_loss_at_lim, minimum.at_limit, minimum.lowest)
        return found.table(), dropped

    def _minimum(self, features: Arrays, seed: int, limit: float) -> Minimum | None:
        """Where the training loss of a seed is least; None where there is no loss.

        Raises:
            InnerlrError: the tasks fix no minimiser, or are solved without an error.
        """
        if f"{seed}/moments/gram" not in features:
            return None
        sums = unprefixed(str(seed), features)
        star, capped = alpha_star(sums, self.cfg.search_cap * limit)
        lowest, at_limit = sums.training_loss([star, limit])
        if not lowest > 0:
            raise InnerlrError(
                f"expected a training loss above zero at its minimiser, got zero at alpha = "
                f"{star:g}: one w and one rate solve all tasks. Give more tasks."
            )
        return Minimum(star, capped, lowest, at_limit)
