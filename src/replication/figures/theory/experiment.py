"""The theorems, corollaries, lemmas and examples, where stated and where they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize_scalar

from innerlr.bounds import alpha_bounds
from innerlr.checks import Array
from innerlr.distributions import Normal, Uniform, from_spec
from innerlr.estimators import alpha_est, alpha_lim_iid_entries, alpha_lim_polynomial
from innerlr.intervals import share_interval, slope_interval
from innerlr.loss_curve import Minimum, loss_coefficients
from innerlr.minimum_norm import FLOAT32_PINV, minimum_norm
from innerlr.modes import alpha_lim_gram
from innerlr.moments import GramMoments
from innerlr.theory import (
    AdaptedSums,
    Spectrum,
    first_order_gap_matrix,
    largest_constant,
    schur_complement,
)
from replication.config import Theory as TheorySection
from replication.config import UniformLaw
from replication.experiment import Arrays, Experiment, long, sheet_row, table
from replication.figures.landscape.experiment import SAMPLE
from replication.figures.trajectory.experiment import mean_distance

# commuting: all Grams share an eigenbasis; rotated: each has its own; split: rotated, u and t apart
KINDS = ("commuting", "rotated", "split")
SHARED = KINDS[:2]
# learning rates of Proposition 1, over alpha_lim
FACTORS = (0, 1, 3, 10)
QUANTILE = 0.95
# components at which the constant of Lemma 3 is taken
SIZES = (16, 256, 4096)
# (m_4, m_6) of centred entries of variance 1: Laplace, normal, uniform, +-1
OF_ONE_VARIANCE = ((6, 90), (3, 15), (9 / 5, 27 / 7), (1, 1))
# variances of Example 1; the ends are where the slopes are taken
VARIANCES = (1e-3, 1e3)


def rotations(rng: np.random.Generator, n: int, dim: int) -> Array:
    """n orthogonal matrices, uniformly distributed: (n, dim, dim)."""
    q, r = np.linalg.qr(rng.normal(size=(n, dim, dim)))
    return q * np.sign(np.einsum("nii->ni", r))[:, None]


def spectral_features(
    rng: np.random.Generator, kind: str, law: Uniform, n: int, dim: int, stretch: float = 1.0
) -> Array:
    """Features (n, dim, dim) whose Grams' eigenvalues are i.i.d. from `law`, columns stretched."""
    values = law.sample(rng, (n, dim))
    bases = np.eye(dim)[None] if kind == "commuting" else rotations(rng, n, dim)
    return (
        np.sqrt(values)[..., None] * bases.swapaxes(1, 2) * np.sqrt(np.geomspace(1, stretch, dim))
    )


def network_features(weights: list[Array], x: Array) -> tuple[Array, Array]:
    """Predictions (n,) and tangent features (n, d) of a 3-layer ReLU network of a scalar x (n,).

    Args:
        weights: (width, 1), (width,), (width, width), (width,), (width,), (1,): weights and biases
            of each layer.
        x: inputs.
    """
    w1, b1, w2, b2, v, c = weights
    z1 = x[:, None] @ w1.T + b1
    h1 = np.maximum(z1, 0)
    z2 = h1 @ w2.T + b2
    h2 = np.maximum(z2, 0)
    back2 = v * (z2 > 0)
    back1 = back2 @ w2 * (z1 > 0)
    parts = [back1 * x[:, None], back1, np.einsum("ni,nj->nij", back2, h1), back2, h2]
    flat = [part.reshape(len(x), -1) for part in parts]
    return h2 @ v + c, np.concatenate([*flat, np.ones((len(x), 1))], axis=1)


