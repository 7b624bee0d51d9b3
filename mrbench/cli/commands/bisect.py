"""`mrbench bisect`: the commit that made a training slower."""

import argparse

from mrbench.checks.ab import Side
from mrbench.checks.bisect import Search
from mrbench.cli import choice
from mrbench.cli.arguments import add_impl, add_places, add_recipe, add_set, add_suite_option
from mrbench.cli.commands import Command
from mrbench.cli.sides import SHORT, add_test, run_test, side, sides
from mrbench.cli.values import commit
from mrbench.errors import RecipeError
from mrbench.measure.sequential import MOST, Terms

COMMAND = Command(
    group="Look at runs",
    order=16,
    brief="commit that made it slower",
    help=(
        "Find the commit that made a training slower: git's bisect, with tests as of `mrbench ab`"
        " as the judge. Ends with 7 if the commit is found, 0 if --bad is not slower by the margin,"
        " 8 if that or the commit stays open."
    ),
    examples="""\
mrbench bisect --impl detectron2 --data DIR --good SHA --bad SHA
mrbench bisect --recipe mine.yaml --good SHA --bad SHA --margin 2%""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench bisect`."""
    add_suite_option(parser)
    add_impl(parser, "implementation of the suite", nargs=1)
    add_recipe(parser, "recipe file to use instead of the suite's", nargs=1)
    add_places(parser)
    for name, told in {"--good": "fast commit", "--bad": "later, slow commit"}.items():
        text = f"a {told} (40 hex digits)"
        parser.add_argument(name, type=commit, required=True, metavar="SHA", help=text)
    add_set(parser, "value of a parameter of the recipe", "NAME=VALUE")
    told = "go on with the tests that an interrupted search left in the folder of runs"
    add_test(parser, told, MOST)


def main(args: argparse.Namespace) -> int:
    """Search; see the command's help for the exit codes."""
    if len(choice.points(args)) != 1:
        raise RecipeError("one training is needed", "give one --impl NAME or --recipe FILE")
    args.commit, args.variable = (args.good, args.bad), None
    good, bad = sides(args)

    def side_of(sha: str) -> Side:
        return side(args, sha[:SHORT], good.file, sha)

    terms = Terms(margin=args.margin, max_pairs=args.max_pairs)
    search = Search(good, bad, side_of, terms, resume=args.resume)
    try:
        return run_test(args, choice.places(args), (good, bad), search.run)
    except KeyboardInterrupt as exc:
        raise KeyboardInterrupt("--resume goes on with the tests made so far") from exc
