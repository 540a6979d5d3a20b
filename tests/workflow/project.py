"""A copy of the project in which Snakemake is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A copy of the project in which Snakemake is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        git = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in listed.stdout.split():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

        # no test may depend on the user's settings
        (folder / "config.yaml").write_text("preset: default\n")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def snakemake(self, *arguments: str, ok: bool = True, **environment: str) -> str:
        unset = {"OMNIGLOT_DIR": ""}  # of whoever runs the tests
        run = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | unset | environment,
        )
        said = run.stdout + run.stderr
        assert (run.returncode == 0) == ok, said
        return said

    def results(self, preset: str = "smoke") -> Path:
        return self.folder / "results" / preset


def counts(said: str) -> dict[str, int]:
    """Jobs of a dry run by rule."""
    table = said[said.index("Job stats:") :]
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
