"""`mrbench status`: what is queued or running on a cluster."""

import argparse
import json

import msgspec

from mrbench.cli.arguments import add_json, add_runs
from mrbench.cli.commands import Command
from mrbench.record.rundir import find_submitted, unusable
from mrbench.run.slurm import detached

COMMAND = Command(
    group="Look at runs",
    order=9,
    brief="what is queued or running",
    help="List what is queued or running on a cluster.",
    examples="mrbench status",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench status`."""
    add_runs(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Print a line for each run that was submitted and has no record yet."""
    rows = detached.look(find_submitted(args.runs))
    if args.json:
        print(json.dumps(msgspec.to_builtins(rows), indent=1))
    else:
        nothing = "; ".join(filter(None, (f"{args.runs}: nothing submitted", unusable(args.runs))))
        print("\n".join(map(str, rows)) or nothing)
    return 0
