"""Files of settings with something wrong in them, at random, from a seed."""

from __future__ import annotations

import random
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NASTY = [
    *(".inf", "-.inf", ".nan", "nan", "1e400", "1.0e+400", "1e300", "1e-300", "-1", "0", "0.0"),
    *("1", "2", "3", "12", "0.5", "2.5", "-0.3", "1e5", "1e-8", "1_0", "0x10", "0b11", "1e12"),
    *("1000000000000", "9223372036854775808", "9" * 5000, "010", "-017", "1:30", "1:30.5"),
    *("2020-99-99", "2020-01-01", "2001-12-14t21:59:43.10-05:00", "0001-01-01", "yes", "no", "on"),
    *("true", "~", "null", "", '""', "' '", "[]", "{}", "[1, 1]", "[[]]", "[[1.0], 2]", "[a, a]"),
    *("[~]", "{a: 1}", "{name: normal}", "{name: [normal]}", "{first: 1.0, last: 1.0}", "{'*': 1}"),
    *("{first: 0.0, last: .inf}", "'{x}'", "data/{x}.npz", "a/b", "../x", "/", ".", "a b", "*x"),
    *("&x [*x]", "&x {y: *x}", "&x 3", "!!binary aGk=", "!!python/name:os.system", "!foo 3"),
    *("!!float 3", "!!int x", "!!bool x", "!!float ''", "!!int ''", "!!set {a}", "!!null 3"),
    *('"\\0"', '"\\a"', '"\\ud800"', '"\\n"', "|", ">", "%", "@", "`", "=", "<<", "?", "- 1"),
    *("a" * 300, "a" * 50_000, "é" * 10, "\U0001f600", "\ufeff", "\u2028", "\x85", "\x07", "\t"),
    *("[" * 200, "[" * 5000, "{" * 2000, "- " * 300, "{a: " * 300, "[" * 35 + "]" * 35),
    *("[" + "1, " * 2000 + "1]", "module.function", "module:function", "normal", "uniform", "zipf"),
    *("primary", "scalar", "entrywise", "reference", "fig08", "download", "learned", "alpha_lim"),
]
KEYS = [
    *(
        "no",
        "yes",
        "1",
        "1.5",
        "~",
        "010",
        "2020-01-01",
        "'{x}'",
        "'*'",
        "a/b",
        "'a b'",
        "''",
        "<<",
    ),
    *("name", "x" * 300, "? [a]", "[a, b]", "{a: b}", "*x", "&x a", "!!int 3", "!foo a", "é", "-"),
    *(
        "seeds",
        "panels",
        "specifications",
        "named",
        "change",
        "a",
        "b",
        "dim",
        "'1'",
        "experiments",
    ),
]
_VALUE = re.compile(r"(?<=: )[^#\n{\[,}\]]+|-?\b\d+(?:\.\d+)?(?:e-?\d+)?\b")
_KEY = re.compile(r"[\w.'*-]+(?=:(?: |\n|$))", re.M)

OWN = """
experiments:
  kitchen: {file: a.npz, seeds: 5, grid_points: 61}
  garden: {function: 'module:function', options: {tasks: 3, law: {name: normal}}}
"""


def originals(sections: str) -> list[str]:
    """Files to change: our presets, and pieces of a file that has all settings.

    Args:
        sections: that file.
    """
    presets = sorted((ROOT / "workflow/presets").glob("*.yaml"))
    pieces = [piece for piece in re.split(r"\n(?=\w+:)", sections) if len(piece) > 100]
    return [*(path.read_text(encoding="utf-8") for path in presets), *pieces, OWN]


def mutated(text: str, chance: random.Random) -> bytes:
    """A file with one to three changes."""
    data = text.encode()
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choice((_value, _value, _value, _key, _line, _indentation, _bytes))
        data = change(data, chance)
    return data


def _replace(data: bytes, pattern: re.Pattern[str], by: list[str], chance: random.Random) -> bytes:
    text = data.decode("latin-1")
    found = list(pattern.finditer(text))
    if not found:
        return data
    at = chance.choice(found)
    new = chance.choice([*by, at.group(), chance.choice(found).group()])
    return data[: at.start()] + new.encode("utf-8", "surrogatepass") + data[at.end() :]


def _value(data: bytes, chance: random.Random) -> bytes:
    return _replace(data, _VALUE, NASTY, chance)


def _key(data: bytes, chance: random.Random) -> bytes:
    return _replace(data, _KEY, KEYS, chance)


def _line(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[i]
        case 1:
            lines.insert(i, lines[i])
        case 2:
            lines.insert(j, lines[i])
        case 3:
            lines[i], lines[j] = lines[j], lines[i]
        case 4:
            lines = lines[:i] + lines[max(i, j) :]
    return b"".join(lines)


def _indentation(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    i = chance.randrange(len(lines))
    bare = lines[i].lstrip(b" ")
    depth = len(lines[i]) - len(bare) + chance.choice((-4, -2, -1, 1, 2, 4))
    lines[i] = chance.choice((b" " * max(depth, 0), b"\t")) + bare
    return b"".join(lines)


def _bytes(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    match chance.randrange(4):
        case 0 if made:
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
        case 1 if made:
            del made[chance.randrange(len(made)) :]
        case 2 if made:
            made[chance.randrange(len(made))] = chance.choice(b"{}[]:,#&*!|>'\"%@`-? \n\t\0")
        case 3:
            into = chance.choice(("utf-16", "utf-32", "utf-8-sig"))
            made = bytearray(bytes(made).decode("latin-1").encode(into))
    return bytes(made)
