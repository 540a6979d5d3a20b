"""Reading one YAML file of settings: what it says, or one line that says what to mend.

YAML reads much that nobody means: of two equal keys the last wins, `no` is false, `010` is 8. Here
such a thing is refused, with the file, the line and the key.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from innerlr.errors import InnerlrError
from replication.settings.messages import cut, quoted

# libyaml's parser is ten times as fast; both give lines
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# workflow/defaults.yaml, which has every setting, has 60 kB, 2,000 values and 9 levels
BYTES, VALUES, DEPTH = 5_000_000, 100_000, 30
KEY_LENGTH = 200
_LARGEST = 2**63
_TAG = "tag:yaml.org,2002:"
_PLAIN = ("null", "bool", "int", "float", "str")
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# 010 is 8 to YAML, and 1:30 is 90
_OTHER_BASE = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")

# a place in the settings: keys, and numbers from 0 in lists
Place = tuple[str | int, ...]


class Read(NamedTuple):
    """What a file says, and the line, from 1, on which each of its keys and entries stands."""

    values: dict[str, Any]
    lines: dict[Place, int]


def read(path: str) -> dict[str, Any]:
    """The settings in a YAML file.

    Args:
        path: the file; empty is no settings.

    Raises:
        InnerlrError: one line with file, line and key, for what is no file of text in UTF-8, no
            YAML, no mapping, or says something that YAML reads as something else.
    """
    return read_lines(path).values


def read_lines(path: str) -> Read:
    """:func:`read`, with the line of every key."""
    return _Reader(path, _text(path)).read()


class Lines:
    """Which of some files, laid over each other, has the last word on a value, and on which line.

    Args:
        paths: from the first to the last.
        values: what is made of them. It may have more: Snakemake lays --config over the files.
    """

    def __init__(self, paths: Sequence[str], values: Mapping[str, Any]) -> None:
        self._files = [(path, read_lines(path)) for path in reversed(paths)]
        self._values = values

    def where(self, place: Place) -> str:
        """ "FILE, line N: ", for the deepest key on the way to a value that a file has."""
        for depth in range(len(place), 0, -1):
            above = place[:depth]
            for path, found in self._files:
                if above in found.lines:
                    ours, theirs = _at(self._values, above), _at(found.values, above)
                    # other values are of another file, or of --config
                    if isinstance(ours, Mapping) or ours == theirs:
                        return f"{path}, line {found.lines[above]}: "
        return ""


def _at(node: Any, place: Place) -> Any:
    for part in place:
        node = node[part]
    return node


def _text(path: str) -> str:
    def refuse(what: str, line: int | None = None) -> NoReturn:
        at = f", line {line}" if line else ""
        raise InnerlrError(f"config: {path}{at}: {what}")

    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            refuse("expected a file. Snakemake reads it several times, in every job.")
        with open(path, "rb") as stream:
            data = stream.read(BYTES + 1)
    except FileNotFoundError as error:
        raise InnerlrError(f"config: no file {path!r}. Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InnerlrError(f"config: {path}: cannot be read: {reason}.") from error
    if len(data) > BYTES:
        refuse(f"expected settings, got more than {BYTES:,} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            refuse("expected UTF-8, got UTF-16, as PowerShell's > writes. Save it as UTF-8.", 1)
        line, before = _line(data.decode("latin-1"), error.start)
        byte = f"0x{data[error.start]:02x} after {quoted(before)}"
        refuse(f"expected UTF-8, got the byte {byte}. Save it as UTF-8.", line)
    bad = _NOT_TEXT.search(text)
    if bad:
        line, before = _line(text, bad.start())
        character = f"U+{ord(bad.group()):04X} after {quoted(before)}"
        refuse(f"expected text, got the character {character}. Save it as text in UTF-8.", line)
    return text


def _line(text: str, at: int) -> tuple[int, str]:
    """The number of the line of a position, and what stands on it before."""
    start = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, at) + 1, text[start:at].strip()


class _Reader:
    """Builds the values from the parser's events, which say where each stands."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines: dict[Place, int] = {}
        self.anchors: dict[str, tuple[Any, int] | None] = {}  # None: not complete
        self.values = 0
        # for the types of plain words and numbers
        self.types = _Loader("")

    def read(self) -> Read:
        try:
            events: Iterator[Any] = yaml.parse(self.text, _Loader)
            values = self._document(events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            lines = self.text.splitlines() or [""]
            line = min(mark.line + 1 if mark else 1, len(lines))
            said = "; ".join(filter(None, (error.context, error.problem)))
            raise InnerlrError(
                f"config: {self.path}, line {line}: is not valid YAML, at "
                f"{quoted(lines[line - 1].strip())}: {cut(said)}."
            ) from error
        except (yaml.YAMLError, RecursionError) as error:
            raise InnerlrError(
                f"config: {self.path}: is not valid YAML: {cut(str(error))}."
            ) from error
        return Read(values, self.lines)

    def _document(self, events: Iterator[Any]) -> dict[str, Any]:
        values: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, (), "expected one document; remove the second ---")
                first = next(events)
                values = self._value(first, events, ())[0]
                if values is None:
                    values = {}
                if not isinstance(values, dict):
                    kind = type(values).__name__
                    self._refuse(first, (), f"expected a mapping of sections, got {kind}")
        return values or {}

    def _refuse(self, event: Any, place: Place, what: str) -> NoReturn:
        where = cut(".".join(map(str, place))) or "top level"
        line = event.start_mark.line + 1
        end = "" if what.endswith((".", "?")) else "."
        raise InnerlrError(f"config: {self.path}, line {line}: {where}: {what}{end}")

    def _value(self, event: Any, events: Iterator[Any], place: Place) -> tuple[Any, int]:
        """A value and how many values it has, those of an alias counted again."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        self._count(event, place, 1)
        anchor = event.anchor
        if anchor is not None:
            self.anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            built: tuple[Any, int] = (self._scalar(event, place), 1)
        else:
            if len(place) >= DEPTH:
                self._refuse(event, place, f"nested more than {DEPTH} deep. Nothing here is")
            mapping = isinstance(event, yaml.MappingStartEvent)
            if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
                self._refuse_tag(event, place)
            built = self._mapping(events, place) if mapping else self._list(events, place)
        if anchor is not None:
            self.anchors[anchor] = built
        return built

    def _count(self, event: Any, place: Place, more: int) -> None:
        self.values += more
        if self.values > VALUES:
            self._refuse(event, place, f"more than {VALUES:,} values up to here, with aliases")

    def _alias(self, event: Any, place: Place) -> tuple[Any, int]:
        name = f"*{cut(event.anchor)}"
        if event.anchor not in self.anchors:
            self._refuse(event, place, f"{name} repeats nothing: no &{name[1:]} stands before it")
        built = self.anchors[event.anchor]
        if built is None:
            self._refuse(event, place, f"{name} repeats what it stands in. Write the value itself")
        self._count(event, place, built[1])
        return built

    def _refuse_tag(self, event: Any, place: Place) -> NoReturn:
        tag = cut(event.tag.replace(_TAG, "!!"))
        self._refuse(event, place, f"expected a plain value, got one of the type {tag}. Remove it")

    def _list(self, events: Iterator[Any], place: Place) -> tuple[list[Any], int]:
        values: list[Any] = []
        size = 1
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            inner = (*place, len(values))
            self.lines[inner] = event.start_mark.line + 1
            value, inner_size = self._value(event, events, inner)
            values.append(value)
            size += inner_size
        return values, size

    def _mapping(self, events: Iterator[Any], place: Place) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first: dict[str, int] = {}
        size = 1
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, place)
            inner, line = (*place, key), event.start_mark.line + 1
            if key in first:
                self._refuse(
                    event,
                    inner,
                    f"stands a second time; the first is on line {first[key]}. Keep one of them",
                )
            first[key] = line
            is_merge = key == "<<" and not event.style
            if not is_merge:
                self.lines[inner] = line
            below = next(events)
            value, inner_size = self._value(below, events, inner)
            size += inner_size
            if is_merge:
                merged = self._merged(below, value, inner)
            else:
                values[key] = value
        return merged | values, size

    def _merged(self, event: Any, value: Any, place: Place) -> dict[str, Any]:
        """What `<<` brings into a mapping; of several the first has the last word."""
        merged: dict[str, Any] = {}
        for each in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(each, dict):
                self._refuse(event, place, "expected the alias of a mapping, or a list of them")
            merged |= each
        return merged

    def _key(self, event: Any, place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            got = "an alias" if isinstance(event, yaml.AliasEvent) else "a list or a mapping"
            self._refuse(event, place, f"expected a name as key, got {got}. Write the name")
        self._count(event, place, 1)
        if len(event.value) > KEY_LENGTH:
            self._refuse(
                event,
                (*place, event.value),
                f"expected a key of at most {KEY_LENGTH} characters, got {len(event.value):,}",
            )
        tag = self._tag(event)
        if tag == "str" or (tag == "merge" and not event.style):
            if event.anchor is not None:
                self.anchors[event.anchor] = (event.value, 1)
            return str(event.value)
        word = event.value
        inner = (*place, word)
        if tag == "bool":
            truth = str(self.types.bool_values[word.lower()]).lower()
            self._refuse(
                event,
                inner,
                f"YAML reads the name {word} as the truth value {truth}. "
                f'Write "{word}" in quotes, or another name',
            )
        kind = {"null": "as nothing", "int": "as a number", "float": "as a number"}
        read_as = kind.get(tag, "as something else, such as a date")
        self._refuse(
            event,
            inner if word else place,
            f"expected a name as key; YAML reads {quoted(word)} {read_as}. "
            f'Write "{cut(word) or "name"}" in quotes',
        )

    def _tag(self, event: Any) -> str:
        """The type of a word: without a tag of its own, what YAML reads it as."""
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return "str"
            tag = self.types.resolve(yaml.ScalarNode, event.value, event.implicit)
        return str(tag).removeprefix(_TAG)

    def _scalar(self, event: Any, place: Place) -> Any:
        tag, word = self._tag(event), event.value
        if tag == "str":
            return word
        if tag not in _PLAIN:
            if event.tag not in (None, "!"):
                self._refuse_tag(event, place)
            kind = "a date" if tag == "timestamp" else "something else"
            self._refuse(
                event,
                place,
                f'YAML reads {quoted(word)} as {kind}. Write "{cut(word)}" in quotes if it is text',
            )
        if tag in ("int", "float"):
            return self._number(event, tag, place)
        return self._made(event, tag, place)

    def _made(self, event: Any, tag: str, place: Place) -> Any:
        make = getattr(self.types, f"construct_yaml_{tag}")
        try:
            return make(yaml.ScalarNode(_TAG + tag, event.value))
        except (ValueError, KeyError, IndexError):
            kind = {"int": "an integer", "float": "a number", "bool": "true or false"}[tag]
            self._refuse(event, place, f"expected {kind}, got {quoted(event.value)}")

    def _number(self, event: Any, tag: str, place: Place) -> float:
        word = event.value
        # checked before Python reads it, which refuses more than 4300 digits
        if tag == "int" and len(word) > 80:
            self._refuse(event, place, f"expected a number below 2^63, got {len(word):,} digits")
        number = self._made(event, tag, place)
        if _OTHER_BASE.fullmatch(word) or ":" in word:
            base = "in base 60" if ":" in word else "with the base 8"
            self._refuse(
                event,
                place,
                f"YAML reads {cut(word)} {base}, as {number}. "
                f'Write {number}, or "{cut(word)}" in quotes if it is text',
            )
        if tag == "int" and abs(number) >= _LARGEST:
            self._refuse(event, place, f"expected a number below 2^63, got {word}")
        if tag == "float" and not abs(number) < float("inf"):
            self._refuse(event, place, f"expected a finite number, got {quoted(word)}")
        return float(number) if tag == "float" else int(number)
