"""`mrbench register`: fix beforehand what will be run, how often, and how it will be judged."""

import argparse
import json
from pathlib import Path

from mrbench import __version__
from mrbench.cli import choice
from mrbench.cli.arguments import add_aggregate, add_json, add_margin, add_plans
from mrbench.cli.commands import Command
from mrbench.cli.values import rounds
from mrbench.errors import MrbenchError
from mrbench.files import digest_of, refusal, write_whole
from mrbench.model.registration import FORMAT
from mrbench.run.recorder import now
from mrbench.text import counted, printable

COMMAND = Command(
    group="Get ready and clean up",
    order=8,
    brief="fix runs beforehand",
    help=(
        "Write down which runs will be made, how often, how a number is made of them, and which"
        " difference is to count. Publish the file or its digest where you cannot change it, then"
        " run with --registered."
    ),
    examples="""\
mrbench register demo --repeat 5 -o plan.json
mrbench register demo --repeat 10 --aggregate mlperf:5 -o plan.json""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench register`."""
    add_plans(parser)
    parser.add_argument(
        "--repeat", type=rounds, required=True, metavar="N", help="runs of each plan"
    )
    add_aggregate(parser, "mean")
    parser.set_defaults(aggregate="mean")
    add_margin(parser, "difference that is to count")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="a new JSON file"
    )
    add_json(parser, "print the registration as JSON")


def main(args: argparse.Namespace) -> int:
    """Write the registration, and print its digest."""
    if args.output.exists():
        raise MrbenchError("exists already", "choose another name", file=args.output)
    plans = [plan for plan, _ in choice.plans(args)]
    made = {
        "format": FORMAT,
        "mrbench": __version__,
        "registered": now(),
        "repeat": args.repeat,
        "aggregation": args.aggregate,
        "margin": args.margin,
        "plans": [plan.plain() for plan in plans],
    }
    made["digest"] = digest_of(made)
    text = json.dumps(made, indent=1, sort_keys=True) + "\n"
    with refusal("written", args.output, "make room there, or name another file"):
        write_whole(args.output, text.encode())
    if args.json:
        print(text, end="")
        return 0
    for plan in plans:
        print(f"{printable(plan.label)}: {counted(args.repeat, 'run')} of plan {plan.digest[:16]}")
    print(f"number: {args.aggregate}; margin: {args.margin:.3g}")
    print(f"{printable(str(args.output))}: digest {made['digest']}")
    return 0
