"""Throughput over a window of iterations: total images over total seconds, by two clocks.

The seconds of the samples inside the window are added up; rates and running means are never meaned.
Where the marks do not fall on the window's edges the nearest ones count. Of several processes in
one log the last that covers the window counts. Only what concerns the window is kept.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from mrbench.measure import clocks
from mrbench.measure.interval import drift, within_run
from mrbench.measure.spans import INSIDE, ArrivalClock, Process, Span, split_processes
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.recipe import Clock
from mrbench.model.run import IterationSample, LeadingClock, Measurement, Status

LEAST_COVERED = 0.75  # of the window's iterations; below, no number
MOST_OUTSIDE = 0.1  # of the window's length; marks further apart do not resolve it
COARSEST = 0.01  # of the window's seconds: a printed clock with longer steps measures nothing
LEAST_DRIFT = 0.01  # of the throughput; less is not worth a warning


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """The leading clock's seconds over the iterations that it times.

    times: (iterations, seconds) of each interval. resolution_s and one_clock are those of
    interval.within_run. error_s: bound of the error of `seconds` by rounding, log_error_s that of
    the log's own figures. second: the clock that checks it, or None.
    """

    clock: LeadingClock
    second: LeadingClock | None
    times: Sequence[tuple[int, float]]
    resolution_s: float
    one_clock: bool
    error_s: float
    log_error_s: float

    @property
    def seconds(self) -> float:
        """Return the seconds of all intervals."""
        return sum(seconds for _, seconds in self.times)

    @property
    def iterations(self) -> int:
        """Return the iterations of all intervals."""
        return sum(count for count, _ in self.times)


def measure(
    samples: Iterable[IterationSample],
    window: Window,
    images_per_iteration: int | None,
    *,
    stamps: ArrivalClock | None = None,
    clock: Clock = "log",
) -> Measurement:
    """Measure a log's samples; without a trustworthy number the status and reason say why.

    clock: which one leads; another checks it. Without images per iteration only the seconds per
    iteration are known.
    """
    result: Measurement | None = None
    processes = 0
    for process in split_processes(samples, window, stamps):
        processes += 1
        measured = _conclude(process, window, images_per_iteration, clock, stamps)
        result = measured if result is None else _preferred(result, measured)
    if result is None:
        return Measurement(
            status="no_iterations",
            images_per_iteration=images_per_iteration,
            clock=clock,
            reason="no line tells of an iteration",
            remedy="is it the right log, and the right format?",
        )
    result = replace(result, processes=processes)
    if processes > 1:
        return replace(result, warnings=(*result.warnings, several_processes(processes)))
    return result


def several_processes(count: int) -> str:
    """Return the warning that a log is of several processes, one after the other."""
    return f"{count} processes wrote this log; the last one that covers the window counts"


def missing_lines(timed: int, covered: int) -> str:
    """Return the warning that iterations between the first and the last log line have none."""
    return f"only {timed} of {covered} iterations are in the log"


def _preferred(earlier: Measurement, later: Measurement) -> Measurement:
    """Return the later, unless it does not cover the window and the earlier does or is longer."""
    if later.status != "incomplete_window":
        return later
    keeps = earlier.status != "incomplete_window" or earlier.iterations > later.iterations
    return earlier if keeps else later


def _conclude(
    process: Process,
    window: Window,
    images_per_iteration: int | None,
    clock: Clock,
    stamps: ArrivalClock | None,
) -> Measurement:
    measured = Measurement(
        status="ok",
        first=None if process.begin is None else process.begin + 1,
        last=process.end or None,
        iterations=process.iterations,
        intervals=len(process.spans),
        images_per_iteration=images_per_iteration,
        clock=clock,
        log_seconds=_sum(process, "log"),
        arrival_seconds=_sum(process, "arrival"),
        printed_seconds=_sum(process, "printed"),
        began=process.earliest,
    )
    problem = _shortfall(process, window, clock)
    if problem:
        status, why = problem
        return replace(
            measured, status=status, reason=why.text, remedy=why.remedy, log_seconds=None
        )
    lead, warnings = _choose_clocks(process, clock, stamped=stamps is not None)
    measured = replace(_cross_checked(measured, process, lead), clock=lead.clock)
    if lead.seconds <= 0:
        reason = "the log's own seconds are unknown in the window, and no arrival times are at hand"
        return replace(measured, status="incomplete_window", reason=reason)
    measured = _with_rate(measured, process, lead)
    if stamps is not None:
        began_s, ended_s = _window_times(process, stamps, lead.seconds)
        measured = replace(measured, began_s=began_s, ended_s=ended_s)
    texts = (*_edge_warnings(process, window), *warnings, *_warnings(measured))
    return replace(measured, warnings=texts)


def _sum(process: Process, clock: LeadingClock) -> float | None:
    """Return the seconds by a clock; None where there are none, or the log lacks some."""
    seconds = [s for span in process.spans if (s := span.by(clock)) is not None]
    complete = clock != "log" or len(seconds) == len(process.spans)
    return sum(seconds) if seconds and complete else None


def _cross_checked(measured: Measurement, process: Process, lead: Lead) -> Measurement:
    """Compare the leading clock with the second one."""
    other = lead.second
    if other is None:
        return measured
    comparison = clocks.compare(
        process.spans,
        lead.clock if other == "log" else other,
        error_s=lead.log_error_s + (process.step_s if other == "printed" else 0.0),
    )
    return replace(
        measured,
        second_clock=None if comparison.agreement is None else other,
        agreement=comparison.agreement,
        agreement_error=comparison.error,
        disagreement=comparison.disagreement,
    )


def _with_rate(measured: Measurement, process: Process, lead: Lead) -> Measurement:
    """Add the throughput, its interval and its drift."""
    images = measured.images_per_iteration
    timed = lead.iterations
    steps = {"resolution_s": lead.resolution_s, "one_clock": lead.one_clock}
    trend = drift(lead.times, **steps)  # type: ignore[arg-type]  # one value of each type
    interval = within_run(lead.times, images or 1, **steps)  # type: ignore[arg-type]  # the same
    data_waits = [(s.data_s, s.log_s) for s in process.spans if s.data_s is not None]
    total = sum(log_s for _, log_s in data_waits)
    losses = [span.loss for span in process.spans if span.loss is not None]
    quarter = len(losses) // 4
    return replace(
        measured,
        images_per_second=None if images is None else timed * images / lead.seconds,
        seconds_per_iteration=lead.seconds / timed,
        interval=interval,
        drift=trend,
        rounding=lead.error_s / lead.seconds,
        data_share=min(1.0, sum(data for data, _ in data_waits) / total) if total > 0 else None,
        loss_first=sum(losses[:quarter]) / quarter if quarter else None,
        loss_last=sum(losses[-quarter:]) / quarter if quarter else None,
    )


def _window_times(process: Process, stamps: ArrivalClock, seconds: float) -> tuple[float, float]:
    """Return the arrival times of the window's begin and end, in seconds.

    Without a mark at its begin, the begin is the end minus the measured seconds.
    """
    first, last = process.spans[0], process.spans[-1]
    ended_s = stamps.at(last.ended_at)
    return stamps.at(first.began_at) if first.began_at else ended_s - seconds, ended_s


def _warnings(measured: Measurement) -> Iterable[str]:
    if measured.disagreement:
        yield measured.disagreement.text
    trend = measured.drift
    if trend and trend.beyond_noise and abs(trend.change) >= LEAST_DRIFT:
        yield (
            f"throughput {'rose' if trend.change > 0 else 'fell'} by {abs(trend.change):.1%} from"
            f" the window's first quarter to its last, beyond noise (p = {trend.p_value:.1g});"
            " another window would give another number"
        )


def _shortfall(process: Process, window: Window, clock: Clock) -> tuple[Status, Problem] | None:
    """Return why there can be no number, or None."""
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
        return "incomplete_window", Problem(
            f"the seconds up to iteration {process.untimed} cannot be told: the process did not"
            " begin at iteration 1, or they contain a validation"
        )
    return None


def _edge_warnings(process: Process, window: Window) -> Iterator[str]:
    """Warn if the marks miss the window's edges or iterations are missing between them."""
    begin = process.begin or 0
    if (begin, process.end) != (window.first, window.last):
        yield (
            f"the log's nearest marks cover iterations {begin + 1}-{process.end}"
            f" instead of {window.first + 1}-{window.last}"
        )
    if process.iterations < process.end - begin:
        yield missing_lines(process.iterations, process.end - begin)


