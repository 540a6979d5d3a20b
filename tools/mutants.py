"""Change the code behind the verdicts, a little at a time, and see that a test fails each time.

    python tools/mutants.py                 every mutant; prints the rate and every survivor
    python tools/mutants.py --sample 40     a seeded sample; exits 1 if an unknown one survives
    python tools/mutants.py --list          what would be changed

A mutant changes arithmetic, a comparison, a constant 0, 1 or 2 (axes and degrees of freedom among
them), or the first for the last; no strings. Each runs against its own tests in a forked process,
in which its module is compiled from the changed source. Survivors that change nothing stand in
tools/mutants.yaml with the reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
KNOWN = Path(__file__).with_suffix(".yaml")
# exit codes of pytest
USAGE, NO_TESTS = 4, 5
# a mutant that runs longer than this hangs, which a test would notice too
LIMIT_S = 300

# module: the tests that hold it
TESTS = {
    "innerlr/intervals.py": ["innerlr/test_intervals.py"],
    "replication/quantity.py": ["replication/test_quantity.py"],
    "replication/measuring.py": ["replication/test_quantity.py"],
    "replication/common_quantities.py": ["replication/test_quantity.py"],
    "replication/judging/claims.py": ["replication/test_claims.py"],
    "replication/judging/entries.py": ["replication/test_claims.py"],
    "replication/judging/estimators.py": ["replication/test_judging_estimators.py"],
    "replication/judging/markdown.py": ["replication/test_replication.py"],
    "replication/judging/pages.py": ["replication/test_specification.py"],
    "replication/judging/reference.py": ["replication/test_reference.py"],
    "replication/judging/report.py": ["replication/test_replication.py"],
    "replication/judging/specification.py": ["replication/test_specification.py"],
}

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
REVERSED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
NAMES = {
    "min": "max",
    "argmin": "argmax",
    "minimum": "maximum",
    "any": "all",
    "first": "last",
    "low": "high",
    "sum": "mean",
    "idxmin": "idxmax",
}
NAMES |= {other: name for name, other in NAMES.items() if name != "sum"}


class Mutant(NamedTuple):
    """A change of one place of a module.

    Attributes:
        file: below src.
        line, column: where it stands.
        what: the change in words, such as "Add to Sub".
        text: the line of the module, as it was.
        source: of the whole module, changed.
    """

    file: str
    line: int
    column: int
    what: str
    text: str
    source: str

    @property
    def place(self) -> str:
        """Where it is and what it does, in one line."""
        return f"{self.file}:{self.line}:{self.column}: {self.what}"

    @property
    def key(self) -> str:
        """How tools/mutants.yaml names it: without numbers of lines, which move."""
        return f"{self.file}: {self.text}: {self.what}"


def tests_of(file: str) -> list[str]:
    """The tests that hold a module, below tests; families have their own by name."""
    if file in TESTS:
        return TESTS[file]
    family = Path(file).parent.name
    return [f"replication/figures/test_{family}_quantities.py"]


def files() -> list[str]:
    """The modules whose mutants are tried, below src."""
    families = sorted((SOURCE / "replication/figures").glob("*/quantities.py"))
    return [*TESTS, *(str(path.relative_to(SOURCE)) for path in families)]


def mutants(file: str) -> list[Mutant]:
    """Every mutant of a module."""
    text = (SOURCE / file).read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    found, left_alone = [], _left_alone(tree)
    for i, node in enumerate(ast.walk(tree)):
        if id(node) in left_alone:
            continue
        for what, change in _changes(node):
            other = copy.deepcopy(tree)
            change(next(islice(ast.walk(other), i, None)))
            line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
            was = lines[line - 1].strip()
            found.append(Mutant(file, line, column, what, was, ast.unparse(other)))
    return found


def _left_alone(tree: ast.Module) -> set[int]:
    """Nodes that are no computation: annotations, messages of errors, decorators, registration."""
    skipped: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            skipped.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            skipped += [*node.decorator_list, *([node.returns] if node.returns else [])]
        if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom):
            skipped.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.append(node)
    return {id(inner) for node in skipped for inner in ast.walk(node)}


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """What can be changed at a node: words, and a function that changes its copy."""
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS and not _text(node):
        yield _swap("op", node.op, SWAPS[type(node.op)])
    elif isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
        if isinstance(node.value, ast.Constant | ast.BinOp):
            yield _swap("op", node.op, SWAPS[type(node.op)])
    elif isinstance(node, ast.BoolOp):
        yield _swap("op", node.op, SWAPS[type(node.op)])
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table in (SWAPS, REVERSED):
            if type(node.ops[0]) in table:
                yield _compare(node.ops[0], table[type(node.ops[0])])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "- dropped", lambda n: setattr(n, "op", ast.UAdd())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not dropped", _drop_not
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if node.value in (0, 1, 2):
            yield f"{node.value} to {node.value + 1}", _constant(node.value + 1)
    elif isinstance(node, ast.Subscript) and _number(node.slice) in (0, -1):
        other = -1 if _number(node.slice) == 0 else 0
        yield f"[{_number(node.slice)}] to [{other}]", _index(other)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{node.attr} to {NAMES[node.attr]}", _attribute(NAMES[node.attr])
    elif isinstance(node, ast.Name) and node.id in ("min", "max", "any", "all"):
        yield f"{node.id} to {NAMES[node.id]}", _name(NAMES[node.id])


def _swap(field: str, old: ast.AST, new: type[ast.AST]) -> tuple[str, Any]:
    return f"{type(old).__name__} to {new.__name__}", lambda n: setattr(n, field, new())


def _compare(old: ast.AST, new: type[ast.AST]) -> tuple[str, Any]:
    return f"{type(old).__name__} to {new.__name__}", lambda n: n.ops.__setitem__(0, new())


def _constant(value: float) -> Any:
    return lambda n: setattr(n, "value", value)


def _index(value: int) -> Any:
    return lambda n: setattr(n, "slice", ast.Constant(value))


def _attribute(name: str) -> Any:
    return lambda n: setattr(n, "attr", name)


def _name(name: str) -> Any:
    return lambda n: setattr(n, "id", name)


def _drop_not(node: ast.UnaryOp) -> None:
    # not not x: the truth value of x
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _number(node: ast.AST) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(node: ast.BinOp) -> bool:
    """Whether strings or lists are joined, or filled in."""
    joined = (ast.JoinedStr, ast.List, ast.ListComp, ast.Tuple, ast.Dict)
    sides = (node.left, node.right)
    return any(
        isinstance(side, joined)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or (isinstance(side, ast.BinOp) and _text(side))
        for side in sides
    )


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from changed source."""

    def __init__(self, file: str, source: str) -> None:
        self.module = file.removesuffix(".py").replace("/", ".")
        self.path, self.source = str(SOURCE / file), source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)


