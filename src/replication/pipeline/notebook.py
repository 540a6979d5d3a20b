"""Notebooks of figures and tables: run, made equal from run to run, rendered."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pandas as pd
import papermill
from jinja2 import pass_context
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import ENV_JUPYTER_PATH, jupyter_path
from latex2mathml.converter import convert_to_element
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from innerlr.errors import InnerlrError
from replication.pipeline import kernel
from replication.pipeline.files import atomic


class Kernels(AsyncKernelManager):
    """Starts the kernel of :mod:`replication.pipeline.kernel`, whatever lies on Jupyter's path."""

    @property
    def kernel_spec(self) -> KernelSpec:
        local = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
        return KernelSpec(argv=kernel.command(), language="python", metadata=local)

    async def start_kernel(self, **how: Any) -> None:  # type: ignore[override]
        folder = Path(self.connection_file).parent
        await super().start_kernel(**how | {"env": kernel.environment(folder)})


def run(notebook: str, log: str, parameters: Mapping[str, Any]) -> str:
    """Execute a notebook with its parameters; the text of the executed notebook.

    Args:
        notebook: the parametrised notebook.
        log: of the job. The executed notebook is kept beside it, failed cell included; as a log of
            its own, Snakemake would print all of it after a failure.
        parameters: values of its cell tagged "parameters".

    Raises:
        InnerlrError: a cell failed, or its kernel ended; names the cell, its error and the kept
            notebook.
    """
    kept = Path(log).with_suffix(".ipynb")
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        with kernel.folder() as folder:
            papermill.execute_notebook(
                notebook,
                str(kept),
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                kernel_manager_class=Kernels,
                config=Config(Kernels=kernel.connection(folder)),
            )
    except papermill.PapermillExecutionError as error:
        raise InnerlrError(
            f"{notebook}: {_place(notebook, error)} failed with {error.ename}: {error.evalue}\n"
            f"{error.source}\nThe notebook as far as it ran is {kept}."
        ) from error
    except DeadKernelError as error:
        raise InnerlrError(
            f"{notebook}: its kernel was ended while it ran, as it is where memory runs out "
            f"({error}). Run again with fewer --cores, or on a machine with more memory. The "
            f"notebook as far as it ran is {kept}."
        ) from error
    return _normalised(nbformat.read(kept, as_version=4))


def _place(notebook: str, error: papermill.PapermillExecutionError) -> str:
    """Which cell of the notebook failed, as one counts them there; papermill puts in more."""
    sources = [cell.source for cell in nbformat.read(notebook, as_version=4).cells]
    if error.source not in sources:
        return "the cell of its parameters"
    return f"cell {sources.index(error.source) + 1} of {len(sources)}"


def _normalised(node: Any) -> str:
    """Without times and random ids: two runs of the same numbers are equal byte for byte."""
    node.metadata = {"kernelspec": node.metadata.kernelspec, "language_info": {"name": "python"}}
    for i, cell in enumerate(node.cells):
        cell.id = f"cell-{i}"
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
    return nbformat.writes(node) + "\n"


def keep(executed: str, ipynb: str | Path, html: str | Path, *, title: str) -> None:
    """Write an executed notebook and its page.

    Args:
        executed: what :func:`run` returned.
        ipynb, html: where they are written.
        title: of the page.
    """
    for path, text in ((ipynb, executed), (html, to_html(executed, title=title))):
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def by_kind(paths: Iterable[str | Path]) -> dict[str, str]:
    """Files by their suffix, as notebooks get them.

    Example:
        >>> by_kind(["tables/x.csv", "tables/x.tex"])
        {'csv': 'tables/x.csv', 'tex': 'tables/x.tex'}
    """
    return {Path(path).suffix.removeprefix("."): str(path) for path in paths}


