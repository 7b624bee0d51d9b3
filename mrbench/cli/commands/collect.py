"""`mrbench collect`: finish the records of runs that were left to a cluster."""

import argparse
import json

from mrbench.cli.arguments import add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench collect`."""
    add_runs(parser)
    parser.add_argument("--wait", action="store_true", help="follow those that are not over yet")
    parser.add_argument("--json", action="store_true", help="records as JSON on stdout")


def main(args: argparse.Namespace) -> int:
    """Write the records of all runs that are over; say where the others are."""
    from mrbench.console import make_reporter  # noqa: PLC0415 - the same
    from mrbench.results.show import unusable  # noqa: PLC0415 - the same
    from mrbench.run.local import exit_code  # noqa: PLC0415 - the same
    from mrbench.run.slurm import detached  # noqa: PLC0415 - only this command needs it

    with make_reporter(quiet=False) as reporter:
        records = detached.collect_all(args.runs, reporter, wait=args.wait)
    if args.json:
        print(json.dumps(records, indent=1, default=str))
    elif not records:
        print("; ".join(filter(None, (f"{args.runs}: nothing to collect", unusable(args.runs)))))
    return exit_code(records)
