"""Wrong files of settings: refused with file, line and key, whatever is wrong with them."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import small
import yaml
from mutating import ROOT, mutated, originals

from innerlr.errors import InnerlrError
from replication.families import make
from replication.judging.entries import entries
from replication.pipeline.targets import Targets
from replication.settings import config, files
from replication.settings.messages import cut, quoted
from replication.settings.reading import DEPTH, VALUES, read, read_lines
from replication.settings.section import without

PANEL = "{inputs: {name: uniform, low: 0.0, high: 1.0}, optima: {name: exponential, scale: 1.0}"
GAUSSIAN = "{name: gaussian_basis, dim: 3, centres: [0.0, 1.0], widths: 1.0}"

# what the file says; the line; the key; words of the message
WRONG: dict[str, tuple[str | bytes, int, str, list[str]]] = {
    # twice the same
    "section twice": (
        "preset: mine\nfig08:\n  seeds: 3\nfig09:\n  {}\nfig08:\n  search_cap: 30.0\n",
        *(6, "fig08"),
        ["a second time", "line 2"],
    ),
    "key twice": ("fig09:\n  seeds: 5\n  seeds: 7\n", 3, "fig09.seeds", ["line 2"]),
    "experiment twice": (
        "experiments:\n  kitchen: {file: a.npz, seeds: 100}\n  kitchen: {file: b.npz}\n",
        *(3, "experiments.kitchen"),
        ["line 2"],
    ),
    "key twice, once in quotes": ('fig09: {seeds: 5, "seeds": 7}', 1, "fig09.seeds", []),
    # not text
    "latin-1 in a comment": (b"preset: mine\n# M\xfcnchen\n", 2, "", ["UTF-8", "0xfc", "# M"]),
    "latin-1 in a value": (b"preset: caf\xe9\n", 1, "", ["UTF-8", "0xe9", "preset: caf"]),
    "UTF-16": ("preset: mine\n".encode("utf-16"), 1, "", ["UTF-16", "UTF-8"]),
    "UTF-16 without its mark": ("preset: mine\n".encode("utf-16-le"), 1, "", ["U+0000"]),
    "a control character": ("preset: mine\nseed: \x07", 2, "", ["U+0007", "seed:"]),
    # words that YAML reads as something else
    "no as a name": (
        "experiments:\n  no: {file: a.npz}\n",
        *(2, "experiments.no"),
        ["the truth value false", '"no" in quotes'],
    ),
    "on as a name": ("fig08: {on: 3}", 1, "fig08.on", ["the truth value true"]),
    "no as text": ("fig09: {panels: {a: {title: no}}}", 1, "fig09.panels.a.title", ["truth"]),
    "a number as a name": ("fig01: {rows: {1: {}}}", 1, "fig01.rows.1", ["number", '"1"']),
    "nothing as a name": ("fig08: {~: 3}", 1, "fig08.~", ["as nothing"]),
    "a list as a name": ("fig08:\n  [a, b]: 3", 2, "fig08", ["a list or a mapping"]),
    "octal": ("preset: mine\nseed: 010\n", 2, "seed", ["as 8", "010"]),
    "base 60": ("seed: 1:30\n", 1, "seed", ["base 60", "90"]),
    "no date": ("fig12: {seeds: 2020-99-99}\n", 1, "fig12.seeds", ["a date"]),
    "a date": ("fig12: {seeds: 2020-01-01}\n", 1, "fig12.seeds", ["a date"]),
    "the equals sign": ("preset: =", 1, "preset", ["something else"]),
    "a tag": ("fig08: {seeds: !!binary aGk=}", 1, "fig08.seeds", ["!!binary"]),
    "an object": ("seed: !!python/name:os.system", 1, "seed", ["!!python/name:os.system"]),
    "a tag that does not fit": ("seed: !!int x", 1, "seed", ["an integer", "'x'"]),
    # numbers
    "infinite": (
        "preset: mine\nexperiments:\n  kitchen: {file: a.npz, grid_factor: .inf}\n",
        *(3, "experiments.kitchen.grid_factor"),
        ["finite"],
    ),
    "infinite, of ours": ("fig09: {grid_factor: .inf}", 1, "fig09.grid_factor", ["finite"]),
    "no number": ("fig11: {noise: .nan}", 1, "fig11.noise", ["finite"]),
    "no number in a reading": (
        "fig08: {specifications: {scale: {search_cap: -.inf}}}",
        *(1, "fig08.specifications.scale.search_cap"),
        ["finite"],
    ),
    "infinite as text": ("fig09: {grid_factor: 1e999}", 1, "fig09.grid_factor", ["finite"]),
    "5000 digits": (f"seed: {'9' * 5000}", 1, "seed", ["2^63", "5,000 digits"]),
    "2^64": ("seed: 18446744073709551616", 1, "seed", ["2^63"]),
    "too many tasks": ("fig05:\n  tasks: 1000000000000", 2, "fig05.tasks", ["100000000"]),
    "too large a grid": (
        "fig06: {dim: 3}\nh3: {grid_points: 1000000000}",
        *(2, "h3.grid_points"),
        ["less than or equal to 100000"],
    ),
    "too large a dim": ("fig06: {dim: 1000000000}", 1, "fig06.dim", ["less than or equal"]),
    "a square that is lost": ("fig05: {alpha: 1.0e-300}", 1, "fig05.alpha", ["at least 1e-20"]),
    # lists
    "no list at all": ("fig08: {log2_tasks: []}", 1, "fig08.log2_tasks", ["at least 1 item"]),
    "a value twice": ("fig04a: {laws: [normal, normal]}", 1, "fig04a.laws", ["twice"]),
    "a number twice": ("fig08: {log2_tasks: [1, 3, 1]}", 1, "fig08.log2_tasks", ["1 stands"]),
    "fewer centres than dim": (
        f"fig08:\n  panels:\n    z: {PANEL}, shots: 3,\n      features: {GAUSSIAN}}}",
        *(4, "fig08.panels.z.features"),
        ["centres: expected 3 values", "got 2"],
    ),
    "one and the same rate": ("fig11: {alphas: {first: 0.5}}", 1, "fig11.alphas", ["differ"]),
    "no variance": ("fig04a: {variance: {first: 0.0}}", 1, "fig04a.variance", ["0 < first"]),
    "fewer samples than features": (
        "fig08: {panels: {c: {shots: 2}}}",
        *(1, "fig08"),
        ["panels.c, log2_tasks", "2 tasks of 2 samples and dim 10"],
    ),
    "one task": ("h3: {panels: {a: {tasks: 1}}}", 1, "h3.panels.a", ["several tasks"]),
    # names
    "the name of a panel": (
        f"fig09: {{panels: {{'{{x}}': {PANEL}, shots: 3, tasks: 4}}}}}}",
        *(1, "fig09.panels.{x}"),
        ["pattern"],
    ),
    "the name of a law": ("fig05: {laws: {a b: {}}}", 1, "fig05.laws.a b", ["pattern"]),
    "the name of a file": (
        'preset: mine\nexperiments:\n  kitchen: {file: "data/{x}.npz"}\n',
        *(3, "experiments.kitchen.file"),
        ["braces"],
    ),
    "the name of a function": (
        "experiments:\n  x:\n    function: module.function",
        *(3, "experiments.x.function"),
        ["'module:function'", "'module.function'"],
    ),
    "a law whose name is a list": (
        "fig09:\n  panels:\n    a:\n      inputs: {name: [normal], mean: 0.0, spread: 1.0}",
        *(4, "fig09.panels.a.inputs.name"),
        ["'normal'"],
    ),
    # shapes
    "an alias of what it stands in": ("experiments: &x\n  me: *x", 2, "experiments.me", ["*x"]),
    "an alias of nothing": ("seed: *x", 1, "seed", ["repeats nothing"]),
    "more values than there can be": (
        "fig08: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"k{i}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
            for i, (a, b) in enumerate(zip("abcdefg", "bcdefgh", strict=True))
        ),
        *(5, "k3"),
        [f"{VALUES:,} values"],
    ),
    "nested": ("fig08: " + "[" * 100_000, 1, "fig08", [f"{DEPTH} deep"]),
    "a list of sections": ("- fig08\n- fig09", 1, "top level", ["mapping of sections", "list"]),
    "two documents": ("seed: 1\n---\nseed: 2", 2, "top level", ["one document"]),
    "no YAML": ("preset: mine\nfig08: {seeds: 3", 2, "", ["not valid YAML"]),
    "tabs": ("fig08:\n\tseeds: 3", 2, "", ["not valid YAML", "seeds: 3"]),
    "a long key": (f"{'x' * 900}: 3", 1, "xxx", ["900", "200 characters"]),
    "a long name of a folder": (f"preset: {'x' * 150}", 1, "preset", ["at most 100 characters"]),
    "a long value": (f"seed: {'x' * 1_000_000}", 1, "seed", ["integer", "..."]),
    "a merge of a number": ("fig08: {<<: 3}", 1, "fig08.<<", ["a mapping"]),
}


@pytest.fixture(autouse=True)
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may depend on the user's config.yaml."""
    monkeypatch.setattr(config, "USERS", tmp_path / "none.yaml")


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_file_line_and_key(tmp_path: Path, case: str) -> None:
    said, line, key, words = WRONG[case]
    path = tmp_path / "wrong.yaml"
    path.write_bytes(said if isinstance(said, bytes) else said.encode())
    with pytest.raises(InnerlrError) as error:
        config.load_over([str(path)])
    found = [one for one in str(error.value).splitlines() if f"{path}, line {line}: " in one]
    message = found[0]
    for word in [key, *words]:
        assert word in message
    assert len(message) < 1000