_TEMPLATE = "lab"
_MATH = re.compile(r"<code.*?</code>|<[^>]*>|\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def _mathml(page: str) -> str:
    """TeX between dollars in a page's text as MathML, which a browser shows without a script."""

    def shown(found: re.Match[str]) -> str:
        block, inline = found.groups()
        kind = "block" if block else "inline"
        tex = block or inline
        return _formula(html.unescape(tex), kind) if tex else found[0]

    return _MATH.sub(shown, page)


def _formula(tex: str, kind: str) -> str:
    """MathML in which text is text: latex2mathml's own serialisation lets markup through."""
    formula = convert_to_element(tex, display=kind)
    for node in formula.iter():
        node.attrib.pop("href", None)  # a link may hold a script
        # letters that the library has spelled as entities
        node.text, node.tail = (
            html.unescape(part) if part else part for part in (node.text, node.tail)
        )
    return ElementTree.tostring(formula, encoding="unicode")


class _PlainMarkdown(IPythonRenderer):
    """Markdown that may hold text of the user's, such as titles.

    It runs no script and asks for nothing: HTML is shown as it is written, and images are those
    within the notebook.
    """

    def image(self, text: str, url: str, title: str | None = None) -> str:
        within = url.startswith(("attachment:", "data:image/"))
        return str(super().image(text, url, title)) if within else self.escape_html(text)

    def block_mermaidjs(self, code: str) -> str:
        return str(self.block_code(code))  # a diagram would need a script from elsewhere


class _Page(HTMLExporter):
    def get_prefix_root_dirs(self) -> list[str]:
        """Where the templates were installed; those of the user's own are not taken."""
        for folder in (*ENV_JUPYTER_PATH, *jupyter_path()):
            if Path(folder, "nbconvert/templates", _TEMPLATE, "conf.json").is_file():
                return [folder]
        raise InnerlrError(
            f"nbconvert's template {_TEMPLATE!r} is not installed below {ENV_JUPYTER_PATH[0]}. "
            "Install nbconvert again."
        )

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        renderer = _PlainMarkdown(
            escape=True,
            allow_harmful_protocols=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            anchor_link_text=self.anchor_link_text,
        )
        return _mathml(MarkdownWithMath(renderer=renderer).render(source))


# a table whose last column is text (see tables.as_html): its words stand on few lines
_STYLE = """<style>
.jp-RenderedHTML:has(table.told) { overflow-x: auto; }
.jp-RenderedHTMLCommon table.told { table-layout: auto; }
.jp-RenderedHTMLCommon table.told :is(th, td) { text-align: left; vertical-align: top; }
.jp-RenderedHTMLCommon table.told td:last-child { min-width: 18rem; }
</style>
"""


def to_html(executed: str, *, title: str) -> str:
    """A page of the executed notebook that needs no network; code folded away."""
    exporter = _Page(
        template_name=_TEMPLATE,
        extra_template_basedirs=[],
        template_data_paths=[],
        exclude_input=True,
        exclude_input_prompt=True,
    )
    exporter.exclude_output_prompt = True
    exporter.require_js_url = exporter.mathjax_url = exporter.jquery_url = ""
    exporter.mermaid_js_url = ""
    node = nbformat.reads(executed, as_version=4)
    body, _ = exporter.from_notebook_node(node, resources={"metadata": {"name": title}})
    return str(body).replace("</head>", f"{_STYLE}</head>", 1)


def caption(template: str, claims: Sequence[str], sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure's caption (reStructuredText) with the verdicts below it.

    Args:
        template: the caption's file; `{fig08[seeds]}` stands for a value of a section.
        claims: files of verdicts.
        sections: of the figure's experiments.

    Raises:
        InnerlrError: the caption names a value that no section has.
    """
    text = Path(template).read_text(encoding="utf-8").rstrip()
    try:
        lines = [text.format(**sections), ""]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InnerlrError(
            f"{template}: a number in braces is no value of {sorted(sections)}: {error}."
        ) from error
    judged = pd.concat([pd.read_csv(path) for path in claims]) if claims else pd.DataFrame()
    if len(judged):
        lines += ["**Claims**", ""]
    for row in judged.itertuples():
        lines.append(f"- *{row.verdict}*: {row.id}, {row.quantity} {row.measured:.4g}")
        lines[-1] += f" (95% interval {row.low:.4g} to {row.high:.4g}; expected {row.expected})."
    return "\n".join(lines) + "\n"
