"""`mrbench prepare`: set up everything that a run needs, without training."""

import argparse

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_json, add_quiet, add_set, print_json
from mrbench.cli.commands import Command
from mrbench.console import make_reporter
from mrbench.run import prepare_only as preparing
from mrbench.text import printable

COMMAND = Command(
    group="Get ready and clean up",
    order=3,
    brief="set up without training",
    help="Set up everything that a run needs, without training.",
    examples="""\
mrbench prepare demo
mrbench prepare --recipe mine.yaml --checkout-only    # prints the tree id""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench prepare`."""
    add_choice(parser)
    add_set(parser)
    parser.add_argument(
        "--checkout-only", action="store_true", help="make no environment and no links"
    )
    add_json(parser)
    add_quiet(parser, "print problems and where things are only")


def main(args: argparse.Namespace) -> int:
    """Make checkouts, environments and links, and print where they are."""
    args.gpus = args.window = args.commit = None
    planned, places = choice.plans(args), choice.places(args)
    with make_reporter(quiet=args.quiet) as reporter:
        rows, code = preparing.prepare_all(
            planned, places, checkout_only=args.checkout_only, reporter=reporter
        )
    if args.json:
        print_json(rows)
    else:
        print("\n".join(printable(str(row)) for row in rows))
    return code
