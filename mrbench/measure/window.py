"""Throughput over a window of iterations: total work over total seconds, by two clocks.

The seconds of the samples inside the window are added up; rates and running means are never meaned.
Where no line ends on the window's edges the nearest ones count. Of several processes in
one log the last that covers the window counts. Only what concerns the window is kept.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from mrbench.measure import notes, steadiness
from mrbench.measure.causes import UNBUFFERED, Figures, grown
from mrbench.measure.choice import Choice, Lead, choose, timed_stretches
from mrbench.measure.clocks import GROSS
from mrbench.measure.interval import drift, within_run
from mrbench.measure.parsers import counts_work, work_unit
from mrbench.measure.shortfall import LEAST_COVERED, shortfall, untimed
from mrbench.measure.spans import ArrivalClock, Process, split_processes
from mrbench.measure.told import Work, work_of
from mrbench.measure.totals import Totals
from mrbench.model.finding import Problem
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample, LeadingClock, LogStretch, Measurement
from mrbench.model.work import Unit
from mrbench.text import numbers

LOG = LogFormat(timing="interval_total")
RECOUNTED = (
    "if it was one, whose number begins anew in each epoch, state log.restarts: true, or find epoch"
    " in log.pattern"
)
RESUMED = "if it was resumed, and no epoch began where the number fell, leave log.restarts out"
RESIZED = "the training changed its batch itself"
GUESSED = (
    "the log does not say how long an epoch is: what comes behind an epoch's last line is neither"
    " counted nor timed"
)


def measure(
    samples: Iterable[IterationSample],
    window: Window,
    work_per_iteration: int | None,
    *,
    stamps: ArrivalClock | None = None,
    launched_s: float | None = None,
    log: LogFormat = LOG,
    totals: Totals | None = None,
    unit: Unit = "images",
) -> Measurement:
    """Measure a log's samples; without a trustworthy number the status and reason say why.

    launched_s: when the training was launched, by the clock of the stamps. log: its clock leads,
    and others check it; its timing helps to say why they differ. totals: what was noted in the
    blocks that the samples come from. unit: of the work, which the log may count
    itself. Without the work of an iteration only the seconds per iteration are known.
    """
    result: Measurement | None = None
    processes = 0
    for process in split_processes(samples, window, stamps, totals=totals):
        processes += 1
        measured = _conclude(
            process,
            window,
            work_per_iteration,
            log=log,
            stamps=stamps,
            launched_s=launched_s,
            totals=totals,
            unit=unit,
        )
        result = measured if result is None else _preferred(result, measured)
    if result is None:
        return Measurement(
            status="no_iterations",
            unit=unit,
            work_per_iteration=work_per_iteration,
            clock=log.clock,
            reason="no line reports an iteration",
            remedy="is it the right log, and the right format?",
        )
    result = replace(result, processes=processes)
    if result.status == "incomplete_window" and log.restarts:
        result = replace(result, remedy=f"{result.remedy}; {RESUMED}")
    if processes == 1:
        return result
    if result.status == "incomplete_window":
        text = f"of {processes} processes that wrote this log none gives a number of the window"
        result = replace(result, reason=f"{text}; the longest: {result.reason}")
        own = (log.pattern or log.columns) and not log.restarts and not result.began
        return replace(result, remedy=f"{result.remedy}; {RECOUNTED}") if own else result
    return replace(result, warnings=(*result.warnings, several_processes(processes)))


def several_processes(count: int) -> str:
    """Return the warning that a log is of several processes, one after the other."""
    return f"{count} processes wrote this log; the last one that covers the window counts"


def missing_lines(timed: int, covered: int) -> str:
    """Return the warning that iterations between the first and the last log line have none."""
    return f"only {timed} of {covered} iterations are in the log"


def began_late(measured: Measurement, skipped: int) -> str:
    """Return the warning that a process did not begin at iteration 1; empty if it did.

    skipped: iterations at a process's start that its figures leave out. Some formats' first line
    covers nothing but the start of their clock, an interval's length.
    """
    interval = measured.iterations / max(1, measured.intervals)
    if measured.began is None or measured.began <= interval:
        return ""
    return (
        f"the process began at iteration {max(0, measured.began - skipped)}: it was resumed there,"
        " or the log is cut; its slow start lies in or before the window"
    )


def _preferred(earlier: Measurement, later: Measurement) -> Measurement:
    """Return the later, unless it does not cover the window and the earlier does or is longer."""
    if later.status != "incomplete_window":
        return later
    keeps = earlier.status != "incomplete_window" or earlier.iterations > later.iterations
    return earlier if keeps else later


def _conclude(
    process: Process,
    window: Window,
    work_per_iteration: int | None,
    *,
    log: LogFormat,
    stamps: ArrivalClock | None,
    launched_s: float | None,
    totals: Totals | None,
    unit: Unit,
) -> Measurement:
    measured = Measurement(
        status="ok",
        unit=unit,
        first=None if process.begin is None else process.begin + 1,
        last=process.end or None,
        iterations=process.iterations,
        intervals=len(process.spans),
        work_per_iteration=work_per_iteration,
        clock=log.clock,
        log_seconds=_sum(process, "log"),
        arrival_seconds=_sum(process, "arrival"),
        printed_seconds=_sum(process, "printed"),
        passed_seconds=_passed(process, stamps, launched_s),
        began=process.earliest,
        peak_allocated_bytes=process.allocated_bytes,
        lines=_lines(process),
    )
    problem = shortfall(process, window, log.clock)
    if problem:
        status, why = problem
        return replace(
            measured, status=status, reason=why.text, remedy=why.remedy, log_seconds=None
        )
    changed = _other_batch(process, work_per_iteration, totals, unit)
    if changed:
        return replace(
            measured, status="incomplete_window", reason=changed.text, remedy=changed.remedy
        )
    figures = Figures(
        log.timing,
        work_per_iteration,
        unit=unit,
        rates=counts_work(log),
        own=log.pattern is not None or log.columns is not None,
        checks=log.clock == "arrival",
    )
    chosen = choose(
        process,
        log.clock,
        figures,
        stamped=stamps is not None,
        passed_s=measured.passed_seconds,
    )
    lead = chosen.lead
    measured = replace(_checked(measured, chosen), clock=lead.clock)
    if chosen.refuted and chosen.refuted.disagreement:
        why = Problem(chosen.refuted.reason, chosen.refuted.disagreement.remedy)
        return replace(measured, status="clocks_disagree", reason=why.text, remedy=why.remedy)
    doubt = _doubt(process, chosen, figures)
    if doubt:
        return replace(measured, status="incomplete_window", reason=doubt.text, remedy=doubt.remedy)
    work = Work(work_per_iteration)
    of_one = counts_work(log) and not work_per_iteration
    if not counts_work(log):
        work = work_of(process, work_per_iteration, unit, counts=work_unit(log))
    measured = _with_rate(measured, process, lead, work, of_one=of_one)
    if stamps is not None:
        began_s, ended_s = _window_times(process, stamps, lead.seconds)
        timed = timed_stretches(process.spans, stamps, lead.clock)
        if timed:
            began_s = min(began_s, timed[0].began_s)
        measured = replace(measured, began_s=began_s, ended_s=ended_s, timed=timed)
    resumed = began_late(measured, log.skipped)
    edges = [*_edge_warnings(process, window), *([resumed] if resumed else [])]
    resized = totals.resized(process.spans[-1].ended_at) if totals else None
    if resized and work_per_iteration is None:
        edges.append(f"{RESIZED}: {resized.line}")
    if process.guessed and not chosen.totalled:
        edges.append(GUESSED)
    texts = (*edges, *work.notes, *chosen.warnings, *notes.of(measured))
    return replace(measured, warnings=texts)


def _lines(process: Process) -> LogStretch | None:
    if not process.spans:
        return None
    ended_at = process.spans[-1].ended_at
    return LogStretch(began_at=process.began_at, ended_at=ended_at, until=process.until)


def _other_batch(
    process: Process, work: int | None, totals: Totals | None, unit: Unit
) -> Problem | None:
    """Return why the work of an iteration is not known: the training changed it; or None."""
    changed = totals.resized(process.spans[-1].ended_at) if totals else None
    before = changed is not None and changed.at < process.spans[0].began_at
    if changed is None or (changed.images == work and before):
        return None
    if work is None and before:
        return None  # there is no throughput that it could make wrong; a note says it
    text = RESIZED if work is None else f"{RESIZED}, so {work} {unit} per iteration are wrong"
    remedy = "give it a batch that fits its memory from the start"
    if before:
        remedy += f"; a log at hand: --work-per-iteration {changed.images}, if that is of all GPUs"
    return Problem(f"{text}: {changed.line}", remedy)


def _doubt(process: Process, chosen: Choice, figures: Figures) -> Problem | None:
    """Return why the leading clock gives no number, or None."""
    lead = chosen.lead
    if chosen.unsure:
        return chosen.unsure
    cumulative = grown(lead.spans, figures) if lead.clock == "log" else None
    if cumulative:
        return Problem(cumulative.text, cumulative.remedy)
    if lead.iterations < LEAST_COVERED * process.iterations or lead.seconds <= 0:
        return untimed(process)
    if lead.error_s <= GROSS * lead.seconds:
        return None
    coarse = f"which is too coarse for a window of {lead.seconds:.4g} s"
    if lead.clock == "arrival":
        text = f"its lines came in bursts, up to {lead.error_s:.4g} s apart, {coarse}"
        return Problem(text, f"{UNBUFFERED}, or choose a longer window")
    text = f"its figures may be off by {lead.error_s:.4g} s for their digits, {coarse}"
    finer = "let mrbench run the training: arrival times are finer"
    if _sum(process, "arrival") is not None:
        finer = "give log.clock: arrival in its recipe"
    return Problem(text, f"choose a longer window, or {finer}")


def _sum(process: Process, clock: LeadingClock) -> float | None:
    """Return the seconds by a clock; None where there are none, or the log lacks some."""
    seconds = [s for span in process.spans if (s := span.by(clock)) is not None]
    complete = clock != "log" or len(seconds) == len(process.spans)
    return sum(seconds) if seconds and complete else None


def _passed(
    process: Process, stamps: ArrivalClock | None, launched_s: float | None
) -> float | None:
    """Return the seconds from the launch until the window's last line was there, if known."""
    if stamps is None or launched_s is None or not process.spans:
        return None
    passed_s = stamps.at(process.spans[-1].ended_at) - launched_s
    return passed_s if passed_s > 0 else None  # else that was another launch, or another machine


