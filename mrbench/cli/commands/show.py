"""`mrbench show`: everything about one run."""

import argparse
import shutil
import sys

from mrbench.cli.arguments import add_runs
from mrbench.cli.commands import Command
from mrbench.record import rundir
from mrbench.record.archive import opened
from mrbench.record.rundir import find_run
from mrbench.results.report import terminal
from mrbench.results.show import describe_run

COMMAND = Command(
    group="Look at runs",
    order=1,
    brief="details of one run",
    help="Show everything about one run.",
    examples="mrbench show RUN",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench show`."""
    parser.add_argument("run", metavar="RUN", help="a run's folder, or the end of its path")
    add_runs(parser)
    parser.add_argument(
        "--plot", action="store_true", help="only draw throughput and GPU utilisation"
    )


def main(args: argparse.Namespace) -> int:
    """Print everything about one run."""
    print(_plotted(args) if args.plot else describe_run(find_run(args.run, args.runs)))
    return 0


def _plotted(args: argparse.Namespace) -> str:
    """Draw as wide as the terminal is; a pipe has 80 columns."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    with opened(args.run, args.runs) as run:
        record = rundir.load(run.folder.record, run.record_name)
        return terminal.draw(run, record, shutil.get_terminal_size().columns, utf8=utf8)