def _choose_clocks(process: Process, clock: Clock, *, stamped: bool) -> tuple[Lead, list[str]]:
    """Choose the clocks, and warn if the recipe's clock cannot lead.

    clock: the recipe's. stamped: whether there are any arrival times.
    """
    arrival, printed = _usable(process, "arrival"), _usable(process, "printed")
    printed = printed and process.step_s <= COARSEST * _seconds(process.spans, "printed")
    leading: LeadingClock = clock
    warnings = []
    if clock == "arrival" and not arrival:
        leading = "log"
        lack = "tell nothing of the window" if stamped else "are missing"
        warnings.append(f"the arrival times {lack}; the log's own rounded seconds are used instead")
    if leading == "log" and process.untimed:
        if _seconds(process.spans, "arrival") > 0:
            leading = "arrival"
            warnings.append("the log does not tell its seconds; arrival times are used instead")
        elif printed:
            leading = "printed"
            text = f"its time stamps, {process.step_s:g} s apart at least, are used instead"
            warnings.append(f"the log does not tell its seconds; {text}")
    second = _checking_clock(leading, arrival=arrival, printed=printed)
    return _lead(process, leading, second), warnings


def _checking_clock(leading: LeadingClock, *, arrival: bool, printed: bool) -> LeadingClock | None:
    if leading == "log":
        return "arrival" if arrival else "printed" if printed else None
    return "log"


def _usable(process: Process, clock: LeadingClock) -> bool:
    timed = sum(s.count for s in process.spans if s.by(clock) is not None)
    enough = timed >= LEAST_COVERED * process.iterations
    return enough and _seconds(process.spans, clock) > 0


def _seconds(spans: Sequence[Span], clock: LeadingClock) -> float:
    return sum(s for span in spans if (s := span.by(clock)) is not None)


def _lead(process: Process, clock: LeadingClock, second: LeadingClock | None) -> Lead:
    times = [
        (span.count, seconds) for span in process.spans if (seconds := span.by(clock)) is not None
    ]
    running = process.end_edge_s is not None
    errors = [process.begin_edge_s, process.end_edge_s or 0.0]
    if not running:
        errors = [span.rounding_s for span in process.spans]
    log_error_s = sum(filter(math.isfinite, errors))  # infinite figures give no seconds
    error_s = {"log": log_error_s, "arrival": 0.0, "printed": process.step_s}[clock]
    one_clock = running or clock != "log"
    return Lead(
        clock=clock,
        second=second,
        times=times,
        # of independent roundings each is half a step at most
        resolution_s=error_s if one_clock else 2 * error_s / max(1, len(times)),
        one_clock=one_clock,
        error_s=error_s,
        log_error_s=log_error_s,
    )
