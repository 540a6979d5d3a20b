"""pyproject.toml, the lock, its two views and the Makefile agree, and name no machine."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PINNED_FILES = ["requirements.lock", "requirements.txt", "environment.yml"]
COMMITTED_FILES = [
    *PINNED_FILES,
    "pyproject.toml",
    "Makefile",
    ".ci/run",
    "profiles/default/config.yaml",
    "profiles/slurm/config.yaml",
]


def _load_lock_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / "tools" / "lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock = _load_lock_tool()
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = lock.parse_lock(LOCK)
DIRECT = lock.direct_requirements()
MEND = "run `make lock`"


@pytest.mark.parametrize("requirement", lock.resolver_input(), ids=lock.name_of)
def test_lock_satisfies_pyproject(requirement: str) -> None:
    name = lock.name_of(requirement)
    assert name in PINS, f"requirements.lock lacks {name}: {MEND}"
    for pin in PINS[name]:
        version = lock.version_of(pin)
        assert Requirement(requirement).specifier.contains(version), (
            f"requirements.lock has {pin}, pyproject.toml asks for {requirement}: {MEND}"
        )


def test_one_version_a_package() -> None:
    """The same numbers on every Python and platform ask for the same versions there."""
    several = {name: pins for name, pins in PINS.items() if len(pins) > 1}
    assert not several


def test_every_locked_package_has_a_hash() -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK.removeprefix(lock.HEADER))
    assert len(blocks) == len(PINS)
    assert [b.splitlines()[0] for b in blocks if "--hash=sha256:" not in b] == []


def test_lock_leaves_torch_and_its_cuda_stack_out() -> None:
    unwanted = {n for n in PINS if n in {"torch", "triton"} or n.startswith(("nvidia-", "cuda-"))}
    assert not unwanted


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("requirements.txt", lock.render_requirements),
        ("environment.yml", lock.render_environment),
    ],
)
def test_views_agree_with_the_lock(name: str, render) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == render(LOCK), f"{name} differs: {MEND}"


# of pages that exist for certain; of the project itself there is none yet
URLS = {"Paper": "https://openreview.net/forum?id=3rULBvOJ8D2"}


def test_addresses_of_the_project_are_known_pages() -> None:
    assert lock.project()["urls"] == URLS


@pytest.mark.parametrize("name", COMMITTED_FILES)
def test_no_address_and_no_path_of_a_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for url in URLS.values():
        text = text.replace(f'"{url}"', "")
    bad = r"://|index-url|find-links|trusted-host|\bfile:|(?<![\w.])/(home|root|opt|work|tmp|mnt)\b"
    assert re.findall(rf".*(?:{bad}).*", text) == []
    assert re.findall(r"\b[\w-]+\.(?:org|com|net|io|dev)\b", text) == []


@pytest.mark.parametrize("name", [*PINNED_FILES, "pyproject.toml", "Makefile"])
def test_no_local_version(name: str) -> None:
    """`torch==2.13.0` serves every build; `+cpu` would exist on one index only."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"==\s*[\w.]+\+\w+", text) == []


def test_torch_needs_are_those_of_its_metadata() -> None:
    """The lock must bring what torch asks for, or `pip check` complains after set-up."""
    listed = {lock.name_of(r): Requirement(r) for r in lock.TORCH_NEEDS}
    for text in metadata.requires("torch") or []:
        need = Requirement(text)
        name = lock.canonical(need.name)
        if name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        assert name in listed, f"tools/lock.py: TORCH_NEEDS lacks {need}"
        assert all(need.specifier.contains(lock.version_of(pin)) for pin in PINS[name]), need


@pytest.mark.parametrize("requirement", DIRECT, ids=lock.name_of)
def test_installed_packages_satisfy_pyproject(requirement: str) -> None:
    wanted = Requirement(requirement)
    installed = metadata.version(wanted.name)
    assert wanted.specifier.contains(installed, prereleases=True), (
        f"{wanted.name} {installed} is installed, pyproject.toml asks for {requirement}"
    )


def test_oldest_python_is_said_once() -> None:
    assert lock.project()["requires-python"] == f">={lock.PYTHON}"
    assert SpecifierSet(lock.CONDA_PYTHON).contains(lock.PYTHON)
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert config["tool"]["mypy"]["python_version"] == lock.PYTHON
    assert config["tool"]["ruff"]["target-version"] == "py" + lock.PYTHON.replace(".", "")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"({lock.PYTHON.replace('.', ', ')}) <= sys.version_info" in makefile