def test_what_is_right_is_read(tmp_path: Path) -> None:
    text = """\
"yes": &law {name: normal, mean: 0.0, "spread": -2e-3}
texts: ["no", '1:30', "010", 1.0e-8, 1e-8, 0x10, 1_000, -7, ~, true, "", !!str 3, !!float 3]
laws:
- *law
- {<<: *law, name: uniform}
- {<<: [{mean: 1.0}, *law], sd: 3}
# é
"""
    path = tmp_path / "right.yaml"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(text, encoding=encoding)
        assert read(str(path)) == yaml.safe_load(text)
    lines = read_lines(str(path)).lines
    assert (lines["yes", "mean"], lines["laws",], lines["laws", 2, "sd"]) == (1, 3, 6)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_file_has_no_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(text)
    assert read(str(path)) == {}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in ((tmp_path, "a file"), (pipe, "a file"), (tmp_path / "x\0y", "cannot be")):
        with pytest.raises(InnerlrError, match=said):
            read(str(path))
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 6_000_000)
    with pytest.raises(InnerlrError, match=r"large\.yaml: expected settings, got more than"):
        read(str(large))


def test_the_last_file_that_sets_a_value_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("seed: 1\nfig08: {seeds: 1}\n")
    second.write_text("fig08:\n  seeds: 0\n")
    with pytest.raises(InnerlrError, match=r"second\.yaml, line 2: fig08\.seeds"):
        config.load_over([str(first), str(second)])
    # as Snakemake does with --config, which no file has
    with pytest.raises(InnerlrError, match=r"^config: seed: expected"):
        config.load({"seed": -1}, [str(first)])


