"""`mrbench collect`: records of runs that have none, from what lies in their folders.

Such a run was left to a cluster, or its record could not be written, or its mrbench was killed.
"""

from collections.abc import Sequence
from pathlib import Path

from mrbench import locks
from mrbench.errors import MrbenchError
from mrbench.measure.log.blocks import read_stamps
from mrbench.model.record import RunRecord
from mrbench.model.reporter import Reporter
from mrbench.model.run import Exit
from mrbench.record import ledger, rundir
from mrbench.record.rundir import RunDir
from mrbench.run.ends import exit_of
from mrbench.run.recorder import Recorder, Run
from mrbench.run.slurm import detached


def collect(runs: Path, names: Sequence[str], reporter: Reporter, *, wait: bool) -> list[RunRecord]:
    """Finish the records of these runs, or of all under `runs` that have none; return them.

    wait: also of those on a cluster that are not over yet, as they end. MrbenchError where a run
    that is named is not there, has its record, or cannot have one.
    """
    recorder = Recorder(reporter)
    if names:
        folders = [RunDir(rundir.find_unfinished_run(name, runs)) for name in names]
    else:
        folders = list(rundir.find_drafts(runs))
    detached.record_those_over((f for f in folders if f.submission.exists()), recorder, wait=wait)
    for folder in folders:
        if not folder.submission.exists():
            try:
                problem = _finish(folder, recorder)
            except MrbenchError as exc:
                if names:
                    raise
                problem = str(exc)  # the others may be whole
            if problem and names:
                raise MrbenchError(problem, file=folder.path)
            if problem:
                reporter.note(f"{folder.path}: {problem}")
    for name in ledger.settle(runs):
        reporter.note(f"{name}: its end is in the ledger now")
    return recorder.records


def _finish(folder: RunDir, recorder: Recorder) -> str:
    """Finish the record of a run of this machine; return why that cannot be, or nothing."""
    if not folder.log.exists():
        return "its training never began, so that there is nothing to record"
    try:
        with locks.attempt(folder.plan) as lock:
            if lock is None:
                return "it is still at work"
            run = Run(folder, None, rundir.load(folder.draft))
            recorder.finish(run, _end(folder))
    except OSError as exc:
        return f"it cannot be locked ({exc.strerror})"
    return ""


def _end(folder: RunDir) -> Exit:
    """Return how the training ended, as far as anybody wrote that down."""
    end = exit_of(folder)
    if end is not None:
        return end
    times_ns = read_stamps(folder.stamps).times_ns
    seconds = (times_ns[-1] - times_ns[0]) / 1e9 if times_ns else 0.0
    text = "how the training ended could not be written down"
    return Exit(reason="exited", code=None, seconds=seconds, message=text, remedy="run again")