def test_the_pythons_that_were_tried_are_said_alike() -> None:
    """By the package, the conda environment and the Makefile, which prefers one of them."""
    marker = "Programming Language :: Python :: "
    named = [text.removeprefix(marker) for text in lock.project()["classifiers"] if marker in text]
    minors = [int(name.removeprefix("3.")) for name in named if "." in name]
    assert f"3.{minors[0]}" == lock.PYTHON
    assert minors == list(range(minors[0], minors[-1] + 1))
    after = f"3.{minors[-1] + 1}"
    conda = SpecifierSet(lock.CONDA_PYTHON)
    assert [conda.contains(name) for name in (*named[1:], after)] == [True] * len(minors) + [False]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"for below in {minors[-1] + 1} 99" in makefile
    for minor in minors:
        assert f"python3.{minor}" in makefile


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_makefile_takes_torch_from_pyproject() -> None:
    database = subprocess.run(
        ["make", "-pn", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"PINNED_TORCH := {lock.torch_requirement()}\n" in database


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"seed: 1 # caf\xe9\n", "line 1: expected UTF-8, got the byte 0xe9 after"),
        (b"seed: 2024-13-45\n", "line 1: seed: "),
        (b"fig08: &x {trials: *x}\n", "*x repeats what it stands in"),
    ],
)
def test_make_checks_settings_that_snakemake_cannot_read(
    text: bytes, said: str, tmp_path: Path
) -> None:
    """Snakemake reads a file of settings before the workflow does, and ends in a traceback."""
    file, ready = tmp_path / "mine.yaml", tmp_path / "ready"
    file.write_bytes(text)
    ready.write_text(f"{ROOT}\n\n", encoding="utf-8")
    variables = (f"SETTINGS={file}", f"READY={ready}", f"BIN={Path(sys.executable).parent}")
    run = subprocess.run(
        ["make", "--no-print-directory", "figures", *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    assert run.returncode == 2
    of_ours, of_make = run.stderr.splitlines()
    assert f"config: {file}" in of_ours
    assert said in of_ours
    assert re.match(r"make(\[\d+\])?: \*\*\*", of_make)  # the number within another make


def test_a_wheel_holds_the_library_and_an_sdist_its_tests() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets = config["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["packages"] == ["src/innerlr"]
    included = targets["sdist"]["include"]
    assert {"/src/innerlr", "/tests/innerlr", "/tests/conftest.py"} < set(included)
    assert all((ROOT / path.removeprefix("/")).exists() for path in included)
    helpers = {path.stem for path in (ROOT / "tests").glob("*.py")}
    for path in (ROOT / "tests/innerlr").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith("replication"), path
                if node.module in helpers:
                    assert f"/tests/{node.module}.py" in included, path


# what opens files as bytes: members of archives, arrays, images
BYTES = ("os", "Image", "archive", "self")


def _as_the_locale_says(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding of the user's locale."""
    called = call.func
    name = getattr(called, "attr", getattr(called, "id", ""))
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name in ("read_text", "write_text"):
        return isinstance(called, ast.Attribute)  # the function of that name writes UTF-8
    of_another = isinstance(called, ast.Attribute) and ast.unparse(called.value) in BYTES
    if name != "open" or of_another:
        return False
    position = 0 if isinstance(called, ast.Attribute) else 1
    mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
    mode = call.args[position] if len(call.args) > position else mode
    return mode is None or "b" not in ast.unparse(mode)


def test_no_locale_decides_how_text_is_read_or_written() -> None:
    """Ruff's PLW1514 sees a call on `Path(...)`, but not one on a name that holds a path."""
    example = ast.parse("path.read_text()", mode="eval").body
    assert isinstance(example, ast.Call)
    assert _as_the_locale_says(example)
    files = [f for part in ("src", "scripts", "tools") for f in (ROOT / part).rglob("*.py")]
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _as_the_locale_says(node)
    ]
    assert found == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("results/default/figures/fig01.png", True),
        ("results/smoke/report.html", True),
        (".venv/bin/python", True),
        ("results/reference/claims.csv", False),
        ("results/histories/fig03full/config.yaml", False),
        ("benchmarks/bench_moments.py", False),
    ],
)
def test_git_ignores_what_runs_write(path: str, ignored: bool) -> None:
    done = subprocess.run(
        ["git", "check-ignore", "--quiet", "--no-index", path], cwd=ROOT, check=False
    )
    assert (done.returncode == 0) == ignored
