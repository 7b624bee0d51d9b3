"""The two sides of `mrbench ab`, as the arguments name them: commits, recipes, or variables."""

import argparse
import re
from collections.abc import Callable

from msgspec.structs import replace

from mrbench.checks.ab import Side
from mrbench.checks.ab_words import UNLIKE
from mrbench.checks.baseline.likeness import forbidding, kept_of_plan
from mrbench.cli import choice
from mrbench.cli.arguments import (
    add_executor,
    add_margin,
    add_pass_variable,
    add_quiet,
    add_runs,
    add_waits,
)
from mrbench.cli.findings import add_formats, print_findings
from mrbench.cli.values import positive
from mrbench.console import make_reporter
from mrbench.errors import RecipeError
from mrbench.measure.sequential import FEWEST, MOST
from mrbench.model.finding import Finding
from mrbench.model.parameters import settings
from mrbench.model.places import Places
from mrbench.recipe.load import RecipeFile
from mrbench.run.cycle import Runs, begin
from mrbench.text import shown

GIVE = (
    "give the old and the new: --commit SHA --commit SHA, --variable NAME=VALUE twice, or --set"
    " NAME=OLD,NEW, each with one --impl or --recipe; or --recipe OLD NEW"
)
Answer = tuple[list[Finding], int]
SHORT = 10  # digits of a commit that people are shown


def sides(args: argparse.Namespace) -> tuple[Side, Side]:
    """Return old and new; RecipeError where they are not two, or may not be compared."""
    commits, variables = args.commit or (), args.variable or ()
    files = choice.points(args) if args.recipe or args.impl else []
    match (len(files), len(commits), len(variables)):
        case (1, 2, 0):
            made = [(sha[:SHORT], files[0], sha) for sha in commits]
        case (1, 0, 2):
            if len({name for name, _ in variables}) > 1:
                raise RecipeError("--variable: two names", "give two values of one variable")
            made = [(f"{n}={shown(n, v)}", _with(files[0], n, v), None) for n, v in variables]
        case (2, 0, 0):
            made = [(_called(file, args), file, None) for file in files]
        case _:
            raise RecipeError("two sides are needed that differ in one thing", GIVE)
    old, new = (side(args, *each) for each in made)
    if old.plan.suite != new.plan.suite:
        suites = f"{old.plan.suite} and {new.plan.suite}"
        raise RecipeError(f"the recipes are of two suites, {suites}", "compare within one")
    if why := forbidding(kept_of_plan(old.plan), kept_of_plan(new.plan)):
        more = f", and {len(why) - 1} more" if len(why) > 1 else ""
        raise RecipeError(f"the two may not be compared: {why[0]}{more}", UNLIKE)
    return old, new


def side(args: argparse.Namespace, label: str, file: RecipeFile, sha: str | None) -> Side:
    """Return one side; sha: the commit, if it is not the recipe's."""
    return Side(label, choice.plan_of(args, file, commit=sha, gpus=args.gpus), file)


def _called(file: RecipeFile, args: argparse.Namespace) -> str:
    """Return what tells one of two recipes from the other: its values of --set, or its name."""
    if args.set and len({*(args.recipe or ()), *(args.impl or ())}) == 1:
        return settings({name: str(file.parameters[name].value) for name, _ in args.set})
    return str(file.place.file) if args.recipe else file.name


def add_test(parser: argparse.ArgumentParser, resume: str, pairs: int = 10) -> None:
    """Add what all tests in turns take. resume: what --resume does; pairs: the default."""
    add_margin(parser)
    purpose = f"undecided after N pairs of runs, {FEWEST} to {MOST}; default: {pairs}"
    parser.add_argument("--max-pairs", type=_pairs, default=pairs, metavar="N", help=purpose)
    parser.add_argument("--resume", action="store_true", help=resume)
    purpose = "number of GPUs; default: the suite's"
    parser.add_argument("--gpus", type=positive, metavar="N", help=purpose)
    parser.add_argument("--window", metavar="A:B", help="measure iterations A+1 to B")
    add_waits(parser)
    add_pass_variable(parser)
    add_executor(parser)
    parser.set_defaults(detach=False)  # each run is judged before the next
    parser.add_argument("--force", action="store_true", help="run on GPUs that the recipe excludes")
    add_runs(parser)
    add_formats(parser)
    add_quiet(parser, "print problems and the answer only")


def run_test(
    args: argparse.Namespace,
    places: Places,
    both: tuple[Side, Side],
    run: Callable[[Runs], Answer],
) -> int:
    """Run a test of these two, and print what it found; return the exit code."""
    executor, plans = choice.executor(args), [side.plan for side in both]
    with (
        make_reporter(quiet=args.quiet) as reporter,
        begin(plans, places, reporter, executor, force=args.force) as runs,
    ):
        findings, code = run(runs)
    print_findings(findings, args)
    return code


def _pairs(text: str) -> int:
    """Read a number of pairs for which levels are known."""
    if text.isdecimal() and FEWEST <= int(text) <= MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: give a number from {FEWEST} to {MOST}")


def variable(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    if match := re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)", text):
        return match[1], match[2]
    raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, as OMP_NUM_THREADS=2")


def _with(file: RecipeFile, name: str, value: str) -> RecipeFile:
    """Return the recipe with another value of a variable of its training."""
    launch = file.recipe.launch
    variables = {**launch.variables, name: value}
    return replace(file, recipe=replace(file.recipe, launch=replace(launch, variables=variables)))