def test_sections_without_a_panel_are_refused() -> None:
    for name, key in (("fig09", "panels"), ("fig01", "rows"), ("fig05", "laws")):
        with pytest.raises(InnerlrError, match=rf"{name}\.{key}: expected at least 1 item"):
            config.load({name: {key: {}}})


def test_many_errors_are_not_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("".join(f"x{i}: 3\n" for i in range(1000)))
    with pytest.raises(InnerlrError) as error:
        config.load_file(str(path))
    assert str(error.value).endswith("and 980 errors more.")


def test_long_values_are_cut() -> None:
    assert cut("x" * 200) == "x" * 200
    assert cut("x" * 201) == "x" * 196 + " ..."
    assert cut("one\ntwo") == "one two"
    assert quoted(10**5000) == "an integer of thousands of digits"


def test_a_right_file_is_read_as_by_yaml() -> None:
    path = ROOT / files.DEFAULTS
    assert read(str(path)) == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_slower_parser_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML has no libyaml."""
    path = str(ROOT / files.DEFAULTS)
    fast = read_lines(path)
    monkeypatch.setattr("replication.settings.reading._Loader", yaml.SafeLoader)
    assert read_lines(path) == fast
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("fig08: {seeds: 3")
    with pytest.raises(InnerlrError, match=r"wrong\.yaml, line 1: is not valid YAML"):
        read(str(wrong))


@pytest.mark.workflow
@pytest.mark.parametrize("case", ["key twice", "infinite", "octal", "no as a name"])
def test_snakemake_refuses_the_same(tmp_path: Path, case: str) -> None:
    said, line, key, _ = WRONG[case]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(str(said))
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--nolock"]
    run = subprocess.run(
        [*command, "--configfile", str(wrong)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode != 0
    assert f"config: {wrong}, line {line}: {key}: " in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


# ---------------------------------------------------------------- at random


def _loaded(path: Path) -> config.Configuration | None:
    """The settings in a file, and what Snakemake makes of them before its jobs; None: refused."""
    try:
        made = config.load_over([str(path)])
        targets = Targets(made)
        vars(targets)["entries"] = CLAIMS
        assert targets.names
        assert targets.curves
    except InnerlrError as error:
        for line in str(error).splitlines():
            assert len(line) < 2000
            named = re.search(r", line \d+: |^ *(config: )?[\w.]+: |errors more\.$", line)
            assert named, line
        return None
    return made


CLAIMS = entries()


def _mutated_files(seed: int, count: int, path: Path) -> int:
    """How many of so many files, each with something wrong, are accepted."""
    chance, accepted = random.Random(seed), 0
    texts = originals(files.to_yaml())
    for index in range(count):
        data = mutated(chance.choice(texts), chance)
        path.write_bytes(data)
        try:
            accepted += _loaded(path) is not None
        except Exception as error:
            raise AssertionError(f"file {index} of seed {seed}: {data[:2000]!r}") from error
    return accepted


def test_a_mutated_file_is_read_or_refused(tmp_path: Path) -> None:
    assert 100 < _mutated_files(1, 1000, tmp_path / "mutated.yaml") < 900


@pytest.mark.slow
def test_ten_thousand_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    assert 1000 < _mutated_files(2, 10_000, tmp_path / "mutated.yaml") < 9000


CLOSED = ("fig01", "fig04a", "fig05", "fig06", "fig08", "fig09", "fig11", "h3")


def _small_file(path: Path) -> dict[str, str]:
    """Sections of small sizes as YAML, one by one, and in a file together."""
    texts = {}
    for name in CLOSED:
        values = small.section(name) | ({"log2_tasks": [2, 4]} if name == "fig08" else {})
        values |= {"max_steps": 1000} if name == "fig05" else {}
        texts[name] = yaml.safe_dump({name: without(values, "specifications")})
    path.write_text("".join(texts.values()), encoding="utf-8")
    return texts


def _is_large(node: Any) -> bool:
    """Whether a size in a section takes long; those that no machine holds are refused."""
    if isinstance(node, dict):
        return any(_is_large(value) for key, value in node.items() if key != "specifications")
    if isinstance(node, list):
        return len(node) > 40 or any(map(_is_large, node))
    return isinstance(node, int) and node > 1000


@pytest.mark.slow
def test_what_is_accepted_runs_or_fails_naming_its_key(tmp_path: Path) -> None:
    below, path = tmp_path / "small.yaml", tmp_path / "mutated.yaml"
    texts = _small_file(below)
    unchanged = config.load_file(str(below))
    chance, runs = random.Random(2), 0
    while runs < 300:
        name = CLOSED[runs % len(CLOSED)]
        data = mutated(texts[name], chance)
        path.write_bytes(data)
        try:
            section = getattr(config.load_over([str(below), str(path)]), name)
        except InnerlrError:
            continue
        values = section.model_dump()
        if section == getattr(unchanged, name) or _is_large(values):
            continue
        runs += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of digits lost
                small.stages(make(name, values, seed=5))
        except InnerlrError:
            continue  # to which a job adds the section's name
        except Exception as error:
            raise AssertionError(f"{name}, run {runs}: {data[-2000:]!r}") from error