class Theory(Experiment):
    """A panel a statement. Tasks that meet Assumption 2 have eigenvalues from a uniform law."""

    cfg: TheorySection

    PANELS: ClassVar = {
        "a": "Thm. 1, Cor. 2: the limit",
        "b": "Thm. 1: its proof",
        "c": "Proposition 1",
        "d": "Corollary 1",
        "e": "Thm. 2: the gap",
        "f": "Thm. 2: the bound",
        "g": "Thm. 2: isotropic tasks",
        "h": "Example 1",
        "i": "Example 2",
        "j": r"H.4.1: near $\alpha = 0$",
        "k": "H.4.3: N K < d",
        "l": "Lemmas, propositions",
    }

    # statement: its name, and what is changed in the second series
    CHANGED: ClassVar = {
        "lemma_1": ("Lemma 1", "pointwise only"),
        "lemma_2": ("Lemma 2", "one minimiser"),
        "lemma_4": ("Lemma 4", "indefinite"),
        "a_1": ("(A.1)", "indefinite"),
        "a_2": ("(A.2)", "indefinite"),
        "prop_3": ("Prop. 3", "signed x"),
        "prop_6": ("Prop. 6", "indefinite A"),
        "d_4": ("(D.4)", "p = 2, one task"),
        "g_22": ("(G.22)", "not commuting"),
    }

    @property
    def law(self) -> Uniform:
        return Uniform(self.cfg.eigenvalues.first, self.cfg.eigenvalues.last)

    @property
    def spectrum(self) -> Spectrum:
        return Spectrum(self.law.low, self.law.high, self.cfg.dim)

    def population(self, kind: str) -> AdaptedSums:
        """Expectation of B over a task; exact, a multiple of the identity in each coefficient."""
        m1, m2, m3 = (self.law.moment(p) for p in (1, 2, 3))
        terms = (m1, -2 * m1 * m1, m2 * m1) if kind == "split" else (m1, -2 * m2, m3)
        d = self.cfg.dim
        first = np.array(terms)[:, None, None] * np.eye(d)
        return AdaptedSums(first, np.zeros((5, d, d)), d, d)

    def limit(self, kind: str) -> float:
        """alpha_lim, exact: (3.3), or (H.1) for a split."""
        _, middle, last = self.population(kind).first[:, 0, 0]
        return float(-self.cfg.dim * middle / (4 * last))

    def grid(self, end: float) -> Array:
        return np.linspace(0, end, self.cfg.grid_points)

    # ---------------------------------------------------------------- stages

    def data(self) -> pd.DataFrame:
        rows = []
        for seed in range(self.cfg.seeds):
            draws = self.law.sample(self.rng(0, seed), (SAMPLE, self.cfg.dim))
            law = UniformLaw(name="uniform", low=self.law.low, high=self.law.high)
            rows.append(sheet_row({"panel": "abcefg", "seed": seed}, law, draws))
        return table(rows, ["seed"])

    def features(self) -> Arrays:
        arrays: Arrays = {}
        c = self.cfg
        cells = [(k, n, s) for k in range(len(KINDS)) for n in self.tasks for s in range(c.seeds)]
        for k, n, seed in self.progress(cells, len(cells)):
            sums = [self._sums(self.rng(1, k, n, seed, i), KINDS[k], n) for i in range(c.draws)]
            arrays |= stacked(f"{KINDS[k]}/{n}/{seed}", sums)
        for seed in range(c.seeds):
            for k, kind in enumerate(SHARED):
                gap = [
                    self._sums(self.rng(2, k, seed, i), kind, c.gap_tasks) for i in range(c.draws)
                ]
                arrays |= stacked(f"gap/{kind}/{seed}", gap)
                for d in c.gap_dims:
                    law = Uniform(1.0, c.gap_ratio)
                    rngs = (self.rng(3, k, d, seed, i) for i in range(c.draws))
                    sets = (spectral_features(rng, kind, law, c.gap_tasks, d) for rng in rngs)
                    arrays |= stacked(f"bound/{kind}/{d}/{seed}", map(AdaptedSums.of, sets))
            for j, stretch in enumerate(c.stretches):
                rngs = (self.rng(4, j, seed, i) for i in range(c.draws))
                matrices = [
                    first_order_gap_matrix(
                        spectral_features(rng, "rotated", self.law, c.gap_tasks, c.dim, stretch)
                    )
                    for rng in rngs
                ]
                arrays[f"stretch/{stretch:g}/{seed}"] = np.mean(matrices, axis=0)
            arrays[f"network/{seed}"] = self._network(seed)
        for panel, make in (("d", self._bounds), ("j", self._distances), ("l", self._statements)):
            arrays |= {f"{panel}/{key}": value for key, value in make().items()}
        return arrays

    def sweep(self, features: Arrays) -> pd.DataFrame:
        rows: list[tuple[str, str, int, float, float]] = []
        for panel in self.PANELS:
            draw: Callable[[Arrays], Any] = getattr(self, f"_panel_{panel}")
            rows += [(panel, *row) for row in draw(features)]
        frame = pd.DataFrame(rows, columns=["panel", "series", "seed", "x", "value"])
        return table([frame], ["panel", "series", "seed", "x"])

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for panel in self.PANELS:
            judge: Callable[..., Any] = getattr(self, f"_scalars_{panel}")
            rows += judge(features, sweep[sweep.panel == panel])
        return table(rows, ["panel", "seed", "quantity"])

    # ---------------------------------------------------------------- Theorem 1, Corollary 2

    @property
    def tasks(self) -> list[int]:
        return [2**power for power in self.cfg.log2_tasks]

    def _sums(self, rng: np.random.Generator, kind: str, n: int) -> AdaptedSums:
        support = spectral_features(rng, kind, self.law, n, self.cfg.dim)
        if kind != "split":
            return AdaptedSums.of(support)
        return AdaptedSums.of(support, spectral_features(rng, kind, self.law, n, self.cfg.dim))

    def _risk(self, sums: AdaptedSums, kind: str) -> Callable[[Any], Array]:
        """The average risk of a group of sets, a function of alpha."""
        population = self.population(kind)
        return lambda alpha: sums.average_risk(alpha, population).mean(0)

    def _panel_a(self, features: Arrays) -> Any:
        """|alpha*(N) - alpha_lim| / alpha_lim."""
        for kind in KINDS:
            limit = self.limit(kind)
            for n in self.tasks:
                for seed in range(self.cfg.seeds):
                    risk = self._risk(self._group(features, f"{kind}/{n}/{seed}"), kind)
                    found = minimize_scalar(
                        lambda alpha, risk=risk: float(risk(alpha)[0]),
                        bounds=(0, 3 * limit),
                        method="bounded",
                        options={"xatol": 1e-9 * limit},
                    )
                    yield kind, seed, n, abs(found.x / limit - 1)

    def _scalars_a(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for kind in KINDS:
            errors = of_panel[of_panel.series == kind]
            mean = errors.groupby("x").value.mean()
            rows += slope("a", f"{kind}_slope", mean.index, mean)
            last = errors[errors.x == errors.x.max()]
            for seed, value in zip(last.seed, last.value, strict=True):
                rows += long("a", seed, {f"{kind}_relative_error_at_last": value})
            # the risk on an axis that reaches far beyond both roots of every task
            far = np.linspace(-20, 20, 4001) * self.limit(kind)
            for seed in range(self.cfg.seeds):
                minima = []
                for n in self.tasks:
                    steps = np.diff(
                        self._risk(self._group(features, f"{kind}/{n}/{seed}"), kind)(far)
                    )
                    minima.append(int(((steps[:-1] < 0) & (steps[1:] >= 0)).sum()))
                rows += long("a", seed, {f"{kind}_most_minima": max(minima)})
        return rows

    # ---------------------------------------------------------------- the proof of Theorem 1

    def _excess(self, features: Arrays, n: int, seed: int, alphas: Any) -> Array:
        """N |average risk - L_apx| / L_apx(0) at each alpha, commuting tasks."""
        population = self.population("commuting")
        sums = self._group(features, f"commuting/{n}/{seed}")
        limit = np.trace(population.gram(alphas), axis1=1, axis2=2) / self.cfg.dim
        start = np.trace(population.gram(0.0)[0]) / self.cfg.dim
        return n * (sums.average_risk(alphas, population).mean(0) - limit) / start

    def _panel_b(self, features: Arrays) -> Any:
        limit = self.limit("commuting")
        alphas = np.geomspace(0.01, 300, self.cfg.grid_points)
        for n in (self.tasks[0], self.tasks[-1]):
            for seed in range(self.cfg.seeds):
                for x, value in zip(
                    alphas, self._excess(features, n, seed, alphas * limit), strict=True
                ):
                    yield f"N = {n}", seed, x, value

    def _scalars_b(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        limit = self.limit("commuting")
        rows = []
        ends = [self.spectrum.excluded()[i] / limit for i in (0, 1)]
        rows += long("b", -1, {"excluded_from": ends[0], "excluded_to": ends[1]})
        rows += long("b", -1, {"outside_excluded": float(not ends[0] <= 1 <= ends[1])})
        compact = np.linspace(0, 3, self.cfg.grid_points) * limit
        first, last = self.tasks[0], self.tasks[-1]
        for seed in range(self.cfg.seeds):
            worst = [self._excess(features, n, seed, compact).max() for n in (first, last)]
            far, near = self._excess(features, last, seed, np.array([300.0, 100.0]) * limit)
            rows += long(
                "b",
                seed,
                {"compact_error_order": np.log(worst[1] / worst[0]) / np.log(last / first) - 1},
            )
            rows += long("b", seed, {"far_error_order": np.log(far / near) / np.log(3)})
        return rows

    # ---------------------------------------------------------------- Proposition 1

    def _panel_c(self, features: Arrays) -> Any:
        """95% quantile of |L_m(w_m) - its mean over sets and optima|, over L_apx(0)."""
        population, d = self.population("commuting"), self.cfg.dim
        limit, start = self.limit("commuting"), np.trace(population.gram(0.0)[0]) / d
        for factor in FACTORS:
            mean = population.gram(factor * limit)[0]
            for n in self.tasks:
                for seed in range(self.cfg.seeds):
                    rng = self.rng(5, n, seed)
                    covariance = self._group(features, f"commuting/{n}/{seed}").covariance(
                        factor * limit
                    )[:, 0]
                    root = np.linalg.cholesky(covariance)
                    normal = rng.normal(size=(len(root), 200, d))
                    w = np.einsum("sij,smj->smi", root, normal)
                    risk = np.einsum("smi,ij,smj->sm", w, mean, w) / d
                    deviation = np.abs(risk - risk.mean()) / start
                    yield f"{factor}", seed, n, np.quantile(deviation, QUANTILE)

    def _scalars_c(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for factor in FACTORS:
            mean = of_panel[of_panel.series == f"{factor}"].groupby("x").value.mean()
            rows += slope("c", f"slope_at_{factor}", mean.index, mean)
        last = of_panel[of_panel.x == of_panel.x.max()].pivot(
            index="seed", columns="series", values="value"
        )
        low, high = (f"{FACTORS[i]}" for i in (1, -1))
        for seed, ratio in (last[high] / last[low]).items():
            rows += long("c", int(seed), {"large_to_lim_deviation": ratio})
        limit = self.limit("commuting")
        lower = self.spectrum.excluded()[0]
        rows += long("c", -1, {"epsilon_at_0": self.spectrum.epsilon(0.0)})
        far = [self.spectrum.epsilon(x * limit) for x in (1e4, 1e5)]
        rows += long("c", -1, {"epsilon_order": np.log10(far[1] / far[0])})
        rows += long("c", -1, {"lim_over_first_end": limit / lower})
        return rows

    # ---------------------------------------------------------------- Corollary 1

    def _bounds(self) -> Arrays:
        """(alpha_lim, printed lower, lower, upper) of random sets, times 2 s^2."""
        arrays: Arrays = {}
        for i, d in enumerate(self.cfg.feature_dims):
            for j, spread in enumerate(self.cfg.feature_spreads):
                rng = self.rng(6, i, j)
                rows = []
                for _ in range(self.cfg.cases):
                    # Assumption 2: Grams of full rank
                    k = int(rng.integers(d, 2 * d + 1))
                    scale = np.exp(spread * rng.normal(size=(100, 1, 1)))
                    b = alpha_bounds(scale * rng.normal(size=(100, k, d)))
                    unit = d / b.upper
                    rows.append(
                        [b.alpha_lim * unit, b.printed_lower * unit, b.lower * unit, float(d)]
                    )
                arrays[f"{d}/{spread:g}"] = np.array(rows)
        return arrays

    def _panel_d(self, features: Arrays) -> Any:
        for d in self.cfg.feature_dims:
            for spread in self.cfg.feature_spreads:
                values = features[f"d/{d}/{spread:g}"]
                for q in (0.025, 0.5, 0.975):
                    yield f"{spread:g}", int(1000 * q), d, np.quantile(values[:, 0], q)

    def _scalars_d(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows, every = [], []
        for d in self.cfg.feature_dims:
            for spread in self.cfg.feature_spreads:
                values = features[f"d/{d}/{spread:g}"]
                every.append(values)
                below = values[:, 0] < values[:, 1]
                rows += share("d", f"printed_lower_violated_{d}_{spread:g}", below)
        alpha, printed, lower, upper = np.concatenate(every).T
        slack = 1 + 1e-12
        rows += share("d", "printed_lower_violated", alpha * slack < printed)
        rows += share("d", "printed_upper_violated", alpha > upper * slack)
        rows += share("d", "corrected_violated", (alpha * slack < lower) | (alpha > upper * slack))
        return rows

    # ---------------------------------------------------------------- Theorem 2

    def _panel_e(self, features: Arrays) -> Any:
        """E [F_t(w_r) - F_t(w_m)] / E |w_r|^2 at t = 0, and its first order."""
        limit, c = self.limit("commuting"), self.cfg
        for kind in SHARED:
            for seed in range(c.seeds):
                sums = self._group(features, f"gap/{kind}/{seed}")
                relative = self.grid(3.0)
                size = np.trace(sums.covariance(relative * limit), axis1=-2, axis2=-1).mean(0)
                start = 1e-6 * limit
                near = np.trace(sums.covariance([0.0, start]), axis1=-2, axis2=-1).mean(0)
                tangent = (near[0] - near[1]) / start * limit / size[0]
                for x, value in zip(relative, 1 - size / size[0], strict=True):
                    yield kind, seed, x, value
                yield f"{kind}, first order", seed, 0.0, 0.0
                yield f"{kind}, first order", seed, 0.5, 0.5 * tangent

    def _scalars_e(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        spectrum, law = self.spectrum, self.law
        moments = [[law.moment(p)] for p in (1, 2, 3)]
        constant = largest_constant(*moments)
        end = spectrum.interval(constant)
        rows += long("e", -1, {"constant": constant, "interval": end})
        rows += long("e", -1, {"interval_over_lim": end / self.limit("commuting")})
        # features twice as long: alpha_lim falls to a quarter, (G.42) should
        longer = Spectrum(4 * law.low, 4 * law.high, self.cfg.dim)
        rows += long("e", -1, {"interval_scaling": longer.interval(16 * constant) / end * 4})
        for kind in SHARED:
            for seed, curve in of_panel[of_panel.series == kind].groupby("seed"):
                sums = self._group(features, f"gap/{kind}/{seed}")
                near = np.trace(sums.covariance([0.0, end]), axis1=-2, axis2=-1)
                gap = (near[:, 0] - near[:, 1]).mean() / near[:, 0].mean()
                crossing = curve.x[(curve.value < 0) & (curve.x > 0)].min()
                rows += long(
                    "e",
                    int(seed),
                    {
                        f"{kind}_gap_in_interval": gap,
                        f"{kind}_gap_at_lim": np.interp(1.0, curve.x, curve.value),
                        f"{kind}_negative_from": np.inf if np.isnan(crossing) else crossing,
                    },
                )
        return rows

    def _panel_f(self, features: Arrays) -> Any:
        """The gap at the right end of the admitted interval over the bound (3.8), t = 0."""
        c, law = self.cfg, Uniform(1.0, self.cfg.gap_ratio)
        constant = largest_constant(*([law.moment(p)] for p in (1, 2, 3)))
        for d in c.gap_dims:
            spectrum = Spectrum(law.low, law.high, d)
            alpha = spectrum.interval(constant)
            for kind in SHARED:
                for seed in range(c.seeds):
                    sums = self._group(features, f"bound/{kind}/{d}/{seed}", shots=d)
                    size = np.trace(sums.covariance([0.0, alpha]), axis1=-2, axis2=-1).mean(0)
                    for power in (1, 2):
                        bound = spectrum.bound(
                            alpha, tasks=c.gap_tasks, dim=d, constant=constant, power=power
                        )
                        yield f"d^{power}, {kind}", seed, d, (size[0] - size[1]) / bound

    def _scalars_f(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for series, group in of_panel.groupby("series"):
            power, kind = str(series).removeprefix("d^").split(", ")
            name = {"1": "d", "2": "d_squared"}[power]
            for seed, values in group.groupby("seed"):
                rows += long("f", int(seed), {f"{name}_{kind}_lowest_ratio": values.value.min()})
        return rows

    def _panel_g(self, features: Arrays) -> Any:
        """Slope of the gap at alpha = 0 when tasks differ along the shortest features only."""
        for stretch in self.cfg.stretches:
            for seed in range(self.cfg.seeds):
                matrix = features[f"stretch/{stretch:g}/{seed}"]
                isotropic = np.trace(matrix) / len(matrix)
                yield "shortest", seed, stretch, matrix[0, 0] / isotropic
                yield "longest", seed, stretch, matrix[-1, -1] / isotropic

    def _scalars_g(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        largest = of_panel[of_panel.x == of_panel.x.max()]
        for series, group in largest.groupby("series"):
            for seed, value in zip(group.seed, group.value, strict=True):
                rows += long("g", seed, {f"{series}_slope_at_most_stretched": value})
        for seed in range(self.cfg.seeds):
            traces = [np.trace(features[f"stretch/{s:g}/{seed}"]) for s in self.cfg.stretches]
            rows += long("g", seed, {"isotropic_slope_lowest": min(traces)})
        return rows

    # ---------------------------------------------------------------- Examples

    def _panel_h(self, features: Arrays) -> Any:
        """alpha_lim of (1, x, ..., x^(d-1)), x ~ N(0, s^2), against s^2: exact."""
        for d in self.cfg.example_dims:
            for x in np.geomspace(*VARIANCES, self.cfg.grid_points):
                moment = Normal(0.0, float(np.sqrt(x))).moment
                yield f"d = {d}", -1, x, alpha_lim_polynomial(self.cfg.example_shots, d, moment)

    def _scalars_h(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        curves = of_panel.pivot(index="x", columns="series", values="value")
        logs = np.log(curves)
        x = np.log(curves.index.to_numpy())
        slopes = np.diff(logs.to_numpy(), axis=0) / np.diff(x)[:, None]
        for i, series in enumerate(curves.columns):
            name = series.replace(" = ", "")
            rows += long(
                "h",
                -1,
                {
                    f"{name}_decreasing_share": np.mean(slopes[:, i] < 0),
                    f"{name}_slope_at_large_variance": slopes[-1, i],
                    f"{name}_slope_at_small_variance": slopes[0, i],
                    f"{name}_at_small_variance": curves[series].iloc[0],
                },
            )
        ordered = curves[[f"d = {d}" for d in sorted(self.cfg.example_dims)]].to_numpy()
        rows += long("h", -1, {"decreasing_in_dim_share": np.mean(np.diff(ordered, axis=1) < 0)})
        return rows

    def _panel_i(self, features: Arrays) -> Any:
        """The printed values of Example 2 over alpha_lim, exact."""
        for name, spec in self.cfg.matrix_laws.items():
            m = [from_spec(spec.model_dump()).moment(p) for p in range(1, 7)]
            for d in self.cfg.matrix_dims:
                yield f"(E.12), {name}", -1, d, m[3] / (2 * m[5]) / alpha_lim_iid_entries(1, d, m)
                yield f"(E.13), {name}", -1, d, m[3] / m[5] / alpha_lim_iid_entries(d, d, m)

    def _scalars_i(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for series, curve in of_panel.groupby("series"):
            name = str(series).strip("(").replace("), ", "_").replace(".", "").lower()
            last = curve.value.iloc[-2:].to_numpy()
            growth = np.log(last[1] / last[0]) / np.log(curve.x.iloc[-1] / curve.x.iloc[-2])
            rows += long("i", -1, {f"{name}_growth": growth})
            rows += long("i", -1, {f"{name}_at_first": curve.value.iloc[0]})
            rows += long("i", -1, {f"{name}_at_last": curve.value.iloc[-1]})
        # alpha_lim against m_4 / m_6 where the variance is one, K = d
        d = max(self.cfg.matrix_dims)
        limits = [alpha_lim_iid_entries(d, d, [0, 1, 0, m4, 0, m6]) for m4, m6 in OF_ONE_VARIANCE]
        ratios = [m4 / m6 for m4, m6 in OF_ONE_VARIANCE]
        power = np.polyfit(np.log(ratios), np.log(limits), 1)[0]
        rows += long("i", -1, {"power_of_moment_ratio": power})
        return rows

    # ---------------------------------------------------------------- H.4.1

    def _settings(self) -> list[tuple[str, float, int]]:
        """(law, feature scale and number of the new tasks), the other numbers last."""
        path = self.cfg.path
        usual = [(s, path.new_tasks.count) for s in path.feature_scales]
        others = [(path.feature_scales[-1], n) for n in path.new_counts]
        return [(law, *setting) for law in path.laws for setting in (*usual, *others)]

    def _distances(self) -> Arrays:
        """Slope and curvature at alpha = 0 of the mean distance to all optima: (draws, 2)."""
        arrays: Arrays = {}
        path, new = self.cfg.path, self.cfg.path.new_tasks
        optima = from_spec(path.optima.model_dump())
        for i, (name, scale, count) in enumerate(self._settings()):
            law = from_spec(path.laws[name].model_dump())
            rows = []
            for draw in range(path.draws):
                rng = self.rng(7, i, draw)
                phi = law.sample(rng, (path.tasks + count, path.shots, 2))
                phi[path.tasks :] *= scale
                a = optima.sample(rng, (path.tasks, 2))
                a = np.concatenate([a, rng.normal(new.centre, new.spread, (count, 2))])
                sums = GramMoments()
                sums.update_optima(phi, a)
                h = 1e-3 * sums.alpha_lim()
                left, middle, right = mean_distance(sums.w_maml([-h, 0.0, h]), a)
                rows.append([(right - left) / (2 * h), (left - 2 * middle + right) / h**2])
            arrays[f"{name}/{scale:g}/{count}"] = np.array(rows)
        return arrays

    def _shares(self, features: Arrays) -> Any:
        for name, scale, count in self._settings():
            slopes, curvatures = features[f"j/{name}/{scale:g}/{count}"].T
            yield name, scale, count, "decreasing", slopes < 0
            yield name, scale, count, "convex", curvatures > 0

    def _panel_j(self, features: Arrays) -> Any:
        for name, scale, count, what, hits in self._shares(features):
            if count == self.cfg.path.new_tasks.count:
                yield f"{name}, {what}", -1, scale, hits.mean()

    def _scalars_j(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for name, scale, count, what, hits in self._shares(features):
            usual = count == self.cfg.path.new_tasks.count
            where = f"{scale:g}" if usual else f"{scale:g}_of_{count}"
            rows += share("j", f"{name}_{what}_at_{where}", hits)
        return rows

    # ---------------------------------------------------------------- H.4.3

    def _network(self, seed: int) -> Array:
        """Of one network and its tasks: three coefficients of the mean test loss, then estimates.

        The estimates are alpha_lim (3.3) and alpha_est (H.15); last stands d.
        """
        net, rng = self.cfg.network, self.rng(8, seed)
        m = net.width
        shapes = [(m, 1), (m,), (m, m), (m,), (m,), (1,)]
        fan_in = (1, 1, m, m, m, m)
        weights = [
            rng.uniform(-1, 1, shape) / np.sqrt(fan)
            for shape, fan in zip(shapes, fan_in, strict=True)
        ]

        def draw(tasks: int, rows: int) -> tuple[Array, Array]:
            amplitude, phase = rng.uniform(0, np.pi, (2, tasks, 1))
            x = rng.uniform(-5, 5, (tasks, rows))
            predicted, psi = network_features(weights, x.ravel())
            y = (amplitude * np.sin(x + phase)).ravel() - predicted
            return psi.reshape(tasks, rows, -1), y.reshape(tasks, rows)

        psi, y = draw(net.tasks, net.shots)
        dim = psi.shape[2]
        rows = psi.reshape(-1, dim)
        w = rows.T @ minimum_norm(rows @ rows.T, y.ravel(), rcond=FLOAT32_PINV, dim=dim)
        psi_test, y_test = draw(net.test_tasks, 2 * net.shots)
        residual = psi_test @ w - y_test
        s, q = slice(0, net.shots), slice(net.shots, None)
        cross = psi_test[:, q] @ psi_test[:, s].swapaxes(1, 2)
        loss = loss_coefficients(residual[:, s], residual[:, q], cross).mean(0)
        return np.array([*loss, alpha_lim_gram(psi @ psi.swapaxes(1, 2)), alpha_est(psi), dim])

    def _panel_k(self, features: Arrays) -> Any:
        for seed in range(self.cfg.seeds):
            c0, c1, c2, limit, _, _ = features[f"network/{seed}"]
            for x in self.grid(3.0):
                yield "test loss", seed, x, c0 + c1 * x * limit + c2 * (x * limit) ** 2

    def _scalars_k(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for seed in range(self.cfg.seeds):
            c0, c1, c2, limit, estimate, dim = features[f"network/{seed}"]
            best = Minimum.of_quadratic([c0, c1, c2], 3 * limit)

            rows += long(
                "k",
                seed,
                {
                    "samples_over_dim": self.cfg.network.tasks * self.cfg.network.shots / dim,
                    "ratio_lim_to_star": limit / best.alpha,
                    "ratio_est_to_star": estimate / best.alpha,
                    "excess_loss_at_lim": (c0 + c1 * limit + c2 * limit**2) / best.loss - 1,
                    "excess_loss_at_est": (c0 + c1 * estimate + c2 * estimate**2) / best.loss - 1,
                },
            )
        return rows

    # ---------------------------------------------------------------- lemmas and propositions

    def _statements(self) -> Arrays:
        """Share of random cases that violate each statement: as stated, and as in CHANGED."""
        rng, n = self.rng(9), self.cfg.cases

        def psd(dim: int) -> Array:
            rank = rng.integers(1, dim + 1, size=(n, 1, 1))
            x = rng.normal(size=(n, dim, dim)) * (np.arange(dim) < rank)
            return x @ x.swapaxes(1, 2)

        def symmetric(dim: int) -> Array:
            x = rng.normal(size=(n, dim, dim))
            return x + x.swapaxes(1, 2)

        def trace(x: Array) -> Array:
            return np.trace(x, axis1=1, axis2=2)

        def above(low: Array, high: Array) -> float:
            """Share of low > high, but for rounding."""
            return float(np.mean(low > high + 1e-10 * (np.abs(low) + np.abs(high))))

        def ruhe(a: Array, b: Array) -> float:
            x, y = np.linalg.eigvalsh(a), np.linalg.eigvalsh(b)
            middle = trace(a @ b)
            return max(above((x * y[:, ::-1]).sum(1), middle), above(middle, (x * y).sum(1)))

        def smallest(a: Array, b: Array) -> float:
            return above(trace(a @ b), np.linalg.eigvalsh(b)[:, 0] * trace(a))

        def product(a: Array, b: Array) -> float:
            return above(trace(a @ b), trace(a) * trace(b))

        def square(a: Array) -> float:
            return above(trace(a) ** 2 / a.shape[-1], trace(a @ a))

        def jensen(grams: Array, p: int) -> float:
            """(D.4) for laws of Grams: (n, tasks, dim, dim)."""
            dim, mean = grams.shape[-1], np.einsum("ntii->n", grams) / grams.shape[1]
            powers = np.einsum("ntii->n", np.linalg.matrix_power(grams, p)) / grams.shape[1]
            return max(above(mean**p / dim, powers), above(powers, mean**p))

        def negative(kind: str) -> float:
            """The bracket of Theorem 2 has a negative eigenvalue."""
            sets = (spectral_features(rng, kind, self.law, 4, 3) for _ in range(n))
            values = np.array([np.linalg.eigvalsh(schur_complement(phi)) for phi in sets])
            return float(np.mean(values[:, 0] < -1e-10 * values[:, -1]))

        def moments(x: Array) -> float:
            return above((x**2).mean(1) ** 2, x.mean(1) * (x**3).mean(1))

        def wells(tilts: Array, apart: float) -> float:
            """Minimisers of (x^2 - apart)^2 + tilt x / m, m = 10^6 and 10^6 + 1, are far apart."""
            x = np.linspace(-2, 2, 4001)
            base = (x**2 - apart) ** 2
            places = [x[np.argmin(base + tilts[:, i, None] * x / 1e6, axis=1)] for i in (0, 1)]
            return float(np.mean(np.abs(places[0] - places[1]) > 0.5))

        def envelope(spikes: bool) -> float:
            """Least value of F_m near a jump of F, m = 10^6, against F's envelope there.

            F_m - F is sin(m x + shift) / m, or a dip that leaves every point.
            """
            own, m = self.rng(11), 1e6
            left, at, right, depth = own.uniform(size=(4, n))
            x = np.linspace(-1e-3, 1e-3, 2001)
            f = np.where(x < 0, left[:, None], right[:, None])
            f[:, len(x) // 2] = at
            if spikes:
                low = np.minimum(f.min(1), right - depth)  # at some 0 < x < 1/m
            else:
                low = (f + np.sin(m * x + 2 * np.pi * depth[:, None]) / m).min(1)
            return float(np.mean(np.abs(low - np.minimum(np.minimum(left, at), right)) > 0.01))

        grams = np.stack([psd(3) for _ in range(4)], axis=1)
        positive, signed = rng.exponential(size=(n, 6)), rng.normal(size=(n, 6))
        tilts = rng.normal(size=(n, 2))
        stated = {
            "lemma_1": (envelope(False), envelope(True)),
            "lemma_2": (wells(tilts, 1.0), wells(tilts, 0.0)),
            "lemma_4": (ruhe(psd(4), psd(4)), ruhe(symmetric(4), symmetric(4))),
            "a_1": (product(psd(4), psd(4)), product(symmetric(4), symmetric(4))),
            "a_2": (square(psd(4)), square(symmetric(4))),
            "prop_3": (moments(positive), moments(signed)),
            "prop_6": (smallest(-psd(4), psd(4)), smallest(symmetric(4), psd(4))),
            "d_4": (jensen(grams, 3), jensen(grams[:, :1], 2)),
            "g_22": (negative("commuting"), negative("rotated")),
        }
        tails = [hanson_wright(size) for size in SIZES]
        return {key: np.array(value) for key, value in stated.items()} | {
            "tails": np.array(tails).T,
            "taylor": self._taylor(),
        }

    def _taylor(self) -> Array:
        """log2 of the fall of |w_m - w_r - alpha w_m'(0)| when alpha is halved: (cases,)."""
        rng = self.rng(10)
        orders = []
        for _ in range(min(self.cfg.cases, 100)):
            phi = spectral_features(rng, "rotated", self.law, 4, self.cfg.dim)
            a = rng.normal(size=(4, self.cfg.dim))
            gram = phi.swapaxes(1, 2) @ phi
            sums = GramMoments()
            sums.update_optima(phi, a)
            w_r = sums.w_erm()
            # (F.6) with w_r in the place of w_s
            pull = np.einsum("nij,njk,nk->i", gram, gram, w_r - a)
            slope = 4 / self.cfg.dim * np.linalg.solve(gram.sum(0), pull)
            alpha = 1e-3 * self.limit("rotated")
            rest = [np.linalg.norm(sums.w_maml(x) - w_r - x * slope) for x in (alpha, alpha / 2)]
            orders.append(np.log2(rest[0] / rest[1]))
        return np.array(orders)

    def _panel_l(self, features: Arrays) -> Any:
        for key, value in features.items():
            if key.startswith("l/") and value.shape == (2,):
                for series, share in zip(("as stated", "changed"), value, strict=True):
                    yield f"{key.removeprefix('l/')} {series}", -1, 0.0, share

    def _scalars_l(self, features: Arrays, of_panel: pd.DataFrame) -> Any:
        rows = []
        for series, value in zip(of_panel.series, of_panel.value, strict=True):
            hits = np.arange(self.cfg.cases) < round(value * self.cfg.cases)
            rows += share("l", str(series).replace(" ", "_"), hits)
        for name, values in zip(("independent", "dependent"), features["l/tails"], strict=True):
            power = np.log(values[-1] / values[-2]) / np.log(SIZES[-1] / SIZES[-2])
            rows += long("l", -1, {f"lemma_3_{name}_power": power})
            rows += long("l", -1, {f"lemma_3_{name}_at_last": values[-1]})
        for draw, order in enumerate(features["l/taylor"]):
            rows += long("l", draw, {"prop_5_order": order})
        return rows

    def _group(self, features: Arrays, key: str, shots: int | None = None) -> AdaptedSums:
        first, second = features[f"{key}/first"], features[f"{key}/second"]
        shots = shots or self.cfg.dim
        return AdaptedSums(first, second, shots, shots)


def stacked(key: str, sums: Any) -> Arrays:
    """A group of sets as two arrays (draws, ...)."""
    group = list(sums)
    return {
        f"{key}/first": np.stack([s.first for s in group]),
        f"{key}/second": np.stack([s.second for s in group]),
    }


def slope(panel: str, name: str, x: Any, y: Any) -> list[dict[str, Any]]:
    """Slope of log y on log x with its interval; none below three points."""
    if len(y) < 3:
        return []
    fit = slope_interval(np.log(x), np.log(y))
    return long(panel, -1, {name: fit.mean, f"{name}_low": fit.low, f"{name}_high": fit.high})


def share(panel: str, name: str, hits: Any) -> list[dict[str, Any]]:
    """The share of independent cases that are hits, with its interval."""
    found = share_interval(hits)
    return long(panel, -1, {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high})


def hanson_wright(size: int) -> tuple[float, float]:
    """The largest c of Lemma 3 with A = I for normal X of `size` components, exact.

    First with independent components, as stated; then with equal ones, as the u of Proposition 1
    may be.
    """
    norm = np.sqrt(2 / np.pi)  # sub-Gaussian norm of N(0, 1): the supremum is at p = 1
    t = np.geomspace(0.1, 20, 200) * size
    exponent = np.minimum(t**2 / (norm**4 * size), t / norm**2)

    def largest(law: Any, scale: float) -> float:
        up, down = law.logsf((size + t) / scale), law.logcdf((size - t) / scale)
        return float(np.min((np.log(2) - np.logaddexp(up, down)) / exponent))

    return largest(stats.chi2(size), 1.0), largest(stats.chi2(1), float(size))
