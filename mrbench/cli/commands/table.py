"""`mrbench table`: compare the runs of a suite."""

import argparse
import sys
from pathlib import Path

from mrbench.cli import baselines
from mrbench.cli.arguments import add_reference, add_runs
from mrbench.cli.commands import Command
from mrbench.cli.stored import read_runs
from mrbench.console.listing import encodable
from mrbench.errors import MrbenchError, RecipeError
from mrbench.recipe import load
from mrbench.results import rows as making
from mrbench.results import table as tables
from mrbench.results.table import choose, relative

COMMAND = Command(
    group="Begin with",
    order=2,
    brief="compare the runs of a suite, beside the published numbers",
    help="Compare the runs of a suite with each other and with the published numbers.",
    examples="""\
mrbench table --suite demo
mrbench table --reference 2020-05 --format rst    # a grid, as published""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench table`."""
    parser.add_argument("--suite", default="2019", metavar="NAME", help="default: 2019")
    add_runs(parser)
    parser.add_argument(
        "--format", choices=tables.FORMATS, default="plain", help="github: for $GITHUB_STEP_SUMMARY"
    )
    parser.add_argument(
        "--columns",
        metavar="A,B,...",
        help="columns, in this order; an unknown name lists all",
    )
    parser.add_argument(
        "--sort", metavar="COLUMN[:desc]", help="default: by throughput, the fastest first"
    )
    parser.add_argument(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only rows that match (all of several filters); KEY is a column or a key of"
        " --format json; = and != compare texts and numbers, < <= > >= numbers, ~ finds VALUE in"
        " a text",
    )
    parser.add_argument(
        "--relative-to",
        metavar="ROW",
        help="show each row's ratio to ROW, where their runs may be compared; a row is named as in"
        " the table, e.g. detectron2@d01c861 or 'minimask x2'",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="with --relative-to: take the noise between runs from a baseline where a row is a"
        " single run",
    )
    add_reference(parser)
    parser.add_argument(
        "--reference-only", action="store_true", help="print only the published table, no runs"
    )


def main(args: argparse.Namespace) -> int:
    """Print the comparison table of a suite."""
    names = choose.columns(args.columns)
    if args.reference_only:
        return _published(args)
    runs, suite, broken = read_runs(args.runs, args.suite)
    rows = making.make_rows(suite, runs, args.reference)
    if args.relative_to is not None and rows:
        rows = relative.with_relative(rows, args.relative_to, _noise_of(args.baseline))
    shown = choose.order(choose.keep(rows, args.filter), args.sort)
    if not rows and args.format not in tables.DATA:
        hint = f"`mrbench run --suite {args.suite}` makes some"
        raise MrbenchError(f"no runs of suite {args.suite}", hint, file=args.runs)
    if not shown and args.format not in tables.DATA:
        raise MrbenchError(f"none of {len(rows)} rows meets --filter {' '.join(args.filter)}")
    _print(tables.render(suite, shown, args.format, names))
    return broken


def _noise_of(path: Path | None) -> relative.NoiseOf:
    """Return what tells the noise between runs like one, by a baseline's file if there is one."""
    if path is None:
        return lambda _: None
    stored, _ = baselines.read_stored(path)
    return lambda record: baselines.noise_of(stored, record)


def _published(args: argparse.Namespace) -> int:
    if args.columns or args.sort or args.filter or args.relative_to or args.baseline:
        raise RecipeError("--reference-only goes with --suite, --reference and --format alone")
    suite = load.load_suite(args.suite)
    reference = making.choose_reference(suite, args.reference)
    if reference is None:
        raise RecipeError(f"--reference-only: suite {args.suite} has no published table")
    _print(tables.render_published(args.suite, suite, reference, args.format))
    return 0


def _print(text: str) -> None:
    """Print in what characters stdout can take."""
    print(encodable(text, sys.stdout.encoding or "ascii"))