def _checked(measured: Measurement, chosen: Choice) -> Measurement:
    """Add how the second clock agrees with the leading one."""
    measured = replace(measured, compared=tuple(chosen.compared))
    if chosen.refuted:
        measured = replace(measured, disagreement=chosen.refuted.disagreement)
    check = chosen.refuted or chosen.check
    if check is None or check.agreement is None or check.other == "total":
        return measured
    return replace(
        measured,
        second_clock=check.other if chosen.lead.clock == "log" else "log",
        agreement=check.agreement,
        agreement_error=check.error,
        disagreement=check.disagreement,
    )


def _with_rate(
    measured: Measurement, process: Process, lead: Lead, told: Work, *, of_one: bool
) -> Measurement:
    """Add the throughput, its interval and its drift. of_one: as in notes.Course."""
    timed = lead.iterations
    course = _course(process, lead, told)._replace(of_one=of_one)
    work, shares = course.work, course.shares
    # one digit more or less of a coarse clock is none
    digits_s = lead.resolution_s if lead.clock == "log" else 0.0
    paused = steadiness.find_pauses(shares, resolution_s=digits_s)
    calm = steadiness.without(shares, paused)
    trend = drift(calm, resolution_s=lead.resolution_s, one_clock=lead.one_clock)
    interval = within_run(
        shares, work or 1, resolution_s=lead.resolution_s, one_clock=lead.one_clock
    )
    # what a pause was spent on is not known, whatever the log counts it as
    calm_spans = steadiness.without(lead.spans, paused)
    data_waits = [(s.data_s, s.log_s) for s in calm_spans if s.data_s is not None]
    total = sum(log_s for _, log_s in data_waits)
    losses = [span.loss for span in process.spans if span.loss is not None]
    quarter = len(losses) // 4
    return replace(
        measured,
        work_per_iteration=None if work is None else round(work),
        throughput=None if work is None else timed * work / lead.seconds,
        seconds_per_iteration=lead.seconds / timed,
        interval=interval,
        drift=trend,
        pauses=notes.pauses(course, paused),
        unsteady=notes.unsteady(course, paused, resolution_s=lead.resolution_s),
        rounding=lead.error_s / lead.seconds,
        data_share=min(1.0, sum(data for data, _ in data_waits) / total) if total > 0 else None,
        loss_first=sum(losses[:quarter]) / quarter if quarter else None,
        loss_last=sum(losses[-quarter:]) / quarter if quarter else None,
    )


