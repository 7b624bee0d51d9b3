"""`mrbench table`: compare the runs of a suite."""

import argparse
import sys

from mrbench import recipe
from mrbench.commands.arguments import add_runs
from mrbench.errors import MrbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench table`."""
    parser.add_argument("--suite", default="2019", help="default: 2019")
    add_runs(parser)
    parser.add_argument("--reference", metavar="NAME", help="which published table to compare with")
    parser.add_argument(
        "--format", choices=("plain", "rst", "markdown", "csv", "json"), default="plain"
    )


def main(args: argparse.Namespace) -> int:
    """Print the comparison table of a suite."""
    from mrbench import rows as making  # noqa: PLC0415 - only this command needs it
    from mrbench import rundir  # noqa: PLC0415 - the same
    from mrbench import table as tables  # noqa: PLC0415 - the same

    records, broken = [], 0
    for path in rundir.find_records(args.runs, args.suite):
        try:
            records.append(rundir.read_record(path))
        except MrbenchError as exc:
            print(f"mrbench: left out: {exc}", file=sys.stderr)
            broken = exc.exit_code
    for folder in rundir.find_unfinished(args.runs, args.suite):
        text = "has no record (yet, or was killed)"
        if (folder / "slurm.json").exists():
            text = "is with a cluster; `mrbench status` tells more"
        print(f"mrbench: left out: {folder} {text}", file=sys.stderr)
    foreign = args.suite not in recipe.suite_names() and records
    suite = rundir.suite_of(records[-1]) if foreign else recipe.load_suite(args.suite)
    rows = making.make_rows(suite, records, args.reference)
    if not rows and args.format not in ("json", "csv"):
        hint = f"`mrbench run --suite {args.suite}` makes some"
        raise MrbenchError(f"{args.runs}: no runs of suite {args.suite}; {hint}")
    print(tables.render(suite, rows, args.format))
    return broken
