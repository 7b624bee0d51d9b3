"""`mrbench bisect`: the commit that made a training slower."""

import argparse
import functools

from mrbench.checks.ab import Side
from mrbench.checks.bisect import Search
from mrbench.cli import choice
from mrbench.cli.arguments import add_choice, add_set
from mrbench.cli.commands import Command
from mrbench.cli.findings import print_findings
from mrbench.cli.sides import SHORT, add_test, sides
from mrbench.cli.values import commit
from mrbench.console import make_reporter
from mrbench.errors import RecipeError
from mrbench.measure.sequential import MOST, Terms
from mrbench.model.inputs import PACKAGE

COMMAND = Command(
    group="Look at runs",
    order=15,
    brief="the commit that made it slower",
    help=(
        "Find the commit that made a training slower: git's bisect, where tests in turns as of"
        " `mrbench ab` judge each commit. Commits that cannot be trained or stay undecided are"
        " skipped. Ends with 7 if the commit is found, 0 if --bad is not slower, 8 if that or the"
        " commit stays open."
    ),
    examples="""\
mrbench bisect --impl detectron2 --data DIR --good SHA --bad SHA
mrbench bisect --recipe mine.yaml --good SHA --bad SHA --margin 2%""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench bisect`."""
    add_choice(parser, named=False)
    for name, told in {"good": "a commit that was fast", "bad": "a later one that is slow"}.items():
        parser.add_argument(
            f"--{name}", type=commit, required=True, metavar="SHA", help=f"{told} (40 hex digits)"
        )
    add_set(parser, "value of a parameter of the recipe")
    told = "go on with the tests that an interrupted search left in the folder of runs"
    add_test(parser, told, MOST)


def main(args: argparse.Namespace) -> int:
    """Search; see the command's help for the exit codes."""
    files = choice.points(args) if args.recipe or args.impl else []
    if len(files) != 1:
        raise RecipeError("one training is needed", "give one --impl NAME or --recipe FILE")
    source = files[0].recipe.source
    if source.package or source.url.startswith(PACKAGE):
        text = f"{files[0].name} trains {source.upstream}, which has no history of commits"
        raise RecipeError(text, "give a recipe whose source.url is a git repository")
    if args.good == args.bad:
        raise RecipeError("--good and --bad are the same commit", "give two")
    args.commit, args.variable = (args.good, args.bad), None
    good, bad = sides(args)
    plan_of = functools.partial(
        choice.plan_of, args, good.file, gpus=args.gpus[0] if args.gpus else None
    )
    terms = Terms(margin=args.margin, max_pairs=args.max_pairs)
    search = Search(
        good,
        bad,
        lambda sha: Side(sha[:SHORT], plan_of(commit=sha), good.file),
        terms,
        resume=args.resume,
    )
    executor, places = choice.executor(args), choice.places(args)
    try:
        with make_reporter(quiet=args.quiet) as reporter:
            findings, code = search.run(places, reporter, executor, force=args.force)
    except KeyboardInterrupt as exc:
        raise KeyboardInterrupt("--resume goes on with the tests made so far") from exc
    print_findings(findings, args)
    return code
