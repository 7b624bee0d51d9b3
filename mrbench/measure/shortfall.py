"""Why a window gives no number: what of it the log lacks, and what is wrong with its figures."""

from mrbench.measure.spans import INSIDE, Process
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.recipe import Clock
from mrbench.model.run import Status

LEAST_COVERED = 0.75  # of the window's iterations; below, no number
MOST_OUTSIDE = 0.1  # of the window's length; marks further apart do not resolve it


def shortfall(process: Process, window: Window, clock: Clock) -> tuple[Status, Problem] | None:
    """Return why there can be no number of a process, or None."""
    requested = f"{window.first + 1}-{window.last}"
    available = f"the log has iterations {process.earliest + 1}-{process.latest}"
    if process.latest > window.last:  # where reading may have skipped the rest
        available = f"the log begins at iteration {process.earliest + 1}"
    length = window.last - window.first
    late = process.earliest > window.first
    advice = "give a log that begins earlier" if late else "let it train longer"
    if process.begin is None:
        return "incomplete_window", Problem(f"{available}, the window is {requested}", advice)
    tail = window.last - process.end
    unfinished = process.latest < window.last and tail >= INSIDE * process.longest
    gap = max(process.begin - window.first, tail)
    if unfinished or gap > process.longest or process.iterations < LEAST_COVERED * length:
        covered = f"{process.iterations} of the window's {length}"
        text = f"{available}, {covered} ({requested}) are timed"
        return "incomplete_window", Problem(text, advice)
    outside = max(0, window.first - process.begin) + max(0, process.end - window.last)
    if outside > MOST_OUTSIDE * length:
        marks = f"{process.begin + 1}-{process.end}"
        reason = f"its marks are too far apart: the nearest cover {marks}, not {requested}"
        return "incomplete_window", Problem(reason, "choose another window")
    return _flaw(process, clock)


def _flaw(process: Process, clock: Clock) -> tuple[Status, Problem] | None:
    """Return what is wrong with a window that is covered, or None."""
    if process.diverged:
        text = f"the loss is no finite number at iteration {process.diverged}"
        return "diverged", Problem(text)
    if process.backwards and clock == "log":
        reason = f"the seconds up to iteration {process.backwards} are not positive"
        return "non_monotonic", Problem(reason, "was the clock set, or lines mixed?")
    if process.untimed and all(s.arrival_s is None and s.printed_s is None for s in process.spans):
        if process.unknown:
            return "incomplete_window", process.unknown
        return "incomplete_window", Problem(
            f"the seconds up to iteration {process.untimed} cannot be told: the process did not"
            " begin at iteration 1, or they contain a validation"
        )
    return None
