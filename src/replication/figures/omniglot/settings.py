"""Settings of Fig. 3."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic import Field, ValidationError, model_validator

from innerlr.errors import nearest
from replication.settings.choices import (
    AlphaName,
    BatchNorm,
    ForwardNorm,
    InnerLoss,
    Precision,
    Resize,
    Sigma2,
)
from replication.settings.images import OmniglotImages
from replication.settings.messages import explain
from replication.settings.section import PRIMARY, Section, TrainedSection, without
from replication.settings.sources import Source, assumed, ours, paper
from replication.settings.types import (
    Count,
    Distinct,
    Named,
    NonNegative,
    Positive,
    Samples,
    Seeds,
    Several,
    SpecificationName,
    Width,
)


class AnilScheme(Section):
    """One way to choose the adaptation learning rate."""

    title: str = ""
    alpha: Positive | AlphaName
    sigma2: Sigma2 = "covsum"
    forward_norm: ForwardNorm = "l2sqrtd"
    inner_loss: InnerLoss = "mean"
    baseline: str | None = None

    former: ClassVar[dict[str, str]] = {"rate": "alpha", "against": "baseline"}

    def trained(self) -> dict[str, Any]:
        """What a network trained by this scheme depends on."""
        return self.model_dump(exclude={"title", "baseline"})


class AnilSetting(Section):
    """Tasks, network and training of ANIL, whatever the scheme."""

    ways: Annotated[int, Field(ge=2, le=10**4)] = 20
    shots: Samples = 1
    query_shots: Samples = 1
    resize: Resize = "nearest"
    width: Width = 64
    head_init: NonNegative = 0.01
    batch_norm: BatchNorm = "together"
    inner_steps: Count = 5
    meta_batch: Count = 16
    outer_lr: Positive = 1e-3
    buffer_keep: Annotated[float, Field(ge=0, lt=1)] = 0.9
    first_alpha: Positive = 0.1
    precision: Precision = "float32"

    former: ClassVar[dict[str, str]] = {
        "queries": "query_shots",
        "steps": "inner_steps",
        "learning_rate": "outer_lr",
        "first_rate": "first_alpha",
    }
    sources: ClassVar[dict[str, Source]] = {
        "ways": paper("Fig. 3, 20-way"),
        "shots": paper("Fig. 3, 1-shot"),
        "query_shots": assumed("of each class; as many as shots, as Finn et al. (2017)", "5, 15"),
        "resize": assumed(
            "to 28 x 28; of 1-bit images, as Finn et al.'s code does in effect",
            "lanczos (on grey, as learn2learn)",
        ),
        "width": assumed(
            "filters a layer, ANIL's own are not published; Finn et al.'s 20-way", "32 (narrower)"
        ),
        "head_init": assumed(
            "standard deviation of the head's first weights; small, so that it starts undecided",
            "1 (Finn et al.'s code)",
        ),
        "batch_norm": assumed(
            "on a task's support and query images together, one pass as learn2learn",
            "separate (two passes, as Finn et al.'s code)",
        ),
        "inner_steps": assumed("Finn et al.'s 20-way", "1"),
        "meta_batch": assumed("tasks a step; Finn et al.'s 20-way", "32"),
        "outer_lr": assumed("of Adam; Finn et al.'s default", "3e-4"),
        "buffer_keep": paper("H.3, alpha <- 0.9 alpha + 0.1 alpha*"),
        "first_alpha": ours("where a learned rate starts"),
        "precision": ours(
            "of the convolutions; tf32 is faster on a GPU and float32 elsewhere, bfloat16 is "
            "faster where the processor has it"
        ),
    }


class AnilSpecifications(Section):
    """What the target specifications runs: shorter, one job a specification and seed."""

    iterations: Count = 100
    seeds: Seeds = 2
    forward_norm: Several[ForwardNorm] = list(get_args(ForwardNorm))
    sigma2: Several[Sigma2] = list(get_args(Sigma2))
    alphas: Several[Positive | Literal["alpha_lim", "learned"]] = [
        *(0.02, 0.1, 0.5, 2.0, 8.0),
        "alpha_lim",
        "learned",
    ]
    default_alphas: Several[Positive] = [0.1, 0.5, 2.0]
    # what the first iterations can say: not where training ends, nor how soon it gets to 80%
    claims: Distinct[str] = ["fig03-faster", "fig03-lower-loss"]
    named: dict[SpecificationName, dict[str, Any]] = {
        "inner_steps_1": {"inner_steps": 1},
        "head_init_1": {"head_init": 1.0},
        "batch_norm_separate": {"batch_norm": "separate"},
        "lanczos": {"resize": "lanczos"},
        "width_32": {"width": 32},
        "query_shots_5": {"query_shots": 5},
        "meta_batch_32": {"meta_batch": 32},
        "outer_lr_3e-4": {"outer_lr": 3e-4},
    }

    former: ClassVar[dict[str, str]] = {
        "rates": "alphas",
        "defaults": "default_alphas",
        "alternatives": "named",
    }

    @model_validator(mode="after")
    def _named_are_settings(self) -> Self:
        for name, change in self.named.items():
            try:
                AnilSetting.model_validate(change)
            except ValidationError as error:
                what = explain(error.errors()[0], change, AnilSetting)
                raise ValueError(f"{name}.{what}") from error
        return self

    def schemes(self, primary: Mapping[str, AnilScheme]) -> dict[str, AnilSpecification]:
        """Every specification by name: rates, estimates, and the first two in other settings."""
        default, online = list(primary.values())[:2]
        norms = dict.fromkeys([default.forward_norm, online.forward_norm, *self.forward_norm])
        made = {}
        for norm in norms:
            for alpha in dict.fromkeys([*self.alphas, *self.default_alphas, default.alpha]):
                scheme = default.model_copy(update={"alpha": alpha, "forward_norm": norm})
                made[f"{norm}_{alpha}"] = AnilSpecification({}, scheme)
            for sigma2 in dict.fromkeys([online.sigma2, *self.sigma2]):
                scheme = online.model_copy(update={"sigma2": sigma2, "forward_norm": norm})
                made[f"{norm}_{sigma2}"] = AnilSpecification({}, scheme)
        for name, change in self.named.items():
            for scheme_name, scheme in list(primary.items())[:2]:
                made[f"{name}_{scheme_name}"] = AnilSpecification(change, scheme)
        return made


class AnilSpecification(NamedTuple):
    """A scheme, and what is changed of the section's setting."""

    change: dict[str, Any]
    scheme: AnilScheme


