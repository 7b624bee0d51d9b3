"""`mrbench show`: everything about one run."""

import argparse
import json
import shutil
import sys

from mrbench.cli.arguments import add_json, add_runs
from mrbench.cli.commands import Command
from mrbench.cli.stored import latest
from mrbench.model.record import RunRecord
from mrbench.recipe import load
from mrbench.record import ledger, rundir
from mrbench.record.archive import Opened, opened
from mrbench.results import byrule
from mrbench.results.report import terminal
from mrbench.results.show import describe_run

COMMAND = Command(
    group="Look at runs",
    order=1,
    brief="details of one run",
    help="Show everything about one run.",
    examples="""\
mrbench show                # the latest run
mrbench show minimask       # its latest run
mrbench show run.tar.gz     # a packed run
mrbench show RUN --json""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench show`."""
    purpose = (
        "a run's folder, the end of its path, an archive, or an implementation (its latest"
        " run); default: the latest run"
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help=purpose)
    add_runs(parser)
    shown = parser.add_mutually_exclusive_group()
    add_json(shown, "print the record as JSON")
    shown.add_argument(
        "--plot", action="store_true", help="only draw throughput and GPU utilisation"
    )


def main(args: argparse.Namespace) -> int:
    """Print everything about one run."""
    with opened(latest(args.run, args.runs), args.runs) as run:
        record = rundir.load(run.folder.record, run.record_name)
        if args.json:
            print(json.dumps(record.plain(), indent=1, sort_keys=True))
        else:
            print(_plotted(run, record) if args.plot else _described(run, record))
    return 0


def _described(run: Opened, record: RunRecord) -> str:
    """Describe a run; by the rule of its suite's published table, too, where that has one."""
    suite = load.suite_at_hand(record.plan.suite, record.suite)
    rules = [each.rule for each in suite.references if each.rule is not None]
    by = byrule.of_run(record, run.folder.log, rules[0]) if rules else None
    told = byrule.describe(by) if by else ()
    shown = {record.id: run.called}
    all_runs = record.packed.of_plan if record.packed else ledger.of_plan(record.plan_digest, shown)
    return describe_run(record, run.called, told, all_runs)


def _plotted(run: Opened, record: RunRecord) -> str:
    """Draw as wide as the terminal is; a pipe has 80 columns."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return terminal.draw(run, record, shutil.get_terminal_size().columns, utf8=utf8)
