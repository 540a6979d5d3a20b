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

import numpy as np

from innerlr.intervals import Interval, geometric_interval
from replication.figures.tangent.settings import Fig02, TangentCurve, TangentSetting

# estimates drawn: what ratio_{}_to_star is of
DRAWN = {
    "est": "alpha_est",
    "lim": "alpha_lim_sampled",
    "split": "alpha_lim_split",
    "dim": "alpha_dim",
}
# key varied: what its slope is named after
KEYS = {"tasks": "tasks", "width": "dim"}
SLOPES = {
    "est": "ratio_est_to_star",
    "lim": "ratio_lim_to_star",
    "pooled_step": "ratio_est_to_star_pooled_step",
}


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
        """Of its rows: that of the curve, or panel/curve|key=value."""
        return f"{self.panel}|{self.key}={self.value}" if self.key else self.panel


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


def measured(point: Point, estimates: Mapping[str, float], star: float) -> dict[str, float]:
    """What panel (c) shows of one draw of a point.

    Args:
        point: which N and d.
        estimates: alpha_est, alpha_lim_sampled, alpha_lim_split, alpha_dim, h15_psi_second.
        star: minimiser of the mean test loss; infinite if there is none.

    Returns:
        N K / d, the effective rank r, s_2 / sigma^2, and every estimate over the minimiser;
        (H.15) also where the test step is that of (H.8), 2 alpha / (N K), and the minimiser N
        times larger.
    """
    n = point.curve.tasks
    per_task = n if point.setting.step == "pooled" else 1
    second = estimates["alpha_est"] / estimates["h15_psi_second"]
    limit = estimates["alpha_lim_sampled"] / per_task
    ratios = {f"ratio_{short}_to_star": estimates[name] / star for short, name in DRAWN.items()}
    return {
        "samples_over_dim": estimates["alpha_dim"] / estimates["alpha_est"],
        "effective_rank": limit / estimates["alpha_dim"] * second,
        "second_over_variance": second,
        "ratio_est_to_star_pooled_step": ratios["ratio_est_to_star"] * per_task / n,
        **ratios,
    }


def without_ratios(values: Mapping[str, float]) -> dict[str, float]:
    """Those that the figure's own cell does not have by itself."""
    return {key: v for key, v in values.items() if key.removesuffix("_to_star") == key}


def slope(points: Sequence[Mapping[str, float]], quantity: str) -> float:
    """Least-squares slope of log quantity on log N K / d; infinite where there is no minimum."""
    y = np.array([p[quantity] for p in points])
    if not (y > 0).all():
        return np.inf
    x = np.log([p["samples_over_dim"] for p in points])
    return float(np.polyfit(x, np.log(y), 1)[0])


def right_at(points: Sequence[Mapping[str, float]]) -> float:
    """The N K / d at which (H.15) is at the minimum by the power law -1 through all points."""
    products = np.array([p["samples_over_dim"] * p["ratio_est_to_star"] for p in points])
    return float(np.exp(np.log(products).mean())) if (products > 0).all() else np.inf


def farthest(ratios: Sequence[Sequence[float]]) -> Interval:
    """Of all points, the geometric mean over draws that is farthest from 1, as a factor above 1.

    Args:
        ratios: of each point, (draws,).
    """
    found = []
    for values in ratios:
        if min(values) <= 0:  # no minimum
            return Interval(np.inf, np.inf, np.inf)
        mean, low, high = geometric_interval(values)
        if mean < 1:
            mean, low, high = 1 / mean, 1 / high, 1 / low if low > 0 else np.inf
        found.append(Interval(mean, low, high))
    return max(found)


Summary = tuple[str, int, dict[str, float]]


def summaries(points: Mapping[Point, Sequence[Mapping[str, float]]]) -> list[Summary]:
    """What the points show together, as (panel, seed, quantities).

    Of each curve and seed: slopes of the logarithms of SLOPES on log N K / d, with N varied (tasks)
    and with d (dim), and :func:`right_at`. Of all curves (panel c): the mean slopes, and how far an
    estimate is from the minimiser where it is farthest (seed -1: all draws).

    Args:
        points: what :func:`measured` says of each draw.
    """
    seeds = len(next(iter(points.values())))
    found: list[Summary] = []
    for seed in range(seeds):
        of_curves = []
        for panel in dict.fromkeys(point.panel for point in points):
            mine = {point: draws[seed] for point, draws in points.items() if point.panel == panel}
            values = {}
            for key, name in KEYS.items():
                line = [draw for point, draw in mine.items() if point.key in ("", key)]
                for short, quantity in SLOPES.items():
                    values[f"slope_{short}_{name}"] = slope(line, quantity)
            of_curves.append(dict(values))
            values["est_right_at"] = right_at(list(mine.values()))
            found.append((panel, seed, values))
        means = {key: float(np.mean([v[key] for v in of_curves])) for key in of_curves[0]}
        found.append(("c", seed, means))
    for short in DRAWN:
        ratios = [[d[f"ratio_{short}_to_star"] for d in draws] for draws in points.values()]
        mean, low, high = farthest(ratios)
        name = f"farthest_{short}"
        found.append(("c", -1, {name: mean, f"{name}_low": low, f"{name}_high": high}))
    return found
