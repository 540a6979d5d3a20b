r"""Why (H.15) misses the minimum of Fig. 2: its estimates as N K / d varies (panel c).

With :math:`s_2` the second moment of all feature entries, :math:`\mathrm{tr}\,E G = K d s_2`, so
(3.3) is :math:`\alpha_{\lim} = r / (2 d s_2)` with the effective rank of a task's Gram

.. math:: r = \mathrm{tr}\,E G\;\mathrm{tr}\,E G^2 / \mathrm{tr}\,E G^3,

1 where all rows are alike up to sign, K for independent centred entries and d >> K. It has no N,
and of wide networks no d. With :math:`\sigma^2` the variance of the entries,

.. math:: \alpha_{est} = \frac{1}{2 N K \sigma^2}
    = \alpha_{\lim}\;\frac{d}{N K}\;\frac{s_2}{\sigma^2 r},

which is :math:`\alpha_{\lim}` only where :math:`N K = d\,s_2 / (\sigma^2 r)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from innerlr.checks import Array
from replication.figures.tangent import quantities as q
from replication.figures.tangent.settings import Fig02, TangentCurve, TangentSetting
from replication.measuring import select
from replication.quantity import Estimates, Quantity

# estimates drawn over the minimiser
DRAWN = ("alpha_est", "alpha_lim_sampled", "alpha_lim_split", "alpha_dim")
# those whose power of N K / d is taken
WITH_SLOPE = ("alpha_est", "alpha_lim_sampled")
# what a slope is named after: the setting that varies
VARIED = {"tasks": "tasks", "dim": "width"}
# all of the curves together
TOGETHER = "c"


@dataclass(frozen=True)
class Point:
    """A curve of the figure, with another N or d.

    Attributes:
        panel: panel/curve.
        key: what is varied: "tasks", "width", or "" for neither.
        value: of the key.
        setting: of the network and the regression.
        curve: K and N.
    """

    panel: str
    key: str
    value: int
    setting: TangentSetting
    curve: TangentCurve

    @property
    def name(self) -> str:
        """Of its arrays: that of the curve, or panel/curve|key=value."""
        return f"{self.panel}|{self.key}={self.value}" if self.key else self.panel

    @property
    def letter(self) -> str:
        """Of the figure's panel."""
        return self.panel.split("/", 1)[0]

    @property
    def at(self) -> dict[str, int]:
        """Where it stands in a table of estimates."""
        return {
            "shots": self.curve.shots,
            "tasks": self.curve.tasks,
            "width": self.setting.width,
        }


def own(cfg: Fig02, panel: str) -> Point:
    """The figure's own cell."""
    of_panel, name = panel.split("/", 1)
    setting = {key: getattr(cfg, key) for key in TangentSetting.model_fields}
    curve = cfg.panels[of_panel].curves[name]
    return Point(panel, "", 0, TangentSetting.model_validate(setting), curve)


def variations(cfg: Fig02, panel: str) -> Iterator[Point]:
    """A curve with every other N, then with every other width; none of a curve not listed."""
    if panel not in cfg.scaling.curves:
        return
    at = own(cfg, panel)
    for n in cfg.scaling.tasks:
        if n != at.curve.tasks:
            curve = at.curve.model_copy(update={"tasks": n})
            yield Point(panel, "tasks", n, at.setting, curve)
    for width in cfg.scaling.widths:
        if width != cfg.width:
            setting = at.setting.model_copy(update={"width": width})
            yield Point(panel, "width", width, setting, at.curve)


def add_point(
    found: Estimates, point: Point, seed: int, estimates: Mapping[str, float], star: float
) -> None:
    """Measure what panel (c) shows of one draw of a point.

    Args:
        found: where the rows go.
        point: which N and d.
        seed: of the draw.
        estimates: DRAWN, and (H.15) with the second moment of the entries, psi_second.
        star: minimiser of the mean test loss; infinite if there is none.
    """
    n = point.curve.tasks
    factor = n if point.setting.step == "pooled" else 1
    est, dim, of_second = (estimates[name] for name in ("alpha_est", "alpha_dim", "psi_second"))
    add = found.at(point.letter, seed, **point.at)
    add(q.samples_over_dim, dim, est)
    add(q.second_over_variance, est, of_second)
    add(q.effective_rank, estimates["alpha_lim_sampled"] / factor, dim, est, of_second)
    add(q.ratio_est_to_star_pooled_step, est, star, factor, n)
    for name in DRAWN:
        of_estimate = found.at(point.letter, seed, **point.at, estimate=name)
        of_estimate(q.ratio_to_star_varied, estimates[name], star)


