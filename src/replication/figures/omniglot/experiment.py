"""ANIL on Omniglot: the default adaptation rate against the paper's online estimate (Fig. 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from innerlr.checks import Array
from innerlr.errors import InnerlrError
from replication.experiment import Arrays, TrainedExperiment, long, table
from replication.figures.omniglot.settings import SPECIFICATION, AnilScheme, AnilSetting, Fig03
from replication.images.bank import SPLITS, ImageBank, Images, TaskSampler, rotated, split

if TYPE_CHECKING:
    import torch

    from replication.training.anil import Anil
    from replication.training.checkpoint import Checkpoint

# columns of a run's history, one row an evaluation
HISTORY = (
    "iteration",
    "test_loss",
    "test_accuracy",
    "train_loss",
    "train_accuracy",
    "alpha",
    "norm",
)
LEVELS = (50, 80, 90)  # per cent of test accuracy
PUBLISHED = (0.962, 0.005)  # Raghu et al. (2020), ANIL, 20-way 1-shot: accuracy and its spread
# cells of the random streams; a seed's initial weights and tasks are the same for every scheme
SPLIT, TEST, FINAL, WEIGHTS, TASKS = range(5)


class Omniglot(TrainedExperiment):
    """Test loss and accuracy of each scheme against the iteration, over seeds."""

    cfg: Fig03

    def _split(self, characters: int) -> dict[str, Any]:
        return split(characters, self.cfg.images.split.model_dump(), self.rng(SPLIT))

    def data(self) -> pd.DataFrame:
        """Of each split: its characters and classes, and a digest of which they are."""
        sizes = self.cfg.images.split.model_dump()
        parts = self._split(sum(sizes.values()))
        rows = [
            {
                "panel": name,
                "characters": len(parts[name]),
                "classes": 4 * len(parts[name]),
                "digest": hashlib.sha256(parts[name].astype("<i8").tobytes()).hexdigest()[:16],
            }
            for name in SPLITS
        ]
        return table(rows, ["panel"])

    # -------------------------------------------------------------- training

    def _classes(self) -> dict[str, Images]:
        """Images of the classes of each split, (classes, drawers, 28, 28)."""
        if self.images is None:
            raise InnerlrError(
                f"{self.name}: no images. Set `images` to the arrays of an ImageBank first."
            )
        small = ImageBank.from_arrays(self.images).small(self.cfg.resize)
        parts = self._split(len(small))
        return {name: rotated(small[parts[name]]) for name in ("train", "test")}

    def _sampler(self, images: Images, *cell: int) -> TaskSampler:
        c = self.cfg
        return TaskSampler(images, c.ways, c.shots, c.query_shots, self.rng(*cell))

    def _model(self, scheme: AnilScheme, seed: int) -> Anil:
        import torch

        from replication.training.anil import Anil, ConvNet

        c = self.cfg
        entropy = int(self.rng(WEIGHTS, seed).integers(2**62))
        network = ConvNet(
            *(c.width, c.ways),
            head_init=c.head_init,
            generator=torch.Generator().manual_seed(entropy),
        )
        settings = scheme.trained() | {
            key: getattr(c, key)
            for key in ("ways", "shots", "inner_steps", "batch_norm", "first_alpha", "precision")
        }
        return Anil(network, keep=c.buffer_keep, **settings)

    def training(
        self, run: str, *, device: torch.device, checkpoint: Checkpoint | None = None
    ) -> Arrays:
        """The history of one scheme and seed, and its accuracy at the end.

        Args:
            run: scheme-seedN.
            device: where to train.
            checkpoint: from which to go on, written at each evaluation.

        Returns:
            history (evaluations, HISTORY), final (loss, accuracy), source (of the images).

        Raises:
            InnerlrError: no images, or a split that cannot give the tasks asked for.
        """
        from replication.training.device import convolutions

        with convolutions(self.cfg.precision):
            return self._train(run, device, checkpoint)

    def _train(self, run: str, device: torch.device, checkpoint: Checkpoint | None) -> Arrays:
        import torch

        from replication.training.anil import as_input

        c, (name, _, seed) = self.cfg, run.rpartition("-seed")
        classes = self._classes()
        training = self._sampler(classes["train"], TASKS, int(seed))
        held_out = self._sampler(classes["test"], TEST).sample(c.test_tasks)
        model = self._model(c.schemes[name], int(seed)).to(device)
        optimiser = torch.optim.Adam(model.parameters(), c.outer_lr, fused=True)

        history: list[list[float]] = []
        # training loss and accuracy since the last evaluation
        since = torch.zeros(2, dtype=torch.float64, device=device)
        start = 0
        state = checkpoint.load() if checkpoint else None
        if state:
            start, history = state["iteration"], state["history"]
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            training.rng.bit_generator.state = state["sampler"]

        bar = tqdm(
            range(start, c.iterations),
            **{"initial": start, "total": c.iterations, "desc": run},
            **{"mininterval": 5.0, "ascii": True},
        )
        for iteration in bar:
            outcome = model(as_input(training.sample(c.meta_batch), device), update=True)
            optimiser.zero_grad(set_to_none=True)
            outcome.loss.backward()
            optimiser.step()
            since += torch.stack([outcome.loss.detach(), outcome.accuracy])
            done = iteration + 1
            if done % c.evaluate_every and done < c.iterations:
                continue
            loss, accuracy = evaluate(model, held_out, c.meta_batch, device)
            last = int(history[-1][0]) if history else 0
            means = (since / (done - last)).tolist()
            alpha, norm = float(outcome.alpha), float(outcome.norm)
            history.append([float(done), loss, accuracy, *means, alpha, norm])
            since.zero_()
            bar.set_postfix(accuracy=f"{accuracy:.3f}", alpha=f"{alpha:.3g}", refresh=False)
            if checkpoint and done < c.iterations:
                checkpoint.save(
                    {
                        "iteration": done,
                        "history": history,
                        "model": model.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "sampler": training.rng.bit_generator.state,
                    }
                )
        fresh = self._sampler(classes["test"], FINAL).sample(c.final_tasks)
        return {
            "history": np.array(history),
            "final": np.array(evaluate(model, fresh, c.meta_batch, device)),
            "source": np.asarray((self.images or {})["source"]),
        }

    # -------------------------------------------------------------- curves and numbers

    def features(self, trained: Mapping[str, Arrays], *, device: torch.device) -> Arrays:
        """What the runs recorded, each array under run/name."""
        return {
            f"{run}/{key}": value
            for run, arrays in trained.items()
            for key, value in arrays.items()
        }

    def sweep(self, features: Arrays) -> pd.DataFrame:
        """One row a scheme (panel), seed and evaluation; `data` is the source of the images."""
        rows = []
        for run in self.cfg.runs():
            panel, _, seed = run.rpartition("-seed")
            frame = pd.DataFrame(features[f"{run}/history"], columns=list(HISTORY))
            frame = frame.astype({"iteration": int})
            labels = {"panel": panel, "seed": int(seed), "data": str(features[f"{run}/source"])}
            rows.append(frame.assign(**labels))
        first = ["panel", "seed", "data"]
        frame = table(rows, ["panel", "seed", "iteration"])
        return frame[[*first, *HISTORY]]

    def estimates(self, features: Arrays, sweep: pd.DataFrame) -> pd.DataFrame:
        """Speed and final accuracy of each scheme, and against that it is held to, by seed."""
        rows = []
        speed: dict[tuple[str, int], dict[str, float]] = {}
        for run in self.cfg.runs():
            panel, _, seed = run.rpartition("-seed")
            made = summarise(features[f"{run}/history"], self.cfg.drawn_iterations)
            made["final_loss"], made["final_accuracy"] = map(float, features[f"{run}/final"])
            made |= self._ideal(panel, made["alpha"])
            speed[panel, int(seed)] = made
            rows += long(panel, int(seed), made)
        for panel, base in self.cfg.held_to().items():
            for at in range(self.cfg.seeds):
                gains = against(speed[panel, at], speed[base, at])
                rows += long(f"{panel} against {base}", at, gains)
        return table(rows, ["panel", "seed"])

    def _ideal(self, scheme: str, alpha: float) -> dict[str, float]:
        """ideal_loss at the rate alpha, where the scheme fixes the length of the features."""
        from replication.training.anil import ideal_loss

        c = self.cfg
        length = {"l2": 1.0, "l2sqrtd": c.width**0.5}.get(c.schemes[scheme].forward_norm)
        return {"ideal_loss": ideal_loss(alpha, c.inner_steps, c.ways, length)} if length else {}

    def specifications(self, trained: Mapping[str, Arrays]) -> pd.DataFrame:
        """The estimates of every reading, a pair of schemes each.

        Args:
            trained: what :meth:`training` returned, by the section's `specification_runs()`.

        Returns:
            As :meth:`estimates`, with the column `reading`; a pair's two schemes have the names of
            the section's first two.
        """
        base, other = list(self.cfg.schemes)[:2]
        tables = []
        for reading, pair in self.cfg.pairs().items():
            rows = []
            for seed in range(self.cfg.specifications.seeds):
                slow, fast = (self._ran(trained, name, seed) for name in pair[1:])
                rows += long(base, seed, slow) + long(other, seed, fast)
                rows += long(f"{other} against {base}", seed, against(fast, slow))
            tables.append(table(rows, ["panel", "seed"]).assign(reading=reading))
        return pd.concat(tables, ignore_index=True)

    def rates(self, trained: Mapping[str, Arrays]) -> pd.DataFrame:
        """Every scheme of the readings by itself, to hold an estimate against the fixed rates.

        Args:
            trained: as for :meth:`specifications`.

        Returns:
            Of each its setting, and means over seeds of what :func:`summarise` returns and of the
            final loss and accuracy; `setting` names what is changed, none for most.
        """
        run, c = self.cfg.specifications, self.cfg
        source = str(next(iter(trained.values()))["source"])
        common = {key: getattr(c, key) for key in AnilSetting.model_fields}
        rows = []
        for name, (change, scheme) in run.schemes(c.schemes).items():
            made = pd.DataFrame([self._ran(trained, name, seed) for seed in range(run.seeds)])
            setting = "; ".join(f"{key} = {value}" for key, value in change.items())
            labels = {"scheme": name, "setting": setting}
            chosen = scheme.trained()  # its alpha is a number or a name; that of the rows is in use
            labels |= {"rate": chosen.pop("alpha")} | chosen | common | change
            scale = {"iterations": run.iterations, "seeds": run.seeds, "data": source}
            rows.append(labels | scale | made.mean().to_dict())
        return pd.DataFrame(rows)

    def _ran(self, trained: Mapping[str, Arrays], name: str, seed: int) -> dict[str, float]:
        """Speed and end of one run of the readings."""
        arrays = trained[f"{SPECIFICATION}{name}-seed{seed}"]
        ends = dict(zip(("final_loss", "final_accuracy"), map(float, arrays["final"]), strict=True))
        return summarise(arrays["history"], self.cfg.drawn_iterations) | ends


def evaluate(model: Anil, images: Images, chunk: int, device: torch.device) -> tuple[float, float]:
    """Mean loss and accuracy on the queries of tasks (tasks, ways, shots + queries, h, w)."""
    import torch

    from replication.training.anil import as_input

    sums = torch.zeros(2, dtype=torch.float64, device=device)
    with torch.no_grad():
        for first in range(0, len(images), chunk):
            part = images[first : first + chunk]
            outcome = model(as_input(part, device))
            sums += len(part) * torch.stack([outcome.loss, outcome.accuracy]).double()
    loss, accuracy = (sums / len(images)).tolist()
    return loss, accuracy


def summarise(history: Array, until: int) -> dict[str, float]:
    """Speed of convergence of one run.

    Args:
        history: (evaluations, HISTORY).
        until: iterations over which areas are taken.

    Returns:
        iterations_to_X, the first evaluation with X% of test accuracy (infinite where there is
        none); accuracy_area and loss_area, means over the evaluations up to `until`;
        peak_accuracy, the highest test accuracy, and gap, training less test accuracy over the last
        tenth of the run; alpha and norm at the last evaluation.
    """
    columns = dict(zip(HISTORY, history.T, strict=True))
    early = columns["iteration"] <= until
    made = {}
    for level in LEVELS:
        reached = columns["iteration"][columns["test_accuracy"] >= level / 100]
        made[f"iterations_to_{level}"] = float(reached.min(initial=np.inf))
    made["accuracy_area"] = float(columns["test_accuracy"][early].mean())
    made["loss_area"] = float(columns["test_loss"][early].mean())
    late = columns["iteration"] > 0.9 * columns["iteration"][-1]
    made["peak_accuracy"] = float(columns["test_accuracy"].max())
    made["gap"] = float((columns["train_accuracy"] - columns["test_accuracy"])[late].mean())
    return made | {"alpha": float(columns["alpha"][-1]), "norm": float(columns["norm"][-1])}


def against(scheme: Mapping[str, float], base: Mapping[str, float]) -> dict[str, float]:
    """What a scheme gains over the base with the same seed; positive, or above 1, is better.

    Returns:
        accuracy_gain and loss_gain, of the areas; final_gain, of the final accuracy; speedup_X,
        how many times as many iterations the base needs to X% (1 where neither gets there).
    """
    gains = {
        "accuracy_gain": scheme["accuracy_area"] - base["accuracy_area"],
        "loss_gain": base["loss_area"] - scheme["loss_area"],
        "final_gain": scheme["final_accuracy"] - base["final_accuracy"],
    }
    for level in LEVELS:
        slow, fast = (made[f"iterations_to_{level}"] for made in (base, scheme))
        gains[f"speedup_{level}"] = 1.0 if np.isinf([slow, fast]).all() else slow / fast
    return gains
