"""Command line: `innerlr alpha | verify | compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from innerlr import __version__
from innerlr.errors import InnerlrError


def _alpha(args: argparse.Namespace) -> int:
    import numpy as np

    from innerlr.bounds import alpha_bounds
    from innerlr.estimators import alpha_est, alpha_lim, alpha_lim_split
    from innerlr.io.files import load_arrays

    arrays = load_arrays(args.file)
    if "features" not in arrays:
        raise InnerlrError(
            f"{args.file}: no array 'features' (tasks, shots, dim); it holds "
            f"{', '.join(arrays) or 'none'}."
        )
    features, query, steps = arrays["features"], arrays.get("query"), args.steps
    if query is None:
        name, value = "alpha_lim (3.3)", alpha_lim(features, steps=steps)
    else:
        name, value = "alpha_lim (H.6)", alpha_lim_split(features, query, steps=steps)
    rows = {name + (f", {steps} steps" if steps != 1 else ""): value}
    if query is None and steps == 1:  # what the others are for
        bounds = alpha_bounds(features)
        rows |= {"lower bound": bounds.lower, "upper bound": bounds.upper}
        if np.ptp(features) > 0:
            rows["alpha_est (H.15)"] = alpha_est(features)
    for name, value in rows.items():
        print(f"{name:25s} {value:.6g}")
    print("Rates of a loss without 1/2; double them for one with 1/2.")
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
    alpha.add_argument("file", help=".npy of features (tasks, shots, dim), or .npz with `features`")
    alpha.add_argument(
        "--steps", type=int, default=1, help="of the inner loop; default %(default)d"
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
        0 on success, 1 where a check found differences, 2 on bad input, with one line that says so.
    """
    args = top.parse_args(argv)
    try:
        return int(args.run(args))
    except (InnerlrError, OSError) as error:
        if args.debug:
            raise
        print(f"{top.prog}: {error}", file=sys.stderr)
        return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `innerlr`; what :func:`run` returns."""
    return run(parser(), argv)
