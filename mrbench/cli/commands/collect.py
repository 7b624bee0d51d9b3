"""`mrbench collect`: finish the records of runs that have none, from what lies in their folders.

Such a run was left to a cluster, or its record could not be written, or its mrbench was killed.
"""

import argparse

from mrbench import locks
from mrbench.cli.arguments import add_json, add_quiet, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.console import make_reporter
from mrbench.errors import MrbenchError
from mrbench.measure.log.blocks import read_stamps
from mrbench.model.record import RunRecord
from mrbench.model.reporter import Reporter
from mrbench.model.run import Exit
from mrbench.record import ledger, rundir
from mrbench.record.rundir import RunDir
from mrbench.run.cycle import exit_code
from mrbench.run.ends import exit_of
from mrbench.run.recorder import Recorder, Run
from mrbench.run.slurm import detached

COMMAND = Command(
    group="Get ready and clean up",
    order=10,
    brief="finish runs' records",
    help="Finish records: of runs on a cluster, and where a record could not be written.",
    examples="""\
mrbench collect --wait    # until all submitted runs have ended
mrbench collect RUN       # one whose record the disk had no room for""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench collect`."""
    parser.add_argument(
        "run", nargs="*", metavar="RUN", help="folder, or the end of its path; default: all"
    )
    add_runs(parser)
    parser.add_argument("--wait", action="store_true", help="follow runs that are not over yet")
    add_json(parser, "print the records as JSON")
    add_quiet(parser, "print problems only")


def main(args: argparse.Namespace) -> int:
    """Write the records of all runs that are over; say where the others are."""
    with make_reporter(quiet=args.quiet) as reporter:
        records = _collect(args, reporter)
    if args.json:
        print_json([record.plain() for record in records])
    elif not records:
        print(rundir.nothing_in(args.runs, "nothing to collect"))
    return exit_code(records)


def _collect(args: argparse.Namespace, reporter: Reporter) -> list[RunRecord]:
    """Finish the records of the runs that are named, or of all that have none; return them.

    MrbenchError where a run that is named is not there, has its record, or cannot have one.
    """
    recorder = Recorder(reporter)
    if args.run:
        folders = [RunDir(rundir.find_unfinished_run(name, args.runs)) for name in args.run]
    else:
        folders = rundir.find_drafts(args.runs)
    submitted = [folder for folder in folders if folder.submission.exists()]
    detached.record_those_over(submitted, recorder, wait=args.wait)
    for folder in folders:
        if folder not in submitted:
            try:
                _finish(folder, recorder)
            except MrbenchError as exc:
                if args.run:
                    raise
                reporter.note(str(exc))  # the others may be whole
    for name in ledger.settle(args.runs):
        reporter.note(f"{name}: its end is in the ledger now")
    return recorder.records


def _finish(folder: RunDir, recorder: Recorder) -> None:
    """Finish the record of a run of this machine; MrbenchError where that cannot be."""
    if not folder.log.exists():
        text = "its training never began, so that there is nothing to record"
        raise MrbenchError(text, file=folder.path)
    try:
        with locks.attempt(folder.plan) as lock:
            if lock is None:
                raise MrbenchError("it is still at work", file=folder.path)
            recorder.finish(Run(folder, None, rundir.load(folder.draft)), _end(folder))
    except OSError as exc:
        text = f"it cannot be locked ({exc.strerror})"
        raise MrbenchError(text, file=folder.path) from exc


def _end(folder: RunDir) -> Exit:
    """Return how the training ended, as far as anybody wrote that down."""
    end = exit_of(folder)
    if end is not None:
        return end
    times_ns = read_stamps(folder.stamps).times_ns
    seconds = (times_ns[-1] - times_ns[0]) / 1e9 if times_ns else 0.0
    text = "how the training ended could not be written down"
    return Exit(reason="exited", code=None, seconds=seconds, message=text, remedy="run again")