def add_summaries(found: Estimates, curves: Sequence[Sequence[Point]]) -> None:
    """Measure what the points show together, of each curve and of all of them.

    Args:
        found: holds the points' own rows, of :func:`add_point`; where the others go.
        curves: the points of each curve, the figure's own first.
    """
    table = found.table()
    for points in curves:
        _add_slopes(found, table, points)
    of_curves = found.table()
    for varied in VARIED:
        for name in WITH_SLOPE:
            at = {"estimate": name, "varied": varied}
            for seed, slopes in _by_seed(of_curves, q.slope_of_curve, curves, at):
                found.at(TOGETHER, seed, **at)(q.slope, slopes)
        at = {"varied": varied}
        for seed, slopes in _by_seed(of_curves, q.slope_pooled_step_of_curve, curves, at):
            found.at(TOGETHER, seed, **at)(q.slope_pooled_step, slopes)
    for name in DRAWN:
        ratios = [
            _draws(table, q.ratio_to_star_varied, point, {"estimate": name}).tolist()
            for points in curves
            for point in points
        ]
        found.at(TOGETHER, estimate=name)(q.farthest, ratios)


def _add_slopes(found: Estimates, table: pd.DataFrame, points: Sequence[Point]) -> None:
    """The powers of N K / d of one curve, draw by draw, and where (H.15) is right."""

    def drawn(quantity: Quantity[Any], line: Sequence[Point], at: Mapping[str, str]) -> Array:
        return np.transpose([_draws(table, quantity, point, at) for point in line])

    letter, curve = points[0].letter, _of_curve(points)
    for varied, key in VARIED.items():
        line = [point for point in points if point.key in ("", key)]
        samples = drawn(q.samples_over_dim, line, {})
        for name in WITH_SLOPE:
            ratios = drawn(q.ratio_to_star_varied, line, {"estimate": name})
            for seed, (x, y) in enumerate(zip(samples, ratios, strict=True)):
                of_estimate = found.at(letter, seed, **curve, estimate=name, varied=varied)
                of_estimate(q.slope_of_curve, x, y)
        ratios = drawn(q.ratio_est_to_star_pooled_step, line, {})
        for seed, (x, y) in enumerate(zip(samples, ratios, strict=True)):
            found.at(letter, seed, **curve, varied=varied)(q.slope_pooled_step_of_curve, x, y)
    samples = drawn(q.samples_over_dim, points, {})
    ratios = drawn(q.ratio_to_star_varied, points, {"estimate": "alpha_est"})
    for seed, (x, y) in enumerate(zip(samples, ratios, strict=True)):
        found.at(letter, seed, **curve)(q.est_right_at, x, y)


def _of_curve(points: Sequence[Point]) -> dict[str, int]:
    """K and N of the figure's own point, by which its curve is known."""
    own_curve = points[0].curve
    return {"shots": own_curve.shots, "tasks": own_curve.tasks}


def _draws(
    table: pd.DataFrame, quantity: Quantity[Any], point: Point, at: Mapping[str, str]
) -> Array:
    """A quantity of a point, (draws,)."""
    return select(table, quantity.name, point.letter, {**point.at, **at}).value.to_numpy(
        dtype=float
    )


def _by_seed(
    table: pd.DataFrame,
    quantity: Quantity[Any],
    curves: Sequence[Sequence[Point]],
    at: Mapping[str, str],
) -> Iterator[tuple[int, Array]]:
    """Of each draw, a quantity of every curve, (curves,)."""
    rows = [
        select(table, quantity.name, points[0].letter, {**_of_curve(points), **at})
        for points in curves
    ]
    return enumerate(np.transpose([of_curve.value.to_numpy(dtype=float) for of_curve in rows]))
