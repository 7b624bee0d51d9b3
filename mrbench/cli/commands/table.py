"""`mrbench table`: compare the runs of a suite."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from mrbench.cli import baselines
from mrbench.cli.arguments import (
    add_aggregate,
    add_json,
    add_named_runs,
    add_reference,
    add_runs,
    named_words,
)
from mrbench.cli.commands import Command
from mrbench.cli.stored import Named, chosen_suites, named, read_runs
from mrbench.console.listing import encodable
from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.recipe import load
from mrbench.results import byrule
from mrbench.results import rows as making
from mrbench.results import table as tables
from mrbench.results.lead import with_lead
from mrbench.results.table import choose, relative
from mrbench.text import printable

COMMAND = Command(
    group="Begin with",
    order=2,
    brief="compare the runs of a suite, beside the published numbers",
    help="Compare the runs of a suite with each other and with the published numbers.",
    examples="""\
mrbench table demo
mrbench table run.tar.gz theirs.tar.gz            # packed runs
mrbench table --reference 2020-05 --format rst    # a grid, as published""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench table`."""
    add_named_runs(parser, "all suites that have runs; with --reference-only 2019")
    add_runs(parser)
    parser.add_argument(
        "--format", choices=tables.FORMATS, default="plain", help="github: for $GITHUB_STEP_SUMMARY"
    )
    add_json(parser, "the same as --format json")
    purpose = "columns, in this order; an unknown name lists all"
    parser.add_argument("--columns", metavar="A,B,...", help=purpose)
    parser.add_argument(
        "--sort", metavar="COLUMN[:desc]", help="default: by throughput, the fastest first"
    )
    purpose = (
        "only rows that match (all of several filters); KEY is a column or a key of"
        " --format json; = and != compare texts and numbers, < <= > >= numbers, ~ finds VALUE in"
        " a text"
    )
    parser.add_argument("--filter", metavar="KEY=VALUE", action="append", default=[], help=purpose)
    purpose = (
        "show each row's ratio to ROW, where their runs may be compared; a row is named as in"
        " the table, e.g. detectron2@d01c861 or 'minimask x2'"
    )
    parser.add_argument("--relative-to", metavar="ROW", help=purpose)
    purpose = (
        "with --relative-to: take the noise between runs from a baseline where a row is a"
        " single run"
    )
    parser.add_argument("--baseline", type=Path, metavar="FILE", help=purpose)
    purpose = (
        "print all of the suite's notes, of the notes on runs and of the footnotes; default:"
        " a sentence or a line of each"
    )
    parser.add_argument("--notes", action="store_true", help=purpose)
    add_aggregate(parser, "as they were registered, else mean")
    add_reference(parser)
    parser.add_argument(
        "--reference-only", action="store_true", help="print only the published table, no runs"
    )


def main(args: argparse.Namespace) -> int:
    """Print the comparison tables of one suite, or of all that have runs."""
    if args.json and args.format not in ("plain", "json"):
        raise RecipeError(f"--json and --format {args.format} exclude each other", "give one")
    args.format = "json" if args.json else args.format
    names = choose.columns(args.columns)
    words = named_words(args)
    if args.reference_only:
        return _published(args, words)
    chosen = named(words or _suites(args), args.runs, args.suite)
    suites = chosen.all_suites
    codes, without = [chosen.code], []
    data: list[TableRow] = []
    for name in suites:
        try:
            suite, rows, code = _of_suite(args, name, chosen)
        except MrbenchError as exc:
            if not (args.filter or args.relative_to or args.sort or args.columns):
                raise
            without.append(exc)  # what is asked for need not be in each suite
            continue
        codes.append(code)
        if args.format in tables.DATA:
            data += [replace(row, suite=name) for row in with_lead(rows, one_model=suite.one_model)]
            continue
        if len(suites) > 1:
            _print(f"\nsuite {printable(name)}\n")
        # numbers of different units are not to be compared
        parts = (
            tables.render(suite, part, args.format, names, whole=args.notes)
            for part in choose.by_unit(rows).values()
        )
        _print("\n\n".join(parts))
    if without and len(without) == len(suites):
        raise without[0]
    if args.format in tables.DATA:
        _print(tables.render_data(data, args.format, names))
    return max(codes)


def _suites(args: argparse.Namespace) -> list[str]:
    """Return the suites that have runs; with --reference, those of them that have that one."""
    suites = chosen_suites(args.runs)
    if args.reference:
        published = [
            name
            for name in load.suite_names()
            if args.reference in [one.name for one in load.load_suite(name).references]
        ]
        suites = [name for name in suites if name in published] or published or suites
    return suites


def _of_suite(
    args: argparse.Namespace, name: str, chosen: Named
) -> tuple[Suite, list[TableRow], int]:
    """Return one suite, the rows of its table as they are asked for, and the exit code."""
    single = chosen.runs.get(name, ())
    runs, suite, broken = read_runs(chosen.folder_of(name, args.runs), name, single)
    rows = making.make_rows(suite, runs, args.reference, args.aggregate)
    in_rows = {run for row in rows for run in row.runs}
    for record, called in single:
        if record.id not in in_rows:
            why = "its row is of a later run by another plan or on another machine"
            print(f"mrbench: left out: {printable(called)}: {why}", file=sys.stderr)
    rows = byrule.with_rule(rows, making.choose_reference(suite, args.reference))
    if args.relative_to is not None and rows:
        rows = relative.with_relative(rows, args.relative_to, _noise_of(args.baseline))
    shown = choose.order(choose.keep(rows, args.filter), args.sort)
    if not rows and args.format not in tables.DATA:
        if not args.runs.is_dir():
            hint = f"name another with --runs; `mrbench run --suite {name}` makes it"
            raise MrbenchError("no such folder of runs", hint, file=args.runs)
        hint = f"`mrbench run --suite {name}` makes some"
        raise MrbenchError(f"no runs of suite {name}", hint, file=args.runs)
    if not shown and args.format not in tables.DATA:
        raise MrbenchError(f"none of {len(rows)} rows meets --filter {' '.join(args.filter)}")
    choose.require(choose.columns(args.columns), shown)
    return suite, shown, broken


def _noise_of(path: Path | None) -> relative.NoiseOf:
    """Return what tells the noise between runs like one, by a baseline's file if there is one."""
    if path is None:
        return lambda _: None
    stored, _ = baselines.read_stored(path)
    return lambda record: baselines.noise_of(stored, record)


def _published(args: argparse.Namespace, suites: Sequence[str]) -> int:
    others = (args.columns, args.sort, args.filter, args.relative_to, args.baseline, args.aggregate)
    if any(others):
        raise RecipeError("--reference-only goes with --suite, --reference and --format alone")
    if len(set(suites)) > 1:
        raise RecipeError("--reference-only: more than one suite", "name one")
    name = suites[0] if suites else "2019"
    suite = load.load_suite(name)
    reference = making.choose_reference(suite, args.reference)
    if reference is None:
        raise RecipeError(f"--reference-only: suite {name} has no published table")
    _print(tables.render_published(name, suite, reference, args.format))
    return 0


def _print(text: str) -> None:
    """Print in what characters stdout can take."""
    print(encodable(text, sys.stdout.encoding or "ascii"))