def killed(mutant: Mutant) -> bool:
    """Whether a test fails; in a forked process, which ends after the first failure."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        _run(mutant)
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in (NO_TESTS, USAGE):
                raise SystemExit(f"{mutant.file}: no tests ran; expected {tests_of(mutant.file)}")
            return code != 0
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def _run(mutant: Mutant) -> None:
    """In the forked process: the tests of a mutant, silently; ends the process."""
    code = 1
    try:
        import pytest

        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, _Changed(mutant.file, mutant.source))
        chosen = [str(ROOT / "tests" / test) for test in tests_of(mutant.file)]
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:benchmark"]
        code = int(pytest.main([*options, *chosen]))
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def equivalent() -> dict[str, str]:
    """Survivors that are known to change nothing, with the reason, by key."""
    return yaml.safe_load(KNOWN.read_text(encoding="utf-8")) or {} if KNOWN.is_file() else {}


def _preload() -> None:
    """Import what every forked process needs, but nothing of this project."""
    import hypothesis
    import matplotlib.pyplot
    import pandas
    import pytest
    import scipy.stats

    del hypothesis, matplotlib, pandas, pytest, scipy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="how many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", help="only modules whose path contains this")
    parser.add_argument("--list", action="store_true", help="name them and end")
    given = parser.parse_args()
    chosen = [m for file in files() if (given.file or "") in file for m in mutants(file)]
    if given.sample:
        random.Random(given.seed).shuffle(chosen)
        chosen = chosen[: given.sample]
    if given.list:
        print("\n".join(m.place for m in chosen))
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _preload()
    started, known = time.monotonic(), equivalent()
    # a fork a thread: the work is in the forked processes
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(killed, chosen))
    survivors = [m for m, dead in zip(chosen, outcomes, strict=True) if not dead]
    new = [m for m in survivors if m.key not in known]
    for mutant in survivors:
        reason = known.get(mutant.key, "")
        print(f"survived  {mutant.place}" + (f"  ({reason})" if reason else ""))
    share = sum(outcomes) / max(len(outcomes), 1)
    seconds = time.monotonic() - started
    print(f"{sum(outcomes)} of {len(outcomes)} killed ({share:.1%}) in {seconds:.0f} s")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
