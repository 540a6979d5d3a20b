"""Command line: `python -m replication config | replication | reference | crate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from innerlr.cli import run
from innerlr.errors import InnerlrError


def _config(args: argparse.Namespace) -> int:
    from replication.checkout import ROOT
    from replication.settings.config import USERS, load_over
    from replication.settings.files import DEFAULTS, to_reference, to_schema, to_yaml

    if args.write:
        (ROOT / DEFAULTS).write_text(to_yaml(), encoding="utf-8")
        print(f"wrote {DEFAULTS}")
        return 0
    if args.schema or args.reference:
        print(to_schema() if args.schema else to_reference(), end="")
        return 0
    load_over(args.files)
    checked = args.files or [USERS.name]
    over = f"over {USERS.name} and the defaults" if args.files else "over the defaults"
    print(f"{' and '.join(checked)}: valid, {over}")
    return 0


def _replication(args: argparse.Namespace) -> int:
    from replication.judging.report import FILES

    root, differ = Path(), []
    if not (root / "results/reference").is_dir():
        raise InnerlrError(
            "results/reference: no such folder. Run it in the top folder of a checkout."
        )
    for name, make in FILES.items():
        text = make(root)
        if args.write:
            (root / name).write_text(text, encoding="utf-8")
            print(f"wrote {name}")
        elif not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text:
            differ.append(name)
    for name in differ:
        print(f"{name} is not what the reference results say")
    if differ:
        print("run `python -m replication replication --write`")
    return 1 if differ else 0


def _reference(args: argparse.Namespace) -> int:
    from replication.judging.entries import entries
    from replication.judging.reference import keep
    from replication.pipeline.provenance import code_revision

    files = keep(args.folders, args.to, entries(), update=args.update)
    print("\n".join(filter(None, [code_revision().warning, f"{args.to}: {len(files)} files"])))
    return 0


def _crate(args: argparse.Namespace) -> int:
    from replication.pipeline import crate

    folder = Path(args.folder)
    made = crate.write(folder, args.to or f"{folder}-crate.zip", agent=args.agent)
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m replication", description="The replication: its settings and its results."
    )
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", required=True)

    config = commands.add_parser("config", help="check a configuration")
    config.add_argument(
        "files",
        nargs="*",
        metavar="file",
        help="laid over config.yaml one by one, as by snakemake --configfile; none: config.yaml",
    )
    printed = config.add_mutually_exclusive_group()
    printed.add_argument(
        "--reference", action="store_true", help="print every setting: default, meaning, source"
    )
    printed.add_argument(
        "--schema", action="store_true", help="print a JSON schema of the settings, for editors"
    )
    printed.add_argument(
        "--write", action="store_true", help="make workflow/defaults.yaml from the settings"
    )
    config.set_defaults(run=_config)

    replication = commands.add_parser(
        "replication", help="check README.md and REPLICATION.md against the reference results"
    )
    replication.add_argument("--write", action="store_true", help="make them anew")
    replication.set_defaults(run=_replication)

    reference = commands.add_parser("reference", help="keep verified runs as the reference")
    reference.add_argument(
        "folders",
        nargs="+",
        metavar="folder",
        help="such as results/default; a later run takes the place of an earlier one for the "
        "figures that it has made",
    )
    reference.add_argument("--to", default="results/reference", help="default %(default)s")
    reference.add_argument(
        "--update",
        action="store_true",
        help="let stay what the reference results have of other figures",
    )
    reference.set_defaults(run=_reference)

    crate = commands.add_parser("crate", help="pack a finished run as a Workflow Run RO-Crate")
    crate.add_argument("folder", help="such as results/default")
    crate.add_argument("--to", help="the zip file; default FOLDER-crate.zip")
    crate.add_argument("--agent", default="", help="name of the person who ran it")
    crate.set_defaults(run=_crate)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 0 on success, 1 where files have drifted, 2 on bad input."""
    return run(parser(), argv)
