"""`mrbench compare`: two runs, by where their numbers come from, then by their numbers."""

import argparse
import json
from pathlib import Path

import msgspec

from mrbench.cli.arguments import add_runs
from mrbench.cli.commands import Command
from mrbench.console.report import print_report
from mrbench.record import rundir
from mrbench.record.archive import opened
from mrbench.results import compare

COMMAND = Command(
    group="Look at runs",
    order=2,
    brief="differences of two runs",
    help=(
        "Show how two runs differ, and whether their numbers may be compared; ends with 7 if they "
        "may not."
    ),
    examples="mrbench compare RUN theirs.tar.gz",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench compare`."""
    for name in ("a", "b"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a run: its folder, the end of its path, or a `mrbench pack` archive",
        )
    add_runs(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON, with harmless differences too"
    )


def main(args: argparse.Namespace) -> int:
    """Print what differs; 7 if the numbers may not be compared."""
    comparison = compare.compare(_side(args.a, args.runs), _side(args.b, args.runs))
    if args.json:
        print(json.dumps(msgspec.to_builtins(comparison), indent=1))
    else:
        findings = compare.findings(comparison)
        print_report(compare.numbers(comparison), findings, comparison.verdict)
    return compare.exit_code(comparison)


def _side(name: str, runs: Path) -> compare.Side:
    with opened(name, runs) as run:
        return compare.Side(run.called, *rundir.load_checked(run.folder.record, run.record_name))
