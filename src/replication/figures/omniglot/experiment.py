"""ANIL on Omniglot: the default adaptation rate against the paper's online estimate (Fig. 3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from innerlr.checks import Array
from innerlr.errors import InnerlrError
from replication.experiment import Arrays, TrainedExperiment, table
from replication.figures.omniglot import quantities as q
from replication.figures.omniglot.settings import SPECIFICATION, AnilScheme, AnilSetting, Fig03
from replication.images.bank import SPLITS, ImageBank, Images, TaskSampler, rotated, split
from replication.quantity import Cell, Estimates

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
PUBLISHED = (0.962, 0.005)  # Raghu et al. (2020), ANIL, 20-way 1-shot: accuracy and its spread
# cells of the random streams; a seed's initial weights and tasks are the same for every scheme
SPLIT, TEST, FINAL, WEIGHTS, TASKS = range(5)


class Run(NamedTuple):
    """What one run recorded.

    Attributes:
        iterations: (evaluations,); so are the others but for the last two.
        losses, accuracies: on the test tasks of every evaluation.
        training_accuracies: on the training tasks since the evaluation before.
        rates: the adaptation rate in use.
        norms: the mean length of the features.
        final_loss, final_accuracy: after training, on other test tasks.
    """

    iterations: Array
    losses: Array
    accuracies: Array
    training_accuracies: Array
    rates: Array
    norms: Array
    final_loss: float
    final_accuracy: float

    @classmethod
    def of(cls, arrays: Arrays) -> Run:
        """From what :meth:`Omniglot.training` returned."""
        columns = dict(zip(HISTORY, arrays["history"].T, strict=True))
        loss, accuracy = map(float, arrays["final"])
        return cls(
            iterations=columns["iteration"],
            losses=columns["test_loss"],
            accuracies=columns["test_accuracy"],
            training_accuracies=columns["train_accuracy"],
            rates=columns["alpha"],
            norms=columns["norm"],
            final_loss=loss,
            final_accuracy=accuracy,
        )


class Omniglot(TrainedExperiment):
    """Test loss and accuracy of each scheme against the iteration, over seeds."""

    cfg: Fig03

    def _split(self, characters: int) -> dict[str, Any]:
        return split(characters, self.cfg.images.split.model_dump(), self.rng(SPLIT))

    def data(self) -> pd.DataFrame:
        """The characters and classes of each split, and a digest that identifies them."""
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
        found = Estimates()
        runs: dict[tuple[str, int], Run] = {}
        for name in self.cfg.runs():
            panel, _, number = name.rpartition("-seed")
            arrays = {key: features[f"{name}/{key}"] for key in ("history", "final")}
            run = runs[panel, int(number)] = Run.of(arrays)
            add = found.at(panel, int(number))
            self._measure(add, run)
            # where the scheme fixes the length of the features
            if length := self._length(panel):
                add(q.ideal_loss, self._ideal(run.rates[-1], length))
        for panel, base in self.cfg.held_to().items():
            for seed in range(self.cfg.seeds):
                add = found.at(f"{panel} against {base}", seed)
                self._compare(add, runs[panel, seed], runs[base, seed])
        return found.table()

    def _measure(self, add: Cell, run: Run) -> None:
        """What is measured of one run."""
        until = self.cfg.drawn_iterations
        add(q.iterations_to_50, run.iterations, run.accuracies)
        add(q.iterations_to_80, run.iterations, run.accuracies)
        add(q.iterations_to_90, run.iterations, run.accuracies)
        add(q.accuracy_area, run.iterations, run.accuracies, until)
        add(q.loss_area, run.iterations, run.losses, until)
        add(q.peak_accuracy, run.accuracies)
        add(q.gap, run.iterations, run.training_accuracies, run.accuracies)
        add(q.alpha, run.rates[-1])
        add(q.norm, run.norms[-1])
        add(q.final_loss, run.final_loss)
        add(q.final_accuracy, run.final_accuracy)

    def _compare(self, add: Cell, run: Run, base: Run) -> None:
        """What one run gains over another with the same seed."""
        until = self.cfg.drawn_iterations
        pair = (run, base)
        accuracies = [q.mean_until(x.iterations, x.accuracies, until) for x in pair]
        losses = [q.mean_until(x.iterations, x.losses, until) for x in pair]
        to_50, to_80, to_90 = (
            [q.first_reaching(x.iterations, x.accuracies, level) for x in pair]
            for level in (0.5, 0.8, 0.9)
        )
        add(q.accuracy_gain, accuracies[0], accuracies[1])
        add(q.loss_gain, losses[0], losses[1])
        add(q.final_gain, run.final_accuracy, base.final_accuracy)
        add(q.speedup_50, to_50[0], to_50[1])
        add(q.speedup_80, to_80[0], to_80[1])
        add(q.speedup_90, to_90[0], to_90[1])

    def _length(self, scheme: str) -> float | None:
        """The length that a scheme's forward normalisation gives the features, if it fixes one."""
        lengths = {"l2": 1.0, "l2sqrtd": self.cfg.width**0.5}
        return lengths.get(self.cfg.schemes[scheme].forward_norm)

    def _ideal(self, alpha: float, length: float) -> float:
        from replication.training.anil import ideal_loss

        return ideal_loss(float(alpha), self.cfg.inner_steps, self.cfg.ways, length)

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
            found = Estimates()
            for seed in range(self.cfg.specifications.seeds):
                slow, fast = (_ran(trained, name, seed) for name in (pair.default, pair.online))
                self._measure(found.at(base, seed), slow)
                self._measure(found.at(other, seed), fast)
                self._compare(found.at(f"{other} against {base}", seed), fast, slow)
            tables.append(found.table().assign(reading=reading))
        return pd.concat(tables, ignore_index=True)

    def rates(self, trained: Mapping[str, Arrays]) -> pd.DataFrame:
        """Every scheme of the readings by itself, to hold an estimate against the fixed rates.

        Args:
            trained: as for :meth:`specifications`.

        Returns:
            Of each its setting, and means over seeds of what is measured of a run; `setting` names
            what is changed, none for most.
        """
        run, c = self.cfg.specifications, self.cfg
        source = str(next(iter(trained.values()))["source"])
        common = {key: getattr(c, key) for key in AnilSetting.model_fields}
        rows = []
        for name, (change, scheme) in run.schemes(c.schemes).items():
            found = Estimates()
            for seed in range(run.seeds):
                self._measure(found.at(name, seed), _ran(trained, name, seed))
            made = found.table()
            means = {of: made.value[made.quantity == of].mean() for of in made.quantity.unique()}
            setting = "; ".join(f"{key} = {value}" for key, value in change.items())
            labels = {"scheme": name, "setting": setting}
            chosen = scheme.trained()  # its alpha is a number or a name; that of the rows is in use
            labels |= {"rate": chosen.pop("alpha")} | chosen | common | change
            scale = {"iterations": run.iterations, "seeds": run.seeds, "data": source}
            rows.append(labels | scale | means)
        return pd.DataFrame(rows)


def _ran(trained: Mapping[str, Arrays], name: str, seed: int) -> Run:
    """One run of the readings."""
    return Run.of(trained[f"{SPECIFICATION}{name}-seed{seed}"])


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
