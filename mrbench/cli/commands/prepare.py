"""`mrbench prepare`: everything up to the launch."""

import argparse
import json

from mrbench.cli import choice
from mrbench.cli.arguments import add_choice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench prepare`."""
    add_choice(parser)
    parser.add_argument("--checkout-only", action="store_true", help="no environment, no links")
    parser.add_argument("--json", action="store_true", help="as JSON")


def main(args: argparse.Namespace) -> int:
    """Make checkouts, environments and links, and print where they are."""
    from mrbench.console import make_reporter  # noqa: PLC0415 - the same
    from mrbench.run import prepare_only as preparing  # noqa: PLC0415 - only this command needs it

    args.gpus = args.window = args.commit = None
    planned, places = choice.plans(args), choice.places(args)
    with make_reporter(quiet=False) as reporter:
        rows, code = preparing.prepare_all(
            planned, places, checkout_only=args.checkout_only, reporter=reporter
        )
    print(json.dumps(rows, indent=1, default=str) if args.json else preparing.as_text(rows))
    return code
