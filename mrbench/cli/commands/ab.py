"""`mrbench ab`: old against new, in turns, until it is decided."""

import argparse
import sys
from pathlib import Path

from mrbench.checks.ab import AbTest
from mrbench.cli import choice
from mrbench.cli.arguments import add_places, add_recipes, add_set
from mrbench.cli.baselines import read_stored
from mrbench.cli.commands import Command
from mrbench.cli.sides import add_test, run_test, sides, variable
from mrbench.cli.values import commit
from mrbench.errors import RecipeError
from mrbench.measure.sequential import Terms
from mrbench.model.baseline import BaselineEntry, series_key, series_name
from mrbench.model.plan import Plan
from mrbench.text import counted

COMMAND = Command(
    group="Look at runs",
    order=14,
    brief="old against new, in turns",
    help=(
        "Train old and new in turns (A B, B A, ...) until it is decided whether new is slower by"
        " the margin. Ends with 7 if it is, 8 if that stays open."
    ),
    examples="""\
mrbench ab --impl detectron2 --data DIR --commit SHA --commit SHA
mrbench ab --recipe old.yaml new.yaml --margin 2%
mrbench ab --recipe mine.yaml --variable THREADS=1 --variable THREADS=2
mrbench ab --recipe mine.yaml --set workers=2,8""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench ab`."""
    add_recipes(parser, named=False)
    add_places(parser)
    purpose = "the old commit (40 hex digits), and again for the new one"
    parser.add_argument("--commit", type=commit, action="append", metavar="SHA", help=purpose)
    parser.add_argument(
        "--variable",
        type=variable,
        action="append",
        metavar="NAME=VALUE",
        help="a variable of the training's environment with its old value, and again with its new",
    )
    add_set(parser, "value of a parameter of the recipes, or its old and its new one")
    purpose = "use the noise between runs that this baseline knows of the old side"
    parser.add_argument("--baseline", type=Path, metavar="FILE", help=purpose)
    add_test(parser, "go on with the newest test of these two in the folder of runs")


def main(args: argparse.Namespace) -> int:
    """Run the test; 0 if new is not slower by the margin, 7 if it is, 8 if that stays open."""
    old, new = sides(args)
    terms = Terms(margin=args.margin, max_pairs=args.max_pairs)
    test = AbTest(old, new, terms, _entry(args.baseline, old.plan) if args.baseline else None)
    places = choice.places(args)
    if args.resume:
        test.go_on(places)
    try:
        return run_test(args, places, (old, new), test.run)
    except KeyboardInterrupt:
        if test.pairs.old:
            pairs = counted(len(test.pairs.old), "pair")
            print(f"mrbench: {pairs} made; --resume goes on with them", file=sys.stderr)
        raise


def _entry(path: Path, plan: Plan) -> BaselineEntry:
    """Return what a baseline knows of the old side; RecipeError if it does not know its noise."""
    stored, _ = read_stored(path, (plan.suite,))
    key = series_key(plan)
    entry = next((entry for entry in stored.entries if entry.key == key), None)
    if entry is None or not entry.noise_freedom:
        name = series_name(key, {entry.key for entry in stored.entries})
        lacks = "has no" if entry is None else "has a single run and so no noise of"
        raise RecipeError(f"{lacks} {name}", "leave --baseline out", file=path)
    return entry
