"""What the docstring of a public name must say, read from the docstring and the code."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):\n", re.M)
SOURCE = re.compile(
    r"\([A-H2-5]\.\d+\)|[Ss]ection \w|Fig\. \d|(?:Corollary|Theorem|Definition|Example) \d"
)


def sections(thing: Any) -> dict[str, str]:
    """The sections of a docstring by their title, what stands before the first one under ''."""
    parts = SECTION.split(inspect.getdoc(thing) or "")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """What a section says of each name in it; `a, b: ...` is of both."""
    found = re.findall(r"^    ([\w, ]+): (.*(?:\n(?:        .*|$))*)", section, re.M)
    return {name: text for names, text in found for name in re.split(r", *", names)}


def parameters(thing: Callable[..., Any]) -> dict[str, str]:
    """Annotations of the parameters, as they are written."""
    given = inspect.signature(thing).parameters.values()
    return {p.name: str(p.annotation) for p in given if p.name not in ("self", "cls")}


def _code(thing: Any) -> Any:
    """The function behind a method, or a class' constructor; None for what Python makes."""
    made = thing.__init__ if inspect.isclass(thing) else thing
    function = getattr(made, "__func__", made)
    if not inspect.isfunction(function) or function.__code__.co_filename.startswith("<"):
        return None
    return function


def _called(function: Any, tree: ast.AST) -> Iterator[Any]:
    """Functions and classes of ours that the code of a function calls, those of its class too."""
    known = dict(function.__globals__)
    known["self"] = known["cls"] = known.get(function.__qualname__.partition(".")[0])
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = None
        if isinstance(node.func, ast.Name):
            called = known.get(node.func.id)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            called = getattr(known.get(node.func.value.id), node.func.attr, None)
        if str(getattr(called, "__module__", "")).startswith("innerlr."):
            yield called


def raises(thing: Any, above: tuple[Any, ...] = ()) -> bool:
    """Whether it raises: by itself, by a check, or by what it calls of ours."""
    function = _code(thing)
    if function is None or not function.__module__.startswith("innerlr."):
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    if any(isinstance(node, ast.Raise) for node in ast.walk(tree)):
        return True
    return any(
        called.__module__ == "innerlr.checks"
        or "Raises" in sections(called)
        or raises(called, (*above, thing))
        for called in _called(function, tree)
        if called not in (*above, thing)
    )


def of_callable(thing: Any, name: str) -> list[str]:
    """What is missing on arguments, results and errors."""
    said = sections(thing)
    listed = entries(said.get("Args", "")) | entries(said.get("Attributes", ""))
    missing = []
    for parameter, annotation in parameters(thing).items():
        if parameter not in listed:
            missing.append(f"{name}: {parameter} is not among the arguments")
        elif re.search(r"\b(ArrayLike|Array|Rates|Tensor)\b", annotation) and not re.search(
            r"\([\w ,.]*\)", listed[parameter]
        ):
            missing.append(f"{name}: {parameter} has no shape")
    result = "None" if inspect.isclass(thing) else inspect.signature(thing).return_annotation
    if result not in (None, "None") and "Returns" not in said:
        missing.append(f"{name}: nothing on what is returned")
    if raises(thing) and "Raises" not in said:
        missing.append(f"{name}: nothing on its errors")
    return missing


def of_name(thing: Any, name: str) -> list[str]:
    """What the docstring of a public function or class lacks, its methods' included."""
    an_error = inspect.isclass(thing) and issubclass(thing, Exception)
    said = sections(thing)
    missing = [] if an_error else of_callable(thing, name)
    if ">>> " not in said.get("Example", ""):
        missing.append(f"{name}: no example")
    whole = inspect.getdoc(thing) or ""
    if not an_error and not SOURCE.search(whole):
        missing.append(f"{name}: names no equation and no section")
    if re.match(r"alpha_(?!bounds)|.*_alpha$", name) and "1/2" not in said.get("Returns", ""):
        missing.append(f"{name}: does not say for which loss the rate is")
    if inspect.isclass(thing):
        for method, value in vars(thing).items():
            if method.startswith("_"):
                continue
            inner = getattr(value, "__func__", value)
            if isinstance(value, property) or not inspect.isfunction(inner):
                if isinstance(value, property) and not inspect.getdoc(value):
                    missing.append(f"{name}.{method}: no docstring")
                continue
            missing += of_callable(getattr(thing, method), f"{name}.{method}")
    return missing
