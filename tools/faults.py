"""Damage every kind of file that a run makes, and print what became of it.

`make faults` runs this: a small run in a copy of the project, then thousands of damaged files. Bits
are flipped, files are cut, deleted and exchanged, disks are full. The table shows what was tried
and how it ended; it is put into docs/reliability.md with the date. It takes about ten minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import errno
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from innerlr.io.digests import digest_file

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reliability.md"
START, END = "<!-- faults, made by `make faults` -->", "<!-- end of faults -->"
SETTINGS = """
preset: small
fig05: {tasks: 40, fresh_tasks: 40, seeds: 2, grid_points: 12}
fig10a: {iterations: 2, seeds: 2, test_tasks: 4, estimate_tasks: 2}
fig03:
  images: {source: stand_in, split: {train: 25, validation: 0, test: 20}}
  width: 4
  meta_batch: 2
  iterations: 2
  test_tasks: 2
  final_tasks: 2
  seeds: 2
"""
RESULTS = Path("results/small")
# kind: what a job reads, another file of the kind, and what that job makes
READ = {
    "data sheet": ("data/fig06.csv", "data/fig05.csv", "features/fig06.npz"),
    "images": ("data/omniglot.npz", "features/fig05.npz", "training/fig03/default-seed0.npz"),
    "trained networks": (
        *("training/fig10a/seed0.npz", "training/fig10a/seed1.npz"),
        "features/fig10a.npz",
    ),
    "features": ("features/fig06.npz", "features/fig05.npz", "sweeps/fig06.csv"),
    "sweep": ("sweeps/fig06.csv", "sweeps/fig05.csv", "estimates/fig06.csv"),
    "estimates": ("estimates/fig06.csv", "estimates/fig05.csv", "claims/fig06.csv"),
    "verdicts": ("claims/fig06.csv", "claims/fig05.csv", "figures/fig06.png"),
}
# kinds that no job reads
SHOWN = {
    "pictures": ("figures/fig06.svg", "figures/fig05.svg"),
    "numbers of a figure": ("figures/fig06.csv", "figures/fig05.csv"),
    "notebooks": ("notebooks/fig06.ipynb", "notebooks/fig05.ipynb"),
    "pages": ("notebooks/fig06.html", "notebooks/fig05.html"),
    "captions": ("captions/fig06.rst", "captions/fig05.rst"),
    "records": ("sweeps/fig06.csv.provenance.json", "sweeps/fig05.csv.provenance.json"),
    "report": ("report.html", "captions/fig05.rst"),
    "settings beside the results": ("config.yaml", "captions/fig05.rst"),
}
FAULTS = FLIPPED, CUT, DELETED, EXCHANGED, PAIR, FULL = (
    *("bit flipped", "cut short", "deleted", "exchanged"),
    *("exchanged with its digest and record", "disk full"),
)
# how a fault can end; the last two are what must not be
STOPPED, NOTICED = "the job stops with one line", "found by `innerlr verify`"
OLDER, ANEW = (
    "training says so and goes on from the state before",
    "training says so and starts anew",
)
MENDED = "named in one line, the same bytes once it is deleted"
REMADE = "made anew, the same bytes"
ROOM = "said to be full, the same bytes once there is room"
TRACEBACK, SURVIVED = "TRACEBACK", "NOT NOTICED"
# what was damaged, how, and how it ended
Row = tuple[str, str, str]
Fault = tuple[str, Callable[[], None]]


def beside(path: Path) -> list[Path]:
    """The digest and the record of a file, as far as there are any."""
    found = [Path(f"{path}{end}") for end in (".sha256", ".provenance.json")]
    return [file for file in found if file.is_file()]


@contextlib.contextmanager
def kept(*files: Path) -> Iterator[None]:
    """Put `files` back as they were, their times included."""
    before = {file: (file.read_bytes(), file.stat()) for file in files if file.is_file()}
    try:
        yield
    finally:
        for file in files:
            if file not in before:
                file.unlink(missing_ok=True)
                continue
            content, stat = before[file]
            file.write_bytes(content)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip(path: Path, rng: random.Random) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(path: Path, rng: random.Random) -> None:
    """Leave a part from the beginning, or nothing."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def exchange(one: Path, other: Path) -> None:
    """Give two files each other's content."""
    a, b = one.read_bytes(), other.read_bytes()
    one.write_bytes(b)
    other.write_bytes(a)


