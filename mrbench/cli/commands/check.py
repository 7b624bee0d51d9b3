"""`mrbench check`: whether recipes still hold, and whether runs got slower than a baseline."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from mrbench.checks import recipes as checking
from mrbench.checks import reporters
from mrbench.checks.baseline.check import Gate, check_runs
from mrbench.checks.baseline.verdict import Terms
from mrbench.cli import baselines
from mrbench.cli.arguments import add_impl, add_margin, add_recipe, add_runs
from mrbench.cli.commands import Command
from mrbench.cli.findings import add_formats, print_findings, write_file
from mrbench.cli.stored import named
from mrbench.cli.suites import current_suite
from mrbench.errors import RecipeError
from mrbench.model.baseline import Baseline
from mrbench.model.finding import Finding
from mrbench.recipe import load
from mrbench.text import did_you_mean

MOST_LOOKS = 20

COMMAND = Command(
    group="Begin with",
    order=3,
    brief="check that recipes still hold, or that runs did not get slower",
    help=(
        "Check that recipes still hold or, with --baseline, that runs did not get slower. Ends with"
        " 7 if anything failed, 8 if anything is inconclusive."
    ),
    examples="""\
mrbench check
mrbench check 2019 --network                      # from the repositories
mrbench check --baseline demo.json --margin 3%    # did runs get slower?""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench check`."""
    purpose = "suites; default: all; with --baseline also runs to check, such as archives"
    parser.add_argument("suites", nargs="*", metavar="SUITE|RUN", help=purpose)
    parser.add_argument("--suite", nargs="+", action="extend", metavar="S", help="the same")
    add_impl(parser, "default: all of these suites")
    add_recipe(parser, "recipe and suite files to check instead")
    asked = parser.add_argument_group("upstream repositories, not used by default")
    asked.add_argument(
        "--network", action="store_true", help="fetch each commit, patch it, and compare its tree"
    )
    purpose = (
        "the same from a mirror (`mrbench mirror create`), or a base URL of repositories by"
        " owner/name; with --network the default is MRBENCH_MIRROR"
    )
    asked.add_argument("--mirror", metavar="BASE", help=purpose)
    group = parser.add_argument_group("against a baseline")
    group.add_argument(
        "--baseline", type=Path, metavar="FILE", help="a baseline, by `mrbench baseline save`"
    )
    add_margin(group)
    purpose = "also fail if runs are faster by the margin: is the number reproduced?"
    group.add_argument("--two-sided", action="store_true", help=purpose)
    purpose = (
        "these runs are checked for the Nth time, after further runs: a stricter test, so that"
        " checking until it passes does not help; default: 1"
    )
    group.add_argument("--look", type=_look, default=1, metavar="N", help=purpose)
    group.add_argument(
        "--export",
        type=_exported,
        action="append",
        default=[],
        metavar="KIND=FILE",
        help="write the numbers for github-action-benchmark or bencher",
    )
    add_runs(parser)
    add_formats(parser)


def main(args: argparse.Namespace) -> int:
    """Check what the arguments choose; 7 if anything failed, 8 if anything is inconclusive."""
    args.suite = [*args.suites, *(args.suite or ())]
    if not args.baseline:
        args.suite = list(map(current_suite, args.suite))
    if args.recipe and args.impl:
        raise RecipeError("--impl and --recipe exclude each other", "give one of them")
    network = args.network or bool(args.mirror)
    if args.baseline:
        if args.recipe or network:
            text = "--baseline looks at runs, --recipe, --network and --mirror at recipes"
            raise RecipeError(text, "give one")
        return print_findings(_against_baseline(args), args)
    findings = checking.check_recipes(
        args.recipe or _carried(args.suite, args.impl),
        network=network,
        mirror=args.mirror or (os.environ.get("MRBENCH_MIRROR") if args.network else None) or None,
        say=_say if network else _say_nothing,
    )
    return print_findings(tuple(findings), args)


def _say(text: str) -> None:
    """Tell on stderr what takes time."""
    print(f"mrbench: {text}", file=sys.stderr, flush=True)


def _say_nothing(_text: str) -> None:
    """Offline, all is done in a moment."""


def _against_baseline(args: argparse.Namespace) -> list[Finding]:
    """Check the runs that the arguments name, and write what they ask to export."""
    names = args.impl
    stored, lines = baselines.read_stored(args.baseline)
    chosen = named(args.suite, args.runs, stored.suite)
    baselines.require_suite(stored, chosen.all_suites, args.baseline)
    gate = Gate(
        baseline=_only(stored, names) if names else stored,
        terms=Terms(margin=args.margin, two_sided=args.two_sided, look=args.look),
        file=str(args.baseline),
        lines=lines,
    )
    series = baselines.read_series(chosen, args.runs, stored.suite, names, stored.entries)
    findings = list(check_runs(gate, series))
    for style, path in args.export:
        write_file(reporters.EXPORTS[style], findings, path, args.command)
    return findings


def _only(stored: Baseline, names: Sequence[str]) -> Baseline:
    """Return the baseline of these implementations; RecipeError for one that it has not."""
    known = dict.fromkeys(entry.implementation for entry in stored.entries)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"it has {', '.join(known)}"
            raise RecipeError(f"--impl {name!r}: is not in the baseline", hint)
    entries = tuple(entry for entry in stored.entries if entry.implementation in names)
    return replace(stored, entries=entries)


def _carried(suites: Sequence[str], names: Sequence[str] | None) -> tuple[Path, ...]:
    """Choose of what mrbench carries: all of it, these suites, these implementations of them."""
    folders = [load.suite_path(name).parent for name in suites or load.suite_names()]
    by_folder = {folder: load.recipe_paths(folder) for folder in dict.fromkeys(folders)}
    known = {path.stem for paths in by_folder.values() for path in paths}
    for name in names or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            raise RecipeError(f"no implementation {name!r} in these suites", hint)
    chosen: list[Path] = []
    for folder, paths in by_folder.items():
        named = [path for path in paths if not names or path.stem in names]
        chosen += [folder / load.SUITE, *named] if named or not names else []
    return tuple(chosen)


def _exported(text: str) -> tuple[str, Path]:
    """Read KIND=FILE."""
    kind, _, file = text.partition("=")
    if kind in reporters.EXPORTS and file:
        return kind, Path(file)
    known = " or ".join(f"{name}=FILE" for name in reporters.EXPORTS)
    raise argparse.ArgumentTypeError(f"{text!r}: give {known}")


def _look(text: str) -> int:
    """Read the number of a look."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_LOOKS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to {MOST_LOOKS}")
