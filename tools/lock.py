#!/usr/bin/env python3
"""Write requirements.lock, requirements.txt and environment.yml from pyproject.toml (`make lock`).

pyproject.toml holds the ranges and the exact torch; this script resolves them once, for Python 3.11
and upwards on Linux, macOS and Windows, and writes three views of the one result:

requirements.lock   every package but torch, exact, with hashes: what `make` installs;
requirements.txt    the same without hashes, with torch and this package: for one's own environment;
environment.yml     the direct dependencies for conda users.

torch is kept away from the resolver, because on Linux it brings a CUDA stack that a machine without
a GPU does not want; its other dependencies are in TORCH_NEEDS. Packages keep the versions already
locked as long as the ranges allow it; `--upgrade` takes the newest.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.11"  # the oldest served, and what the versions are resolved for
CONDA_PYTHON = ">=3.11,<3.14"  # wheels and conda packages of every pin exist here

# What torch's metadata asks for apart from the CUDA stack; test_environment.py compares.
TORCH_NEEDS = [
    "filelock",
    "fsspec>=0.8.5",
    "jinja2",
    "networkx>=2.5.1",
    "setuptools>=77.0.3",
    "sympy>=1.13.3",
    "typing-extensions>=4.10.0",
]

# No conda channel has them, or not this version.
FROM_PYPI = ("roc-validator", "rocrate")

# The same software under another name among conda's packages. Plain `snakemake` drags in every
# storage back end there; `snakemake-minimal` is what PyPI calls snakemake. Plain `playwright` is
# the program for Node.js there.
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",
    "snakemake": "snakemake-minimal",
    "torch": "pytorch",
}

HEADER = "# Written by tools/lock.py from pyproject.toml; do not edit, run `make lock`.\n"


def project() -> dict:
    """The [project] table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(name: str) -> str:
    """A distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The canonical name that a requirement such as ``Foo_bar[x]>=1`` is about."""
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return canonical(match[1])


def direct_requirements() -> list[str]:
    """All direct requirements of the package and its extras, sorted, self-references left out."""
    table = project()
    groups = [table["dependencies"], *table["optional-dependencies"].values()]
    found = {r for group in groups for r in group if name_of(r) != canonical(table["name"])}
    return sorted(found, key=name_of)


def torch_requirement() -> str:
    """The one exact requirement on torch, e.g. ``torch==2.13.0``."""
    (requirement,) = [r for r in direct_requirements() if name_of(r) == "torch"]
    if not re.fullmatch(r"torch==\d+(\.\d+)*", requirement):
        raise ValueError(
            f"pyproject.toml: torch must be pinned as torch==X.Y.Z, got {requirement!r}"
        )
    return requirement


def resolver_input() -> list[str]:
    """What is handed to the resolver: everything but torch, and torch's own needs."""
    return [r for r in direct_requirements() if name_of(r) != "torch"] + TORCH_NEEDS


def parse_lock(text: str) -> dict[str, list[str]]:
    """Canonical name -> its ``name==version [; marker]`` lines in the lock's order."""
    pins: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", " ")):
            pins.setdefault(name_of(line), []).append(line.removesuffix("\\").strip())
    return pins


def version_of(pin: str) -> str:
    """The version in ``name==version ; marker``."""
    return pin.split(";")[0].split("==")[1].strip()


def render_requirements(lock: str) -> str:
    """requirements.txt from the text of requirements.lock."""
    pins = [pin for lines in parse_lock(lock).values() for pin in lines]
    body = sorted([*pins, torch_requirement()], key=name_of)
    return HEADER + "\n".join(["-e .", *body]) + "\n"


def render_environment(lock: str) -> str:
    """environment.yml from the text of requirements.lock."""
    pins = parse_lock(lock)
    pins["torch"] = [torch_requirement()]
    pinned = {name: version_of(pins[name][0]) for name in map(name_of, direct_requirements())}
    lines = [
        f"{CONDA_NAMES.get(name, name)}=={version}"
        for name, version in pinned.items()
        if name not in FROM_PYPI
    ]
    return HEADER + "\n".join(
        [
            "name: innerlr",
            "channels:",
            "  - conda-forge",
            "  - bioconda # snakemake, snakefmt",
            "  - nodefaults",
            "dependencies:",
            f"  - python {CONDA_PYTHON}",
            "  - pip",
            *(f"  - {line}" for line in sorted(lines)),
            "  - pip:",
            *(f"      - {name}=={pinned[name]}" for name in FROM_PYPI),
            "      - -e . # needs numpy and scipy alone, which stand above",
            "",
        ]
    )


def compile_lock(uv: str, current: str, upgrade: bool) -> str:
    """Resolve twice: the versions for the oldest Python, then the same ones for every platform."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, pinned, out = (Path(folder) / n for n in ("wanted.in", "pinned.txt", "lock.txt"))
        wanted.write_text("\n".join(resolver_input()) + "\n", encoding="utf-8")
        if not upgrade:
            pinned.write_text(current, encoding="utf-8")  # uv prefers what its output file holds
        common = [
            *(uv, "--no-config", "--quiet", "pip", "compile", str(wanted)),
            *("--python-version", PYTHON, "--prerelease", "disallow"),
            *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
            *("--no-emit-package", "torch"),
        ]
        linux = ["--python-platform", "x86_64-manylinux_2_28"]
        subprocess.run([*common, *linux, "--output-file", str(pinned)], check=True)
        universal = ["--universal", "--generate-hashes", "--constraint", str(pinned)]
        subprocess.run([*common, *universal, "--output-file", str(out)], check=True)
        return HEADER + out.read_text(encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    parser.add_argument("--uv", default=shutil.which("uv"), help="the uv program")
    args = parser.parse_args()
    if args.uv is None:
        print("tools/lock.py: uv not found; `make lock` installs it", file=sys.stderr)
        return 2
    path = ROOT / "requirements.lock"
    current = path.read_text(encoding="utf-8") if path.exists() else ""
    lock = compile_lock(args.uv, current, args.upgrade)
    path.write_text(lock, encoding="utf-8")
    (ROOT / "requirements.txt").write_text(render_requirements(lock), encoding="utf-8")
    (ROOT / "environment.yml").write_text(render_environment(lock), encoding="utf-8")
    pins = parse_lock(lock)
    print(f"requirements.lock: {len(pins)} packages; requirements.txt, environment.yml written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