def faults(
    one: Path, other: Path, flips: int, cuts: int
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every fault of a file, by name."""
    rng = random.Random(str(one))
    for _ in range(flips):
        yield FLIPPED, lambda: flip(one, rng)
    for _ in range(cuts):
        yield CUT, lambda: cut(one, rng)
    yield DELETED, one.unlink
    yield EXCHANGED, lambda: exchange(one, other)
    pairs = list(zip(beside(one), beside(other), strict=False))
    if pairs and len(pairs) == len(beside(other)):

        def all_of_it() -> None:
            exchange(one, other)
            for a, b in pairs:
                exchange(a, b)

        yield PAIR, all_of_it


class Run:
    """A small run in a copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.split():
            if (ROOT / name).is_file() and not name.startswith("results/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / "config.yaml").write_text("preset: default\n", encoding="utf-8")
        (folder / "small.yaml").write_text(SETTINGS, encoding="utf-8")
        self.environment = os.environ | {
            **{"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1", "OMNIGLOT_DIR": ""}
        }

    def make(self, *targets: str, before: str = "", ok: bool = True) -> str:
        """Snakemake's words on some files of the run; `before` stands before its command."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "small.yaml"]
        command += ["--", *(f"{RESULTS}/{target}" for target in targets)]
        run = subprocess.run(
            before.split() + command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ok and run.returncode:
            raise SystemExit(f"faults: {' '.join(command)} failed:\n{run.stdout}{run.stderr}")
        return run.stdout + run.stderr


def gate(path: Path, name: str) -> str:
    """What a job does that has `path` among its inputs, in a process of its own."""
    from replication.pipeline import provenance
    from replication.pipeline.job import job

    provenance.code_revision = lambda: provenance.Revision("not looked for")
    said, said_by = os.pipe()
    if child := os.fork():
        os.close(said_by)
        with open(said, encoding="utf-8", errors="replace") as stream:
            message = stream.read()
        _, status = os.waitpid(child, 0)
        if status == 0:
            return SURVIVED
        clear = message.count("\n") == 1 and name in message and "run again" in message
        return STOPPED if clear else TRACEBACK
    os.dup2(said_by, 2)
    snakemake = SimpleNamespace(
        log=[f"/proc/self/fd/{said_by}"],
        input=[str(path), f"{path}.sha256"],
        output=[],
        rule="sweep",
        params={},
        config={"seed": 1, "preset": RESULTS.name},
        threads=1,
    )
    code = 1
    try:
        with job(snakemake):
            code = 0
    except SystemExit:
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(code)


def of_inputs(flips: int) -> Iterator[Row]:
    """What a job does with each kind of damaged input: thousands of times, without Snakemake."""
    for kind, (name, other, _) in READ.items():
        path, second = RESULTS / name, RESULTS / other
        for target, label in ((path, kind), (digest_file(path), "digest files")):
            against = second if target is path else digest_file(second)
            for fault, damage in faults(target, against, flips, flips // 5):
                if fault == DELETED and target is path:
                    continue  # Snakemake makes it anew: see of_runs
                with kept(path, *beside(path), second, *beside(second)):
                    damage()
                    yield label, fault, gate(path, path.name)


def of_checkpoints(folder: Path, flips: int) -> Iterator[Row]:
    """What training goes on from; any state but those that were saved has survived."""
    import torch

    from innerlr.errors import InnerlrError
    from replication.training.checkpoint import Checkpoint

    def state(step: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(step)
        return {"step": step, "weights": torch.randn(500, generator=generator)}

    def is_first(loaded: dict[str, Any] | None) -> bool:
        first = state(1)
        return loaded is not None and bool(
            loaded["step"] == first["step"] and torch.equal(loaded["weights"], first["weights"])
        )

    checkpoint, other = (Checkpoint(folder / f"{name}.pt", {"run": name}) for name in "ab")
    for each in (checkpoint, other):
        each.save(state(1))
        each.save(state(2))
    for label, older in (("checkpoints", True), ("checkpoints without one before", False)):
        for fault, damage in faults(checkpoint.path, other.path, flips, flips // 5):
            with kept(checkpoint.path, checkpoint.before, other.path):
                if not older:
                    checkpoint.before.unlink()
                damage()
                try:
                    with contextlib.redirect_stderr(io.StringIO()) as said:
                        loaded = checkpoint.load()
                except InnerlrError as error:
                    end = STOPPED if "\n" not in str(error) else TRACEBACK
                except Exception:
                    end = TRACEBACK
                else:
                    told = fault == DELETED or "is damaged" in said.getvalue()
                    right = is_first(loaded) if older else loaded is None
                    end = (OLDER if older else ANEW) if told and right else SURVIVED
            yield label, fault, end


def of_what_is_shown(flips: int) -> Iterator[Row]:
    """What `innerlr verify` finds in files that no job reads."""
    from innerlr.io.verify import verify

    if problems := verify(RESULTS):
        raise SystemExit(f"faults: the run does not verify before anything is damaged: {problems}")
    for kind, (name, other) in SHOWN.items():
        path, second = RESULTS / name, RESULTS / other
        for fault, damage in faults(path, second, flips, flips // 5):
            with kept(path, *beside(path), second, *beside(second)):
                damage()
                try:
                    end = NOTICED if verify(RESULTS) else SURVIVED
                except Exception:
                    end = TRACEBACK
            yield kind, fault, end


def of_runs(run: Run) -> Iterator[Row]:
    """One fault of each through Snakemake: the error, then what the mend that it names gives."""
    for kind, (name, other, target) in READ.items():
        path, second, made = (RESULTS / each for each in (name, other, target))
        whole = path.read_bytes(), made.read_bytes()
        for fault, damage in faults(path, second, 1, 0):
            if fault not in (FLIPPED, DELETED):
                continue  # a job's check is the same for all: see of_inputs
            named = True
            with kept(second, *beside(second)):
                damage()
                if fault != DELETED:
                    said = run.make(target, ok=False)
                    named = "Traceback" not in said and f"Delete {path} and run again" in said
                    path.unlink()
            run.make(target, name)
            same = whole == (path.read_bytes(), made.read_bytes())
            end = REMADE if fault == DELETED else MENDED
            yield f"{kind}, through Snakemake", fault, end if named and same else SURVIVED


def of_full_disks(run: Run) -> Iterator[Row]:
    """Results on a small disk that is made larger after the run has failed."""
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_mounts, "true"], capture_output=True, check=False).returncode:
        print("faults: no small disk can be mounted here, so none is tried", file=sys.stderr)
        return
    target = "figures/fig06.png"
    whole = {p: p.read_bytes() for p in RESULTS.rglob("*fig06*") if p.suffix in (".csv", ".png")}
    script = run.folder / "full.sh"
    snakemake = f"{sys.executable} -m snakemake --cores 2 --nolock --configfile small.yaml"
    snakemake += f" --config preset=full -- results/full/{target}"
    script.write_text(
        "mkdir -p full && mount -t tmpfs -o size=$1 tmpfs full || exit 9\n"
        f"{snakemake}; echo first $?\n"
        f"find full -name '.*.*' -type f | sed 's/^/left over /'\n"
        "mount -o remount,size=200m full\n"
        f"{snakemake} >/dev/null 2>&1; echo second $?\n"
        "rm -rf full.kept && cp -r full full.kept\n",
        encoding="utf-8",
    )
    full = run.folder / "results/full"
    (run.folder / "full").mkdir()
    full.symlink_to(run.folder / "full")
    for kilobytes in (16, 100, 250, 500):
        tried = subprocess.run(
            [*own_mounts, "bash", str(script), f"{kilobytes}k"],
            cwd=run.folder,
            env=run.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = tried.stdout + tried.stderr
        if "first 0" in said:
            continue  # it had room
        clear = "disk is full" in said or os.strerror(errno.ENOSPC) in said
        made = run.folder / "full.kept"
        same = all(
            (made / p.relative_to(RESULTS)).is_file()
            and (made / p.relative_to(RESULTS)).read_bytes() == content
            for p, content in whole.items()
        )
        right = clear and same and "second 0" in said and "left over" not in said
        yield "all files of a figure", FULL, ROOM if right else SURVIVED


def table(rows: list[Row]) -> str:
    """Markdown: a line for each kind of file; of each fault, how many were noticed of how many."""
    lines = [
        f"| what | {' | '.join(FAULTS)} | how it ended |",
        f"| --- |{' ---: |' * len(FAULTS)} --- |",
    ]
    for kind in dict.fromkeys(kind for kind, *_ in rows):
        cells = []
        for fault in FAULTS:
            ends = [end for k, f, end in rows if (k, f) == (kind, fault)]
            bad = sum(end in (TRACEBACK, SURVIVED) for end in ends)
            cells.append(f"{len(ends) - bad} of {len(ends)}" if ends else "")
        ends = list(dict.fromkeys(end for k, _, end in rows if k == kind))
        lines.append(f"| {kind} | {' | '.join(cells)} | {'; '.join(ends)} |")
    return "\n".join(lines)


def main() -> int:
    """Try every fault; 1 where one was not noticed or ended in a traceback."""
    parser = argparse.ArgumentParser(description="Damage every kind of file that a run makes.")
    parser.add_argument("--flips", type=int, default=100, help="of each kind; default %(default)d")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = Path(temporary)
        run = Run(folder)
        os.chdir(folder)
        print("faults: a small run ...", file=sys.stderr, flush=True)
        run.make(*{target for *_, target in READ.values()}, "figures/fig05.png")
        parts = {
            "inputs of jobs": of_inputs(args.flips),
            "checkpoints": of_checkpoints(folder / "checkpoints", args.flips),
            "what is shown": of_what_is_shown(args.flips // 4),
            "runs": of_runs(run),
            "full disks": of_full_disks(run),
        }
        for name, part in parts.items():
            print(f"faults: {name} ...", file=sys.stderr, flush=True)
            rows += part
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    bad = sum(end in (TRACEBACK, SURVIVED) for *_, end in rows)
    said = f"Tried on {day}: {len(rows)} faults, {bad} not noticed or ended in a traceback."
    text = f"{said}\n\n{table(rows)}"
    print(text)
    if args.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(START)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
