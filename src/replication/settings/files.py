"""What is made from the settings: workflow/defaults.yaml, the schema and the reference page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from replication.figures.own.settings import OwnExperiment
from replication.settings.config import Config, Configuration
from replication.settings.section import Section
from replication.settings.sources import Source


def source_of(model: Section, path: tuple[str, ...]) -> Source | None:
    """The closest source of the value at `path` below `model`."""
    best: tuple[int, int] | None = None
    found: Source | None = None
    sources: dict[str, Source] = {}
    for base in reversed(type(model).__mro__):
        sources |= base.__dict__.get("sources", {})
    for pattern, source in sources.items():
        parts = pattern.split(".")
        if len(parts) > len(path) or any(
            p not in ("*", key) for p, key in zip(parts, path, strict=False)
        ):
            continue
        rank = (len(parts), -parts.count("*"))
        if best is None or rank > best:
            best, found = rank, source
    return found


def leaves(config: Configuration) -> Iterator[tuple[tuple[str, ...], Any, Source | None]]:
    """(path, value, source) of every value, in order."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            for path, leaf in _walk(value, ()):
                yield (name, *path), leaf, source_of(value, path)
        else:
            yield (name,), value, source_of(config, (name,))


def _walk(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, Section):
        node = {key: getattr(node, key) for key in type(node).model_fields}
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _walk(value, (*path, str(key)))
    else:
        yield path, node


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip()


def to_yaml() -> str:
    """workflow/defaults.yaml: all defaults, each under a comment that gives its source."""
    lines = [
        "# Every setting with its default; made by `python -m replication config --write`. Change",
        "# values in config.yaml, which is laid over these.",
        "# A comment holds for the lines below it, down to the next comment.",
        "# paper: as printed there. assumed: the paper leaves it open. ours: scale, bookkeeping.",
        "",
    ]
    config, shown = Config(), None
    previous: tuple[str, ...] = ()
    for path, value, source in leaves(config):
        keep = 0
        while keep < min(len(previous), len(path) - 1) and previous[keep] == path[keep]:
            keep += 1
        if keep == 0:
            shown = None
            if len(path) > 1:
                lines += ["", f"# {type(getattr(config, path[0])).__doc__}"]
        for depth in range(keep, len(path) - 1):
            lines.append(f"{'  ' * depth}{_scalar(path[depth])}:")
        indent = "  " * (len(path) - 1)
        if source is not None and source != shown:
            lines += textwrap.wrap(
                str(source), 98, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
            )
            shown = source
        lines.append(f"{indent}{path[-1]}: {_scalar(value)}")
        previous = path
    return "\n".join(lines) + "\n"


def to_schema() -> str:
    """A JSON schema of all settings as YAML, for editors."""
    schema = Config.model_json_schema()
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return yaml.safe_dump(whole, sort_keys=False, width=100)


def to_reference() -> str:
    """A page in Markdown: every key, its default and its source."""
    lines = [
        "# Settings",
        "",
        "*paper* values are printed there; *assumed* ones the paper leaves open; *ours* are scale",
        "and bookkeeping of this replication.",
    ]
    config, section = Config(), None
    for path, value, source in leaves(config):
        if path[0] != section:
            section = path[0]
            node = getattr(config, section)
            about = type(node).__doc__ if isinstance(node, Section) else ""
            lines += ["", f"## {section}", ""]
            if about:
                lines += [about, ""]
            lines += ["| key | default | source |", "| --- | --- | --- |"]
        key = ".".join(path[1:]) or section
        lines.append(f"| `{key}` | `{_scalar(value)}` | {source} |")
    lines += [
        "",
        "## An entry of experiments",
        "",
        OwnExperiment.__doc__ or "",
        "",
        "| key | default | meaning |",
        "| --- | --- | --- |",
    ]
    for key, info in OwnExperiment.model_fields.items():
        default = info.get_default(call_default_factory=True)
        lines.append(f"| `{key}` | `{_scalar(default)}` | {OwnExperiment.sources[key].text} |")
    return "\n".join(lines) + "\n"


DEFAULTS = "workflow/defaults.yaml"
