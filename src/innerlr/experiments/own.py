"""An experiment of the user's own: features from a file or a function, no code of ours touched."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from innerlr.config import OwnExperiment
from innerlr.errors import Array, InnerlrError, as_array
from innerlr.estimators import alpha_bounds, alpha_est, alpha_lim, alpha_lim_split
from innerlr.experiments.base import Arrays, Experiment, long, prefixed, table, unprefixed
from innerlr.experiments.landscape import alpha_star
from innerlr.io import load_arrays
from innerlr.moments import GramMoments

KNOWN = ("features", "targets", "optima", "query", "query_targets")


class Own(Experiment):
    """Sweep and estimates on the user's tasks.

    A file's tasks are resampled with replacement once a seed (the first seed takes them as they
    are); a function is called once a seed.
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
        except (ImportError, AttributeError, ValueError) as error:
            raise InnerlrError(
                f"experiments.{self.name}.function: cannot import {self.cfg.function!r} ({error}). "
                "Write 'module:function' and make the module importable (PYTHONPATH)."
            ) from error
        result = function(self.rng(seed), **self.cfg.options)
        return result if isinstance(result, Mapping) else {"features": result}

    def _checked(self, raw: Mapping[str, Any]) -> Arrays:
        unknown = sorted(set(raw) - set(KNOWN))
        if unknown or "features" not in raw:
            raise InnerlrError(
                f"experiments.{self.name}: expected the arrays {', '.join(KNOWN)} "
                f"(features always), got {', '.join(sorted(raw)) or 'none'}."
            )
        axes = {
            "features": ("tasks", "shots", "dim"),
            "targets": ("tasks", "shots"),
            "optima": ("tasks", "dim"),
            "query": ("tasks", "k2", "dim"),
            "query_targets": ("tasks", "k2"),
        }
        arrays = {key: as_array(raw[key], key, axes[key]) for key in KNOWN if key in raw}
        if "targets" in arrays and "optima" in arrays:
            raise InnerlrError(f"experiments.{self.name}: give targets or optima, not both.")
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
            limit = alpha_lim(phi) if query is None else alpha_lim_split(phi, query)
            arrays[f"{seed}/estimators"] = np.array(
                [limit, alpha_est(phi), *alpha_bounds(phi)[3:5]]
            )
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

    def sweep(self, features: Arrays) -> pd.DataFrame:
        grid: Array = np.linspace(0, self.cfg.grid_factor, self.cfg.grid_points) * self._limit(
            features, 0
        )
        frames = []
        for seed in range(self.cfg.seeds):
            losses = np.full(len(grid), np.nan)
            if f"{seed}/moments/gram" in features:
                losses = unprefixed(str(seed), features).training_loss(grid)
            frames.append(
                pd.DataFrame({"panel": "a", "seed": seed, "alpha": grid, "training_loss": losses})
            )
        return table(frames, ["panel", "seed", "alpha"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for seed in range(self.cfg.seeds):
            limit, est, low, high = features[f"{seed}/estimators"]
            values = {
                "alpha_lim": limit,
                "alpha_est": est,
                "corollary1_lower": low,
                "corollary1_upper": high,
            }
            if f"{seed}/moments/gram" in features:
                star, capped = alpha_star(
                    unprefixed(str(seed), features), self.cfg.search_cap * limit
                )
                values |= {
                    "alpha_star": star,
                    "alpha_star_capped": capped,
                    "ratio_lim_to_star": limit / star if star else np.inf,
                }
            rows += long("a", seed, values)
        return table(rows, ["panel", "seed"])
