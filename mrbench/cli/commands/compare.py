"""`mrbench compare`: two runs, or repeats with repeats: the ratio, and what may explain it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mrbench.cli import baselines
from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import implementation_runs, runs_named
from mrbench.console.report import print_report
from mrbench.errors import CheckFailed, RecipeError
from mrbench.record.archive import identity
from mrbench.results import compare, compare_words
from mrbench.text import printable

COMMAND = Command(
    group="Look at runs",
    order=2,
    brief="ratio of two runs or rows",
    help=(
        "Compare two runs, or the repeats of two rows of a table: their ratio (with its 95 %"
        " interval where both sides have two runs or more), and what may explain a difference. Ends"
        " with 7 if their numbers may not be compared."
    ),
    examples="""\
mrbench compare RUN theirs.tar.gz
mrbench compare minimask                          # its latest two runs
mrbench compare minimask minimask@abc1234         # rows of a table, by name
mrbench compare RUN vs theirs.tar.gz run.tar.gz   # several runs a side""",
)
BETWEEN = "vs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench compare`."""
    purpose = (
        "two sides, A and B: of each a run (its folder, the end of its path, or a `mrbench"
        " pack` archive), a row of a table ('minimask x2', demo/minimask@abc1234) or a folder of"
        f" runs; with several a side write {BETWEEN} between the sides; an implementation"
        " alone: A is its latest run but one, B its latest"
    )
    parser.add_argument("run", nargs="+", metavar="RUN|ROW", help=purpose)
    purpose = "take the noise between runs from a baseline where a side is a single run"
    parser.add_argument("--baseline", type=Path, metavar="FILE", help=purpose)
    add_runs(parser)
    add_json(parser, "print JSON, with harmless differences too")


def main(args: argparse.Namespace) -> int:
    """Print the ratio and what differs; 7 if the numbers may not be compared."""
    pair = _latest_two(args.run, args.runs)
    one, other = (_group(names, args) for names in pair or _sides(args.run))
    comparison = compare.compare_groups(one, other)
    if args.json:
        print_json(comparison)
    else:
        if pair:
            print(f"{printable(args.run[0])}: A is its latest run but one, B its latest")
        findings = compare_words.findings(comparison)
        print_report(compare_words.heading(comparison), findings, compare_words.last(comparison))
    return 0 if comparison.comparable else CheckFailed.exit_code


def _latest_two(words: Sequence[str], runs: Path) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the two latest runs of the implementation that stands alone, the older one first."""
    found = implementation_runs(words[0], runs) if len(words) == 1 else []
    if len(found) == 1:
        text = f"{printable(words[0])} has one run only"
        raise RecipeError(text, "run it again, or name a second run")
    return ([str(found[-2])], [str(found[-1])]) if found else None


def _sides(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of both sides."""
    at = words.index(BETWEEN) if BETWEEN in words else 1
    one, other = words[:at], words[at + (BETWEEN in words) :]
    several = len(other) > 1 and BETWEEN not in words
    if one and other and not several and BETWEEN not in other:
        return one, other
    text = "compare takes two sides"
    raise RecipeError(text, f"give two runs or rows, or several with {BETWEEN} between them")


def _group(names: Sequence[str], args: argparse.Namespace) -> compare.Group:
    found = [run for name in names for run in runs_named(name, args.runs)]
    once = {identity(run.record): run for run in found}  # as a folder and as an archive, too
    runs = sorted(once.values(), key=lambda run: run.record.started)
    called = runs[0].name if len(runs) == 1 else " ".join(names)
    group = compare.Group(called, runs)
    if args.baseline is None or len(group.usable) > 1:
        return group
    stored, _ = baselines.read_stored(args.baseline)
    noise = baselines.noise_of(stored, group.usable[0].record)
    if noise is None:
        print(f"mrbench: {args.baseline} knows no noise of runs like {called}", file=sys.stderr)
    return group._replace(noise=noise)