class AnilPair(NamedTuple):
    """What a specification of Fig. 3 chooses, and its two schemes by name: default, online."""

    choices: dict[str, Any]
    default: str
    online: str


SPECIFICATION = "reading-"


class Fig03(AnilSetting, TrainedSection):
    """ANIL on Omniglot, 20-way 1-shot: the default rate against the online estimate (Fig. 3)."""

    computed_by: ClassVar[str] = "experiment:Omniglot"
    images: OmniglotImages = OmniglotImages()
    schemes: Named[AnilScheme] = {
        "default": AnilScheme(title="default, 0.1 on the mean", alpha=0.1),
        "online": AnilScheme(title="online estimate", alpha="online"),
        "summed": AnilScheme(
            title="default, 0.1 on the sum", alpha=0.1, forward_norm="none", inner_loss="sum"
        ),
        "summed_online": AnilScheme(
            title="online, not normalised",
            alpha="online",
            sigma2="cov",
            forward_norm="none",
            baseline="summed",
        ),
    }
    iterations: Count = 1500
    drawn_iterations: Count = 15_000
    evaluate_every: Count = 20
    test_tasks: Count = 64
    final_tasks: Count = 600
    seeds: Annotated[int, Field(ge=2, le=10**4)] = 3
    specifications: AnilSpecifications = AnilSpecifications()  # type: ignore[assignment]

    late: ClassVar[frozenset[str]] = frozenset(["drawn_iterations"])
    sources: ClassVar[dict[str, Source]] = {
        "images.source": ours(
            "auto: the directory, else the download, else a stand-in on which no claim is judged"
        ),
        "images.directory": ours(
            "holds images_background.zip and images_evaluation.zip; OMNIGLOT_DIR if not given"
        ),
        "images.split": assumed("1100 characters for training as Finn et al., at random", "1200"),
        "schemes.*.title": ours("the curve's label"),
        "schemes.*.baseline": ours("the scheme it is held to; null: the first"),
        "schemes.*.alpha": paper("section 5.1: the default configuration, and online"),
        "schemes.default.alpha": assumed(
            "'original configuration', 'the default selection method where the model and training "
            "learning rates are the same', without a number; Finn et al.'s 0.1, on the mean loss "
            "as in PyTorch",
            "2.0 (the same on Finn et al.'s summed loss), 0.5",
        ),
        "schemes.summed.alpha": ours(
            "another specification of 'original configuration': Finn et al.'s 0.1 on the summed "
            "loss, as in their code"
        ),
        "schemes.*.sigma2": assumed(
            "'mean of covariance of the normalized feature F'F', read as the mean entry of F'F; "
            "not read where the rate is not online",
            "gram, cov, var, trace",
        ),
        "schemes.*.forward_norm": assumed(
            "'normalize the features before the last layer', read as l2sqrtd, to length sqrt(d), "
            "which keeps the scale of the head's rate; none: in the estimate alone",
            "none, l2, layernorm",
        ),
        "schemes.*.inner_loss": assumed("the loss that a rate is for", "sum (Finn et al.'s code)"),
        "iterations": ours("the paper's are 40,000; the early phase alone on two cores"),
        "drawn_iterations": paper("section 5.1, 'the first 1.5 x 10^4 iters'"),
        "evaluate_every": paper("section 5.1, '20 iters per scale'"),
        "test_tasks": ours("fixed tasks of unseen characters at each evaluation"),
        "final_tasks": ours("other fixed ones after training"),
        "seeds": ours("of initial weights and tasks; the same ones for every scheme"),
        "specifications": ours(
            "every forward normalisation with every rate and every meaning of sigma^2, and the "
            "schemes above in other settings"
        ),
    }

    @model_validator(mode="after")
    def _held_to_another_scheme(self) -> Self:
        for name, scheme in self.schemes.items():
            if scheme.baseline == name:
                raise ValueError(f"schemes.{name}.baseline: a scheme cannot be held to itself")
            if scheme.baseline is not None and scheme.baseline not in self.schemes:
                near = nearest(scheme.baseline, self.schemes)
                raise ValueError(f"schemes.{name}.baseline: no scheme {scheme.baseline!r}. {near}")
        return self

    def check_whole(self) -> None:
        super().check_whole()
        if len(self.schemes) < 2:
            raise ValueError(
                "schemes: expected the default scheme and at least one to hold to it, got "
                f"{list(self.schemes)}"
            )

    def runs(self) -> list[str]:
        return [f"{name}-seed{seed}" for name in self.schemes for seed in range(self.seeds)]

    def held_to(self) -> dict[str, str]:
        """Each scheme that is held to another, and which.

        Without `baseline` that is the first, unless others are held to the scheme itself.
        """
        first = next(iter(self.schemes))
        bases = {scheme.baseline for scheme in self.schemes.values()} | {first}
        return {
            name: scheme.baseline or first
            for name, scheme in self.schemes.items()
            if scheme.baseline or name not in bases
        }

    def pairs(self) -> dict[str, AnilPair]:
        """Every specification of the claims: an online estimate against a default, trained alike.

        The primary pair comes first, then every other forward normalisation, meaning of sigma^2
        and default rate, and the section's own schemes in other settings.
        """
        r, (default, online) = self.specifications, list(self.schemes.values())[:2]
        primary = (default.forward_norm, online.forward_norm)
        made = {
            PRIMARY: AnilPair({}, f"{primary[0]}_{default.alpha}", f"{primary[1]}_{online.sigma2}")
        }
        for norm, sigma2, alpha in product(r.forward_norm, r.sigma2, r.default_alphas):
            choices: dict[str, Any] = {}
            if primary != (norm, norm):
                choices["schemes.*.forward_norm"] = norm
            if sigma2 != online.sigma2:
                choices["schemes.online.sigma2"] = sigma2
            if alpha != default.alpha:
                choices["schemes.default.alpha"] = alpha
            if choices:
                name = f"{norm}_{sigma2}_against_{alpha}"
                made[name] = AnilPair(choices, f"{norm}_{alpha}", f"{norm}_{sigma2}")
        for name, change in r.named.items():
            made[name] = AnilPair(change, *(f"{name}_{s}" for s in list(self.schemes)[:2]))
        return made

    def choices(self) -> dict[str, dict[str, Any]]:
        return {name: pair.choices for name, pair in self.pairs().items()}

    def specification_runs(self) -> list[str]:
        names = self.specifications.schemes(self.schemes)
        return [
            f"{SPECIFICATION}{name}-seed{seed}"
            for name in names
            for seed in range(self.specifications.seeds)
        ]

    def for_specifications(self) -> dict[str, Any]:
        return self.model_dump(exclude={"images": {"source", "directory"}})

    def for_stage(self, stage: str) -> dict[str, Any]:
        # the image bank alone reads where the images come from: archives may be moved
        values = super().for_stage(stage)
        return values | {"images": without(values["images"], "source", "directory")}

    def for_run(self, run: str) -> dict[str, Any]:
        """The section as the one job `run` needs it: its own scheme in its own setting."""
        name = run.rpartition("-seed")[0]
        values = self.for_stage("training")
        if name.startswith(SPECIFICATION):
            made = self.specifications.schemes(self.schemes)
            change, scheme = made[name.removeprefix(SPECIFICATION)]
            values |= change | {"iterations": self.specifications.iterations}
        else:
            scheme = self.schemes[name]
        return values | {"schemes": {name: scheme.trained()}}


EXPERIMENTS = {"fig03": Fig03}
