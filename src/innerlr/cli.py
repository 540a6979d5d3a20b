"""Command line: `innerlr alpha | config | verify | reference | replication | compare`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

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


def _config(args: argparse.Namespace) -> int:
    from replication import config

    if args.write:
        for name, make in config.FILES.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(make())
            print(f"wrote {name}")
        return 0
    base = "config.yaml" if Path("config.yaml").is_file() else None
    config.load_over(base, args.files or [base or "config.yaml"])
    over = [name for name in args.files if name != base]
    where = ", over config.yaml" if over else ""
    print(f"{' and '.join(over) or 'config.yaml'}: valid{where}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from innerlr.io.provenance import verify

    if not Path(args.folder).is_dir():
        raise InnerlrError(f"{args.folder}: no such folder. Give one below results/.")
    problems = verify(args.folder)
    for line in problems:
        print(line)
    print(f"{args.folder}: " + (f"{len(problems)} differences" if problems else "verified"))
    return 1 if problems else 0


def _reference(args: argparse.Namespace) -> int:
    from replication.judging.reference import keep

    files = keep(args.folders, args.to, "claims.yaml", update=args.update)
    print(f"{args.to}: {len(files)} files")
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
            (root / name).write_text(text)
            print(f"wrote {name}")
        elif not (root / name).is_file() or (root / name).read_text() != text:
            differ.append(name)
    for name in differ:
        print(f"{name} is not what the reference results say; run `innerlr replication --write`")
    return 1 if differ else 0


def _compare(args: argparse.Namespace) -> int:
    from innerlr.io.compare import compare

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
    top.add_argument("--version", action="version", version=f"innerlr {version('innerlr')}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command", required=True)

    alpha = commands.add_parser("alpha", help="estimate a learning rate from your features")
    alpha.add_argument("file", help=".npy of features (tasks, shots, dim), or .npz with `features`")
    alpha.add_argument(
        "--steps", type=int, default=1, help="of the inner loop; default %(default)d"
    )
    alpha.set_defaults(run=_alpha)

    config = commands.add_parser("config", help="check a configuration")
    config.add_argument(
        "files",
        nargs="*",
        metavar="file",
        help="laid over config.yaml one by one, as by snakemake --configfile; none: config.yaml",
    )
    config.add_argument(
        "--write", action="store_true", help="make config.yaml, its schema and reference page"
    )
    config.set_defaults(run=_config)

    verify = commands.add_parser("verify", help="recompute the digests of a run's artefacts")
    verify.add_argument("folder", help="such as results/default")
    verify.set_defaults(run=_verify)

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

    replication = commands.add_parser(
        "replication", help="check README.md and REPLICATION.md against the reference results"
    )
    replication.add_argument("--write", action="store_true", help="make them anew")
    replication.set_defaults(run=_replication)

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


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 0 on success, 1 where a check found differences, 2 on bad input."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except (InnerlrError, OSError) as error:
        if args.debug:
            raise
        print(f"innerlr: {error}", file=sys.stderr)
        return 2
