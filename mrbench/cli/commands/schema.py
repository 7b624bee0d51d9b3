"""`mrbench schema`: print the JSON Schema of recipes or suites."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench schema`."""
    parser.add_argument(
        "kind", nargs="?", choices=("recipe", "suite"), default="recipe", help="default: recipe"
    )


def main(args: argparse.Namespace) -> int:
    """Print the JSON Schema of recipes or suites."""
    from mrbench.recipe.schema import make_schema  # noqa: PLC0415 - only this command

    print(json.dumps(make_schema(args.kind), indent=1))
    return 0
