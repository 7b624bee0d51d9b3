"""Throughput over a window of iterations: total images over total seconds, by two clocks.

The seconds of the samples inside the window are added up; rates and running means are never meaned.
Where the marks do not fall on the window's edges the nearest ones count. Of several processes in
one log the last that covers the window counts. Only what concerns the window is kept.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from mrbench.model import Clock, Window
from mrbench.outcome import IterationSample, Measurement, Status

LEAST_COVERED = 0.75  # of the window's iterations; below, no number
MOST_OUTSIDE = 0.1  # of the window's length; marks further apart do not resolve it
INSIDE = 0.6  # of a sample's iterations; so the nearest mark is the edge, near ties go to the inner
DISAGREEMENT = 0.01


class Stamps(Protocol):
    """When each byte of a log arrived."""

    def at(self, offset: int) -> float:
        """Return the seconds at which the byte before this offset arrived."""


@dataclass
class _Process:
    """The sums over one process's samples in the window, and what stands in their way."""

    earliest: int
    latest: int = 0
    longest: int = 0
    begin: int | None = None
    end: int = 0
    iterations: int = 0
    seconds: float = 0.0
    untimed: int | None = None
    backwards: int | None = None
    diverged: int | None = None
    arrived: int = 0
    arrived_log_seconds: float = 0.0
    arrived_seconds: float = 0.0
    previous: IterationSample | None = field(default=None)


def measure(
    samples: Iterable[IterationSample],
    window: Window,
    images_per_iteration: int | None,
    *,
    stamps: Stamps | None = None,
    clock: Clock = "log",
) -> Measurement:
    """Measure a log's samples; without a trustworthy number the status and reason say why.

    clock: which one leads; the other checks it. Without images per iteration only the seconds per
    iteration are known.
    """
    answer: Measurement | None = None
    processes = 0
    for process in _processes(samples, window, stamps):
        processes += 1
        found = _conclude(process, window, images_per_iteration, clock, stamped=stamps is not None)
        answer = found if answer is None else _chosen(answer, found)
    if answer is None:
        return Measurement(
            status="no_iterations",
            images_per_iteration=images_per_iteration,
            clock=clock,
            reason="no line tells of an iteration; is it the right log, and the right format?",
        )
    answer = replace(answer, processes=processes)
    if processes > 1:
        text = f"{processes} processes wrote this log; the last one that covers the window counts"
        return replace(answer, warnings=(*answer.warnings, text))
    return answer


def _chosen(earlier: Measurement, later: Measurement) -> Measurement:
    """One that does not cover the window displaces neither one that does nor a longer one."""
    if later.status != "incomplete_window":
        return later
    keeps = earlier.status != "incomplete_window" or earlier.iterations > later.iterations
    return earlier if keeps else later


def _processes(
    samples: Iterable[IterationSample], window: Window, stamps: Stamps | None
) -> Iterator[_Process]:
    process: _Process | None = None
    for sample in samples:
        began = sample.last - sample.count
        if process is None or began < process.latest:
            if process is not None:
                yield process
            process = _Process(earliest=began)
        inside = min(sample.last, window.last) - max(began, window.first)
        if inside >= INSIDE * sample.count:
            _add(process, sample, stamps)
        process.latest = sample.last
        process.previous = sample
    if process is not None:
        yield process


def _add(process: _Process, sample: IterationSample, stamps: Stamps | None) -> None:
    began = sample.last - sample.count
    if process.begin is None:
        process.begin = began
    process.end = sample.last
    process.iterations += sample.count
    process.longest = max(process.longest, sample.count)
    process.seconds += sample.seconds
    if not math.isfinite(sample.seconds):
        process.untimed = process.untimed or sample.last
    elif sample.seconds <= 0:
        process.backwards = process.backwards or sample.last
    if sample.loss is not None and not math.isfinite(sample.loss):
        process.diverged = process.diverged or sample.last
    since = sample.began_at
    if since is None and process.previous is not None and process.previous.last == began:
        since = process.previous.ended_at
    if stamps is not None and since is not None:
        process.arrived += sample.count
        process.arrived_log_seconds += sample.seconds
        process.arrived_seconds += stamps.at(sample.ended_at) - stamps.at(since)


