"""`mrbench check`: whether recipes hold what they promise."""

import argparse
import os
import sys

from mrbench.cli import gating, reporting
from mrbench.cli.arguments import add_impl, add_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench check`."""
    parser.description = (
        "Tell whether recipes hold what they promise or, with --baseline, whether runs got slower."
        " Ends with 7 if anything failed, 8 if anything is inconclusive."
    )
    parser.add_argument("--suite", nargs="+", action="extend", metavar="S", help="default: all")
    add_impl(parser, "default: all of the suites")
    add_recipe(parser, "recipes and suite.yaml from anywhere, instead")
    asked = parser.add_argument_group("upstream repositories, which are not asked by default")
    asked.add_argument(
        "--network", action="store_true", help="fetch each commit, patch it, compare its tree"
    )
    asked.add_argument(
        "--mirror",
        metavar="BASE",
        help="the same from what `mrbench mirror create` made, or repositories by owner/name;"
        " with --network the default is MRBENCH_MIRROR",
    )
    gating.add_arguments(parser)
    reporting.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Check what the arguments choose; 7 if anything failed, 8 if anything is inconclusive."""
    from mrbench.checks import recipes as checking  # noqa: PLC0415 - only this command
    from mrbench.checks.recipes import chosen  # noqa: PLC0415 - the same
    from mrbench.errors import RecipeError  # noqa: PLC0415 - the same

    if args.recipe and args.impl:
        raise RecipeError("--impl and --recipe exclude each other", "give one of them")
    network = args.network or bool(args.mirror)
    if args.baseline:
        if args.recipe or network:
            raise RecipeError(
                "--baseline looks at runs, --recipe, --network and --mirror at recipes", "give one"
            )
        return reporting.tell(gating.checked(args), args)
    found = checking.check(
        args.recipe or chosen.carried(args.suite, args.impl),
        network=network,
        mirror=args.mirror or (os.environ.get("MRBENCH_MIRROR") if args.network else None) or None,
        default_suite=args.suite[0] if args.suite else "2019",
        say=_say if network else _say_nothing,
    )
    return reporting.tell(tuple(found), args)


def _say(text: str) -> None:
    """Tell on stderr what takes time."""
    print(f"mrbench: {text}", file=sys.stderr, flush=True)


def _say_nothing(_text: str) -> None:
    """Offline, all is done in a moment."""
