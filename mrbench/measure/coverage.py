"""Whether a process's samples cover the window well enough for a number, and how they miss it."""

from collections.abc import Iterator

from mrbench.measure.spans import INSIDE, Process
from mrbench.model.recipe import Clock, Window
from mrbench.model.run import Status

LEAST_COVERED = 0.75  # of the window's iterations; below, no number
MOST_OUTSIDE = 0.1  # of the window's length; marks further apart do not resolve it


def problem(process: Process, window: Window, clock: Clock) -> tuple[Status, str] | None:
    """Return why there can be no number, as status and reason, or None."""
    wanted = f"{window.first + 1}-{window.last}"
    seen = f"the log has iterations {process.earliest + 1}-{process.latest}"
    if process.latest > window.last:  # where reading may have skipped the rest
        seen = f"the log begins at iteration {process.earliest + 1}"
    length = window.last - window.first
    late = process.earliest > window.first
    advice = "give a log that begins earlier" if late else "let it train longer"
    if process.begin is None:
        return "incomplete_window", f"{seen}, the window is {wanted}; {advice}"
    tail = window.last - process.end
    unfinished = process.latest < window.last and tail >= INSIDE * process.longest
    gap = max(process.begin - window.first, tail)
    if unfinished or gap > process.longest or process.iterations < LEAST_COVERED * length:
        covered = f"{process.iterations} of the window's {length}"
        return "incomplete_window", f"{seen}, {covered} ({wanted}) are timed; {advice}"
    outside = max(0, window.first - process.begin) + max(0, process.end - window.last)
    if outside > MOST_OUTSIDE * length:
        marks = f"{process.begin + 1}-{process.end}"
        reason = f"its marks are too far apart: the nearest cover {marks}, not {wanted}"
        return "incomplete_window", f"{reason}; choose another window"
    return _flaw(process, clock)


def _flaw(process: Process, clock: Clock) -> tuple[Status, str] | None:
    """Return what is wrong with a window that is covered, or None."""
    if process.diverged:
        return "diverged", f"the loss is no finite number at iteration {process.diverged}"
    if process.backwards and clock == "log":
        reason = f"the seconds up to iteration {process.backwards} are not positive"
        return "non_monotonic", f"{reason}; was the clock set, or lines mixed?"
    if process.untimed and all(s.arrival_s is None and s.printed_s is None for s in process.spans):
        return "incomplete_window", (
            f"the seconds up to iteration {process.untimed} cannot be told: the process did not"
            " begin at iteration 1, or they contain a validation"
        )
    return None


def edges(process: Process, window: Window) -> Iterator[str]:
    """Tell where the marks miss the window's edges, and how many iterations are in no line."""
    begin = process.begin or 0
    if (begin, process.end) != (window.first, window.last):
        yield (
            f"the log's nearest marks cover iterations {begin + 1}-{process.end}"
            f" instead of {window.first + 1}-{window.last}"
        )
    if process.iterations < process.end - begin:
        yield f"only {process.iterations} of {process.end - begin} iterations are in the log"