def _conclude(
    process: _Process,
    window: Window,
    images_per_iteration: int | None,
    clock: Clock,
    *,
    stamped: bool,
) -> Measurement:
    first = None if process.begin is None else process.begin + 1
    measured = Measurement(
        status="ok",
        first=first,
        last=process.end or None,
        iterations=process.iterations,
        images_per_iteration=images_per_iteration,
        clock=clock,
        log_seconds=_finite(process.seconds) if process.iterations else None,
        arrival_seconds=process.arrived_seconds if process.arrived else None,
    )
    problem = _problem(process, window, clock)
    if problem:
        status, reason = problem
        return replace(measured, status=status, reason=reason, log_seconds=None)
    measured = _with_clocks(measured, process, stamped=stamped)
    seconds = measured.log_seconds
    timed = process.iterations
    if measured.clock == "arrival":
        seconds, timed = measured.arrival_seconds, process.arrived
    if not seconds or seconds <= 0:
        reason = "the log's own seconds are unknown in the window, and no arrival times are at hand"
        return replace(measured, status="incomplete_window", reason=reason)
    rate = None if images_per_iteration is None else timed * images_per_iteration / seconds
    return replace(
        measured,
        images_per_second=rate,
        seconds_per_iteration=seconds / timed,
        iterations=timed,
        warnings=(*measured.warnings, *_edges(process, window)),
    )


def _problem(process: _Process, window: Window, clock: Clock) -> tuple[Status, str] | None:
    """Return why the process yields no number, or None."""
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


def _flaw(process: _Process, clock: Clock) -> tuple[Status, str] | None:
    """Return what is wrong with a window that is covered, or None."""
    if process.diverged:
        return "diverged", f"the loss is no finite number at iteration {process.diverged}"
    if process.backwards and clock == "log":
        reason = f"the seconds up to iteration {process.backwards} are not positive"
        return "non_monotonic", f"{reason}; was the clock set, or lines mixed?"
    if process.untimed and not process.arrived:
        return "incomplete_window", (
            f"the seconds up to iteration {process.untimed} cannot be told: the process did not"
            " begin at iteration 1, or they contain a validation"
        )
    return None


def _with_clocks(measured: Measurement, process: _Process, *, stamped: bool) -> Measurement:
    """Compare the clocks over the iterations that both time, and choose the one that leads."""
    warnings = list(measured.warnings)
    usable = process.arrived_seconds > 0
    log_seconds = _finite(process.arrived_log_seconds)
    clock = measured.clock
    if clock == "arrival" and not (
        usable and process.arrived >= LEAST_COVERED * process.iterations
    ):
        clock = "log"
        lack = "tell nothing of the window" if stamped else "are missing"
        warnings.append(f"the arrival times {lack}; the log's own rounded seconds are used instead")
    if measured.log_seconds is None and usable:
        clock = "arrival"
        warnings.append("the log does not tell its seconds; the arrival times are used instead")
    agreement = process.arrived_seconds / log_seconds if usable and log_seconds else None
    if agreement is not None and abs(agreement - 1) > DISAGREEMENT:
        warnings.append(
            f"by arrival times the window took {agreement:.3f} times the log's own seconds;"
            " look for evaluation, checkpoints or buffered output in it"
        )
    return replace(measured, clock=clock, agreement=agreement, warnings=tuple(warnings))


def _edges(process: _Process, window: Window) -> Iterator[str]:
    begin = process.begin or 0
    if (begin, process.end) != (window.first, window.last):
        yield (
            f"the log's nearest marks cover iterations {begin + 1}-{process.end}"
            f" instead of {window.first + 1}-{window.last}"
        )
    if process.iterations < process.end - begin:
        yield f"only {process.iterations} of {process.end - begin} iterations are in the log"


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
