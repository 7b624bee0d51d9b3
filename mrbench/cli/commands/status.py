"""`mrbench status`: who trains on this machine, and what is queued or running on a cluster."""

import argparse

import msgspec

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.record.rundir import find_submitted, nothing_in
from mrbench.run import queue
from mrbench.run.slurm import detached

COMMAND = Command(
    group="Look at runs",
    order=9,
    brief="what is queued or running",
    help=(
        "List who trains on this machine and who waits for it, of all users, and what was submitted"
        " to a cluster and has no record yet."
    ),
    examples="mrbench status",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench status`."""
    add_runs(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Print a line for each run that trains or waits here, or was submitted and has no record."""
    here = queue.look()
    rows = detached.look(find_submitted(args.runs))
    if args.json:
        shown = msgspec.to_builtins(here) | {"submitted": msgspec.to_builtins(rows)}
        print_json(shown)
        return 0
    for one in here.training:
        print(f"{', '.join(one.devices)}: {one}")
    for number, one in enumerate(here.waiting, 1):
        told = one.told("waits to train")
        print(f"{', '.join(one.devices)}: number {number} in the queue: {told}")
    if not here.training and not here.waiting:
        print("this machine: nobody trains")
    print("\n".join(map(str, rows)) or nothing_in(args.runs, "nothing submitted"))
    return 0
