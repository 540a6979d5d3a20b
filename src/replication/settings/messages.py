"""A settings error in one line: what, where, what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from innerlr.errors import nearest

QUOTED, LINE = 200, 1500  # characters of a value, and of a message
# "List should have at least 1 item after validation, not 0"
_SHOULD = re.compile(r"^(?:Input should be|\w+ should have|\w+ should (?=match)) ?")


def cut(text: str, length: int = QUOTED) -> str:
    """A text on one line, without its end where it is longer than `length` characters."""
    text = " ".join(text[: length + 1].splitlines())
    return text if len(text) <= length else f"{text[: length - 4]} ..."


def quoted(value: Any) -> str:
    """A value as Python writes it, cut."""
    try:
        return cut(repr(value))
    except ValueError:  # an integer of more than 4300 digits
        return "an integer of thousands of digits"


def place_of(problem: Any, raw: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Where a pydantic error on `raw` is: keys, and numbers from 0 in lists."""
    # Union members appear in the location as their tags or class names; users know neither.
    location: list[str | int] = []
    node: Any = raw
    for part in problem["loc"]:
        known = isinstance(node, Mapping) and part in node
        listed = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if known or listed:
            location.append(part)
            node = node[part]
        elif problem["type"] == "missing" and part == problem["loc"][-1]:
            location.append(part)
    if not location and problem["type"] == "value_error":
        # an error of the whole configuration names its section itself
        section = problem["msg"].removeprefix("Value error, ").partition(":")[0]
        location = [section] if section in raw else []
    return tuple(location)


def explain(problem: Any, raw: Mapping[str, Any], model: type[BaseModel]) -> str:
    """A pydantic error on `raw`, the values of `model`, in one line."""
    return cut(_explained(problem, raw, model), LINE)


def _explained(problem: Any, raw: Mapping[str, Any], model: type[BaseModel]) -> str:
    location = place_of(problem, raw)
    where = cut(".".join(map(str, location))) or "top level"
    if problem["type"] == "extra_forbidden":
        sections = _sections_at(problem["loc"][:-1], model)
        key = str(problem["loc"][-1])
        for section in sections:
            if new := section.new_name(key):
                return f"{where}: this key is called `{new}` now."
        valid = sorted({name for section in sections for name in section.model_fields})
        return f"{where}: unknown key. {nearest(cut(key), valid)}"
    if problem["type"] == "missing":
        return f"{where}: missing. Add it, for example `{location[-1]}: ...`."
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tags = [t.strip().strip("'") for t in problem["ctx"].get("expected_tags", "").split(",")]
        given = problem["ctx"].get("tag")
        if given is None:
            return f"{where}: missing `name`. Valid: {', '.join(filter(None, tags)) or 'see docs'}."
        return f"{where}.name: unknown {quoted(given)}. {nearest(cut(str(given)), tags)}"
    if problem["type"] == "value_error":  # it is about a whole section, and says what it got
        text = problem["msg"].removeprefix("Value error, ")
        # an error of the whole configuration names its section itself
        before = f"{where}: " if problem["loc"] else ""
        return before + text + ("" if text.endswith((".", "?")) else ".")
    message = _SHOULD.sub("", problem["msg"]).replace("match pattern", "the pattern")
    said = f"{where}: expected {message}; got {quoted(problem['input'])}."
    if isinstance(problem["input"], bool):
        said += " YAML reads yes, no, on and off as truth values; write a name in quotes."
    return said


def _sections_at(location: tuple[Any, ...], model: type[BaseModel]) -> list[Any]:
    """The section classes that a pydantic error location below `model` may be in."""
    models: list[Any] = [model]
    for part in location:
        found: list[Any] = []
        for model in models:
            for candidate in _sections(_annotation(model, part)):
                found.append(candidate)
        if found:
            models = found
    return [model for model in models if hasattr(model, "model_fields")]


def _annotation(model: Any, part: Any) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        if part in model.model_fields:
            return model.model_fields[part].annotation
        name = model.model_fields.get("name")
        if part == model.__name__ or (name is not None and part in get_args(name.annotation)):
            return model  # the tag of a union that has been resolved
        return None
    return model


def _sections(annotation: Any) -> Iterator[Any]:
    """Section classes anywhere inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
