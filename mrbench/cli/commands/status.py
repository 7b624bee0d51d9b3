"""`mrbench status`: tell what is queued or running on a cluster."""

import argparse
import json

from mrbench.cli.arguments import add_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench status`."""
    add_runs(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def main(args: argparse.Namespace) -> int:
    """Print a line for each run that was submitted and has no record yet."""
    from mrbench.results.show import unusable  # noqa: PLC0415 - the same
    from mrbench.run.slurm import detached  # noqa: PLC0415 - only this command needs it

    rows = detached.look(args.runs)
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        nothing = "; ".join(filter(None, (f"{args.runs}: nothing submitted", unusable(args.runs))))
        print("\n".join(detached.as_line(row) for row in rows) or nothing)
    return 0
