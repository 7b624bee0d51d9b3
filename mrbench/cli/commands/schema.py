"""`mrbench schema`: print the JSON Schema of what mrbench reads and writes."""

import argparse

from mrbench.cli.arguments import print_json
from mrbench.cli.commands import Command
from mrbench.recipe.schema import KINDS, make_schema

COMMAND = Command(
    group="Get ready and clean up",
    order=7,
    brief="of recipes, for editors",
    help="Print the JSON Schema of recipes and suites, for editors, and of what mrbench writes.",
    examples="""\
mrbench schema > recipe.schema.json
mrbench schema suite > suite.schema.json
mrbench schema record""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench schema`."""
    parser.add_argument(
        "kind",
        nargs="?",
        choices=tuple(KINDS),
        metavar="KIND",
        default="recipe",
        help=f"{', '.join(KINDS)}; default: recipe",
    )


def main(args: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    print_json(make_schema(args.kind))
    return 0
