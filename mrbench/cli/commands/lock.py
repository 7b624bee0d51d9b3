"""`mrbench lock`: write the lock files of environments."""

import argparse
import sys

import msgspec

from mrbench.cli.arguments import add_json, add_recipes, print_json
from mrbench.cli.choice import chosen_files
from mrbench.cli.commands import Command
from mrbench.errors import MrbenchError, RecipeError
from mrbench.prepare.environment.lock import relock
from mrbench.text import printable

COMMAND = Command(
    group="Get ready and clean up",
    order=4,
    brief="pin all packages",
    help="Write the lock files of environments.",
    examples="""\
mrbench lock --recipe mine.yaml
mrbench lock --suite today --upgrade    # resolve the newest versions""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench lock`."""
    add_recipes(parser)
    parser.add_argument("--upgrade", action="store_true", help="resolve the newest versions")
    add_json(parser, "print JSON, a list of locks")


def main(args: argparse.Namespace) -> int:
    """Write the lock files of the chosen recipes."""
    code, said = 0, False
    locked = []
    for answer in relock(chosen_files(args, locked=False), upgrade=args.upgrade):
        said = True
        if isinstance(answer, MrbenchError):
            print(f"mrbench: {answer}", file=sys.stderr)
            code = max(code, answer.exit_code)
        elif args.json:
            locked.append(msgspec.to_builtins(answer))
        else:
            print(printable(str(answer)))
    if not said:
        raise RecipeError("none of these recipes names environment.lock", "add it, as NAME.lock")
    if args.json:
        print_json(locked)
    return code
