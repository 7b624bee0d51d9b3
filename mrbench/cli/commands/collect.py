"""`mrbench collect`: finish the records of runs that have none."""

import argparse

from mrbench.cli.arguments import add_json, add_quiet, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.console import make_reporter
from mrbench.record.rundir import nothing_in
from mrbench.run.collect import collect
from mrbench.run.cycle import exit_code

COMMAND = Command(
    group="Get ready and clean up",
    order=10,
    brief="finish runs' records",
    help="Finish records: of runs on a cluster, and where a record could not be written.",
    examples="""\
mrbench collect --wait    # until all submitted runs have ended
mrbench collect RUN       # one whose record the disk had no room for""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench collect`."""
    parser.add_argument(
        "run", nargs="*", metavar="RUN", help="folder, or the end of its path; default: all"
    )
    add_runs(parser)
    parser.add_argument("--wait", action="store_true", help="follow runs that are not over yet")
    add_json(parser, "print the records as JSON")
    add_quiet(parser, "print problems only")


def main(args: argparse.Namespace) -> int:
    """Write the records of all runs that are over; say where the others are."""
    with make_reporter(quiet=args.quiet) as reporter:
        records = collect(args.runs, args.run, reporter, wait=args.wait)
    if args.json:
        print_json([record.plain() for record in records])
    elif not records:
        print(nothing_in(args.runs, "nothing to collect"))
    return exit_code(records)
