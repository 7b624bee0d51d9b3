"""Why a window gives no number: what of it the log lacks, and what is wrong with its figures."""

from mrbench.measure.parsers.base import UNPLACED
from mrbench.measure.spans import INSIDE, Process
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.logformat import Clock
from mrbench.model.run import Status
from mrbench.text import four_digits, numbers

LEAST_COVERED = 0.75  # of the window's iterations; below, no number
MOST_OUTSIDE = 0.1  # of the window's length; lines further apart do not resolve it
COARSEST = 0.01  # of the window's seconds: a printed clock with longer steps measures nothing
TIMED = "let mrbench run the training: it times the lines as they arrive"
UNNUMBERED = Problem(
    "the log begins in a later epoch and does not say how long an epoch is, so that its iterations"
    " have no numbers",
    "give a log that begins with the first epoch",
)
EARLIER = "give a log that begins earlier"


def shortfall(process: Process, window: Window, clock: Clock) -> tuple[Status, Problem] | None:
    """Return why there can be no number of a process, or None."""
    problem = _uncovered(process, window)
    return ("incomplete_window", problem) if problem else _flaw(process, clock)


def _uncovered(process: Process, window: Window) -> Problem | None:
    """Return why the window is not covered, with what helps, or None."""
    requested = numbers(window.first + 1, window.last)
    if process.earliest >= UNPLACED:
        return UNNUMBERED
    begins = f"the log begins at iteration {process.earliest + 1}"
    timed = f"{process.iterations} of the window's {window.last - window.first}"
    timed = f"{timed} iterations ({requested}) are timed"
    if process.begin is None:
        timed = f"the window is {requested}"
    if process.earliest >= window.last:
        return Problem(f"{begins}, {timed}", f"{EARLIER}, or choose a later window (--window)")
    unfinished = process.latest < window.last
    if process.latest <= window.first or (
        unfinished and window.last - process.end >= INSIDE * process.longest
    ):
        text = f"the log has iterations {process.earliest + 1}-{process.latest}, {timed}"
        if process.earliest > window.first:
            return Problem(text, f"{EARLIER}, and let it train longer")
        shorter = f"choose a window up to iteration {process.latest} (--window)"
        return Problem(text, f"let it train longer, or {shorter}")
    if process.begin is None:
        return _between_lines(process, window)
    return _badly_covered(process, window, begins, timed)


def _between_lines(process: Process, window: Window) -> Problem:
    """Return why no lines lie in a window, though there are some on both sides of it."""
    requested = numbers(window.first + 1, window.last)
    if 2 * process.widest <= window.last - window.first:
        text = f"no line tells of iterations {requested}"
        return Problem(text, "give the whole log, or choose another window (--window)")
    text = f"a line tells of {process.widest} iterations at once, too many for {requested}"
    return Problem(text, _other_window(process, window))


def _badly_covered(process: Process, window: Window, begins: str, timed: str) -> Problem | None:
    """Return why lines on both sides of a window do not cover it, or None."""
    begin, length = process.begin or 0, window.last - window.first
    late, tail = begin - window.first, window.last - process.end
    enough = process.iterations >= LEAST_COVERED * length and max(late, tail) <= process.longest
    outside = max(0, -late) + max(0, -tail)
    if enough and outside <= MOST_OUTSIDE * length:
        return None
    if process.earliest > window.first and late > tail:
        return Problem(f"{begins}, {timed}", f"{EARLIER}, or choose a later window (--window)")
    if not enough and process.iterations < process.end - begin:
        text = f"{timed}; the lines of the others are missing, or come at another interval"
        remedy = "give the whole log, or choose a window without the gap (--window)"
        return Problem(text, remedy)
    if max(late, tail) > process.longest:
        gap = (window.first + 1, begin) if late > tail else (process.end + 1, window.last)
        remedy = f"give the whole log, or choose --window {begin}:{process.end}"
        return Problem(f"no line tells of iterations {numbers(*gap)}", remedy)
    requested = numbers(window.first + 1, window.last)
    nearest = f"the nearest cover {numbers(begin + 1, process.end)}, not {requested}"
    text = f"a line tells of {process.widest} iterations at once, too many: {nearest}"
    return Problem(text, _other_window(process, window))


def _other_window(process: Process, window: Window) -> str:
    nearest = process.edges.nearest(window)
    if nearest is None:
        return "choose a longer window (--window)"
    return f"choose --window {nearest.first}:{nearest.last}, the nearest that its lines fit"


def _flaw(process: Process, clock: Clock) -> tuple[Status, Problem] | None:
    """Return what is wrong with a window that is covered, or None."""
    if process.diverged:
        text = f"the loss is no finite number at iteration {process.diverged}"
        return "diverged", Problem(text)
    if process.backwards and clock == "log":
        reason = f"the seconds up to iteration {process.backwards} are not positive"
        return "non_monotonic", Problem(reason, "was the clock set, or lines mixed?")
    if process.untimed and all(s.arrival_s is None and s.printed_s is None for s in process.spans):
        return "incomplete_window", untimed(process)
    return None


def untimed(process: Process) -> Problem:
    """Return why the log does not tell its seconds and no other clock does."""
    printed_s = sum(s.printed_s for s in process.spans if s.printed_s and s.printed_s > 0)
    if printed_s > 0 and process.step_s > COARSEST * printed_s:
        why = process.unknown.text if process.unknown else "the log does not tell its seconds"
        text = (
            f"{why}, and its time stamps, {process.step_s:g} s apart at least, are too coarse for a"
            f" window of {four_digits(printed_s)} s"
        )
        longer = "choose a longer window (--window)"
        if process.unknown:
            return Problem(text, f"{process.unknown.remedy}, or {longer}")
        return Problem(text, f"{longer}, or {TIMED}")
    if process.unknown:
        return process.unknown
    which = f"seconds up to iteration {process.untimed}" if process.untimed else "window's seconds"
    text = (
        f"the {which} cannot be told: the process did not begin"
        " at iteration 1, or they contain a validation; no other clock covers the window"
    )
    return Problem(text, f"give a log with time stamps, or {TIMED}")
