"""How a run ended: by an error, an interruption, or as the watcher of its training wrote."""

from msgspec.structs import replace

from mrbench import files
from mrbench.errors import MrbenchError
from mrbench.files import translated
from mrbench.model.finding import Problem
from mrbench.model.job import RunError
from mrbench.model.run import Exit
from mrbench.record.rundir import RunDir

BUG = 70
# Ends that no interrupt and no word of a cluster explains: the training had come to them before.
OWN_ENDS = ("enough", "timed_out", "stalled")


def failure(exc: Exception) -> RunError:
    """Return what a run's record says of an error on the way."""
    if isinstance(exc, MrbenchError):
        return RunError(reason=str(exc), exit_code=exc.exit_code)
    if isinstance(exc, OSError):  # the disk is full, or a folder vanished
        return RunError(reason=str(translated(exc)), exit_code=MrbenchError.exit_code)
    reason = f"a bug in mrbench ({type(exc).__name__}: {exc}); please report it"
    return RunError(reason=reason, exit_code=BUG)


def interruption(end: Exit | None, why: Problem) -> Exit:
    """Return how a training ended that was interrupted; why: by whom, and what to do.

    end: as the process that watched it wrote it down, if it did.
    """
    if end and end.reason in OWN_ENDS:
        return end
    known = end or Exit(reason="interrupted", code=None, seconds=0.0)
    return replace(known, reason="interrupted", message=why.text, remedy=why.remedy)


def exit_of(folder: RunDir) -> Exit | None:
    """Return what the process that watched the training wrote down of its end, if it did."""
    return files.cached(folder.exit, Exit)
