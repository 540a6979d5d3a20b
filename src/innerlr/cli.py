"""Command line: `innerlr alpha | verify | compare`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from innerlr import __version__
from innerlr.errors import InnerlrError


def _alpha(args: argparse.Namespace) -> int:
    from innerlr.from_file import estimate

    for line in estimate(args.file, steps=args.steps, h15=args.h15):
        print(line, flush=True)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from innerlr.io.verify import verify

    if not Path(args.folder).is_dir():
        raise InnerlrError(f"{args.folder}: no such folder. Give one below results/.")
    problems = verify(args.folder)
    for line in problems:
        print(line)
    print(f"{args.folder}: " + (f"{len(problems)} differences" if problems else "verified"))
    return 1 if problems else 0


def _compare(args: argparse.Namespace) -> int:
    try:
        from innerlr.io.compare import compare
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise InnerlrError(
            "compare: needs pandas, which is not installed. Run: pip install 'innerlr[compare]'"
        ) from error

    problems = compare(args.first, args.second, rtol=args.rtol)
    for line in problems:
        print(line)
    print(f"{len(problems)} differences" if problems else "the tables agree")
    return 1 if problems else 0


def parser() -> argparse.ArgumentParser:
    """The command line's parser."""
    top = argparse.ArgumentParser(
        prog="innerlr", description="The adaptation learning rate of MAML, from features."
    )
    top.add_argument("--version", action="version", version=f"innerlr {__version__}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", required=True)

    alpha = commands.add_parser("alpha", help="estimate a learning rate from your features")
    alpha.add_argument(
        "file",
        help=".npy of features (tasks, shots, dim), or .npz with `features` and perhaps `query`",
    )
    alpha.add_argument(
        "--steps", type=int, default=1, help="of the inner loop; default %(default)d"
    )
    alpha.add_argument(
        "--h15",
        action="store_true",
        help="also the paper's (H.15), for models with more parameters than samples",
    )
    alpha.set_defaults(run=_alpha)

    verify = commands.add_parser("verify", help="recompute the digests of a run's artefacts")
    verify.add_argument("folder", help="such as results/default")
    verify.set_defaults(run=_verify)

    compare = commands.add_parser("compare", help="compare the tables of two runs")
    compare.add_argument("first", help="such as results/default")
    compare.add_argument("second", help="the same of another machine, or results/reference")
    compare.add_argument(
        "--rtol",
        type=float,
        default=1e-6,
        help="difference allowed, relative to the largest value alike; default %(default)g",
    )
    compare.set_defaults(run=_compare)
    return top


def run(top: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names: the `run` of its namespace, with `debug` beside it.

    Args:
        top: the parser, which sets both.
        argv: arguments; those of the process if None.

    Returns:
        0 on success, or where nobody reads on, 1 where a check found differences, 2 on bad input,
        with one line that says so.
    """
    args = top.parse_args(argv)
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (InnerlrError, OSError) as error:
        if args.debug:
            raise
        print(f"{top.prog}: {error}", file=sys.stderr)
        return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `innerlr`; what :func:`run` returns."""
    return run(parser(), argv)
