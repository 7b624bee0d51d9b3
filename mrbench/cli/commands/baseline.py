"""`mrbench baseline save`, `show` and `update`: their arguments, and what they print."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mrbench.checks.baseline import keeping
from mrbench.checks.baseline.choice import ValidRuns
from mrbench.checks.baseline.file import write_baseline
from mrbench.checks.baseline.runs_needed import MOST, SURE, runs_needed
from mrbench.checks.baseline.verdict import Terms, stored_sample
from mrbench.checks.baseline.words import share
from mrbench.cli import baselines
from mrbench.cli.arguments import (
    MARGIN,
    add_impl,
    add_json,
    add_margin,
    add_named_runs,
    add_runs,
    named_words,
    print_json,
)
from mrbench.cli.commands import Command
from mrbench.cli.stored import Named, chosen_suites, named
from mrbench.errors import CheckFailed, MrbenchError, RecipeError
from mrbench.measure.repeats import NONE
from mrbench.model.baseline import Baseline, BaselineEntry, Key, series_name
from mrbench.model.work import rate_name
from mrbench.record.provenance import SLOWED
from mrbench.text import counted, four_digits, printable, shorten

COMMAND = Command(
    group="Look at runs",
    order=7,
    brief="store reference speeds",
    help="Store how fast a suite's runs are, to check later runs against it.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench baseline`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    save = actions.add_parser(
        "save",
        help="store the latest valid repeats of a suite",
        examples="mrbench baseline save demo.json demo",
    )
    _add_file(save, "a new JSON file; readable diffs in git")
    add_named_runs(save, "the suite that has runs")
    add_json(save, "print the baseline as JSON")
    _add_runs(save)
    save.set_defaults(margin=MARGIN, accept="")
    show = actions.add_parser(
        "show", help="print a baseline", examples="mrbench baseline show demo.json"
    )
    _add_file(show, "a baseline file")
    add_margin(show)
    add_json(show)
    update = actions.add_parser(
        "update",
        help="replace the stored runs by later ones",
        examples="mrbench baseline update demo.json    # with the latest runs",
    )
    _add_file(update, "a baseline file")
    add_named_runs(update, "all of the baseline's suite")
    _add_runs(update)
    add_json(update, "print the baseline as JSON")
    add_margin(update)
    purpose = "accept a change that would be refused, for this reason"
    update.add_argument("--accept", metavar="WHY", default="", help=purpose)


def _add_file(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("baseline", type=Path, metavar="FILE", help=purpose)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    add_impl(parser, "default: all with runs")
    add_runs(parser)


def main(args: argparse.Namespace) -> int:
    """Do one of the three."""
    return {"save": _save, "show": _show, "update": _update}[args.action](args)


def _save(args: argparse.Namespace) -> int:
    if args.baseline.exists():
        remedy = "`mrbench baseline update` keeps its history, or remove it"
        raise MrbenchError("already exists", remedy, file=args.baseline)
    chosen = named(named_words(args) or chosen_suites(args.runs), args.runs, args.suite)
    suites = chosen.all_suites
    if len(suites) != 1:
        listed = " or ".join(suites) or "none was named"
        raise RecipeError("a baseline is of one suite", f"name it: {listed}")
    (suite,) = suites
    return _store(args, keeping.baseline(suite), chosen)


def _show(args: argparse.Namespace) -> int:
    stored, _ = baselines.read_stored(args.baseline)
    if args.json:
        print_json(stored)
        return 0
    _print(stored, args.baseline, args.margin)
    return 0


def _update(args: argparse.Namespace) -> int:
    stored, _ = baselines.read_stored(args.baseline)
    chosen = named(named_words(args), args.runs, stored.suite)
    baselines.require_suite(stored, chosen.all_suites, args.baseline)
    return _store(args, stored, chosen)


def _store(args: argparse.Namespace, stored: Baseline, chosen: Named) -> int:
    """Write a baseline with the latest runs of its suite; CheckFailed where a change is refused."""
    groups = baselines.read_series(chosen, args.runs, stored.suite, args.impl)
    _print_left_out(groups)
    new, changes = keeping.update(stored, groups, Terms(margin=args.margin), args.accept)
    if not changes:
        of_what = "but those of the baseline" if stored.entries else f"of suite {stored.suite}"
        hint = f"`mrbench run --suite {stored.suite} --repeat 3` makes some"
        raise MrbenchError(f"no valid runs {of_what}", hint, file=args.runs)
    refused = [f"{change.name}: {text}" for change in changes for text in change.refusals]
    if refused and not args.accept:
        for text in refused:
            print(f"mrbench: {text}", file=sys.stderr)
        remedy = "look into it, or give the reason with --accept WHY"
        raise CheckFailed("left as it was", remedy, file=args.baseline)
    write_baseline(args.baseline, new)
    _print_slowed(groups)
    if args.json:
        print_json(new)
    elif not stored.entries:
        _print(new, args.baseline, args.margin)
    else:
        print(*(change.text for change in changes), sep="\n")
    return chosen.code


def _print_left_out(groups: Mapping[Key, ValidRuns]) -> None:
    for key, repeats in groups.items():
        name = shorten(series_name(key, set(groups)))
        for reason, count in Counter(repeats.left_out).items():
            text = f"{counted(count, 'run')} of {name}: {shorten(reason)}"
            print(f"mrbench: left out: {text}", file=sys.stderr)


def _print_slowed(groups: Mapping[Key, ValidRuns]) -> None:
    """Say which runs of a baseline were slowed: it will be beaten too easily."""
    for key, repeats in groups.items():
        name = shorten(series_name(key, set(groups)))
        for fact, text in repeats.facts.items():
            if fact.startswith(f"{SLOWED}."):
                print(f"mrbench: {name}: {shorten(text, 400)}", file=sys.stderr)


def _print(stored: Baseline, path: object, margin: float) -> None:
    by = f"by mrbench {shorten(stored.mrbench)}"
    print(f"{printable(str(path))}: suite {shorten(stored.suite)}, {by}")
    keys = {entry.key for entry in stored.entries}
    for entry in stored.entries:
        print(f"{shorten(series_name(entry.key, keys))}: {_described(entry, margin)}")


def _described(entry: BaselineEntry, margin: float) -> str:
    count = len(entry.throughput)
    unit = rate_name(entry.unit)
    text = f"{four_digits(entry.now.throughput)} {unit} of {counted(count, 'run')}, noise "
    if entry.noise is None:
        text += "not known: make more runs"
    else:
        needed = runs_needed(stored_sample(entry), NONE, Terms(margin=margin), odds=SURE)
        text += f"{share(entry.noise)} (by {entry.noise_freedom} degrees of freedom); a check with"
        text += f" a margin of {share(margin)} mostly needs "
        text += counted(needed, "run") if needed else f"more than {MOST} runs"
    for value in (entry.now, *reversed(entry.history)):
        text += f"\n  {shorten(value.saved)[:10]}  {four_digits(value.throughput)} {unit}"
        text += f"  commit {shorten(value.commit)[:12]}"
        text += f"  {shorten(value.why)}" if value.why else ""
    if entry.anchor.saved != entry.now.saved:
        text += f"\n  slow changes count from {shorten(entry.anchor.saved)[:10]}"
    return text