def _course(process: Process, lead: Lead, told: Work) -> notes.Course:
    """Return the leading clock's intervals, with the work of each where that changes.

    Where some intervals have none, it is the iterations that count.
    """
    if told.each is None:
        return notes.Course(lead.spans, lead.times, lead.times, told.per_iteration)
    by_end = dict(zip((span.last for span in process.spans), told.each, strict=True))
    work = [by_end[span.last] * span.count for span in lead.spans]
    mean = sum(work) / lead.iterations
    if min(work) <= 0:
        return notes.Course(lead.spans, lead.times, lead.times, mean or None, changes=True)
    shares = [(part / mean, seconds) for part, (_, seconds) in zip(work, lead.times, strict=True)]
    return notes.Course(lead.spans, lead.times, shares, mean, changes=True)


def _window_times(process: Process, stamps: ArrivalClock, seconds: float) -> tuple[float, float]:
    """Return the arrival times of the window's begin and end, in seconds.

    Without a line at its begin, the begin is the end minus the measured seconds.
    """
    first, last = process.spans[0], process.spans[-1]
    ended_s = stamps.at(last.ended_at)
    return stamps.at(first.began_at) if first.began_at else ended_s - seconds, ended_s


def _edge_warnings(process: Process, window: Window) -> Iterator[str]:
    """Warn if the lines miss the window's edges or iterations are missing between them."""
    begin = process.begin or 0
    if (begin, process.end) != (window.first, window.last):
        yield (
            "its nearest lines cover iterations"
            f" {numbers(begin + 1, process.end)} instead of"
            f" {numbers(window.first + 1, window.last)}"
        )
    if process.iterations < process.end - begin:
        yield missing_lines(process.iterations, process.end - begin)
